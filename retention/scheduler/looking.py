"""A look at every database, one after the other or side by side; what is told keeps their order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from typing import TypeVar

from retention.errors import DatabaseFailure, RetentionError
from retention.scheduler.lanes import WorkerLost
from retention.scheduler.workers import processes

T = TypeVar("T")
Look = tuple[str, Callable[[], T]]
"""A database's name, and what looks at it: side by side, it and what it finds must be picklable."""


def each_look(looks: Sequence[Look[T]], jobs: int) -> Iterator[tuple[str, T | RetentionError]]:
    """What each look found, or the error it ended with, `jobs` at a time, in the order of `looks`."""
    jobs = min(jobs, len(looks))
    if jobs < 2:
        for name, look in looks:
            yield name, _found(look)
        return
    with processes(jobs) as workers:
        futures = [workers.executor.submit(look) for _, look in looks]
        try:
            for (name, _), future in zip(looks, futures, strict=True):
                found: T | RetentionError = _answer(name, future)
                yield name, found
        finally:
            for future in futures:
                future.cancel()


def _found(look: Callable[[], T]) -> T | RetentionError:
    try:
        return look()
    except RetentionError as error:
        return error


def _answer(name: str, future: Future[T]) -> T | RetentionError:
    try:
        return _found(future.result)
    except WorkerLost as lost:
        how = f" ({lost})" if str(lost) else ""
        return DatabaseFailure(
            f"{name}: the process that looked at it ended{how}. Nothing was written; "
            "look again, with fewer --jobs if memory was short"
        )
