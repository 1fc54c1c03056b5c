"""MariaDB: child rows to which nothing else refers go by one join to the rows they go with.

They are not set down in a temporary table of their own. The join is written out from the parents to
the children: left to choose, the server may go over the whole child table in every batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from retention.databases.dialects.dialect import Dialect
from retention.databases.erasing.changing import changed
from retention.databases.erasing.joining import JoinedDelete
from retention.databases.keys import asked_keys, rows_of, taken_keys
from retention.databases.sql import Expression, Row, in_written_order, joined, row_of
from retention.databases.taking import Taken
from retention.errors import DatabaseFailure
from retention.planning.indexes import Search, is_served
from retention.planning.plan import Plan, Step
from retention.planning.schema import Reference


def leaves_of(plan: Plan, dialect: Dialect, step: Step) -> frozenset[str]:
    """Tables whose rows go along one reference alone, and to which nothing that happens refers."""
    if not dialect.joins_to_update or plan.last_uses(step) or plan.last_masks(step):
        return frozenset()
    companions = plan.gone_with(step)
    others = {step.table, *(found.parent for along in companions.taken.values() for found in along)}
    others |= {name for found in companions.detached for name in (found.parent, found.table)}
    return frozenset(
        name
        for name in companions.taken
        if name not in others
        and sole_reference(plan, step, name) is not None
        and not plan.files_of(name)
        and not any(found.parent == name for found in plan.schema.of(name))
    )


def sole_reference(plan: Plan, step: Step, name: str) -> Reference | None:
    """The one reference along which rows of the table go, each with one parent; else None.

    None as well where no index serves it: sought from each parent, all children would be read.
    """
    along = plan.gone_with(step).taken[name]
    if len(along) != 1 or along[0].shared or any(name == found.table for found in step.removals):
        return None
    (only,) = along
    plain = not any(pairing.text or any(pairing.collations) for pairing in only.pairing)
    search = Search(name, only.columns, only.parent, ())
    return only if plain and is_served(plan.schema.tables[name], search) else None


def children(
    columns: Sequence[Expression], reference: Reference, row: Row, parents: Row
) -> sa.Select[Any]:
    """What is read of rows that refer to `parents`, sought from those."""
    query = sa.select(*columns).select_from(sa.join(parents, row, joined(reference, row, parents)))
    return in_written_order(query).with_for_update()


class Leaves:
    """Takes the rows of such tables; `parents`: the sets of rows with which they go, by table."""

    def __init__(
        self,
        plan: Plan,
        dialect: Dialect,
        step: Step,
        parents: dict[str, sa.TableClause],
        *,
        keys: bool,
    ) -> None:
        self.plan = plan
        self.dialect = dialect
        self.step = step
        self.parents = parents
        self.keys = keys

    def take(self, connection: sa.Connection, name: str, taken: Taken) -> None:
        """Delete what refers to the set of parents, and note it.

        Raises DatabaseFailure, to be tried again, where rows came after their keys were read.
        """
        table, reference = self.plan.schema.tables[name], sole_reference(self.plan, self.step, name)
        assert reference is not None
        row, parents = row_of(table), self.parents[reference.parent]
        wanted = self.keys and bool(table.key)
        if wanted:
            guard = self.plan.guard_of(name)
            columns = asked_keys(self.dialect, table, row, guard)
            query = children(columns, reference, row, parents)
            taken.note_keys(name, taken_keys(table, rows_of(connection.execute(query))))
        statement = JoinedDelete(row, parents, joined(reference, row, parents))
        count = changed(connection, statement)
        if wanted and count != len(taken.keys.get(name, ())):
            raise DatabaseFailure(
                f"rows of {name} came while their parents went; the batch was rolled back",
                transient=True,
            )
        if count:
            taken.erased[name] = count
