"""Which rows are in the temporary tables of a batch, and which go with those (MariaDB, SQLite)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import sqlalchemy as sa

from retention.databases.dialects.dialect import Dialect
from retention.databases.erasing.joining import at_address, joined_along, same_key
from retention.databases.sql import Row, Truth, any_of, is_true, joined
from retention.databases.statements.last_parents import goes_along
from retention.planning.paths import Hop
from retention.planning.plan import Plan, Step
from retention.planning.schema import Reference, Table


class SetDown:
    """The rows that a step has set down, by `temporary`, the temporary table of each table."""

    def __init__(
        self, plan: Plan, dialect: Dialect, step: Step, temporary: Callable[[str], sa.TableClause]
    ) -> None:
        self.plan = plan
        self.dialect = dialect
        self.step = step
        self._temporary = temporary

    def goes_along(self, row: Row, reference: Reference) -> Truth:
        """TRUE for a row that goes with its parent, or with the last of them."""

        def stays(other: Row) -> Truth:
            return sa.not_(self.has(reference.parent, other))

        parents = self._temporary(reference.parent)
        table = self.plan.schema.tables[reference.table]
        if self._by_address(table, reference.columns) and not reference.shared:
            return at_address(table, row, parents, lambda other: joined(reference, other, parents))
        return goes_along(self.plan.schema, reference, row, parents, stays, in_one=True)

    def loses_parent(self, row: Row, reference: Reference) -> Truth:
        """As `goes_along`, for an UPDATE."""
        parents = self._temporary(reference.parent)
        way = (Hop(reference, down=True),)
        along = joined_along(self.plan, row, way, parents) if self.dialect.joins_to_update else None
        return self.goes_along(row, reference) if along is None else along

    def has(self, name: str, row: Row) -> Truth:
        """TRUE for a row whose key is in its temporary table; an IN, so that the key's index serves it.

        A row that nothing tells from others is known by the parents it goes with.
        """
        key = self.plan.schema.tables[name].identity
        if not key:
            along = self.plan.gone_with(self.step).taken[name]
            return is_true(any_of(*(self.goes_along(row, reference) for reference in along)))
        doomed, table = self._temporary(name), self.plan.schema.tables[name]
        if self._by_address(table, key):
            return at_address(table, row, doomed, lambda other: same_key(key, other, doomed))
        keys = sa.select(*(doomed.c[column] for column in key))
        if len(key) == 1:
            return row.c[key[0]].in_(keys)
        return sa.tuple_(*(row.c[column] for column in key)).in_(keys)

    def _by_address(self, table: Table, columns: Sequence[str]) -> bool:
        """TRUE where of several columns an IN would seek the first alone by their index."""
        seeks = self.dialect.seeks_keys_by_address and len(columns) > 1
        return seeks and table.row_address is not None
