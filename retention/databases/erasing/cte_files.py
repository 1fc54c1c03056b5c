"""PostgreSQL: what tells the files of rows, as parts of the one statement that takes these."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from retention.databases.dialects.dialect import Dialect
from retention.databases.erasing.system_columns import at_addresses, with_system_columns
from retention.databases.sql import row_of
from retention.databases.statements.file_names import as_values, names_in
from retention.databases.statements.predicates import Predicates
from retention.databases.taking import Taken
from retention.planning.owned_files import OwnedFile
from retention.planning.plan import Plan, Step
from retention.planning.schema import Table

FilePart = tuple[OwnedFile, sa.Select[Any]]


def files_of(
    plan: Plan, dialect: Dialect, parts: Iterable[tuple[str, str, Table, sa.CTE]]
) -> Iterator[FilePart]:
    """What tells the files of the rows that are deleted."""
    for kind, name, _, found in parts:
        for owned in plan.files_of(name) if kind == "erased" else ():
            yield owned, names_in(dialect, owned, found, sa.true())


def files_masked(
    plan: Plan, predicates: Predicates, step: Step, doomed: sa.CTE
) -> Iterator[FilePart]:
    """The same of the rows whose name for a file is masked, read as it was."""
    for owned in plan.files_masked(step):
        masks = [mask for mask in predicates.masks_at(step, ()) if mask.column == owned.column]
        table = plan.schema.tables[step.table]
        row = with_system_columns(row_of(table))
        found: sa.Select[Any] = sa.select(sa.literal_column("1")).select_from(doomed)
        among = sa.exists(found.where(at_addresses(table, row, doomed)))
        where = sa.and_(among, predicates.any_to_mask(masks, row))
        yield owned, names_in(predicates.dialect, owned, row, where)


def padded(texts: sa.Select[Any], index: int, width: int) -> sa.Select[Any]:
    """Keys or names as rows of the answer: their part's number, and as many columns as others."""
    found = texts.subquery(f"part_{index}")
    part: sa.Label[Any] = sa.literal_column(str(index)).label("part")
    padding = [sa.cast(sa.null(), sa.Text())] * (width - len(found.c))
    return sa.select(part, *found.c, *padding).select_from(found)


def read_files(
    taken: Taken, files: Sequence[OwnedFile], rows: Sequence[Sequence[Any]], first: int
) -> None:
    """The names back from the rows of the answer, whose parts are numbered from `first`."""
    for index, owned in enumerate(files, start=first):
        end = len(owned.template.fields) + 1
        names = as_values(row[1:end] for row in rows if row[0] == index)
        taken.files.setdefault(owned, []).extend(names)
