"""Deadlines: periods of a rule as constants for one instant, one or one for each choice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from retention.planning.paths import ColumnPath
from retention.policies.calendar import CountedFrom, Cutoff
from retention.policies.periods import Periods
from retention.policies.policy import Policy
from retention.policies.rule import Rule


@dataclass(frozen=True, slots=True)
class Deadline:
    """What a start must lie before: by the value of `by`, or one line for all.

    A cutoff of None is never reached ("forever"). The key None is "otherwise". `spans` are the two
    lines between which a start has a financial year; outside of them nothing can be decided.
    `statutes`: the ids of those that its periods name.
    """

    cutoffs: tuple[tuple[str | None, Cutoff | None], ...]
    words: str
    by: ColumnPath | None = None
    span: tuple[Cutoff, Cutoff] | None = None
    statutes: tuple[str, ...] = ()

    @property
    def forever(self) -> bool:
        """TRUE where nothing ever reaches it."""
        return all(cutoff is None for _, cutoff in self.cutoffs)

    @property
    def latest(self) -> Cutoff | None:
        """The latest line of all choices; None where there is none."""
        lines = [cutoff for _, cutoff in self.cutoffs if cutoff is not None]
        return max(lines, key=lambda line: line.instant) if lines else None

    def told(self, zone: ZoneInfo) -> list[str]:
        """The lines as local times, each with the value that it is for where there is a choice."""
        return [
            _shown(line.instant.astimezone(zone))
            + (f" for {value or 'all others'}" if self.by else "")
            for value, line in self.cutoffs
            if line is not None
        ]

    def above(self, other: Deadline) -> bool:
        """TRUE where a row can still be kept by this and be due by the other, on one clock."""
        return any(
            mine is None or mine.instant < theirs.instant
            for mine, theirs in self._pairs(other)
            if theirs is not None
        )

    def _pairs(self, other: Deadline) -> Iterator[tuple[Cutoff | None, Cutoff | None]]:
        if self.by == other.by:
            theirs = dict(other.cutoffs)
            for value, cutoff in self.cutoffs:
                yield cutoff, theirs.get(value, theirs.get(None))
            return
        for _, mine in self.cutoffs:
            for _, cutoff in other.cutoffs:
                yield mine, cutoff


def deadline_of(
    policy: Policy, rule: Rule, periods: Periods, as_of: datetime, by: ColumnPath | None = None
) -> Deadline:
    """The periods of a rule as lines at `as_of`."""
    terms = [(value, policy.term(rule, items)) for value, items in periods.choices]
    cutoffs = tuple((value, term.cutoff(as_of)) for value, term in terms)
    spans = [span for _, term in terms if (span := term.decidable()) is not None]
    words = periods.told(policy.told)
    return Deadline(cutoffs, words, by, spans[0] if spans else None, periods.statutes)


def reason(policy: Policy, rule: Rule, deadline: Deadline, start: str) -> str:
    """Why what lies before the deadline is due: `due: 30 days after modified, before …`."""
    told = _counted(rule, deadline, start)
    if deadline.latest is None:
        return f"never due: {told}"
    lines = deadline.told(policy.timezone)
    zone = f"({policy.timezone.key})" if deadline.by else policy.timezone.key
    return f"due: {told}, before {' or '.join(dict.fromkeys(lines))} {zone}"


def reason_to_keep(rule: Rule, deadline: Deadline, start: str | None) -> str:
    """Until when a floor keeps: `kept at least 5 years after booked_on`."""
    if start is None or deadline.forever:
        return "kept for ever"
    return f"kept at least {_counted(rule, deadline, start)}"


def _counted(rule: Rule, deadline: Deadline, start: str) -> str:
    own = CountedFrom(rule.counted_from).told
    return f"{deadline.words} after {own and f'{own} of '}{start}"


def _shown(local: datetime) -> str:
    return local.strftime("%Y-%m-%d %H:%M" if local.second == 0 else "%Y-%m-%d %H:%M:%S")
