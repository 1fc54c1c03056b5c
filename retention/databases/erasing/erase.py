"""One batch's statements: lock the candidates, decide once, take them and what goes with them.

One decision (`Predicates.doomed`), several ways. Where nothing else is involved: `DirectEraser`, on
SQLite `WholeFileEraser`, on MariaDB `KeysFirstEraser` for masks whose keys are noted. With other
rows: `CteEraser` in one data-modifying statement (PostgreSQL), `SetEraser` by way of temporary tables
(MariaDB, SQLite), and on every engine `PieceEraser` where rows go with rows of their own table.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import sqlalchemy as sa

from retention.databases.dialects.dialect import Dialect
from retention.databases.erasing.changing import changed
from retention.databases.erasing.windows import PortionWindow, Window
from retention.databases.keys import TakenKeys, asked_keys, rows_of, taken_keys, unpacked
from retention.databases.sql import Row, Truth, row_of
from retention.databases.statements.predicates import Predicates
from retention.databases.taking import Taken
from retention.planning.plan import Action, Plan, Step


class Eraser(Protocol):
    """Carries out one step, window by window, inside the caller's transaction."""

    def prepare(self, connection: sa.Connection) -> None:
        """What has to be there before the first batch."""
        ...

    def take(self, connection: sa.Connection, window: Window, most: int | None) -> Taken:
        """Erase or anonymize the due rows of the window, at most `most` of them."""
        ...


class DirectEraser:
    """DELETE or UPDATE of the window with the whole predicate: nothing else is involved."""

    def __init__(self, plan: Plan, dialect: Dialect, step: Step, *, keys: bool) -> None:
        self.plan = plan
        self.dialect = dialect
        self.step = step
        self.table = plan.schema.tables[step.table]
        self.keys = keys and bool(self.table.key)
        self.predicates = Predicates(plan, dialect)

    def prepare(self, connection: sa.Connection) -> None:
        """Nothing to prepare."""

    def doomed(self, row: Row) -> Truth:
        """TRUE for the rows that the step takes."""
        return self.predicates.doomed(self.step, row)

    def statement(
        self, window: Window, most: int | None = None, taken: Callable[[Row], Truth] | None = None
    ) -> sa.Delete | sa.Update:
        """The one statement of a batch; `taken`: another test that the same rows pass."""
        row = row_of(self.table)
        doomed = sa.and_(window.holds(row), (taken or self.doomed)(row))
        if self.step.action is Action.DELETE:
            statement: sa.Delete | sa.Update = sa.delete(row).where(doomed)
        elif self.step.action is Action.REMEMBER:
            statement = (
                sa.update(row).where(doomed).values(self.predicates.remembered(self.step, row))
            )
        else:
            values = self.predicates.new_values(self.predicates.masks_at(self.step, ()), row)
            statement = sa.update(row).where(doomed).values(values)
        if isinstance(window, PortionWindow):
            limit = min(window.size, window.size if most is None else most)
            statement = statement.with_dialect_options(mysql_limit=limit)
        return statement

    def take(self, connection: sa.Connection, window: Window, most: int | None) -> Taken:
        statement = self.statement(window, most)
        taken = Taken()
        if self.keys:
            taken.note_keys(self.table.name, self._keys(connection, statement))
            count = len(taken.keys.get(self.table.name, ()))
        else:
            count = changed(connection, statement)
        if isinstance(window, PortionWindow):
            window.last = count < window.size
        return noted(taken, self.step, count)

    def _keys(self, connection: sa.Connection, statement: sa.Delete | sa.Update) -> TakenKeys:
        """Take the rows; the database hands over their keys, all in one value where it can."""
        guard, row = self.plan.guard_of(self.table.name), row_of(self.table)
        names = dict.fromkeys([*self.table.key, *([guard] if guard else [])])
        gone = statement.returning(*(row.c[name] for name in names)).cte("gone")
        packed = self.dialect.packed_keys(self.table, gone, guard)
        if packed is not None:
            return unpacked(connection.scalar(sa.select(packed).select_from(gone)))
        columns = asked_keys(self.dialect, self.table, row, guard)
        result = connection.execute(statement.returning(*columns))
        return taken_keys(self.table, rows_of(result))


def noted(taken: Taken, step: Step, count: int) -> Taken:
    """So many rows of the step's own table taken, and no others."""
    counts = {Action.DELETE: taken.erased, Action.REMEMBER: taken.remembered}.get(
        step.action, taken.anonymized
    )
    if count:
        counts[step.table] = count
        taken.due[step.table] = count
    return taken
