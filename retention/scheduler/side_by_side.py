"""The databases of one night, one after the other or side by side; what is done to each is the same.

A database is a unit: its rules follow each other, because its marker is one sequence, and its run
lock keeps every other worker out. A worker opens the ledger for itself; the lock of the ledger's
head makes one chain of what all of them write.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass, replace

from retention.errors import DatabaseFailure, Interrupted
from retention.execution.executor import Watch, unseen
from retention.ledger.store import Ledger
from retention.scheduler.lanes import Lanes, WorkerLost, told_to_stop
from retention.scheduler.one_database import one_database
from retention.scheduler.request import DatabaseNight, Request, ledger_of

_LOOK = 0.2
"""Seconds between two looks at whether a signal wants the run to stop."""


@dataclass(frozen=True, slots=True)
class Unit:
    """One database of one night, as a worker takes it."""

    request: Request
    run_id: str
    name: str
    chosen: frozenset[str]


def each_database(
    request: Request, ledger: Ledger, run_id: str, chosen: frozenset[str]
) -> list[DatabaseNight]:
    """What became of every database, in the order of the policy, whichever was done first.

    Where a signal stops the run, those that were not begun are missing.
    """
    names = list(request.policy.databases)
    jobs = min(request.jobs, len(names))
    if jobs == 1:
        return list(_in_turn(request, ledger, run_id, names, chosen))
    sent = replace(request, watch=Watch(unseen, told_to_stop, _never))
    units = [Unit(sent, run_id, name, chosen) for name in names]
    with Lanes(jobs) as lanes:
        return _side_by_side(lanes, lanes.stop, units, request.watch)


def _in_turn(
    request: Request, ledger: Ledger, run_id: str, names: list[str], chosen: frozenset[str]
) -> Iterator[DatabaseNight]:
    for name in names:
        if not request.watch.stopping():
            yield one_database(request, ledger, run_id, name, chosen)


def _side_by_side(
    executor: Executor, stop: Callable[[], None], units: list[Unit], watch: Watch
) -> list[DatabaseNight]:
    """Hand out every unit and wait for all; `stop` asks those at work to end between two batches."""
    futures = [executor.submit(carry_out, unit) for unit in units]
    waiting = set(futures)
    while waiting:
        done, waiting = wait(waiting, _LOOK, FIRST_COMPLETED)
        if done:
            watch.finished(len(units) - len(waiting), len(units))
        if waiting and watch.stopping():
            stop()
            waiting -= {future for future in waiting if future.cancel()}
    return [
        _outcome(unit, future)
        for unit, future in zip(units, futures, strict=True)
        if not future.cancelled()
    ]


def carry_out(unit: Unit) -> DatabaseNight:
    """A unit, in a worker; without the plan, which nobody asks for afterwards."""
    ledger = ledger_of(unit.request.policy, unit.request.folder)
    night = one_database(unit.request, ledger, unit.run_id, unit.name, unit.chosen)
    night.plan = None
    return night


def _outcome(unit: Unit, future: Future[DatabaseNight]) -> DatabaseNight:
    try:
        return future.result()
    except WorkerLost as lost:
        return DatabaseNight(
            unit.name,
            error=DatabaseFailure(
                f"{unit.name}: the process at work on it ended{lost}. What it committed is in the "
                "ledger; the next run settles what was under way, and goes on"
            ),
        )


def _never() -> Interrupted:
    raise AssertionError("the run is interrupted, not its workers")
