"""The statements of a plan as text, with the values they bind, for `plan --sql`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql, sqlite

from retention.databases.dialects.datafusion import DataFusion
from retention.databases.dialects.dialect import Dialect
from retention.databases.dialects.mariadb import MariaDB
from retention.databases.dialects.postgresql import PostgreSQL
from retention.databases.dialects.sqlite import SQLite
from retention.databases.erasing.walker import ways_of
from retention.databases.sql import row_of
from retention.databases.statements import lake_texts
from retention.databases.statements.counting import outcome_query
from retention.databases.statements.gone import GoneSets
from retention.databases.statements.predicates import Predicates
from retention.planning.plan import Plan

_DIALECTS: dict[str, tuple[Dialect, Any]] = {
    "sqlite": (SQLite(), sqlite.dialect),
    "postgresql": (PostgreSQL(), postgresql.dialect),
    "mysql": (MariaDB(), mysql.dialect),
}


def statements_of(plan: Plan) -> Iterator[str]:
    """For each step the rows it takes, as a SELECT that a person can run and read."""
    if plan.schema.dialect == DataFusion.name:
        yield from lake_texts.statements_of(plan)
        return
    dialect, renderer = _DIALECTS[plan.schema.dialect]
    for step in plan.steps:
        table = plan.schema.tables[step.table]
        row = row_of(table)
        names = table.identity or tuple(table.columns)
        query = sa.select(*(row.c[name] for name in names)).where(
            Predicates(plan, dialect).doomed(step, row)
        )
        yield f"-- {step.name}: {step.reason}; walks {ways_of(plan, dialect, step)}"
        yield _text(query, renderer)
    for name in dict.fromkeys(step.table for step in plan.steps):
        yield f"-- the counts of {name}"
        indexes = [index for index, step in enumerate(plan.steps) if step.table == name]
        yield _text(outcome_query(GoneSets(plan, dialect), name, indexes), renderer)


def _text(query: sa.Select[Any], renderer: Any) -> str:
    compiled = query.compile(dialect=renderer(paramstyle="named"))
    text = str(compiled)
    values = compiled.params
    for name in sorted(values, key=len, reverse=True):
        text = text.replace(f":{name}", _literal(values[name]))
    return text + ";\n"


def _literal(value: Any) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return "'" + str(value).replace("'", "''") + "'"
