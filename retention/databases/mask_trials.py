"""Masks with one value for all rows, tried beforehand: does the column take that value?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from retention.databases.sql import bind, written
from retention.planning.mask_checks import names_in
from retention.planning.paths import PathFault, resolve
from retention.planning.references import with_declared
from retention.planning.resolving import rules_of
from retention.planning.schema import Column, ColumnKind, Schema, Table
from retention.policies.masking.forms import Constant, Empty, Mask, Null, Truncate
from retention.policies.policy import Policy
from retention.policies.removal import Removal

_TRIED = (ColumnKind.TEXT, ColumnKind.INTEGER, ColumnKind.DECIMAL, ColumnKind.FLOAT)
_COUNTED = (ColumnKind.INTEGER, ColumnKind.DECIMAL, ColumnKind.FLOAT)


def truncated_columns(policy: Policy, database: str, found: Schema) -> Iterator[tuple[str, str]]:
    """Numbers that a mask truncates: a sample tells what they count since 1970."""
    for table, column, mask in _masked(policy, database, found):
        if isinstance(mask, Truncate) and column.kind in _COUNTED:
            yield table.name, column.name


def refused_masks(
    connection: sa.Connection, policy: Policy, database: str, found: Schema
) -> dict[tuple[str, str, object], str]:
    """By table, column and mask, the CHECK constraint that the mask's one value breaks."""
    refusals: dict[tuple[str, str, object], str] = {}
    for table, column, mask in _masked(policy, database, found):
        if column.kind not in _TRIED or not isinstance(mask, Null | Empty | Constant):
            continue
        value = mask.value if isinstance(mask, Constant) else None if isinstance(mask, Null) else ""
        for check in table.checks:
            if names_in(check, table) == {column.name} and _breaks(
                connection, check.text, column, value
            ):
                name = f'CHECK "{check.name}"' if check.name else "a CHECK constraint"
                refusals[(table.name, column.name, mask)] = f"{name} refuses the masked value"
    return refusals


def _breaks(connection: sa.Connection, text: str, column: Column, value: object) -> bool:
    """TRUE where the constraint is false for the value; what cannot be asked is not known."""
    typed = sa.cast(bind(value), _type(connection, column))
    row = sa.select(typed.label(column.name)).subquery("tried")
    query = sa.select(written(1)).select_from(row).where(sa.not_(written(f"({text})")))
    try:
        with connection.begin_nested():
            return connection.execute(query).first() is not None
    except DBAPIError:
        return False


def _type(connection: sa.Connection, column: Column) -> sa.types.TypeEngine[Any]:
    if column.kind is not ColumnKind.TEXT:
        return sa.Numeric(38, 10)
    return sa.CHAR() if connection.dialect.name in ("mysql", "mariadb") else sa.Text()


def _masked(policy: Policy, database: str, found: Schema) -> Iterator[tuple[Table, Column, Mask]]:
    full, _ = with_declared(policy, found)
    for rule in rules_of(policy, database):
        if rule.table not in full.tables:
            continue
        for name, mask in rule.anonymize.items():
            if isinstance(mask, Removal):
                continue
            try:
                path = resolve(full, rule.table, name, children=True)
            except PathFault:
                continue
            table = full.tables[path.table]
            yield table, table.columns[path.column], mask
