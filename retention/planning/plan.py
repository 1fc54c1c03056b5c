"""The Plan: for one database and one instant, the steps in order, each with its reason.

`preview` counts what a Plan would do and `executor` does it; both read the same object, so they
cannot disagree.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from retention.planning.circles import circle_of
from retention.planning.clocks import Clock, ClockColumn
from retention.planning.companions import Companions, companions, removed
from retention.planning.conditions import Condition
from retention.planning.deadlines import Deadline
from retention.planning.masked_columns import ColumnMask, MaskGroup, grouped
from retention.planning.owned_files import OwnedFile
from retention.planning.paths import Hop
from retention.planning.schema import Reference, Schema
from retention.planning.units import Unit
from retention.planning.unused import LastUse, last_uses, users_of
from retention.policies.calendar import Cutoff
from retention.policies.rule import Limits


@dataclass(frozen=True, slots=True)
class Younger:
    """The rule holds only for rows born on or after `line`."""

    born: ClockColumn
    line: Cutoff


class Action(StrEnum):
    """What a step does to a row that is due."""

    DELETE = "delete"
    ANONYMIZE = "anonymize"
    RESTRICT = "restrict"
    REMEMBER = "remember"
    KEEP = "keep"


@dataclass(frozen=True, slots=True)
class Floor:
    """A rule that keeps rows: while it holds, the row is not deleted.

    Without a clock it holds for ever. `protects` maps a table to the columns that may not be masked
    while the floor holds, with the way from the floor's row up to that table; without it, every
    column of the row itself.
    """

    rule: str
    table: str
    where: Condition | None
    clock: Clock | None
    deadline: Deadline
    protects: tuple[tuple[tuple[Hop, ...], str], ...] = ()
    younger: Younger | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Restriction:
    """How rows are put out of processing: columns set, a table moved to; neither: an entry."""

    values: tuple[tuple[str, bool | int | float | str], ...] = ()
    move_to: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """One rule's action on one table, with the constant that decides it.

    `early`: the delete ceiling of the same rule; a deletion that a protecting floor stops masks
    the row's other columns from then on; so does `early_when`, its condition. `deadline` None:
    nothing is due by age. `when`: due as soon as it holds, without any clock. `removals`: child
    rows that go once the row is masked. `above`: of a deletion, masks of rows that then only
    anonymized rows use, if any. `unit`: rows that the step takes together or not at all. `of_files`:
    it takes files, and `table` is their pattern.
    """

    rule: str
    action: Action
    table: str
    where: Condition | None
    unless: tuple[tuple[str, Condition], ...]
    clock: Clock | None
    deadline: Deadline | None
    reason: str
    limits: Limits
    masks: tuple[ColumnMask, ...] = ()
    removals: tuple[Reference, ...] = ()
    above: tuple[ColumnMask, ...] = ()
    early: Deadline | None = None
    guard: str | None = None
    when: Condition | None = None
    early_when: Condition | None = None
    younger: Younger | None = None
    restriction: Restriction | None = None
    unit: Unit | None = None
    of_files: bool = False

    @property
    def moves(self) -> bool:
        """TRUE where the step takes rows of its table to another table."""
        return self.restriction is not None and bool(self.restriction.move_to)

    @property
    def takes_rows(self) -> bool:
        """TRUE where rows leave the step's table."""
        return self.action is Action.DELETE or self.moves

    @property
    def cutoff(self) -> Cutoff | None:
        """The line before which starts are due; the latest where there are several."""
        found = self.deadline or self.early
        return found.latest if found else None

    @property
    def statutes(self) -> tuple[str, ...]:
        """The ids of the statutes that its periods name."""
        named = [found.statutes for found in (self.deadline, self.early) if found]
        return tuple(dict.fromkeys(name for names in named for name in names))

    @property
    def has_listed_years(self) -> bool:
        """TRUE where starts outside the listed financial years cannot be decided."""
        return any(found and found.span for found in (self.deadline, self.early))

    @property
    def mask_groups(self) -> tuple[MaskGroup, ...]:
        """The masks by the way to their rows; ways up to one table together."""
        return grouped(self.masks)

    @property
    def name(self) -> str:
        """How a person refers to it: `customers (delete)`."""
        return f"{self.rule} ({self.action})"


