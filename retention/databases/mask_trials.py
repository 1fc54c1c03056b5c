"""Masks whose text stands in the policy, tried beforehand: does the column take that text?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from retention.databases.sql import bind, written
from retention.databases.text_keys import Collated
from retention.planning.mask_checks import names_in
from retention.planning.paths import PathFault, resolve
from retention.planning.references import with_declared
from retention.planning.resolving import rules_of
from retention.planning.schema import Column, ColumnKind, Schema, Table
from retention.policies.masking.forms import Constant, Empty, Mask, Null, Template, Truncate
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
    """By table, column and mask, the letter that the column lacks, or the CHECK constraint that the
    mask's one value breaks.
    """
    refusals: dict[tuple[str, str, object], str] = {}
    for table, column, mask in _masked(policy, database, found):
        if found.dialect == "mysql" and (lacking := _lacking(connection, column, mask)):
            refusals[(table.name, column.name, mask)] = lacking
            continue
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


def _lacking(connection: sa.Connection, column: Column, mask: Mask) -> str:
    """What a text column of MariaDB says of a letter that its character set does not have."""
    characters = column.collation.split("_")[0]
    if column.kind is not ColumnKind.TEXT or characters in ("", "utf8mb4", "binary"):
        return ""
    text = "".join(_letters(mask))
    kept = str(connection.execute(sa.select(Collated(bind(text), column.collation))).scalar_one())
    lost = next((letter for letter, left in zip(text, kept, strict=True) if letter != left), "")
    return f'holds {characters}, which has no "{lost}"' if lost else ""


def _letters(mask: Mask) -> Iterator[str]:
    """The text of the mask that the policy names."""
    match mask:
        case Constant(str(text)):
            yield text
        case Template(_, parts):
            yield from (part for is_column, part in parts if not is_column)


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
