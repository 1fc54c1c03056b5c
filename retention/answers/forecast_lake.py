"""How many rows of a lake table fall due, week by week: by the newest version of the table."""

from __future__ import annotations

from retention.answers.forecast import Asked, Outlook, asked_for, outlooks_of, series_of
from retention.databases.statements.forecasting import first_dues
from retention.databases.statements.lake_texts import first_due_text
from retention.execution.lake import lake_schema_of
from retention.lake.table import LakeTable
from retention.planning.lake import lake_plan, over


def forecast_of_lake(asked: Asked, table: LakeTable) -> list[Outlook]:
    """The outlook of every rule over the table, as of a database's; one scan.

    Raises LakeFailure where it cannot be read, PolicyError where its rules do not fit it.
    """
    schema = lake_schema_of(table, asked.policy)
    plan = lake_plan(asked.policy, schema, asked.as_of, asked.file)
    series = series_of(asked, plan, over(asked.policy, table.address), table.address)
    if not series:
        return []
    query = first_due_text(plan, table.address, series, asked.instants())
    counted = first_dues(table.rows(query))
    return asked_for(asked, outlooks_of(asked, table.address, series, counted))
