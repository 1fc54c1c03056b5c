"""SQLite, whose batch holds the whole file: what is asked first is still so when the rows change."""

from __future__ import annotations

import sqlalchemy as sa

from retention.databases.dialects.dialect import Dialect
from retention.databases.erasing.alone import is_held
from retention.databases.erasing.changing import changed
from retention.databases.erasing.erase import DirectEraser, noted
from retention.databases.erasing.noting import keys_read
from retention.databases.erasing.windows import Window
from retention.databases.sql import Row, Truth, is_true, row_of
from retention.databases.statements.predicates import Predicates
from retention.databases.taking import Taken
from retention.errors import DatabaseFailure
from retention.planning.plan import Plan, Step


class WholeFileEraser(DirectEraser):
    """Keys are read before the rows change, and holds are asked for once a batch.

    RETURNING hands over row by row, which costs more than the rows themselves; and a statement that
    asks for holds of each row is carried out in two passes.
    """

    def __init__(self, plan: Plan, dialect: Dialect, step: Step, *, keys: bool) -> None:
        super().__init__(plan, dialect, step, keys=keys)
        self._unheld = Predicates(plan.unheld(), dialect)
        self._asking = self.predicates

    def doomed(self, row: Row) -> Truth:
        """As one test: by its parts SQLite would follow the clock's index through each window."""
        return is_true(super().doomed(row))

    def take(self, connection: sa.Connection, window: Window, most: int | None) -> Taken:
        held = is_held(connection, self.plan, self.step)
        self.predicates: Predicates = self._asking if held else self._unheld
        taken, statement = Taken(), self.statement(window)
        if not self.keys:
            return noted(taken, self.step, changed(connection, statement))
        row = row_of(self.table)
        doomed = sa.and_(window.holds(row), self.doomed(row))
        keys = keys_read(connection, self.plan, self.dialect, (row, self.table), doomed)
        count = changed(connection, statement) if keys else 0
        if count != len(keys):
            raise DatabaseFailure(
                f"{self.table.name}: {len(keys):,} rows were to change, and {count:,} did; the batch"
                " was rolled back"
            )
        taken.note_keys(self.table.name, keys)
        return noted(taken, self.step, count)


def holds_the_file(plan: Plan, step: Step) -> bool:
    """TRUE on SQLite, where no trigger may keep a row from changing."""
    return plan.schema.dialect == "sqlite" and not plan.schema.tables[step.table].triggers
