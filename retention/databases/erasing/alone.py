"""Whether a row itself says all that its fate hangs on, so that locking it settles the decision."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from retention.databases.dialects.dialect import Dialect
from retention.databases.sql import reads_one_row, row_of
from retention.databases.statements.holding import any_held
from retention.databases.statements.predicates import Predicates
from retention.planning.plan import Action, Plan, Step


def decided_alone(plan: Plan, dialect: Dialect, step: Step) -> Predicates | None:
    """The decisions where nothing is held, if the step's deletion then reads no row but its own."""
    if step.action is not Action.DELETE or step.unit is not None:
        return None
    predicates = Predicates(plan.unheld(), dialect)
    doomed = predicates.doomed(step, row_of(plan.schema.tables[step.table]))
    return predicates if reads_one_row(doomed, mysql.dialect()) else None


def unheld_at_once(plan: Plan, dialect: Dialect, step: Step) -> Predicates | None:
    """The decisions where nothing is held, if no other can be at work while they are made (SQLite)."""
    if dialect.locks_rows or step.action is not Action.DELETE or step.unit is not None:
        return None
    return Predicates(plan.unheld(), dialect)


def is_held(connection: sa.Connection, plan: Plan, step: Step, *, anywhere: bool = False) -> bool:
    """TRUE where a hold or a request lies on any row of the step's own table or of those it takes.

    It stays so until the batch ends: whoever places one waits for the marker that the batch locked.
    `anywhere`: on any row at all, as a step may ask for rows that it does not take.
    """
    tables = None if anywhere else {step.table, *plan.taken_tables(step)}
    return any_held(connection, plan, tables)
