"""Whether a row itself says all that its fate hangs on, so that locking it settles the decision."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from retention.databases.dialects.dialect import Dialect
from retention.databases.sql import Row, Truth, row_of
from retention.databases.state import hold, restriction
from retention.databases.statements.predicates import Predicates
from retention.planning.plan import Action, Plan, Step


class Unheld(Predicates):
    """The decisions of a plan while no hold and no request lies on any row."""

    def hold_on(self, table: str, row: Row) -> Truth | None:
        """No hold lies on it."""
        return None

    def requested_on(self, table: str, row: Row) -> Truth | None:
        """No request lies on it."""
        return None


def decided_alone(plan: Plan, dialect: Dialect, step: Step) -> Predicates | None:
    """The decisions where nothing is held, if the step's deletion then reads no row but its own."""
    if step.action is not Action.DELETE or step.unit is not None:
        return None
    predicates = Unheld(plan, dialect)
    doomed = predicates.doomed(step, row_of(plan.schema.tables[step.table]))
    # its text, and not its parts: elements of our own may not show all that is in them
    written = str(doomed.compile(dialect=mysql.dialect()))
    return None if "select" in written.lower() else predicates


def unheld_at_once(plan: Plan, dialect: Dialect, step: Step) -> Predicates | None:
    """The decisions where nothing is held, if no other can be at work while they are made (SQLite)."""
    if dialect.locks_rows or step.action is not Action.DELETE or step.unit is not None:
        return None
    return Unheld(plan, dialect)


def is_held(connection: sa.Connection, plan: Plan, step: Step, *, anywhere: bool = False) -> bool:
    """TRUE where a hold or a request lies on any row of the step's own table or of those it takes.

    It stays so until the batch ends: whoever places one waits for the marker that the batch locked.
    `anywhere`: on any row at all, as a step may ask for rows that it does not take.
    """
    if not plan.schema.enrolled:
        return False
    held = sa.select(hold.c.table_name).where(hold.c.released_at.is_(None))
    requested = sa.select(restriction.c.table_name).where(
        restriction.c.at_request == 1, restriction.c.lifted_at.is_(None)
    )
    if not anywhere:
        tables = {step.table, *plan.taken_tables(step)}
        held = held.where(hold.c.table_name.in_(tables))
        requested = requested.where(restriction.c.table_name.in_(tables))
    return bool(connection.execute(sa.select(sa.or_(held.exists(), requested.exists()))).scalar())
