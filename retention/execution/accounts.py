"""Counts per rule: what a preview found, what a run did. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from retention.planning.plan import Step
from retention.planning.walks import Walk


@dataclass(frozen=True, slots=True)
class Also:
    """Rows of another table that go along: deleted, detached or masked."""

    table: str
    action: str
    due: int


@dataclass(frozen=True, slots=True)
class FileCount:
    """Of what is due: bytes, and the earliest day on which a clock started; what was passed over."""

    bytes: int
    oldest: date | None
    passed_over: dict[str, int]


@dataclass(slots=True)
class FileResult:
    """What became of files: bytes removed, those with other names, those no longer due, failures."""

    bytes: int = 0
    linked: int = 0
    changed: int = 0
    failed: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StepCount:
    """The rows of one step's table, sorted by outcome; `waiting`: for others of their unit.

    `files`: where they are files. `owned`: how many files go with rows; None: nobody counted.
    `walk`: how a run goes over the table, where something is due. `largest`: no piece or unit has
    more rows, which go in one transaction; 0 where none is larger than a batch.
    `about`: so many rows by the database's own statistics, where only those before the line were
    counted: `not_started` and `undecidable` are not known then, and there are at least so many `rows`
    and `running` as suffices for the limits. `plain_while`: plain comparisons find what is due while
    the file has this version (SQLite).
    """

    step: Step
    due: int = 0
    not_started: int = 0
    undecidable: int = 0
    running: int = 0
    kept: dict[str, int] = field(default_factory=dict)
    blocked: dict[str, int] = field(default_factory=dict)
    unless: dict[str, int] = field(default_factory=dict)
    held: int = 0
    restricted: int = 0
    waiting: int = 0
    rows: int = 0
    also: tuple[Also, ...] = ()
    files: FileCount | None = None
    walk: Walk | None = None
    owned: int | None = None
    largest: int = 0
    about: int | None = None
    plain_while: int | None = field(default=None, compare=False)

    @property
    def leaving(self) -> int:
        """Rows that leave the step's table: those that are due, and those that go with them."""
        own = (self.step.table, "delete")
        return self.due + sum(it.due for it in self.also if (it.table, it.action) == own)

    @property
    def datable(self) -> int:
        """Rows whose clock can be read, whether or not they are due."""
        return self.due + self.running + self.stopped

    @property
    def stopped(self) -> int:
        """Rows whose period is over and that something keeps."""
        named = (*self.kept.values(), *self.blocked.values(), *self.unless.values())
        return self.held + self.restricted + self.waiting + sum(named)


@dataclass(frozen=True, slots=True)
class Estimate:
    """About so many `rows` of a step's table, `early` of them before its line; or `why_not`.

    Nothing was counted: holds, floors, conditions and references are not in it, so no limit can be
    asked about it, and no run takes it.
    """

    step: Step
    early: int | None = None
    rows: int | None = None
    why_not: str = ""


@dataclass(slots=True)
class StepResult:
    """What a run did for one step; `also` counts rows of other tables by (table, action).

    `too_large`: due rows that stay, because more would go with each than a limit allows.
    """

    count: StepCount
    done: int = 0
    also: dict[tuple[str, str], int] = field(default_factory=dict)
    batches: int = 0
    seconds: float = 0.0
    refused: str = ""
    failed: str = ""
    too_large: int = 0
    files: FileResult = field(default_factory=FileResult)

    @property
    def left(self) -> int:
        """Rows that were due when counted and are still there."""
        return max(0, self.count.due - self.done)


def step_count(
    step: Step,
    outcomes: dict[str, int],
    rows: int,
    also: tuple[Also, ...],
    walk: Walk | None = None,
    about: int | None = None,
) -> StepCount:
    """`kept:bookkeeping` and the like, as the database sorted them, into a StepCount."""
    named: dict[str, dict[str, int]] = {"kept": {}, "blocked": {}, "unless": {}}
    for outcome, count in outcomes.items():
        kind, colon, name = outcome.partition(":")
        if colon and kind in named:
            named[kind][name] = count
    return StepCount(
        step,
        outcomes.get("due", 0),
        outcomes.get("not started", 0),
        outcomes.get("undecidable", 0),
        outcomes.get("running", 0),
        named["kept"],
        named["blocked"],
        named["unless"],
        outcomes.get("held:", 0),
        outcomes.get("restricted:", 0),
        outcomes.get("waits:", 0),
        rows,
        also,
        walk=walk,
        about=about,
    )
