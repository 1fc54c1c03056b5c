"""One scan of a table sorts its rows under every step on it, and asks its floors as well.

Every row gets a number for its outcome under each step, and the numbers are counted without sorting
rows: a sort costs more than the scan. What earlier steps of the scan take is left out while counting,
so that no step needs a set of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import sqlalchemy as sa

from retention.databases.sql import Expression, Row, Truth, all_of, any_of, is_true, row_of, written
from retention.databases.statements.clock_ranges import ClockRange
from retention.databases.statements.gone import GoneSets
from retention.databases.statements.plainly_due import plain_range
from retention.databases.statements.predicates import Predicates
from retention.planning.circles import circle_of
from retention.planning.plan import Action, Floor, Step

Outcomes = dict[str, int]
MOST_COLUMNS = 1_000
"""Counts in one statement: PostgreSQL takes 1,664 columns, SQLite 2,000."""
_SIDE_BY_SIDE: dict[str, Callable[[sa.Select[Any]], sa.Select[Any]]] = {
    "sqlite": lambda rows: rows.limit(written(-1)),
    "postgresql": lambda rows: rows.offset(written(0)),
}
"""How an engine is kept from working out a row's outcome again for each count of it."""
_GROUPED = {"postgresql": 2}
"""Columns by which it gathers rows without a sort, and by several processes at once."""


@dataclass(frozen=True, slots=True)
class Scanned:
    """What a scan found: rows by outcome for each step, rows that each floor keeps, all rows.

    `plain`: steps for which plain comparisons find the rows that are due, and no others.
    """

    outcomes: dict[int, Outcomes]
    kept: list[int]
    rows: int
    plain: frozenset[int] = frozenset()


