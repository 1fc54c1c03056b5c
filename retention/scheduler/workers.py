"""Who works on the databases of a night: processes of this machine, or a Dask cluster."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Executor
from contextlib import contextmanager
from dataclasses import dataclass

from retention.errors import UsageError
from retention.scheduler.lanes import Lanes, WorkerLost, told_to_stop

CONNECT = 10
"""Seconds within which the scheduler must answer."""
PATIENCE = 30.0
"""Seconds that a unit waits for the lock of a worker that was lost: its server may not know yet."""
_LOOK = 1.0
"""Seconds between two questions to the scheduler whether the run was told to stop."""


@dataclass(frozen=True, slots=True)
class Workers:
    """An executor, and how to stop what runs on it between two batches.

    `told` is asked by the worker, and `lost` is raised for a unit whose worker was lost for good.
    """

    executor: Executor
    stop: Callable[[], None]
    told: Callable[[], bool]
    lost: tuple[type[BaseException], ...]
    patience: float = 0.0


@contextmanager
def processes(jobs: int) -> Iterator[Workers]:
    """So many processes of this machine."""
    with Lanes(jobs) as lanes:
        yield Workers(lanes, lanes.stop, told_to_stop, (WorkerLost,))


@contextmanager
def dask(scheduler: str, run_id: str) -> Iterator[Workers]:
    """The workers of a Dask cluster; a lost worker's unit is done again by another.

    Raises UsageError where Dask is not installed or the scheduler does not answer.
    """
    try:
        from distributed import Client, Event
        from distributed.scheduler import KilledWorker
    except ModuleNotFoundError as fault:
        raise UsageError(
            "--executor dask needs Dask; pip install 'retention[dask]'. Nothing was done"
        ) from fault
    try:
        client = Client(scheduler, timeout=CONNECT, set_as_default=False)
    except (OSError, ValueError) as fault:
        raise UsageError(
            f"the Dask scheduler {scheduler} does not answer, or is no address such as "
            "tcp://scheduler.example:8786. Nothing was done"
        ) from fault
    with client:
        event = Event(f"{run_id} stops", client=client)
        executor = client.get_executor(pure=False)
        told = Told(f"{run_id} stops")
        yield Workers(executor, event.set, told, (KilledWorker, CancelledError), PATIENCE)


class Told:
    """In a worker of a cluster: was the run told to stop? Asked again after a second only."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._asked = 0.0
        self._answer = False

    def __call__(self) -> bool:
        from distributed import Event

        if not self._answer and time.monotonic() - self._asked > _LOOK:
            self._answer = bool(Event(self.name).is_set())
            self._asked = time.monotonic()
        return self._answer
