"""Pseudonyms are made here, one token a value, and never in SQL: the key would reach query logs.

The step's UPDATE has touched and locked the rows, and left the columns to pseudonymize as they were;
this writes them, in the same transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from retention.databases.dialects.dialect import Dialect
from retention.databases.sql import bind, row_of
from retention.databases.statements.mask_sql import kept_columns
from retention.databases.statements.predicates import Predicates
from retention.databases.taking import Key, Taken
from retention.planning.masked_columns import ColumnMask
from retention.planning.plan import Plan, Step
from retention.planning.schema import Table
from retention.policies.masking import Pseudonym
from retention.policies.masking.pseudonyms import pseudonym

ROWS_AT_ONCE = 500


class Pseudonyms:
    """Writes the pseudonyms of one step; `key`: the 32 bytes behind them."""

    def __init__(
        self, plan: Plan, dialect: Dialect, masks: Sequence[ColumnMask], key: bytes
    ) -> None:
        self.plan = plan
        self.masks = masks
        self.key = key
        self.predicates = Predicates(plan, dialect)

    def write(self, connection: sa.Connection, taken: Taken) -> None:
        """The pseudonyms of the rows that the batch has taken."""
        for mask in self.masks:
            keys = [key for key, _ in taken.keys.get(mask.table, [])]
            for start in range(0, len(keys), ROWS_AT_ONCE):
                self._write(connection, mask, keys[start : start + ROWS_AT_ONCE])

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


def pseudonyms_of(
    plan: Plan, dialect: Dialect, step: Step, key: Callable[[], bytes]
) -> Pseudonyms | None:
    """What writes the pseudonyms of the step; None where it has none, and no key is made."""
    masks = [mask for mask in step.masks if isinstance(mask.mask, Pseudonym)]
    return Pseudonyms(plan, dialect, masks, key()) if masks else None


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
