"""MariaDB and SQLite: the doomed rows are set down in temporary tables, then taken by them."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from functools import partial
from typing import Any

import sqlalchemy as sa

from retention.databases.dialects.dialect import Dialect
from retention.databases.erasing.alone import (
    decided_alone,
    is_held,
    reads_others,
    unheld_at_once,
)
from retention.databases.erasing.changing import changed
from retention.databases.erasing.file_sets import note_files
from retention.databases.erasing.joining import JoinedDelete, same_key
from retention.databases.erasing.leaves import Leaves, children, leaves_of, sole_reference
from retention.databases.erasing.locking import lock_rows
from retention.databases.erasing.making import fill, make_temporary
from retention.databases.erasing.mask_sets import MaskSets
from retention.databases.erasing.noting import keys_read
from retention.databases.erasing.parting import part
from retention.databases.erasing.restricting import entries_for, into, moved_columns, values_of
from retention.databases.erasing.set_down import SetDown
from retention.databases.erasing.unit_sets import UnitSets
from retention.databases.erasing.unused_sets import UnusedSets
from retention.databases.erasing.windows import Window
from retention.databases.reading import reading
from retention.databases.sql import (
    Row,
    Truth,
    any_of,
    detached,
    is_true,
    joined_to_any,
    row_of,
)
from retention.databases.statements.mask_sql import kept_columns
from retention.databases.statements.predicates import Predicates
from retention.databases.statements.unused import within
from retention.databases.taking import Taken, set_columns
from retention.planning.plan import Action, Plan, Step
from retention.planning.schema import Reference

LOCKED = "retention_locked"


class SetEraser:
    """Keys of doomed rows go into temporary tables once; everything is taken by those.

    On MariaDB the candidates and what goes with them are locked first, and decided again in a new
    statement; once is enough where the decision reads nothing but the row, which is locked.
    """

    in_levels = True
    """Rows go level by level, each table once; not along circles, round by round."""

    def __init__(self, plan: Plan, dialect: Dialect, step: Step, *, keys: bool) -> None:
        self.plan = plan
        self.dialect = dialect
        self.step = step
        self.keys = keys
        self.table = plan.schema.tables[step.table]
        self.predicates = Predicates(plan, dialect)
        self.locks_rows = dialect.locks_rows
        self.locks_others = self.locks_rows and reads_others(plan, dialect, step)
        has_leaves = self.in_levels and not self.locks_others
        self.members = self._members(leaves_of(plan, dialect, step) if has_leaves else ())
        self.sets = SetDown(plan, dialect, step, self._temporary)
        taken = {
            name: self._temporary(name) for name in plan.taken_tables(step) if name in self.members
        }
        self.leaves = Leaves(plan, dialect, step, taken, keys=keys)
        self.unused = UnusedSets(plan, dialect, step, taken, self.sets.has)
        self.units = None if step.unit is None else UnitSets(plan, dialect, step)
        self._by_joins = dialect.joins_to_update and self.in_levels
        unheld = decided_alone if self._by_joins else unheld_at_once
        self.unheld = unheld(plan, dialect, step)
        doomed = self._temporary(step.table)
        self.masks = MaskSets(
            self.predicates, step, doomed, self._is_doomed, self._in_hand, self.unused, keys=keys
        )
        self._window: Window | None = None

    def _members(self, leaves: Container[str]) -> dict[str, str]:
        """Tables whose rows are set down, parents first, with the temporary table of each."""
        along = self.plan.gone_with(self.step).taken
        names = [self.step.table, *(name for name in along if name not in leaves)]
        return {name: f"retention_doomed_{index}" for index, name in enumerate(names)}

    def prepare(self, connection: sa.Connection) -> None:
        """Make the temporary tables, typed like the columns they hold."""
        if self.units is not None:
            self.units.prepare(connection)
        with reading(connection):
            for name, temporary in [*self._sets(), *self.unused.names]:
                self._make(connection, name, temporary)

    def _sets(self) -> list[tuple[str, str]]:
        locked = [(LOCKED, LOCKED)] if self.locks_rows else []
        return [*self.members.items(), *locked]

    def _make(self, connection: sa.Connection, name: str, temporary: str) -> None:
        table = self.table if name == LOCKED else self.plan.schema.tables[name]
        make_temporary(connection, temporary, table, set_columns(self.plan, table))

    def take(self, connection: sa.Connection, window: Window, most: int | None) -> Taken:
        taken = Taken()
        self._clear(connection)
        found = self._decide(connection, window, most)
        if not found:
            return taken
        taken.due[self.step.table] = found
        if self.step.action is Action.RESTRICT:
            self._note_keys(connection, taken)
            self._restrict(connection, taken)
            return taken
        self._set_down_children(connection)
        self.unused.set_down(connection)
        self._detach(connection, taken)
        self._note_keys(connection, taken)
        self._note_files(connection, taken)
        self.masks.write(connection, taken)
        self._delete(connection, taken)
        self.unused.delete(connection, taken, keys=self.keys)
        return taken

    def _clear(self, connection: sa.Connection) -> None:
        self._empty(connection, self._sets())
        self.unused.clear(connection)

    def _empty(self, connection: sa.Connection, sets: Iterable[tuple[str, str]]) -> None:
        for name, temporary in sets:
            if self._by_joins:
                # a new table costs MariaDB less than to delete the rows of the old one
                self._make(connection, name, temporary)
            else:
                connection.execute(sa.delete(self._temporary(name)))

    def _temporary(self, name: str) -> sa.TableClause:
        table = self.table if name == LOCKED else self.plan.schema.tables[name]
        return sa.table(
            self.members.get(name, name),
            *(sa.column(column) for column in set_columns(self.plan, table)),
        )

    def _decide(self, connection: sa.Connection, window: Window, most: int | None) -> int:
        row = row_of(self.table)
        columns = set_columns(self.plan, self.table)
        if self.units is not None:
            if not self.units.gather(connection, window, most):
                return 0
            window, most = self.units, None
        self._window = window
        found = sa.select(*(row.c[name] for name in columns)).where(window.holds(row))
        due = found.where(self._to_be_taken(row))
        target = self._temporary(self.step.table)
        if self.unheld is not None and not is_held(
            connection, self.plan, self.step, anywhere=not self.locks_rows
        ):
            doomed = self.unheld.doomed(self.step, row)
            # as one test: by its parts SQLite would follow the clock's index through each window
            doomed = doomed if self.locks_rows else is_true(doomed)
            due = found.where(doomed).with_for_update()
        elif self.locks_rows:
            locked = self._temporary(LOCKED)
            if not self._lock_rows(connection, due):
                return 0
            self._lock_others(connection)
            while self.units is not None and not self.units.settled(connection, self._locked):
                connection.execute(sa.delete(locked))
                self._lock_rows(connection, due)
                self._lock_others(connection)
            same = sa.and_(*(row.c[name] == locked.c[name] for name in self.table.key))
            due = (
                sa.select(*(row.c[name] for name in columns))
                .select_from(row)
                .join(locked, same)
                .where(self._to_be_taken(row))
            )
        if most is not None:
            due = due.order_by(*(row.c[name] for name in self.table.key)).limit(most)
        return fill(connection, target, columns, due)

    def _to_be_taken(self, row: Row) -> Truth:
        return self.units.doomed(row) if self.units else self.predicates.doomed(self.step, row)

    def _lock_rows(self, connection: sa.Connection, due: sa.Select[Any]) -> int:
        locked = self._temporary(LOCKED)
        return fill(connection, locked, set_columns(self.plan, self.table), due.with_for_update())

    def _lock_others(self, connection: sa.Connection) -> None:
        """Lock what would go with the rows that are locked, or change with them, level by level."""
        if not self.locks_others:
            return
        columns, locked = set_columns(self.plan, self.table), self._temporary(LOCKED)
        candidates = sa.select(*(locked.c[name] for name in columns))
        fill(connection, self._temporary(self.step.table), columns, candidates)
        self._lock_companions(connection)
        for reference in self.plan.gone_with(self.step).detached:
            row = row_of(self.plan.schema.tables[reference.table])
            lock_rows(connection, row, self.sets.loses_parent(row, reference))
        self.masks.lock(connection)
        self._empty(connection, self.members.items())

    def _lock_companions(self, connection: sa.Connection) -> None:
        self._set_down_children(connection)

    def _locked(self, row: Row) -> Truth:
        return within(row, self.table.key, self._temporary(LOCKED), self.table.key)

    def _set_down_children(self, connection: sa.Connection) -> None:
        for name, references in self.plan.gone_with(self.step).taken.items():
            row = row_of(self.plan.schema.tables[name])
            columns = set_columns(self.plan, self.plan.schema.tables[name])
            if not columns or name not in self.members:
                continue
            found = [row.c[column] for column in columns]
            only = sole_reference(self.plan, self.step, name) if self._by_joins else None
            if only is not None:
                query = children(found, only, row, self._temporary(only.parent))
            else:
                query = sa.select(*found).where(self._along(row, name, references))
                query = query.with_for_update() if self.locks_rows else query
            connection.execute(sa.insert(self._temporary(name)).from_select(columns, query))

    def _along(self, row: Row, name: str, references: Sequence[Reference]) -> Truth:
        """The row goes with one of its parents, or with an owner that is masked."""
        goes = [self.sets.goes_along(row, reference) for reference in references]
        goes += [
            sa.and_(
                joined_to_any(found, row, self._temporary(found.parent)),
                self.predicates.may_go(name, row),
            )
            for found in self.step.removals
            if found.table == name
        ]
        return any_of(*goes)

    def _detach(self, connection: sa.Connection, taken: Taken) -> None:
        for reference in self.plan.gone_with(self.step).detached:
            table = self.plan.schema.tables[reference.table]
            row = row_of(table)
            condition = self.sets.loses_parent(row, reference)
            goes = self.unused.leaving.goes(reference.table, row)
            if goes is not None:
                condition = sa.and_(condition, sa.not_(goes))
            values = kept_columns(table, row)
            values |= {name: detached(reference) for name in reference.cut_columns}
            count = changed(connection, sa.update(row).where(condition).values(values))
            if count:
                taken.detached[table.name] = taken.detached.get(table.name, 0) + count

    def _note_keys(self, connection: sa.Connection, taken: Taken) -> None:
        for name in self.members if self.keys else ():
            rows = self._temporary(name), self.plan.schema.tables[name]
            if rows[1].key:
                taken.note_keys(name, keys_read(connection, self.plan, self.dialect, rows))

    def _note_files(self, connection: sa.Connection, taken: Taken) -> None:
        sets = [(name, self._temporary(name)) for name in self.members]
        sets += [(name, self.unused.set_of(name)) for name, _ in self.unused.names]
        note_files(connection, self.predicates, self.step, sets, self._is_doomed, taken)

    def _delete(self, connection: sa.Connection, taken: Taken) -> None:
        for name in reversed(self.plan.taken_tables(self.step)):
            if name not in self.members:
                self.leaves.take(connection, name, taken)
                continue
            part(connection, self.plan, name, partial(self.sets.has, name))
            count = changed(connection, self._deletion(name))
            if count:
                taken.erased[name] = count

    def _deletion(self, name: str) -> sa.Delete | JoinedDelete:
        table = self.plan.schema.tables[name]
        row, doomed = row_of(table), self._temporary(name)
        if name == self.step.table and self.locks_rows and table.key and self.units is None:
            return sa.delete(row).where(self._in_hand(row))
        if self.locks_rows and table.key:
            return JoinedDelete(row, doomed, same_key(table.key, row, doomed))
        return sa.delete(row).where(self.sets.has(name, row))

    def _restrict(self, connection: sa.Connection, taken: Taken) -> None:
        step, row = self.step, row_of(self.table)
        doomed = self._temporary(step.table)
        here = self._in_hand(row)
        if step.moves:
            columns = (row.c[name] for name in moved_columns(self.table))
            connection.execute(into(self.plan, step, sa.select(*columns).where(here)))
            count = changed(connection, sa.delete(row).where(here))
        elif values := values_of(step):
            values = {**kept_columns(self.table, row), **values}
            count = changed(connection, sa.update(row).where(here).values(values))
        else:
            count = changed(connection, entries_for(self.plan, self.dialect, step, doomed))
        taken.restricted[step.table] = count

    def _is_doomed(self, row: Row) -> Truth:
        return self.sets.has(self.step.table, row)

    def _in_hand(self, row: Row) -> Truth:
        """As `_is_doomed`, bounded: MariaDB goes over all rows of an UPDATE whose keys an IN seeks."""
        assert self._window is not None
        return sa.and_(self._window.holds(row), self._is_doomed(row))
