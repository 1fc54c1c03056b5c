"""What a plan asks of a lake table, as text: counts, predicates, masks. No connection."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa

from retention.databases.dialects.datafusion import DataFusion, OncePerRow, predicate_of, text_of
from retention.databases.sql import Expression, all_of, is_true, row_of
from retention.databases.statements.comparing import taken_query
from retention.databases.statements.condition_sql import ConditionSql
from retention.databases.statements.counting import outcome_query
from retention.databases.statements.forecasting import first_due_query
from retention.databases.statements.gone import GoneSets
from retention.databases.statements.held_rows import held_rows
from retention.databases.statements.predicates import Predicates
from retention.databases.statements.rows import all_alive
from retention.planning.conditions import Condition
from retention.planning.plan import Floor, Plan, Step
from retention.planning.schema import HeldRows, Table

_DIALECT = DataFusion()
ROWS = "lake_rows"
"""The name under which statements know the rows of a lake table."""


def outcomes_text(plan: Plan, table: str) -> tuple[list[int], str]:
    """The steps on the table, and the query that sorts its rows under each of them, counted."""
    indexes = [index for index, step in enumerate(plan.steps) if step.table == table]
    return indexes, text_of(outcome_query(GoneSets(plan, _DIALECT), table, indexes))


def first_due_text(
    plan: Plan, table: str, series: Sequence[Sequence[Step]], instants: Sequence[datetime]
) -> str:
    """The query that counts the rows of the table by the instants at which they first fall due."""
    dialect = OncePerRow()
    return dialect.with_parts(
        text_of(first_due_query(plan, dialect, table, series, instants)), ROWS
    )


def taken_text(old: Plan, new: Plan, table: str) -> str:
    """The query that sorts the rows of the table by the steps of both plans that take them."""
    before, after = GoneSets(old, _DIALECT, None, "old_"), GoneSets(new, _DIALECT, None, "new_")
    return text_of(taken_query(before, after, table))


def doomed_text(plan: Plan, step: Step) -> str:
    """The predicate of the rows that the step takes."""
    row = row_of(plan.schema.tables[step.table])
    return predicate_of(is_true(Predicates(plan, _DIALECT).doomed(step, row)))


def masks_text(plan: Plan, step: Step) -> dict[str, str]:
    """What each masked column becomes."""
    row = row_of(plan.schema.tables[step.table])
    values = Predicates(plan, _DIALECT).new_values(step.masks, row)
    return {name: predicate_of(value) for name, value in values.items()}


def statements_of(plan: Plan) -> Iterator[str]:
    """For each step what is asked of the table, for a person to read."""
    for step in plan.steps:
        yield f"-- {step.name}: {step.reason}; one commit of {step.table}"
        values = (f"{name} = {value}" for name, value in masks_text(plan, step).items())
        action = f"UPDATE SET {', '.join(values)}" if step.masks else "DELETE"
        yield f"{action} WHERE {doomed_text(plan, step)};\n"


def count_text(predicate: str = "true") -> str:
    """How many rows there are for which a predicate holds."""
    return f'SELECT count(*) AS "rows" FROM "{ROWS}" WHERE {predicate}'


def named_count(table: Table, named: HeldRows) -> str:
    """How many rows have these values."""
    return count_text(predicate_of(held_rows(_DIALECT, row_of(table), (named,))))


def kept_text(plan: Plan, floor: Floor) -> str:
    """How many rows a floor keeps now."""
    row = row_of(plan.schema.tables[floor.table])
    return count_text(text_of(all_of(Predicates(plan, _DIALECT).holding(floor, row))))


def sample_text(column: str, most: int) -> str:
    """The first values of a column, as they are stored."""
    quoted = column.replace('"', '""')
    return f'SELECT "{quoted}" AS "value" FROM "{ROWS}" WHERE "{quoted}" IS NOT NULL LIMIT {most}'


class Asked(StrEnum):
    """How a condition that a person wrote is meant: what an unknown result counts as."""

    SELECTS = "where"
    STOPS = "unless"
    HOLDS = "when"


def scan_text(
    plan: Plan, table: str, columns: Sequence[str], asked: Sequence[tuple[Asked, Condition]]
) -> str:
    """Every row: these columns as text, and whether each of the conditions holds."""
    row = row_of(plan.schema.tables[table])
    conditions = ConditionSql(_DIALECT, plan.schema, all_alive)
    found: list[Expression] = [_DIALECT.as_text(row.c[name]) for name in columns]
    for way, condition in asked:
        match way:
            case Asked.SELECTS:
                found.append(is_true(all_of(conditions.selects(row, condition))))
            case Asked.STOPS:
                found.append(conditions.stops(row, condition))
            case Asked.HOLDS:
                found.append(conditions.holds(row, condition))
    found = found or [sa.literal_column("1")]
    labelled = (item.label(f"column_{at}") for at, item in enumerate(found))
    return text_of(sa.select(*labelled).select_from(row))
