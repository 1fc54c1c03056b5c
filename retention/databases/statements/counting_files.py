"""How many files go with rows of a step: names that only rows on their way out have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from retention.databases.sql import Expression, Row, Truth, all_of, is_true, row_of
from retention.databases.statements.file_names import file_columns, owns_file
from retention.databases.statements.gone import GoneSets
from retention.planning.owned_files import OwnedFile

_ONE: Expression = sa.literal_column("1")
_NONE: Expression = sa.literal_column("0")


def count_files(connection: sa.Connection, sets: GoneSets, index: int) -> int:
    """Files named by the rows that the step at `index` takes or whose name for them it masks.

    Whether they are there is not looked at. A file that a row which stays names, too, does not go.
    """
    queries = (*_of_gone(sets, index), *_of_masked(sets, index))
    return sum(int(connection.execute(query).scalar_one()) for query in queries)


def _of_gone(sets: GoneSets, index: int) -> Iterator[sa.Select[Any]]:
    for owned in sets.plan.files_gone(sets.plan.steps[index]):
        row = row_of(sets.plan.schema.tables[owned.table])
        yield _named(sets, index, owned, row, sets.among(index, owned.table, row))


def _of_masked(sets: GoneSets, index: int) -> Iterator[sa.Select[Any]]:
    step = sets.plan.steps[index]
    for owned in sets.plan.files_masked(step):
        row = row_of(sets.plan.schema.tables[owned.table])
        yield _named(sets, index, owned, row, is_true(sets.predicates(index).doomed(step, row)))


def _named(sets: GoneSets, index: int, owned: OwnedFile, row: Row, going: Truth) -> sa.Select[Any]:
    """The different names of rows that go, less those that rows which stay have."""
    dialect, here = sets.dialect, sets.alive(index)(owned.table, row)
    leaves = sa.case((going, _ONE), else_=_NONE).label("leaves")
    rows = sa.select(*_numbered(file_columns(dialect, owned, row)), leaves).select_from(row)
    rows = rows.where(all_of(owns_file(dialect, owned, row), here))
    each = rows.subquery("each_row")
    names = [column for column in each.c if column.name != "leaves"]
    alone = sa.select(sa.func.min(each.c.leaves).label("leaves")).group_by(*names).subquery("alone")
    return sa.select(sa.func.count()).select_from(alone).where(alone.c.leaves == _ONE)


def _numbered(names: list[Expression]) -> list[sa.Label[Any]]:
    return [name.label(f"part_{number}") for number, name in enumerate(names)]
