"""`serve`: one long-running process that sleeps until a rule is due, and works then.

The schedule is the policy's as it was when the process started; rules, limits and everything else
are read anew every night. A night that fails is tried again when a schedule next comes round.
"""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from retention.errors import Interrupted, RetentionError, UsageError
from retention.execution.executor import Watch
from retention.policies.policy import Policy
from retention.scheduler.due import Decision, next_due
from retention.scheduler.nightly import ledger_of
from retention.scheduler.timing import decisions

LONGEST_SLEEP = 60.0
"""Seconds after which the wall clock is looked at again: a laptop sleeps, a clock is set."""


def _present() -> datetime:
    return datetime.now(UTC)


class Service:
    """Runs `night` whenever a rule of the policy is due, until SIGTERM or SIGINT.

    `night` carries out one night and returns its exit code; `say` gets one line for a night that
    went wrong, none for the others. `now` and `wait` are there for tests: `wait` sleeps for some
    seconds and says whether the process shall stop.
    """

    def __init__(
        self,
        policy: Policy,
        folder: Path,
        night: Callable[[Watch], int],
        say: Callable[[str], None],
        *,
        now: Callable[[], datetime] = _present,
        wait: Callable[[float], bool] | None = None,
    ) -> None:
        self._policy = policy
        self._folder = folder
        self._night = night
        self._say = say
        self._now = now
        self._wait = wait
        self._received: list[int] = []

    def run(self) -> None:
        """Sleep and work until a signal comes; returns where it came while nothing was done.

        Raises UsageError where no rule has a schedule, StorageError where there is no ledger, and
        Interrupted where the signal stopped a night between two batches.
        """
        if not self._schedules():
            raise UsageError(
                "no rule has a schedule, so there is nothing to wait for; write for example "
                'schedule = "30 2 * * *" at the top of the policy. Nothing was done'
            )
        with self._signals() as wait:
            due = self.first_due()
            while not self._slept_until(due, wait):
                started = self._now()
                failure = self._one_night()
                due = self.due_after(started)
                if failure:
                    self._say(f"{self._local(started)}: {failure}; next try {self._local(due)}")

    def first_due(self) -> datetime:
        """When the first night begins: at once where an occurrence was missed."""
        present = self._now()
        return min(self._first(decision, present) for decision in self._decided(present).values())

    def due_after(self, started: datetime) -> datetime:
        """When the night after the one begun at `started` begins.

        A rule that this night did not serve is not due again at once, but when its schedule comes
        round. Without a ledger to ask, the schedules alone decide.
        """
        try:
            found = self._decided(started)
        except RetentionError:
            found = {}
        nights = []
        for name, schedule in self._schedules().items():
            decision = found.get(name)
            served = decision is not None and not decision.due and decision.next_run
            nights.append(served or next_due(schedule, self._policy.timezone, started))
        return min(nights)

    def _schedules(self) -> dict[str, str]:
        written = {
            name: self._policy.schedule_of(rule) for name, rule in self._policy.rules.items()
        }
        return {name: schedule for name, schedule in written.items() if schedule}

    def _decided(self, present: datetime) -> dict[str, Decision]:
        found = decisions(self._policy, ledger_of(self._policy, self._folder), present)
        return {name: found[name] for name in self._schedules()}

    def _first(self, decision: Decision, present: datetime) -> datetime:
        # a rule counts as due some time before its occurrence; the service has time to wait for it
        return max(present, decision.scheduled_for or decision.next_run or present)

    def _slept_until(self, due: datetime, wait: Callable[[float], bool]) -> bool:
        """Sleep until `due` by the wall clock; TRUE where a signal came first."""
        while (left := (due - self._now()).total_seconds()) > 0:
            if wait(min(LONGEST_SLEEP, left)):
                return True
        return bool(self._received)

    def _one_night(self) -> str:
        """What went wrong in one night, in words; nothing where all went well."""
        try:
            code = self._night(self._watch())
        except Interrupted:
            raise
        except RetentionError as error:
            return str(error).rstrip(".")
        if code > 128 and self._received:
            raise self._interruption()
        return f"the run ended with exit code {code}: `retention report last`" if code else ""

    def _watch(self) -> Watch:
        return Watch(lambda *_: None, self._stopping, self._interruption, announced=self._say)

    def _stopping(self) -> bool:
        return bool(self._received)

    def _interruption(self) -> Interrupted:
        number = self._received[0]
        return Interrupted(
            f"stopped by {signal.Signals(number).name}; what was committed is in the ledger, "
            "the next run goes on",
            number,
        )

    def _local(self, moment: datetime) -> str:
        zone = self._policy.timezone
        return f"{moment.astimezone(zone):%Y-%m-%d %H:%M} {zone.key}"

    @contextmanager
    def _signals(self) -> Iterator[Callable[[float], bool]]:
        """SIGTERM and SIGINT wake the sleeper; a signal between two looks is not lost in a pipe."""
        reading, writing = os.pipe()
        os.set_blocking(writing, False)

        def note(number: int, _: FrameType | None) -> None:
            self._received.append(number)
            with suppress(BlockingIOError):
                os.write(writing, b".")

        def wait(seconds: float) -> bool:
            return bool(select.select([reading], [], [], seconds)[0])

        wanted = (signal.SIGTERM, signal.SIGINT)
        previous = {number: signal.signal(number, note) for number in wanted}
        try:
            yield self._wait or wait
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)
            os.close(reading)
            os.close(writing)
