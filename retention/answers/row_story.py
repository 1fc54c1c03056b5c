"""One row's story as data: what each rule makes of it, what stops that, what the ledger proves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime

from retention.answers.row_copies import CopyFate
from retention.answers.row_proof import Proof, Untold
from retention.answers.row_times import Instant, Read
from retention.policies.calendar import CountedFrom
from retention.policies.rule import Rule

HARD = ("held", "restricted", "blocked", "unless")
ON_REQUEST = "restricted at request"


@dataclass(frozen=True, slots=True)
class NextRun:
    """When a rule runs next by its schedule; `now`: a run at this instant carries it out."""

    now: bool
    at: datetime | None


@dataclass(frozen=True, slots=True)
class HeldBy:
    """A legal hold in force, on the row or on a row of `table` that would go with it."""

    hold_id: str
    table: str
    since: datetime | None
    review_on: date | None


@dataclass(frozen=True, slots=True)
class Member:
    """Another row of the unit that is not ready; `key` only where it is a number of the database's."""

    key: str
    outcome: str
    due: Instant | None


@dataclass(frozen=True, slots=True)
class Waiting:
    """The unit of a row: the column that joins it, its rows, those not ready, and some of these."""

    column: str
    rows: int
    waiting: int
    members: tuple[Member, ...]


@dataclass(frozen=True, slots=True)
class Stop:
    """What stops an action now: held, restricted, kept, blocked, unless, deleted or waits (`kind`)."""

    kind: str
    name: str
    until: Instant | None = None
    rows: int | None = None
    holds: tuple[HeldBy, ...] = ()
    rule: Rule | None = None
    unit: Waiting | None = None


@dataclass(frozen=True, slots=True)
class RuleStory:
    """One rule's action on the row, or on the row of `table` it goes with (`through`)."""

    rule: Rule
    action: str
    table: str
    through: str
    words: str
    reads: tuple[Read, ...]
    due: Instant | None
    outcome: str
    by: str
    stops: tuple[Stop, ...]
    along: tuple[tuple[str, str, int], ...]
    next_run: NextRun | None
    goes_at: datetime | None = None

    def earliest(self, as_of: datetime) -> datetime | None:
        """The instant from which nothing known stops the action; None where there is none."""
        if self.outcome == "taken":
            return as_of
        if any(stop.kind in HARD for stop in self.stops):
            return None
        if self.due is None:
            free = ("due", "kept", "waits")
            start: datetime | None = as_of if self.outcome in free else None
        else:
            start = self.due.at
        ends = [
            stop.until.at if stop.until else None
            for stop in self.stops
            if stop.kind in ("kept", "waits")
        ]
        known = [end for end in ends if end is not None]
        if start is None or len(known) < len(ends):
            return None
        return max(start, *known) if known else start


@dataclass(frozen=True, slots=True)
class Story:
    """Everything there is to say of one row; `state` is here, anonymized, erased, …"""

    database: str
    table: str
    as_of: datetime
    policy_sha256: str
    state: str
    rules: tuple[RuleStory, ...]
    others: tuple[str, ...]
    proofs: tuple[Proof, ...]
    untold: tuple[Untold, ...]
    notes: tuple[str, ...]
    statements: tuple[str, ...]
    copies: tuple[CopyFate, ...] = ()

    @property
    def gone(self) -> bool:
        """TRUE where the row left the database, whoever took it."""
        return self.state not in ("here", "anonymized", "restricted")

    @property
    def leaving(self) -> RuleStory | None:
        """The deletion that comes first of those that nothing stops for good."""
        dated = [(at, story) for story in self.deletions() if (at := story.earliest(self.as_of))]
        return min(dated, key=lambda pair: pair[0])[1] if dated else None

    @property
    def due_at(self) -> datetime | None:
        """From when on the row is deleted, as far as anything is known now."""
        return self.leaving.earliest(self.as_of) if self.leaving else None

    def deletions(self) -> Iterator[RuleStory]:
        """The actions that delete the row, its own rules' first."""
        return (story for story in self.rules if story.action == "delete")


def words_of(rule: Rule, items: str, clock: str) -> str:
    """`3 years after the end of the month of closed_at`."""
    own = CountedFrom(rule.counted_from).told
    return f"{items} after {own and f'{own} of '}{clock}"
