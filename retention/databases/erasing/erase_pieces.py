"""Whole pieces: rows that go with rows of their own table are followed to the end, then taken at once.

The rows due in the window are set down, then round by round what goes with them. What stops any of
these rows stops the due rows that it would go with; only those that nothing stops go, with all theirs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from retention.databases.dialects.dialect import Dialect
from retention.databases.erasing.alone import reads_more
from retention.databases.erasing.deleting import delete_at_once, deletion
from retention.databases.erasing.erase_sets import SetEraser
from retention.databases.erasing.locking import lock_tables
from retention.databases.erasing.making import fill, make_temporary
from retention.databases.erasing.windows import Window
from retention.databases.sql import (
    Expression,
    Row,
    Truth,
    any_of,
    in_written_order,
    joined,
    joined_to_any,
    row_of,
    written,
)
from retention.databases.statements.last_parents import goes_along
from retention.databases.statements.predicates import Predicates
from retention.databases.statements.stops import Stop, grouped
from retention.databases.taking import Taken, set_columns
from retention.planning.plan import Action, Plan, Step
from retention.planning.schema import Reference

STOPPED, ABOVE = "stopped", "above"
TURN = "retention_turn"


class OwnStops(Predicates):
    """The decisions of a plan without the rows that would go along: those are followed here."""

    def stops(self, table: str, row: Row, step: Step | None = None) -> list[Stop]:
        """What keeps the row itself from leaving."""
        return grouped(self.own_stops(table, row))


class PieceEraser(SetEraser):
    """Takes a row and all that goes with it, down every circle, or nothing, on every engine."""

    in_levels = False

    def __init__(self, plan: Plan, dialect: Dialect, step: Step, *, keys: bool) -> None:
        super().__init__(plan, dialect, step, keys=keys)
        self.along = plan.gone_with(step).taken
        self.deletes = step.action is Action.DELETE
        if self.deletes:
            self.predicates = OwnStops(plan, dialect)
            self.locks_others &= reads_more(OwnStops(plan.unheld(), dialect), step)

    def take(self, connection: sa.Connection, window: Window, most: int | None) -> Taken:
        if self.dialect.data_modifying_ctes:
            lock_tables(connection, self.plan, self.step)
        return super().take(connection, window, most)

    def _make(self, connection: sa.Connection, name: str, temporary: str) -> None:
        """Tables for rows that go tell the round that found them; so do those for stopped rows."""
        if name not in self.members:
            super()._make(connection, name, temporary)
            return
        table = self.plan.schema.tables[name]
        columns = set_columns(self.plan, table)
        make_temporary(connection, temporary, table, columns, known=True, numbered=TURN)
        for kind in (STOPPED, ABOVE):
            kept = self._kept(kind, name).name
            make_temporary(connection, kept, table, table.identity, known=True, numbered=TURN)

    def _temporary(self, name: str) -> sa.TableClause:
        found = super()._temporary(name)
        if name not in self.members:
            return found
        return sa.table(found.name, *map(sa.column, (*found.c.keys(), TURN)))

    def _kept(self, kind: str, name: str) -> sa.TableClause:
        """Of the rows set down those that are stopped, or those above one that is."""
        identity = self.plan.schema.tables[name].identity
        number = list(self.members).index(name)
        return sa.table(f"retention_{kind}_{number}", *map(sa.column, (*identity, TURN)))

    def _clear(self, connection: sa.Connection) -> None:
        super()._clear(connection)
        for name in self.members:
            for kind in (STOPPED, ABOVE):
                connection.execute(sa.delete(self._kept(kind, name)))

    # -- deciding -----------------------------------------------------------------------------------

    def _decide(self, connection: sa.Connection, window: Window, most: int | None) -> int:
        seeds = self._set_down_seeds(connection, window, most)
        if not seeds or not self.deletes:
            return seeds
        self._complete(connection)
        return self._due(connection)

    def _set_down_seeds(
        self, connection: sa.Connection, window: Window, most: int | None = None
    ) -> int:
        """Set down the rows that are due in the window; how many they are."""
        return super()._decide(connection, window, most)

    def _complete(self, connection: sa.Connection) -> None:
        """Of the due rows those that nothing stops, with all that goes with them."""
        self._follow(connection)
        if self._stop(connection):
            self._follow(connection)

    def _follow(self, connection: sa.Connection) -> None:
        """Set down what goes with the rows set down, round by round, until nothing is added."""
        turn, added = 0, 1
        while added:
            turn += 1
            added = sum([self._add_children(connection, *way, turn) for way in self._ways()])

    def _add_children(
        self, connection: sa.Connection, name: str, reference: Reference, turn: int
    ) -> int:
        """Rows that refer to one of the last round; these are few, so the way begins with them."""
        row = row_of(self.plan.schema.tables[name])
        columns = set_columns(self.plan, self.plan.schema.tables[name])
        values: list[Expression] = [*(row.c[column] for column in columns)]
        children: sa.Select[Any] = sa.select(*values, _number(turn).label(TURN))
        children = children.where(self._is_new(name, row, self._temporary(name)))
        if reference.shared:
            children = children.where(self._goes_since(row, reference, turn - 1))
        else:
            doomed = self._temporary(reference.parent)
            source = doomed.join(row, joined(reference, row, doomed))
            children = in_written_order(children.select_from(source))
            children = children.where(_found_in(doomed, turn - 1))
        if self.locks_rows:
            children = children.with_for_update(of=row)
        return fill(connection, self._temporary(name), [*columns, TURN], children)

    def _goes_since(self, row: Row, reference: Reference, turn: int) -> Truth:
        """TRUE where the row goes with a parent set down in that round, the last of its parents."""
        doomed = self._temporary(reference.parent)
        parents = sa.select(doomed).where(_found_in(doomed, turn)).subquery()

        def stays(other: Row) -> Truth:
            return sa.not_(self.sets.has(reference.parent, other))

        return goes_along(self.plan.schema, reference, row, parents, stays)

    # -- what stops them ----------------------------------------------------------------------------

    def _stop(self, connection: sa.Connection) -> bool:
        """Leave out the due rows that something below stops; TRUE where the others stand alone now."""
        if not sum([self._add_stopped(connection, name) for name in self.along]):
            return False
        turn, found = 0, 1
        while found:
            turn += 1
            found = sum([self._add_above(connection, *way, turn) for way in self._ways()])
        root = self._temporary(self.step.table)
        above = self._kept(ABOVE, self.step.table)
        connection.execute(deletion(self.dialect, root, self.table.identity, above))
        for name in self.members:
            doomed = self._temporary(name)
            connection.execute(sa.delete(doomed).where(doomed.c[TURN].is_not(None)))
        return True

    def _ways(self) -> Iterator[tuple[str, Reference]]:
        return ((name, found) for name, references in self.along.items() for found in references)

    def _add_stopped(self, connection: sa.Connection, name: str) -> int:
        """Rows that would go along, and that a stop of their own, or their rules', keeps."""
        row = row_of(self.plan.schema.tables[name])
        stops = [*self.predicates.own_stops(name, row), *self.predicates.own_unless(name, row)]
        if not stops:
            return 0
        kept = any_of(*(stop for _, _, stop in stops))
        identity = self.plan.schema.tables[name].identity
        found = sa.select(*(row.c[column] for column in identity))
        found = found.where(self.sets.has(name, row), kept)
        return fill(connection, self._kept(STOPPED, name), identity, found)

    def _add_above(
        self, connection: sa.Connection, name: str, reference: Reference, turn: int
    ) -> int:
        """Rows set down with which a row would go that is stopped itself, or was found last round."""
        parent = reference.parent
        doomed, known = self._temporary(parent), self._kept(ABOVE, parent)
        child = row_of(self.plan.schema.tables[name]).alias()
        below = self._kept(STOPPED if turn == 1 else ABOVE, name).alias()
        identity = self.plan.schema.tables[parent].identity
        source = below.join(child, self._same(name, child, below))
        source = source.join(doomed, joined(reference, child, doomed))
        above = sa.select(*(doomed.c[column] for column in identity), _number(turn).label(TURN))
        above = above.distinct().select_from(source).where(self._is_new(parent, doomed, known))
        if turn > 1:
            above = above.where(below.c[TURN] == _number(turn - 1))
        return fill(connection, known, [*identity, TURN], above)

    def _same(self, name: str, row: Row, other: Row) -> Truth:
        identity = self.plan.schema.tables[name].identity
        return sa.and_(*(row.c[column] == other.c[column] for column in identity))

    def _is_new(self, name: str, row: Row, known: sa.TableClause) -> Truth:
        """TRUE for a row that is not in the temporary table yet."""
        there = known.alias()
        found: sa.Select[Any] = sa.select(written(1)).select_from(there)
        found = found.where(self._same(name, there, row))
        return sa.not_(sa.exists(found.correlate_except(there)))

    def _due(self, connection: sa.Connection) -> int:
        """How many of the rows that go are due themselves; the others of their table go along."""
        row = row_of(self.table)
        due = self.sets.has(self.step.table, row), self.predicates.doomed(self.step, row)
        query: sa.Select[Any] = sa.select(sa.func.count()).select_from(row).where(*due)
        return int(connection.execute(query).scalar_one())

    # -- taking -------------------------------------------------------------------------------------

    def _set_down_children(self, connection: sa.Connection) -> None:
        """Of a masking: the child rows that go once their owners are masked, and all theirs."""
        if self.deletes:
            return
        for reference in self.step.removals:
            row = row_of(self.plan.schema.tables[reference.table])
            columns = set_columns(self.plan, self.plan.schema.tables[reference.table])
            free = self.predicates.may_go(reference.table, row)
            owned = joined_to_any(reference, row, self._temporary(reference.parent))
            children = sa.select(*(row.c[column] for column in columns)).where(
                owned, free, sa.not_(self.sets.has(reference.table, row))
            )
            if self.locks_rows:
                children = children.with_for_update()
            fill(connection, self._temporary(reference.table), columns, children)
        self._follow(connection)

    def _lock_companions(self, connection: sa.Connection) -> None:
        if self.deletes:
            self._follow(connection)
        else:
            self._set_down_children(connection)

    def _delete(self, connection: sa.Connection, taken: Taken) -> None:
        sets = {name: self._temporary(name) for name in self.plan.taken_tables(self.step)}
        circles = self.plan.gone_with(self.step).circles
        counts = delete_at_once(connection, self.plan, self.dialect, sets, circles)
        taken.erased |= {name: count for name, count in counts.items() if count}


def _found_in(rows: Row, turn: int) -> Truth:
    return rows.c[TURN].is_(None) if turn == 0 else rows.c[TURN] == _number(turn)


def _number(turn: int) -> sa.BindParameter[int]:
    # bound, so that the statement of every round is compiled once
    return sa.literal(turn, sa.Integer())
