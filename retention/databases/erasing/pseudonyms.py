"""Pseudonyms are made here, one token a value, and never in SQL: the key would reach query logs.

The step's UPDATE has touched and locked the rows, and left the columns to pseudonymize as they were;
this writes them, in the same transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from retention.databases.dialects.dialect import Dialect
from retention.databases.erasing.erase import Eraser
from retention.databases.erasing.windows import Window
from retention.databases.keys import Key
from retention.databases.sql import bind, row_of
from retention.databases.statements.mask_sql import kept_columns
from retention.databases.statements.predicates import Predicates
from retention.databases.taking import Taken
from retention.planning.masked_columns import ColumnMask
from retention.planning.plan import Plan, Step
from retention.planning.schema import Table
from retention.policies.masking import Pseudonym
from retention.policies.masking.pseudonyms import pseudonym

ROWS_AT_ONCE = 500


class Pseudonymizing:
    """An eraser that also writes the pseudonyms of its step; `key`: the 32 bytes behind them."""

    def __init__(
        self,
        eraser: Eraser,
        plan: Plan,
        dialect: Dialect,
        masks: Sequence[ColumnMask],
        key: bytes,
    ) -> None:
        self.eraser = eraser
        self.plan = plan
        self.masks = masks
        self.key = key
        self.predicates = Predicates(plan, dialect)

    def prepare(self, connection: sa.Connection) -> None:
        self.eraser.prepare(connection)

    def take(self, connection: sa.Connection, window: Window, most: int | None) -> Taken:
        taken = self.eraser.take(connection, window, most)
        for mask in self.masks:
            keys = list(taken.keys.get(mask.table, ()))
            for start in range(0, len(keys), ROWS_AT_ONCE):
                self._write(connection, mask, keys[start : start + ROWS_AT_ONCE])
        return taken

    def _write(self, connection: sa.Connection, mask: ColumnMask, keys: Sequence[Key]) -> None:
        table = self.plan.schema.tables[mask.table]
        row = row_of(table)
        columns = [row.c[name] for name in table.key]
        query = sa.select(row.c[mask.column], *columns).where(
            _one_of(columns, keys), self.predicates.still_to_mask(mask, row)
        )
        values = [
            {"token": pseudonym(self.key, str(value)), **_named(key)}
            for value, *key in connection.execute(query).fetchall()
        ]
        if values:
            connection.execute(_update(table, row, mask.column), values)


def pseudonyms_in(step: Step) -> list[ColumnMask]:
    """The masks of the step that make pseudonyms."""
    return [mask for mask in step.masks if isinstance(mask.mask, Pseudonym)]


def _one_of(columns: Sequence[sa.ColumnClause[Any]], keys: Sequence[Key]) -> Any:
    if len(columns) == 1:
        return columns[0].in_([bind(key[0]) for key in keys])
    return sa.tuple_(*columns).in_([sa.tuple_(*map(bind, key)) for key in keys])


def _named(key: Iterable[object]) -> dict[str, object]:
    return {f"key_{number}": part for number, part in enumerate(key)}


def _update(table: Table, row: sa.TableClause, column: str) -> sa.Update:
    same = [
        row.c[name] == sa.bindparam(f"key_{number}", type_=sa.types.NullType())
        for number, name in enumerate(table.key)
    ]
    values = {**kept_columns(table, row), column: sa.bindparam("token")}
    return sa.update(row).where(*same).values(values)
