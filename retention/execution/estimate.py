"""A first look at a database too large to count: about how much lies before each line."""

from __future__ import annotations

from retention.databases.database import Connection, Database
from retention.databases.faults import database_faults
from retention.databases.statements.clock_ranges import early_range
from retention.databases.statements.estimating import early_about
from retention.databases.statistics import rows_about
from retention.execution.accounts import Estimate
from retention.planning.plan import Plan, Step

NO_STATISTICS = "the database has no statistics of the table; `ANALYZE` makes some"
NO_VALUES = (
    "the database has no statistics of the starting point: an index that begins with it, or "
    "`ANALYZE`, would give some"
)
NOT_PLAIN = "what decides is not one date in the row itself, and no statistics know of more"


def estimates(database: Database, connection: Connection, plan: Plan) -> list[Estimate]:
    """One estimate per step of the plan, in the order in which they would run."""
    with database_faults("estimating", database.name), connection.begin():
        return [_estimate(database, connection, plan, step) for step in plan.steps]


def _estimate(database: Database, connection: Connection, plan: Plan, step: Step) -> Estimate:
    table = plan.schema.tables[step.table]
    rows = rows_about(connection, table)
    if rows is None:
        return Estimate(step, why_not=NO_STATISTICS)
    within = early_range(plan, database.dialect, step)
    if within is None:
        return Estimate(step, rows=rows, why_not=NOT_PLAIN)
    early = early_about(connection, step, within, rows)
    if early is None:
        return Estimate(step, rows=rows, why_not=NO_VALUES)
    return Estimate(step, min(early, rows), rows)
