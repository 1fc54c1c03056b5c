"""MariaDB, whose UPDATE returns nothing: keys are read and locked first, then the same rows change.

The rows read are locked, so they still pass when the UPDATE looks; it can only meet more of them.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from retention.databases.dialects.dialect import Dialect
from retention.databases.erasing.changing import changed
from retention.databases.erasing.erase import DirectEraser, noted
from retention.databases.erasing.erase_sets import SetEraser
from retention.databases.erasing.noting import asking_for_keys
from retention.databases.erasing.windows import Window
from retention.databases.keys import rows_of, taken_keys
from retention.databases.sql import row_of
from retention.databases.taking import Taken
from retention.errors import DatabaseFailure
from retention.planning.plan import Plan, Step


class KeysFirstEraser:
    """UPDATE of a window whose keys were read before it, where nothing else is involved.

    A row that became due between the two statements is one too many: the batch is rolled back and
    tried again by way of temporary tables.
    """

    def __init__(self, plan: Plan, dialect: Dialect, step: Step) -> None:
        self.dialect = dialect
        self.plan = plan
        self.step = step
        self.plain = DirectEraser(plan, dialect, step, keys=False)
        self.table = self.plain.table
        self.careful = SetEraser(plan, dialect, step, keys=True)
        self._disturbed = False

    def prepare(self, connection: sa.Connection) -> None:
        """Make the tables of the careful way, which may be needed."""
        self.careful.prepare(connection)

    def take(self, connection: sa.Connection, window: Window, most: int | None) -> Taken:
        """Raises DatabaseFailure, to be tried again, where a row became due meanwhile."""
        if self._disturbed:
            self._disturbed = False
            return self.careful.take(connection, window, most)
        keys = taken_keys(self.table, rows_of(connection.execute(self.lock(window))))
        taken = Taken()
        if not keys:
            return taken
        count = changed(connection, self.plain.statement(window))
        if count != len(keys):
            self._disturbed = True
            raise DatabaseFailure(
                f"rows of {self.table.name} became due while a batch was at work; it was rolled back",
                transient=True,
            )
        taken.note_keys(self.table.name, keys)
        return noted(taken, self.step, count)

    def lock(self, window: Window) -> sa.Select[Any]:
        """Locks the window's due rows, and reads their keys."""
        row = row_of(self.table)
        doomed = sa.and_(window.holds(row), self.plain.predicates.doomed(self.step, row))
        query = asking_for_keys(self.plan, self.dialect, (row, self.table))
        return query.where(doomed).with_for_update()
