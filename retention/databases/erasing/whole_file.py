"""SQLite, whose batch holds the whole file: what is asked first is still so when the rows change."""

from __future__ import annotations

import sqlalchemy as sa

from retention.databases.dialects.dialect import Dialect
from retention.databases.erasing.alone import is_held
from retention.databases.erasing.changing import changed
from retention.databases.erasing.erase import DirectEraser, noted
from retention.databases.erasing.noting import keys_and_count, keys_read
from retention.databases.erasing.windows import Window
from retention.databases.keys import TakenKeys
from retention.databases.sql import Row, Truth, is_true, row_of
from retention.databases.statements.clock_ranges import ClockRange, early_range
from retention.databases.statements.plainly_due import file_version
from retention.databases.statements.predicates import Predicates
from retention.databases.taking import Taken
from retention.errors import DatabaseFailure
from retention.planning.plan import Plan, Step


class WholeFileEraser(DirectEraser):
    """Rows are decided and their keys read before they change, and holds are asked for once a batch.

    RETURNING hands over row by row, which costs more than the rows themselves. A statement that reads
    texts as times keeps a journal of its own, and decides a second time: where every row of the window
    that starts early is due, plain comparisons find the same rows, and they change by those.

    `plain_while`: a preview has seen so of all rows, and nobody wrote to the file while it has this
    version; then no text is read as a time again.
    """

    def __init__(
        self,
        plan: Plan,
        dialect: Dialect,
        step: Step,
        *,
        keys: bool,
        plain_while: int | None = None,
    ) -> None:
        super().__init__(plan, dialect, step, keys=keys)
        self._unheld = Predicates(plan.unheld(), dialect)
        self._asking = self.predicates
        self._early = early_range(plan, dialect, step)
        self._plain_while = plain_while

    def doomed(self, row: Row) -> Truth:
        """As one test: by its parts SQLite would follow the clock's index through each window."""
        return is_true(super().doomed(row))

    def take(self, connection: sa.Connection, window: Window, most: int | None) -> Taken:
        held = is_held(connection, self.plan, self.step)
        self.predicates: Predicates = self._asking if held else self._unheld
        plain = self._plain_while is not None and not held
        if plain and file_version(connection) == self._plain_while and self._early is not None:
            return self._take_plainly(connection, window, self._early)
        if not self.keys:
            return noted(Taken(), self.step, changed(connection, self.statement(window)))
        row = row_of(self.table)
        doomed = sa.and_(window.holds(row), self.doomed(row))
        near = sa.false() if self._early is None else self._early.nearly(row)
        rows = row, self.table
        keys, early = keys_and_count(connection, self.plan, self.dialect, rows, doomed, near)
        return self._noted(keys, self._changed(connection, window, len(keys), early))

    def _take_plainly(self, connection: sa.Connection, window: Window, early: ClockRange) -> Taken:
        statement = self.statement(window, taken=early.nearly)
        if not self.keys:
            return noted(Taken(), self.step, changed(connection, statement))
        row = row_of(self.table)
        found = sa.and_(window.holds(row), early.nearly(row))
        keys = keys_read(connection, self.plan, self.dialect, (row, self.table), found)
        return self._noted(keys, changed(connection, statement) if keys else 0)

    def _noted(self, keys: TakenKeys, count: int) -> Taken:
        if count != len(keys):
            raise DatabaseFailure(
                f"{self.table.name}: {len(keys):,} rows were to change, and {count:,} did; the batch"
                " was rolled back"
            )
        taken = Taken()
        taken.note_keys(self.table.name, keys)
        return noted(taken, self.step, count)

    def _changed(self, connection: sa.Connection, window: Window, rows: int, early: int) -> int:
        """Change the rows that were decided, `early` of which start early."""
        done = 0
        if self._early is not None and early:
            row = row_of(self.table)
            query = sa.select(sa.func.count()).select_from(row)
            starting = query.where(window.holds(row), self._early.nearly(row))
            if connection.scalar(starting) == early:
                done = changed(connection, self.statement(window, taken=self._early.nearly))
        return done + changed(connection, self.statement(window)) if done < rows else done


def holds_the_file(plan: Plan, step: Step) -> bool:
    """TRUE on SQLite, where no trigger may keep a row from changing."""
    return plan.schema.dialect == "sqlite" and not plan.schema.tables[step.table].triggers
