"""`[coverage] not_personal`: what is declared to hold nothing personal. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from retention.planning.paths import did_you_mean
from retention.planning.schema import Schema


class NotPersonal:
    """Entries name a table, `table.column`, or several by `*`: `log_*`, `*.created_at`."""

    def __init__(self, entries: Sequence[str]) -> None:
        self.entries = tuple(entries)
        self._patterns = [(entry, _pattern(entry)) for entry in self.entries]

    def has_table(self, table: str) -> bool:
        """TRUE where the whole table is declared."""
        return any(pattern.fullmatch(table) for _, pattern in self._patterns)

    def has_column(self, table: str, column: str) -> bool:
        """TRUE where the column, or its whole table, is declared."""
        named = f"{table}.{column}"
        found = (pattern.fullmatch(named) for _, pattern in self._patterns)
        return self.has_table(table) or any(found)

    def unused(self, schemas: Iterable[Schema]) -> Iterator[tuple[int, str]]:
        """(place in the list, sentence) for each entry that names nothing in any schema."""
        tables = [table for schema in schemas for table in schema.tables.values()]
        columns = [f"{table.name}.{name}" for table in tables for name in table.columns]
        names = [table.name for table in tables]
        for place, (entry, pattern) in enumerate(self._patterns):
            if not any(pattern.fullmatch(name) for name in (*names, *columns)):
                known = columns if "." in entry else names
                cure = "" if "*" in entry else did_you_mean(entry, known)
                yield place, f'"{entry}" names no table and no column{cure}'


def _pattern(entry: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(part) for part in entry.split("*")), re.DOTALL)
