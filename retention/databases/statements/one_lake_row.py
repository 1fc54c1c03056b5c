"""What `explain` asks of a lake table: the same questions, as text. A row is named by its values."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from retention.databases.dialects.datafusion import DataFusion, shown_text, text_of
from retention.databases.keys import Key
from retention.databases.statements.held_rows import held_rows
from retention.databases.statements.one_row import OneRow
from retention.databases.statements.one_row_asking import Place
from retention.errors import UsageError
from retention.planning.plan import Plan
from retention.planning.schema import ColumnKind, Table, Value

Named = Mapping[str, Value]
"""Values by the columns that name a row; without a key they may name several."""

_KINDS = (ColumnKind.INTEGER, ColumnKind.TEXT, ColumnKind.DATE)
_WHOLE = re.compile(r"-?[0-9]{1,19}", re.ASCII)
_NAMED = "name a row of a lake table by its columns, COLUMN=VALUE each"


class OneLakeRow(OneRow):
    """The row of a lake table that has these values; `rows` answers a query."""

    def __init__(
        self,
        rows: Callable[[str], Iterable[tuple[Any, ...]]],
        plan: Plan,
        table: Table,
        named: Named,
    ) -> None:
        keyed = replace(table, primary_key=tuple(named))
        super().__init__(None, DataFusion(), plan, keyed, tuple(named.values()))
        self._rows = rows

    def ask(self, query: sa.Select[Any]) -> Sequence[Any]:
        self.statements.append(f"{shown_text(query)};")
        return list(self._rows(text_of(query)))

    def holds(self, place: Place) -> list[tuple[str, str]]:
        """(id, table) of every hold in force on the row."""
        row = self.row(place.table)
        found = []
        for held in self.plan.schema.held:
            if held.at_request:
                continue
            named = held_rows(self.dialect, row, (held,))
            if self.count(self.counting(row, self.at(place, row), named)):
                found.append((held.hold_id, place.table))
        return found

    def find(self) -> tuple[Key, datetime | None] | None:
        """The values that name the row, None where no row has them; UsageError where several do."""
        row = self.row(self.table.name)
        rows = self.count(self.counting(row, self._has_key(row)))
        if rows > 1:
            raise UsageError(
                f"{rows:,} rows of {self.table.name} have these values; name more columns. "
                "Nothing was told"
            )
        return ((), None) if rows else None


def named_values(table: Table, words: Iterable[str]) -> dict[str, Value]:
    """`COLUMN=VALUE` words as the table's columns take them; UsageError where they cannot."""
    found: dict[str, Value] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            raise UsageError(f"{_NAMED}; nothing was done")
        column = table.columns.get(name)
        if column is None or column.kind not in _KINDS:
            known = ", ".join(it.name for it in table.columns.values() if it.kind in _KINDS)
            raise UsageError(
                f'{table.name}: no row can be named by "{name}"; whole numbers, texts and dates '
                f"name one: {known}. Nothing was done"
            )
        found[name] = _typed(column.kind, name, value)
    if not found:
        raise UsageError(f"{_NAMED}; nothing was done")
    return found


def _typed(kind: ColumnKind, name: str, value: str) -> Value:
    try:
        if kind is ColumnKind.DATE:
            return date.fromisoformat(value)
        if kind is not ColumnKind.INTEGER:
            return value
        if _WHOLE.fullmatch(value) and -(2**63) <= int(value) < 2**63:
            return int(value)
    except ValueError:
        raise UsageError(f'"{name}" is a date; write 2026-01-31. Nothing was done') from None
    raise UsageError(f'"{name}" is a whole number; nothing was done')
