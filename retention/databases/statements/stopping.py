"""What keeps a row from leaving: its own stops, and those of every row that would go with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import sqlalchemy as sa

from retention.databases.dialects.dialect import Dialect
from retention.databases.sql import Row, Truth, all_of, row_of
from retention.databases.statements.circles import Circle
from retention.databases.statements.condition_sql import Left
from retention.databases.statements.file_names import unsafe_name
from retention.databases.statements.masking import Masking
from retention.databases.statements.rows import Alive, all_alive
from retention.databases.statements.stand_ins import stands_in
from retention.databases.statements.stops import Stop, grouped
from retention.databases.statements.units import Naming, Units
from retention.planning.masked_columns import ColumnMask
from retention.planning.owned_files import OwnedFile
from retention.planning.plan import Plan, Step
from retention.planning.schema import Reference

_Stopped = tuple[Circle, list[tuple[str, str]], sa.CTE | None]


class Stopping(Masking):
    """Stops of one plan, for one engine, over rows of its tables.

    Down tables that lie in no circle the stops are nested conditions. In a circle they are a set:
    the rows that something stops, and every row that refers down to one of those.
    """

    def __init__(
        self,
        plan: Plan,
        dialect: Dialect,
        alive: Alive = all_alive,
        masked: Callable[[ColumnMask, Row], Truth] | None = None,
        naming: Naming | None = None,
        left: Left | None = None,
    ) -> None:
        super().__init__(plan, dialect, alive, masked, left)
        self.units = Units(plan, alive, self.selected, naming)
        self._followed: dict[frozenset[str], _Stopped] = {}

    def stops(self, table: str, row: Row, step: Step | None = None) -> list[Stop]:
        """What keeps a row of `table` from leaving: holds, floors, blocks, its children's too.

        Rows that `step` takes together do not block one another.
        """
        children = self._children_stops(table, row, ())
        return grouped([*self._keeps(table, row), *children, *self._blocks(table, row, step)])

    def own_stops(self, table: str, row: Row) -> list[Stop]:
        """What keeps a row from leaving whatever would go with it: holds, floors, blocks."""
        return [*self._keeps(table, row), *self._blocks(table, row)]

    def _keeps(self, table: str, row: Row) -> list[Stop]:
        floors = self.plan.floors_on(table)
        kept = [("kept", floor.rule, self.holding(floor, row)) for floor in floors]
        unsafe = self.unsafe(self.plan.files_of(table), row)
        return [*self._held(table, row), *unsafe, *kept]

    def unsafe(self, files: Iterable[OwnedFile], row: Row) -> list[Stop]:
        """A row whose file cannot be told stays: once it is gone, nobody could find the file."""
        return [("unless", owned.stop, unsafe_name(self.dialect, owned, row)) for owned in files]

    def _blocks(self, table: str, row: Row, step: Step | None = None) -> list[Stop]:
        found = [
            ("blocked", reference.label, self.reach.referring(row, reference, stays))
            for reference, stays in self.units.blocking(table, row, step)
        ]
        return found + [
            ("blocked", reference.label, standing)
            for reference, standing in stands_in(self.plan, table, row)
        ]

    def own_unless(self, table: str, row: Row) -> list[Stop]:
        """The named conditions of the rules that select the row."""
        found: list[Stop] = []
        for step in self.plan.steps:
            if step.table != table:
                continue
            selected = self.selected(step, row)
            found += [
                ("unless", name, all_of(selected, self.conditions.stops(row, condition)))
                for name, condition in step.unless
            ]
        return found

    def _children_stops(self, table: str, row: Row, without: tuple[str, ...]) -> Iterator[Stop]:
        """Stops of the rows that refer to the row and would go with it, some tables left out."""
        for reference in self.plan.referring(table, "delete"):
            if reference.table not in without:
                yield from self.stops_along(reference, row)

    def stops_along(self, reference: Reference, row: Row) -> Iterator[Stop]:
        """Stops of the rows that go with the row along the reference, and of all below those."""
        child = self.reach.referring_row(reference)
        for kind, name, stop in self._child_stops(reference.table, child):
            yield kind, name, self.reach.refers(child, row, reference, stop)

    def _child_stops(self, table: str, row: Row) -> list[Stop]:
        """Stops of a row that would go with its parent; the `unless` of its own rules count too."""
        stopped = self._stopped_in_circle(table)
        if stopped is None:
            return grouped([*self.stops(table, row), *self.own_unless(table, row)])
        circle, labels, nodes = stopped
        if nodes is None:
            return []
        return [
            (kind, name, circle.within(table, row, nodes, number))
            for number, (kind, name) in enumerate(labels)
        ]

    def _stopped_in_circle(self, table: str) -> _Stopped | None:
        """The stopped rows of the circle that the table lies in, by kind and name of what stops."""
        tables = self.plan.circle_of(table)
        if not tables:
            return None
        known = frozenset(tables)
        if known not in self._followed:
            self._followed[known] = self._follow(Circle(self.plan, tables))
        return self._followed[known]

    def _follow(self, circle: Circle) -> _Stopped:
        rows = {table: row_of(self.plan.schema.tables[table]) for table in circle.tables}
        stops = [
            (table, kind, name, stop)
            for table, row in rows.items()
            for kind, name, stop in self._stops_beside(circle, table, row)
        ]
        ranked = grouped([(kind, name, stop) for _, kind, name, stop in stops])
        labels = [(kind, name) for kind, name, _ in ranked]
        first = []
        for table, kind, name, stop in stops:
            alive = self.alive(table, rows[table])
            there = stop if alive is None else sa.and_(alive, stop)
            number = labels.index((kind, name))
            first.append(circle.labelled(table, rows[table], number, there))
        nodes = circle.upwards(first, inside=self.units.naming is None) if first else None
        return circle, labels, nodes

    def _stops_beside(self, circle: Circle, table: str, row: Row) -> list[Stop]:
        """All that stops the row but the rows of its own circle."""
        found = [*self.own_stops(table, row), *self._children_stops(table, row, circle.tables)]
        return grouped([*found, *self.own_unless(table, row)])

    def _held(self, table: str, row: Row) -> list[Stop]:
        hold, requested = self.hold_on(table, row), self.requested_on(table, row)
        found: list[Stop] = [] if hold is None else [("held", "", hold)]
        return found if requested is None else [*found, ("restricted", "", requested)]
