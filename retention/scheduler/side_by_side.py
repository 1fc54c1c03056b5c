"""The databases of one night, one after the other or side by side; what is done to each is the same.

A database is a unit: its rules follow each other, because its marker is one sequence, and its run
lock keeps every other worker out. A worker opens the ledger for itself; the lock of the ledger's
head makes one chain of what all of them write.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, replace

from retention import __version__
from retention.errors import Busy, DatabaseFailure, Interrupted, RetentionError, UsageError
from retention.execution.executor import Watch, unseen
from retention.ledger.keys import same_key
from retention.ledger.store import Ledger
from retention.scheduler.lanes import WorkerLost
from retention.scheduler.one_database import one_database
from retention.scheduler.request import DatabaseNight, Request, key_folder, ledger_of, of_one
from retention.scheduler.workers import Workers, dask, processes

_LOOK = 0.2
"""Seconds between two looks at whether a signal wants the run to stop."""


@dataclass(frozen=True, slots=True)
class Unit:
    """One database of one night, as a worker takes it; `patience`: seconds to wait for its lock.

    `version` and `key` are the run's, to be told from those of a worker elsewhere.
    """

    request: Request
    run_id: str
    name: str
    chosen: frozenset[str]
    patience: float
    version: str
    key: str


def each_database(
    request: Request, ledger: Ledger, run_id: str, chosen: frozenset[str], key: str
) -> list[DatabaseNight]:
    """What became of every database, in the order of the policy, whichever was done first.

    Where a signal stops the run, those that were not begun are missing.
    """
    names = [name for name in request.policy.databases if request.shard.has(name)]
    if request.scheduler:
        with dask(request.scheduler, run_id) as workers:
            return _side_by_side(workers, request, run_id, names, chosen, key)
    jobs = min(request.jobs, len(names))
    if jobs > 1:
        with processes(jobs) as workers:
            return _side_by_side(workers, request, run_id, names, chosen, key)
    return list(_in_turn(request, ledger, run_id, names, chosen))


def _in_turn(
    request: Request, ledger: Ledger, run_id: str, names: list[str], chosen: frozenset[str]
) -> Iterator[DatabaseNight]:
    for name in names:
        if not request.watch.stopping():
            night = one_database(request, ledger, run_id, name, chosen)
            # nobody asks for it afterwards, and there may be hundreds
            night.plan = None
            yield night


def _side_by_side(
    workers: Workers,
    request: Request,
    run_id: str,
    names: list[str],
    chosen: frozenset[str],
    key: str,
) -> list[DatabaseNight]:
    """Hand out every unit and wait for all; what runs when a signal comes ends between two batches."""
    sent = replace(request, watch=Watch(unseen, workers.told, _never))
    units = [
        Unit(
            replace(sent, policy=of_one(sent.policy, name)),
            run_id,
            name,
            chosen,
            workers.patience,
            __version__,
            key,
        )
        for name in names
    ]
    futures = [workers.executor.submit(carry_out, unit) for unit in units]
    waiting, told = set(futures), False
    while waiting:
        done, waiting = wait(waiting, _LOOK, FIRST_COMPLETED)
        if done:
            request.watch.finished(len(units) - len(waiting), len(units))
        if not told and request.watch.stopping():
            workers.stop()
            told = True
    nights = [_outcome(name, found, workers) for name, found in zip(names, futures, strict=True)]
    return [night for night in nights if night is not None]


def carry_out(unit: Unit) -> DatabaseNight | None:
    """A unit, in a worker; None where the run was stopped before it began.

    It comes back without the plan.
    """
    stopping = unit.request.watch.stopping
    if stopping():
        return None
    if unit.version != __version__:
        return DatabaseNight(
            unit.name,
            error=UsageError(
                f"{unit.name}: the worker has retention {__version__}, the run {unit.version}; "
                "nothing was done. Install the same on both"
            ),
        )
    if unit.key:
        try:
            same_key(key_folder(unit.request.policy, unit.request.folder), unit.key)
        except RetentionError as error:
            return DatabaseNight(unit.name, error=error)
    ledger = ledger_of(unit.request.policy, unit.request.folder)
    until = time.monotonic() + unit.patience
    while True:
        night = one_database(unit.request, ledger, unit.run_id, unit.name, unit.chosen)
        night.plan = None
        if not isinstance(night.error, Busy) or time.monotonic() > until or stopping():
            return night
        time.sleep(1.0)


def _outcome(
    name: str, future: Future[DatabaseNight | None], workers: Workers
) -> DatabaseNight | None:
    try:
        return future.result()
    except workers.lost as lost:
        how = f" ({lost})" if isinstance(lost, WorkerLost) and str(lost) else ""
        return DatabaseNight(
            name,
            error=DatabaseFailure(
                f"{name}: the process at work on it ended{how}. What it committed is in the "
                "ledger; the next run settles what was under way, and goes on"
            ),
        )


def _never() -> Interrupted:
    raise AssertionError("the run is interrupted, not its workers")
