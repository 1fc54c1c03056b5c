"""MariaDB and SQLite: what tells the files of rows, read from the sets before these are gone."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import sqlalchemy as sa

from retention.databases.sql import Row, Truth, row_of
from retention.databases.statements.file_names import as_values, names_in
from retention.databases.statements.predicates import Predicates
from retention.databases.taking import Taken
from retention.planning.owned_files import OwnedFile
from retention.planning.plan import Step


def note_files(
    connection: sa.Connection,
    predicates: Predicates,
    step: Step,
    sets: Iterable[tuple[str, sa.TableClause]],
    doomed: Callable[[Row], Truth],
    taken: Taken,
) -> None:
    """What tells the files of rows about to go (`sets`), or whose name for one is to be masked."""
    plan = predicates.plan
    going = plan.files_gone(step)
    for name, rows in sets:
        for owned in going:
            if owned.table == name:
                _note(connection, predicates, owned, rows, sa.true(), taken)
    for owned in plan.files_masked(step):
        row = row_of(plan.schema.tables[step.table])
        masks = [mask for mask in predicates.masks_at(step, ()) if mask.column == owned.column]
        needed = sa.and_(doomed(row), predicates.any_to_mask(masks, row))
        _note(connection, predicates, owned, row, needed, taken)


def _note(
    connection: sa.Connection,
    predicates: Predicates,
    owned: OwnedFile,
    rows: Row,
    where: Truth,
    taken: Taken,
) -> None:
    found = connection.execute(names_in(predicates.dialect, owned, rows, where)).fetchall()
    taken.files.setdefault(owned, []).extend(as_values(found))