class TableScan:
    """The steps at `indexes` and `floors`, all on `table`; over the rows `within`, or all of them."""

    def __init__(
        self,
        sets: GoneSets,
        table: str,
        indexes: Sequence[int],
        floors: Sequence[Floor] = (),
        within: ClockRange | None = None,
    ) -> None:
        self.sets = sets
        self.table = table
        self.indexes = sorted(indexes)
        self.floors = floors
        self.within = within
        plain = {it: plain_range(sets.plan, sets.dialect, self._step(it)) for it in self.indexes}
        self._plain = {index: early for index, early in plain.items() if early is not None}
        self._numbers: dict[int, dict[str, int]] = {}

    def scanned(self, connection: sa.Connection) -> Scanned:
        """The counts; one statement, unless they are too many for one."""
        if len(self._counts) > MOST_COLUMNS and len(self.indexes) > 1:
            return self._in_halves(connection)
        every = self._counted(written(1) == written(1)).label("every")
        query = sa.select(every, *self._counts).select_from(self._rows)
        rows, *found = (int(count or 0) for count in connection.execute(query).one())
        outcomes: dict[int, Outcomes] = {}
        for index, numbers in self._numbers.items():
            counts = zip(numbers, found, strict=False)
            outcomes[index] = {outcome: count for outcome, count in counts if count}
            found = found[len(numbers) :]
        kept, unlike = found[: len(self.floors)], found[len(self.floors) :]
        plain = (index for index, count in zip(self._plain, unlike, strict=True) if not count)
        return Scanned(outcomes, kept, rows, frozenset(plain))

    def _in_halves(self, connection: sa.Connection) -> Scanned:
        middle = len(self.indexes) // 2
        halves = ((self.indexes[:middle], ()), (self.indexes[middle:], self.floors))
        first, second = (
            TableScan(self.sets, self.table, indexes, floors, self.within).scanned(connection)
            for indexes, floors in halves
        )
        outcomes = first.outcomes | second.outcomes
        return Scanned(outcomes, second.kept, second.rows, first.plain | second.plain)

    @cached_property
    def _rows(self) -> sa.Subquery:
        """A row of numbers for each row of the table, or for all that are alike."""
        row = row_of(self.sets.plan.schema.tables[self.table])
        columns = [self._outcome(index, row) for index in self.indexes]
        columns += [self._keeps(number, row) for number in range(len(self.floors))]
        columns += [
            _as_number(it.nearly(row)).label(f"plain_{at}") for at, it in self._plain.items()
        ]
        rows: sa.Select[Any] = sa.select(*columns).select_from(row)
        if self.within is not None:
            rows = rows.where(self.within.holds(row))
        engine = self.sets.dialect.name
        fence = _SIDE_BY_SIDE.get(engine)
        if fence is not None and len(columns) > _GROUPED.get(engine, 0):
            return fence(rows).subquery("sorted")
        found = rows.subquery("sorted")
        alike = sa.select(*found.c, sa.func.count().label("alike")).group_by(*found.c)
        return alike.subquery("counted")

    def _outcome(self, index: int, row: Row) -> Expression:
        numbers = self._numbers.setdefault(index, {})

        def number(outcome: str) -> Expression:
            return written(numbers.setdefault(outcome, len(numbers)))

        step = self.sets.plan.steps[index]
        predicates = self.sets.apart(index, self._masking_before(index))
        alive = self.sets.alive(index, self._taking_before(index))
        return predicates.outcome(step, row, number, alive).label(f"step_{index}")

    def _keeps(self, number: int, row: Row) -> Expression:
        """Whether a floor keeps the row: `holding`, in an order that asks for little."""
        floor, predicates = self.floors[number], Predicates(self.sets.plan, self.sets.dialect)
        over, selected = predicates.is_over(floor, row), predicates.selected(floor, row)
        whens = [] if over is None else [(over, written(0))]
        keeps = all_of(selected)
        return sa.case(*whens, (keeps, written(1)), else_=written(0)).label(f"floor_{number}")

    @cached_property
    def _counts(self) -> list[Expression]:
        rows = self._rows
        found = [
            self._counted(all_of(rows.c[f"step_{index}"] == written(number), *left)).label(
                f"step_{index}_{number}"
            )
            for index, numbers in self._numbers.items()
            for outcome, number in numbers.items()
            for left in [tuple(self._left(index, outcome))]
        ]
        kept = (rows.c[f"floor_{number}"] == written(1) for number in range(len(self.floors)))
        unlike = (
            _as_number(self._is_due(index)) != rows.c[f"plain_{index}"] for index in self._plain
        )
        return [*found, *map(self._counted, kept), *map(self._counted, unlike)]

    def _counted(self, condition: Truth) -> Expression:
        if "alike" not in self._rows.c:
            return sa.func.count().filter(condition)
        return sa.func.sum(sa.case((condition, self._rows.c.alike), else_=written(0)))

    def _left(self, index: int, outcome: str) -> Iterator[Truth]:
        """What earlier steps of the scan leave of a row for this one; starts are set down of all."""
        if self._step(index).action is Action.REMEMBER:
            return
        before = [self._is_due(position) for position in self._taking_before(index)]
        if outcome == "due":
            before += [self._is_due(position) for position in self._masking_before(index)]
        if before:
            yield sa.not_(any_of(*before))

    def _is_due(self, position: int) -> Truth:
        due = self._rows.c[f"step_{position}"] == written(self._numbers[position]["due"])
        return is_true(due)

    def _taking_before(self, index: int) -> tuple[int, ...]:
        """Steps before one that take rows of the table for their own sake alone."""
        return tuple(it for it in self._before(index) if self._takes_own(self._step(it)))

    def _takes_own(self, step: Step) -> bool:
        plan, along = self.sets.plan, self.sets.plan.gone_with(step)
        unused = (use.table for use in plan.last_uses(step))
        others = (*along.taken, *circle_of(along.circles, self.table), *unused)
        return step.takes_rows and self.table not in others

    def _masking_before(self, index: int) -> tuple[int, ...]:
        """Steps before one that mask all that it would mask."""
        step = self._step(index)
        if not _masks_own(step) or self.sets.predicates(index).floors_over(step.masks):
            return ()
        columns = {mask.column for mask in step.masks}
        return tuple(
            position
            for position in self._before(index)
            for other in [self._step(position)]
            if _masks_own(other) and columns <= {mask.column for mask in other.masks}
        )

    def _before(self, index: int) -> list[int]:
        return [position for position in self.indexes if position < index]

    def _step(self, index: int) -> Step:
        return self.sets.plan.steps[index]


def _as_number(truth: Truth) -> Expression:
    return sa.case((truth, written(1)), else_=written(0))


def _masks_own(step: Step) -> bool:
    """TRUE for a step that masks columns of its rows and does nothing beside."""
    masks = step.action is Action.ANONYMIZE and not step.removals and step.unit is None
    return masks and not any(mask.hops for mask in step.masks)
