"""Rules over files: what becomes of one file, from its name and its time of change. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from retention.errors import Problem
from retention.planning.clocks import describe
from retention.planning.deadlines import deadline_of, reason
from retention.planning.plan import Action, Step
from retention.policies.calendar import Cutoff
from retention.policies.file_patterns import FilePattern, NameDate, day_of
from retention.policies.parse import dotted
from retention.policies.policy import Policy
from retention.policies.positions import key_positions, line_of
from retention.policies.rule import Rule

FILES = "files"
"""What reports call the part of a night that belongs to no database."""


class FileOutcome(StrEnum):
    """What becomes of a file under a rule; the words are those for rows."""

    DUE = "due"
    RUNNING = "running"
    NOT_STARTED = "not started"
    UNDECIDABLE = "undecidable"


@dataclass(frozen=True, slots=True)
class FileStep:
    """One rule over files at one instant; `step` is what limits and reports read."""

    step: Step
    pattern: FilePattern
    by_name: NameDate | None
    zone: ZoneInfo
    earliest_plausible: date
    now: Cutoff

    def outcome(self, name: str, modified: datetime | None) -> FileOutcome:
        """What becomes of a file of that name, last changed then (aware; None: not known)."""
        try:
            start = self._start(name, modified)
        except (ValueError, OverflowError):
            return FileOutcome.UNDECIDABLE
        if start is None:
            unknown = self.by_name is None
            return FileOutcome.UNDECIDABLE if unknown else FileOutcome.NOT_STARTED
        if day_of(start, self.zone) < self.earliest_plausible or self._outside(start):
            return FileOutcome.UNDECIDABLE
        cutoff = self.step.cutoff
        if cutoff is not None and _before(start, cutoff):
            return FileOutcome.DUE
        return FileOutcome.RUNNING if _before(start, self.now) else FileOutcome.NOT_STARTED

    def day(self, name: str, modified: datetime | None) -> date | None:
        """The local day on which the file's clock started, None where it has none to be read."""
        try:
            start = self._start(name, modified)
        except (ValueError, OverflowError):
            return None
        return None if start is None else day_of(start, self.zone)

    def _start(self, name: str, modified: datetime | None) -> date | datetime | None:
        return modified if self.by_name is None else self.by_name.read(name, self.zone)

    def _outside(self, start: date | datetime) -> bool:
        """TRUE for a start in the past that has no financial year."""
        deadline = self.step.deadline
        if deadline is None or deadline.span is None:
            return False
        first, beyond = deadline.span
        too_late = _before(start, self.now) and not _before(start, beyond)
        return _before(start, first) or too_late


def _before(start: date | datetime, line: Cutoff) -> bool:
    return start < line.instant if isinstance(start, datetime) else start < line.day


def file_steps(policy: Policy, as_of: datetime) -> tuple[FileStep, ...]:
    """The rules over files as steps, in the order of the file."""
    today = day_of(as_of, policy.timezone)
    now = Cutoff(as_of + timedelta(microseconds=1), today + timedelta(days=1))
    return tuple(_step(policy, rule, as_of, now) for rule in file_rules(policy))


def file_rules(policy: Policy) -> Iterator[Rule]:
    """The rules of the policy that are about files."""
    return (rule for rule in policy.rules.values() if rule.pattern is not None)


def _step(policy: Policy, rule: Rule, as_of: datetime, now: Cutoff) -> FileStep:
    assert rule.pattern is not None
    assert rule.start is not None
    assert rule.delete_after is not None
    deadline = deadline_of(policy, rule, rule.delete_after, as_of)
    step = Step(
        rule.name,
        Action.DELETE,
        rule.pattern.text,
        None,
        (),
        None,
        deadline,
        reason(policy, rule, deadline, describe(rule.start)),
        policy.limits_of(rule),
        of_files=True,
    )
    by_name = rule.start if isinstance(rule.start, NameDate) else None
    return FileStep(step, rule.pattern, by_name, policy.timezone, rule.earliest_plausible, now)


def problems_at(policy: Policy, faults: Mapping[tuple[str, str], str]) -> tuple[Problem, ...]:
    """Faults of rules by (rule, key), each with its line."""
    positions = key_positions(policy.text) if policy.text else {}
    paths = {("rules", *where): message for where, message in faults.items()}
    return tuple(
        Problem(dotted(path), message, line_of(positions, path)) for path, message in paths.items()
    )
