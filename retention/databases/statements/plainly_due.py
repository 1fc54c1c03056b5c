"""SQLite: whether plain comparisons find the rows that are due, and no others.

To read a text as a time costs more than to delete its row. A preview reads each; where every row that
starts early by plain comparisons is due, and no other row is, the same is true as long as nobody
else writes to the file, and SQLite tells whether somebody did.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from retention.databases.dialects.dialect import Dialect
from retention.databases.sql import reads_one_row, row_of
from retention.databases.statements.clock_ranges import ClockRange, early_range
from retention.databases.statements.predicates import Predicates
from retention.planning.plan import Action, Plan, Step


def plain_range(plan: Plan, dialect: Dialect, step: Step) -> ClockRange | None:
    """The comparisons that may tell what is due; None where other rows, or triggers, have a say."""
    masks_or_deletes = step.action in (Action.DELETE, Action.ANONYMIZE)
    if dialect.locks_rows or not plan.schema.unheld or not masks_or_deletes:
        return None
    early = early_range(plan, dialect, step)
    if early is None or any(table.triggers for table in plan.schema.tables.values()):
        return None
    row = row_of(plan.schema.tables[step.table])
    doomed = Predicates(plan, dialect).doomed(step, row)
    return early if reads_one_row(doomed, sqlite.dialect()) else None


def file_version(connection: sa.Connection) -> int:
    """A number that changes when another connection has written to the file."""
    return int(connection.exec_driver_sql("PRAGMA data_version").scalar_one())
