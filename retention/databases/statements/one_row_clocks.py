"""What a clock reads for one row: every value that is a time, and what the others are instead."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from retention.databases.dialects.dialect import key_text
from retention.databases.sql import Expression, Row, Truth, all_of, any_of, bind, is_true
from retention.databases.state import event
from retention.databases.statements.clock_sql import EVENT_TIME
from retention.databases.statements.column_clock import ColumnClock
from retention.databases.statements.one_row_asking import Place, RowAsking, flag
from retention.planning.clocks import Clock, ClockColumn
from retention.planning.deadlines import Deadline
from retention.planning.paths import turned
from retention.planning.plan import Floor


@dataclass(frozen=True, slots=True)
class Stored:
    """One stored value: `text` only where it can be read as a time."""

    state: str
    text: str | None


@dataclass(frozen=True, slots=True)
class Reading:
    """Everything one column of a clock holds for one row; `began`: its purpose ever began."""

    column: ClockColumn
    values: tuple[Stored, ...]
    began: bool = True


@dataclass(frozen=True, slots=True)
class Start:
    """All that a clock reads for one row, and which choice of the deadline is the row's."""

    columns: tuple[Reading, ...]
    requires: tuple[Reading, ...]
    choice: int | None


class RowClocks(RowAsking):
    """Only times leave the database: a value that is none is told by its state."""

    def start(self, place: Place, clock: Clock, deadline: Deadline | None) -> Start | None:
        """What the clock reads for the row, child rows and events included."""

        def here(row: Row) -> Truth:
            return self.at(place, row)

        return next(self._starts(place.table, here, clock, deadline, place), None)

    def keepers(self, place: Place, floor: Floor) -> list[Start] | None:
        """The starts of the rows by which the floor keeps the row; None: a clock of too many rows."""
        clock = floor.clock
        if clock is None or any(map(_elsewhere, (*clock.columns, *clock.requires))):
            return None
        ways = self.ways(place.table)
        above = [
            turned(hops) for hops, _ in floor.protects if hops and hops[-1].target == place.table
        ]
        predicates = self.sets.predicates(0)

        def keeping(row: Row) -> Truth:
            below = self.reached(place, ways, floor.table, row)
            led = any_of(below, self.led_to(place, above, row))
            return all_of(led, predicates.holding(floor, row))

        return list(self._starts(floor.table, keeping, clock, floor.deadline, place))

    def _starts(
        self,
        table: str,
        where: Callable[[Row], Truth],
        clock: Clock,
        deadline: Deadline | None,
        place: Place,
    ) -> Iterator[Start]:
        row = self.row(table)
        specs = (*clock.columns, *clock.requires)
        began = [condition for _, condition in clock.purposes]
        began += [None] * (len(specs) - len(began))
        columns: list[Expression] = [self._choice(row, deadline)]
        for spec, condition in zip(specs, began, strict=True):
            selects = self.conditions.selects(row, condition)
            columns.append(sa.literal_column("1") if selects is None else flag(selects))
            columns += [sa.null(), sa.null()] if _elsewhere(spec) else self._inline(row, spec)
        for choice, *found in self.ask(sa.select(*columns).where(where(row))):
            readings = tuple(
                self._reading(place, spec, found[number * 3 : number * 3 + 3])
                for number, spec in enumerate(specs)
            )
            split = len(clock.columns)
            chosen = None if choice is None else int(choice)
            yield Start(readings[:split], readings[split:], chosen)

    def _reading(self, place: Place, spec: ClockColumn, found: Sequence[Any]) -> Reading:
        began, state, text = found
        values = self._away(place, spec) if _elsewhere(spec) else (Stored(str(state), text),)
        return Reading(spec, values, bool(began))

    def _inline(self, row: Row, spec: ClockColumn) -> list[Expression]:
        column = self.plan.schema.tables[spec.path.table].columns[spec.path.column]
        value = self.conditions.column(row, spec.path)
        return self._read(ColumnClock(self.dialect, value, column, spec))

    def _read(self, time: ColumnClock) -> list[Expression]:
        """The value's state, and its text where it is a time."""
        missing, doubtful = time.missing(), time.undecidable()
        return [
            sa.case(
                (missing, bind("missing")), (doubtful, bind("undecidable")), else_=bind("time")
            ),
            sa.case((sa.or_(missing, doubtful), None), else_=self.dialect.as_text(time.value)),
        ]

    def _away(self, place: Place, spec: ClockColumn) -> tuple[Stored, ...]:
        """The values in child rows, or of events recorded for the row."""
        if spec.event is not None:
            return self._events(place, spec)
        row = self.row(spec.path.table)
        column = self.plan.schema.tables[spec.path.table].columns[spec.path.column]
        time = ColumnClock(self.dialect, row.c[spec.path.column], column, spec)
        reached = self.reach.exists(
            row, turned(spec.path.hops), lambda owner: self.at(place, owner)
        )
        return tuple(
            Stored(*found) for found in self.ask(sa.select(*self._read(time)).where(reached))
        )

    def _events(self, place: Place, spec: ClockColumn) -> tuple[Stored, ...]:
        if not self.plan.schema.enrolled:
            return ()
        time = ColumnClock(self.dialect, event.c.happened_at, EVENT_TIME, spec)
        named = sa.and_(event.c.name == spec.event, self._named(event, place))
        return tuple(
            Stored(*found) for found in self.ask(sa.select(*self._read(time)).where(named))
        )

    def _choice(self, row: Row, deadline: Deadline | None) -> Expression:
        """The place of the row's choice among the deadline's; NULL where it has none."""
        names = [name for name, _ in deadline.cutoffs] if deadline else []
        if deadline is None or deadline.by is None:
            return sa.literal_column("0")
        value = self.conditions.column(row, deadline.by)
        otherwise = sa.literal_column(str(names.index(None))) if None in names else sa.null()
        whens: list[tuple[Truth, Expression]] = [
            (is_true(value == bind(name)), sa.literal_column(str(number)))
            for number, name in enumerate(names)
            if name is not None
        ]
        return sa.case(*whens, else_=otherwise) if whens else otherwise

    def _named(self, ours: sa.Table, place: Place) -> Truth:
        """TRUE for a row of one of our tables that names the row at `place`."""
        row = self.row(place.table)
        text = key_text(self.dialect, self.plan.schema.tables[place.table], row)
        found: sa.Select[Any] = sa.select(sa.literal_column("1")).select_from(row)
        found = found.where(ours.c.row_key == text, self.at(place, row))
        return sa.and_(ours.c.table_name == place.table, sa.exists(found.correlate(ours)))


def _elsewhere(spec: ClockColumn) -> bool:
    """TRUE for a column of child rows or of events: as many values as there are rows."""
    return spec.path.reads_children or spec.event is not None
