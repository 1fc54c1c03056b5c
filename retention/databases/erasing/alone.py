"""Whether a row itself says all that its fate hangs on, so that locking it settles the decision."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import registry

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
    return None if reads_more(predicates, step) else predicates


def reads_others(plan: Plan, dialect: Dialect, step: Step) -> bool:
    """TRUE where the decision hangs on more than the row, holds and requests left aside.

    Holds and requests wait for the marker that a batch has locked. Nothing else does, so such a
    decision is made when everything it may wait for is locked.
    """
    return reads_more(Predicates(plan.unheld(), dialect), step)


def asks_more_of(plan: Plan, name: str, *, reads_others: bool) -> bool:
    """TRUE where rows of the table that go with others are locked before it is decided.

    Rows to which others refer may have new ones by then; all rows, where the decision reads rows.
    """
    found = plan.schema.referring_to(name)
    return reads_others or any(plan.decisions.get(reference) != "leave" for reference in found)


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


def reads_more(predicates: Predicates, step: Step) -> bool:
    """TRUE where these decisions on the step's rows hang on more than each row itself."""
    doomed = predicates.doomed(step, row_of(predicates.plan.schema.tables[step.table]))
    return not reads_one_row(doomed, registry.load(predicates.dialect.name)())
