"""Files that go with one row and with what goes along: how many are named, never by which names."""

from __future__ import annotations

from collections.abc import Iterator

from retention.databases.sql import Truth
from retention.databases.statements.file_names import owns_file
from retention.databases.statements.one_row import OneRow
from retention.databases.statements.one_row_asking import Place
from retention.planning.plan import Step


def files_along(asked: OneRow, place: Place, step: Step) -> Iterator[tuple[str, str, int]]:
    """(table.column, "file", how many rows name one) of what the step removes with the row."""
    gone = () if step.masks else asked.plan.files_gone(step)
    for owned in (*gone, *asked.plan.files_masked(step)):
        row = asked.row(owned.table)
        reached: Truth = asked.at(place, row)
        if owned.table != place.table:
            reached = asked.goes(place, owned.table, row)
        count = asked.count(asked.counting(row, reached, owns_file(asked.dialect, owned, row)))
        if count:
            yield f"{owned.table}.{owned.column}", "file", count