def with_unit(step: Step, unit: Unit | None) -> Step:
    """The step over whole units, and its reason that says so."""
    if unit is None:
        return step
    return replace(step, unit=unit, reason=f"{step.reason}; together by {unit.column}")


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that will be done to one database, decided; nothing has been done yet."""

    database: str
    as_of: datetime
    zone: str
    policy_sha256: str
    schema: Schema
    steps: tuple[Step, ...]
    floors: tuple[Floor, ...]
    decisions: Mapping[Reference, str]
    warnings: tuple[str, ...] = ()
    locked: frozenset[Reference] = frozenset()
    unused: Mapping[str, str] = field(default_factory=dict)
    files: tuple[OwnedFile, ...] = ()
    _companions: dict[str, Companions] = field(default_factory=dict, compare=False, repr=False)

    @property
    def now(self) -> Cutoff:
        """The line between starts that lie in the past and starts still to come."""
        today = self.as_of.astimezone(ZoneInfo(self.zone)).date()
        return Cutoff(self.as_of + timedelta(microseconds=1), today + timedelta(days=1))

    def floors_on(self, table: str) -> Iterator[Floor]:
        """Floors whose rows are rows of `table`."""
        return (floor for floor in self.floors if floor.table == table)

    def referring(self, table: str, decision: str) -> Iterator[Reference]:
        """References into `table` with that decision."""
        return (
            reference
            for reference in self.schema.referring_to(table)
            if self.decisions.get(reference) == decision
        )

    def companions(self, table: str) -> Companions:
        """The tables whose rows go with rows of `table`, parents before children."""
        if table not in self._companions:
            self._companions[table] = companions(self.schema, self.decisions, table)
        return self._companions[table]

    def circle_of(self, table: str) -> tuple[str, ...]:
        """The tables of the circle in which rows of `table` go with rows of `table`, if any."""
        return circle_of(self.companions(table).circles, table)

    def users_of(self, table: str) -> Iterator[Reference]:
        """The references along which rows of `table` are used (`when_unused`)."""
        return users_of(self.schema, self.decisions, table)

    def gone_with(self, step: Step) -> Companions:
        """What goes with the step's rows: their companions, or the child rows it removes."""
        if step.action is Action.DELETE:
            return self.companions(step.table)
        return removed(step.removals, self.companions)

    def last_uses(self, step: Step) -> tuple[LastUse, ...]:
        """What may go with the last of the rows that the step takes, users first."""
        if step.moves or not self.unused:
            return ()
        return last_uses(self.schema, self.decisions, self.unused, self.taken_tables(step))

    def last_masks(self, step: Step) -> tuple[tuple[LastUse, tuple[ColumnMask, ...]], ...]:
        """What is masked with the last of the rows that the deletion takes, and how."""
        lost, found = set(self.lost_tables(step)), []
        for table in dict.fromkeys(mask.table for mask in step.above):
            if self.unused.get(table) == "anonymize":
                by = tuple(one for one in self.users_of(table) if one.table in lost)
                masks = (mask for mask in step.above if mask.table == table)
                once = {mask.column: mask for mask in masks}
                found.append((LastUse(table, by), tuple(once.values())))
        return tuple(found)

    def taken_tables(self, step: Step) -> tuple[str, ...]:
        """Tables whose rows the step deletes for their own sake or with their parents."""
        own = (step.table,) if step.takes_rows else ()
        return tuple(dict.fromkeys((*own, *self.gone_with(step).taken)))

    def lost_tables(self, step: Step) -> tuple[str, ...]:
        """Tables that lose rows by the step: its own, those that go along, those unused then."""
        unused = (use.table for use in self.last_uses(step))
        return tuple(dict.fromkeys((*self.taken_tables(step), *unused)))

    def tables_to_lock(self, step: Step) -> list[str]:
        """Tables that a batch of the step locks against new rows (`lock = true`)."""
        gone = {step.table, *self.lost_tables(step)}
        return sorted({found.table for found in self.locked if found.parent in gone})

    def files_of(self, table: str) -> tuple[OwnedFile, ...]:
        """The files that rows of `table` own."""
        return tuple(found for found in self.files if found.table == table)

    def files_gone(self, step: Step) -> tuple[OwnedFile, ...]:
        """Files that go with rows the step deletes; moved rows keep theirs."""
        lost = () if step.moves else self.lost_tables(step)
        return tuple(found for found in self.files if found.table in lost)

    def files_masked(self, step: Step) -> tuple[OwnedFile, ...]:
        """Files that go because the step masks the column that names them."""
        masked = {mask.column for mask in step.masks if not mask.hops}
        return tuple(found for found in self.files_of(step.table) if found.column in masked)

    def guard_of(self, table: str) -> str | None:
        """The column declared never to change for rows of `table`, by any rule on it."""
        return next((step.guard for step in self.steps if step.table == table and step.guard), None)

    def unheld(self) -> Plan:
        """The same plan while no hold and no request lies on any row of the database."""
        return replace(self, schema=replace(self.schema, held=(), unheld=True))

    def without(self, refused: Collection[str]) -> Plan:
        """The same plan less the steps of rules that do not run or that a limit has refused.

        Their floors stay, and starts that they will need later are written down all the same.
        """
        always = Action.REMEMBER
        kept = (step for step in self.steps if step.rule not in refused or step.action is always)
        return replace(self, steps=tuple(kept))
