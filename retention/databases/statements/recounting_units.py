"""Plain statements for the recount of units: rows with equal values."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from retention.databases.sql import Row, Truth, bind, joined, row_of
from retention.databases.statements.key_lists import among
from retention.databases.statements.recounting import MOST_KEYS, PlainRows, RowKey
from retention.planning.schema import Reference
from retention.planning.units import Unit

Pair = tuple[RowKey, RowKey]


def alike(rows: PlainRows, table: str, unit: Unit, keys: Iterable[RowKey]) -> set[RowKey]:
    """All rows of the table with the value that one of the rows has in the unit's column."""
    found: set[RowKey] = set()
    wanted = list(keys)
    row, other = (row_of(rows.schema.tables[table]).alias() for _ in range(2))
    found_in = rows.schema.tables[table]
    for start in range(0, len(wanted), MOST_KEYS):
        values = sa.select(row.c[unit.column]).where(
            among(rows.dialect, found_in, row, wanted[start : start + MOST_KEYS]), _joins(row, unit)
        )
        query = sa.select(*rows.sought(table, other))
        lines = rows.connection.execute(query.where(other.c[unit.column].in_(values)))
        found |= {tuple(line) for line in lines}
    return found


def agreeing(
    rows: PlainRows, reference: Reference, unit: Unit, keys: Iterable[RowKey]
) -> set[Pair]:
    """Rows, each with a row of the same table that refers to it and shares its unit."""
    found: set[Pair] = set()
    wanted = list(keys)
    row, child = (row_of(rows.schema.tables[reference.table]).alias() for _ in range(2))
    found_in = rows.schema.tables[reference.table]
    width = len(found_in.sought_by)
    same = sa.and_(joined(reference, child, row), row.c[unit.column] == child.c[unit.column])
    columns = [*rows.sought(reference.table, row), *rows.sought(reference.table, child)]
    query: sa.Select[Any] = sa.select(*columns).select_from(sa.join(row, child, same))
    for start in range(0, len(wanted), MOST_KEYS):
        some = among(rows.dialect, found_in, row, wanted[start : start + MOST_KEYS])
        for line in rows.connection.execute(query.where(some, _joins(row, unit))):
            found.add((tuple(line[:width]), tuple(line[width:])))
    return found


def _joins(row: Row, unit: Unit) -> Truth:
    value = row.c[unit.column]
    return sa.and_(value.is_not(None), *(value != bind(none) for none in unit.nothing))
