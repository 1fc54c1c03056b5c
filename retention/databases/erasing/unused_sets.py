"""MariaDB and SQLite: rows that lose their last user in a batch, set down before it is gone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa

from retention.databases.dialects.dialect import Dialect
from retention.databases.erasing.changing import changed
from retention.databases.erasing.noting import keys_read
from retention.databases.sql import Row, Truth, row_of
from retention.databases.statements.unused import Leaving, within
from retention.databases.taking import Taken, set_columns
from retention.planning.plan import Plan, Step
from retention.planning.schema import Table


class UnusedSets:
    """One temporary table for each table whose rows may lose their last user; users first.

    `members` gives the sets of rows that the batch takes, by table; `taken` is `Leaving`'s.
    """

    def __init__(
        self,
        plan: Plan,
        dialect: Dialect,
        step: Step,
        members: Mapping[str, sa.TableClause],
        taken: Callable[[str, Row], Truth],
    ) -> None:
        self.plan = plan
        self.dialect = dialect
        self.members = members
        self.taken = taken
        self.uses = plan.last_uses(step)
        self.names = [
            (use.table, f"retention_unused_{index}") for index, use in enumerate(self.uses)
        ]
        self.leaving = Leaving(plan, dialect, members, taken)

    def set_of(self, name: str) -> sa.TableClause:
        """The rows of the table that go unused."""
        return self._temporary(name)

    def clear(self, connection: sa.Connection) -> None:
        """Empty the sets for the next batch."""
        for name, _ in self.names:
            connection.execute(sa.delete(self._temporary(name)))

    def set_down(self, connection: sa.Connection) -> None:
        """Lock what loses a user, then keep what nothing uses any longer."""
        self.leaving = Leaving(self.plan, self.dialect, self.members, self.taken)
        for use in self.uses:
            table = self.plan.schema.tables[use.table]
            row = row_of(table)
            if self.dialect.locks_rows:
                candidates: sa.Select[Any] = sa.select(sa.literal_column("1")).select_from(row)
                lost = candidates.where(self.leaving.loses_user(use, row)).with_for_update()
                connection.execute(lost).fetchall()
            columns = set_columns(self.plan, table)
            goes = self.leaving.goes_unused(use, row)
            found = sa.select(*(row.c[name] for name in columns)).where(goes)
            connection.execute(sa.insert(self._temporary(use.table)).from_select(columns, found))
            self.leaving.add(use.table, self._temporary(use.table))

    def delete(self, connection: sa.Connection, taken: Taken, *, keys: bool) -> None:
        """Delete the rows of every set, users first."""
        for name, _ in self.names:
            table = self.plan.schema.tables[name]
            if keys and table.key:
                rows = self._temporary(name), table
                taken.note_keys(name, keys_read(connection, self.plan, self.dialect, rows))
            row = row_of(table)
            count = changed(connection, sa.delete(row).where(self._unused(table, row)))
            if count:
                taken.erased[name] = taken.erased.get(name, 0) + count

    def _unused(self, table: Table, row: Row) -> Truth:
        rows = self._temporary(table.name)
        if not self.dialect.locks_rows:
            return within(row, table.identity, rows, table.identity)
        # MariaDB joins the tables of a DELETE, and walks the whole table for an IN
        return sa.and_(*(row.c[name] == rows.c[name] for name in table.key))

    def _temporary(self, name: str) -> sa.TableClause:
        columns = set_columns(self.plan, self.plan.schema.tables[name])
        return sa.table(dict(self.names)[name], *map(sa.column, columns))
