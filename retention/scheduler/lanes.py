"""Processes side by side, behind `concurrent.futures`: one that is killed takes nothing with it.

The library's own pool of processes gives up all work when one of them dies, and leaves the others
waiting for ever when its owner is killed. Here each process has a pipe of its own.
"""

from __future__ import annotations

import gc
import multiprocessing
import signal
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from multiprocessing.connection import Connection
from threading import Lock
from typing import Any, TypeVar

T = TypeVar("T")
_PRELOAD = ["retention.scheduler.one_database", "sqlglot", "sqlalchemy.dialects.sqlite"]
_going: Connection | None = None


class WorkerLost(Exception):
    """The process died before it answered; the text says how, if anything is known."""


class Lanes(ThreadPoolExecutor):
    """An executor of up to `jobs` processes; a task whose process dies raises WorkerLost.

    What is submitted, and what comes back, must be picklable. Signals are the owner's affair: the
    processes are told to stop by `stop`, or by the owner's death.
    """

    def __init__(self, jobs: int) -> None:
        super().__init__(jobs, thread_name_prefix="lane")
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(_PRELOAD)
        self._told, self._go = self._context.Pipe(duplex=False)
        self._starting = Lock()
        self._lanes: list[_Lane] = []

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Have `fn` called in one of the processes."""
        return super().submit(self._through, fn, args, kwargs)

    def _through(self, fn: Callable[..., T], args: Any, kwargs: Any) -> T:
        try:
            lane = self._lanes.pop()
        except IndexError:
            with self._starting:
                lane = _Lane(self._context, self._told)
        try:
            found = lane.carry(fn, args, kwargs)
        except BaseException:
            lane.end()
            raise
        self._lanes.append(lane)
        if isinstance(found, Exception):
            raise found
        result: T = found
        return result

    def stop(self) -> None:
        """What runs ends between two batches."""
        self._go.close()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Let what runs end, then the processes."""
        super().shutdown(wait, cancel_futures=cancel_futures)
        self.stop()
        while self._lanes:
            self._lanes.pop().end()


class _Lane:
    """One process, and the pipe to it."""

    def __init__(self, context: Any, told: Connection) -> None:
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_carry, args=(theirs, told))
        self._process.start()
        theirs.close()

    def carry(self, fn: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """What the call returned, or the error it ended with."""
        try:
            self._pipe.send((fn, args, kwargs))
            return self._pipe.recv()
        except (EOFError, OSError):
            self._process.join()
            raise WorkerLost(_how(self._process.exitcode)) from None

    def end(self) -> None:
        """The process ends once it has no work."""
        self._pipe.close()
        self._process.join()


def _how(exitcode: int | None) -> str:
    if exitcode is not None and exitcode < 0:
        return signal.Signals(-exitcode).name
    return ""


def _carry(pipe: Connection, told: Connection) -> None:
    """In the process: one call after another, until the pipe's other end is gone."""
    global _going
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    _going = told
    gc.freeze()
    while True:
        try:
            fn, args, kwargs = pipe.recv()
        except (EOFError, OSError):
            return
        try:
            found = fn(*args, **kwargs)
        except Exception as error:
            found = error
        with suppress(BrokenPipeError):
            pipe.send(found)


def told_to_stop() -> bool:
    """In one of the processes: TRUE once its owner said `stop`, or is gone."""
    return _going is not None and _going.poll()
