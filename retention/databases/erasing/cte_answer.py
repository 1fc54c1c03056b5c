"""PostgreSQL: what the one statement of a batch answers, and how its answer is read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from retention.databases.dialects.dialect import Dialect
from retention.databases.erasing.cte_files import FilePart, padded, read_files
from retention.databases.erasing.cte_rows import note
from retention.databases.keys import key_columns, taken_keys, unpacked
from retention.databases.sql import Expression
from retention.databases.taking import Taken
from retention.planning.plan import Plan, Step
from retention.planning.schema import Table

Part = tuple[str, str, Table, sa.CTE]
Query = sa.Select[Any] | sa.CompoundSelect[Any]


class Answer:
    """Counts of what the parts took, and the keys of their rows where tokens are kept."""

    def __init__(self, plan: Plan, dialect: Dialect, step: Step, parts: Sequence[Part]) -> None:
        self.plan = plan
        self.dialect = dialect
        self.step = step
        self.parts = parts

    def counts(self) -> Query:
        """One row of counts."""
        return sa.select(*(_count_of(found) for _, _, _, found in self.parts))

    def read_counts(self, rows: Sequence[Sequence[Any]]) -> Taken:
        """What `counts` answered."""
        taken = Taken()
        for index, count in enumerate(rows[0]):
            self._note(taken, index, count)
        return taken

    def packed(self) -> Query | None:
        """One row of packed keys, or a count where none are kept; None where keys cannot be packed."""
        columns: list[Expression] = []
        for kind, name, table, found in self.parts:
            if not self._names_rows(kind, table):
                columns.append(_count_of(found))
                continue
            packed = self.dialect.packed_keys(table, found, self.plan.guard_of(name))
            if packed is None:
                return None
            columns.append(sa.select(packed).select_from(found).scalar_subquery())
        return sa.select(*columns)

    def read_packed(self, rows: Sequence[Sequence[Any]]) -> Taken:
        """What `packed` answered."""
        taken = Taken()
        for index, ((kind, name, table, _), found) in enumerate(
            zip(self.parts, rows[0], strict=True)
        ):
            if self._names_rows(kind, table):
                keys = unpacked(found)
                taken.note_keys(name, keys)
                found = len(keys)
            self._note(taken, index, found)
        return taken

    def listed(self, files: Sequence[FilePart]) -> Query:
        """Every row's key and guard as text, and what tells its files, part by part."""
        widths = [len(table.key) + 1 for _, _, table, _ in self.parts]
        width = max(*widths, *(len(owned.template.fields) for owned, _ in files), 1)
        selects: list[Any] = []
        for index, (_, name, table, found) in enumerate(self.parts):
            guard = self.plan.guard_of(name)
            columns = key_columns(self.dialect, table, found, guard, as_text=True)
            texts: list[Any] = [sa.cast(column, sa.Text()) for column in columns]
            selects.append(padded(sa.select(*texts).select_from(found), index, width))
        for index, (_, names) in enumerate(files, start=len(self.parts)):
            selects.append(padded(names, index, width))
        return sa.union_all(*selects)

    def read_listed(self, rows: Sequence[Sequence[Any]], files: Iterable[FilePart]) -> Taken:
        """What `listed` answered."""
        taken = Taken()
        read_files(taken, [owned for owned, _ in files], rows, len(self.parts))
        for index, (kind, name, table, _) in enumerate(self.parts):
            own = [row[1 : len(table.key) + 2] for row in rows if row[0] == index]
            self._note(taken, index, len(own))
            if own and self._names_rows(kind, table):
                taken.note_keys(name, taken_keys(table, own))
        return taken

    def _names_rows(self, kind: str, table: Table) -> bool:
        """TRUE where tokens are kept of the part's rows: its own that are masked are due already."""
        due_already = kind == "anonymized" and table.name == self.step.table
        return bool(table.key) and kind != "detached" and not due_already

    def _note(self, taken: Taken, index: int, count: int) -> None:
        kind, name, _, _ = self.parts[index]
        note(taken, kind, name, count)
        if index == 0 and kind == "erased":
            note(taken, "due", name, count)


def _count_of(found: sa.CTE) -> Expression:
    return sa.select(sa.func.count()).select_from(found).scalar_subquery()
