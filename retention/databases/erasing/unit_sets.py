"""The rows of a batch over whole units: gathered, weighed, and weighed again once they are locked.

A window gives the rows from which units are gathered, as far as they go; the units of which no
member has to wait are the batch. New members that join meanwhile are gathered and locked as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import sqlalchemy as sa

from retention.databases.dialects.dialect import Dialect
from retention.databases.erasing.making import fill, make_temporary
from retention.databases.erasing.system_columns import with_system_columns
from retention.databases.erasing.windows import Window
from retention.databases.keys import sought_columns
from retention.databases.reading import reading
from retention.databases.sql import Row, Truth, all_of, any_of, bind, is_true, joined, row_of
from retention.databases.statements.predicates import Predicates
from retention.databases.statements.units import in_a_unit
from retention.planning.plan import Plan, Step

_READY, _GATHERED, _WAITING = "retention_ready", "retention_gathered", "retention_waiting"
_ROUND = "retention_round"


class UnitSets:
    """Temporary tables of keys: units that looked ready when the step began, those of this batch, and
    those in it that have to wait. `holds` makes it a window of its own.
    """

    def __init__(self, plan: Plan, dialect: Dialect, step: Step) -> None:
        assert step.unit is not None
        self.plan = plan
        self.dialect = dialect
        self.step = step
        self.unit = step.unit
        self.table = plan.schema.tables[step.table]
        self.key = self.table.key
        self.predicates = Predicates(plan, dialect)

    def prepare(self, connection: sa.Connection) -> None:
        """Make the tables, and note the rows of whole units that are due now."""
        row = row_of(self.table)
        with reading(connection):
            for name in (_READY, _GATHERED, _WAITING):
                lasting = name == _READY
                make_temporary(
                    connection,
                    name,
                    self.table,
                    self.key,
                    known=True,
                    numbered=_ROUND,
                    lasting=lasting,
                )
            ready = self.predicates.doomed(self.step, row)
            self._add(connection, _READY, row, ready, 0)

    def gather(self, connection: sa.Connection, window: Window, most: int | None) -> bool:
        """Take the units that have a row in the window; FALSE where none is to be taken."""
        for name in (_GATHERED, _WAITING):
            connection.execute(sa.delete(self._set(name)))
        row = row_of(self.table)
        found = sa.and_(window.holds(row), self._among(_READY, row))
        if not self._add(connection, _GATHERED, row, found, 0):
            return False
        self._spread(connection, _GATHERED)
        self._weigh(connection, None)
        if most is not None:
            self._fit(connection, most)
        return True

    def settled(self, connection: sa.Connection, locked: Callable[[Row], Truth]) -> bool:
        """Look again, now that rows are locked: FALSE where rows have joined, to be locked as well."""
        if self._spread(connection, _GATHERED):
            self._weigh(connection, None)
            return False
        self._weigh(connection, locked)
        return True

    def holds(self, row: Row) -> Truth:
        """TRUE for the rows of the units in hand."""
        return self._among(_GATHERED, row)

    def doomed(self, row: Row) -> Truth:
        """TRUE for the rows that the batch takes: none of their unit has to wait."""
        alone = self.predicates.doomed_alone(self.step, row)
        return sa.and_(self._among(_GATHERED, row), alone, sa.not_(self._among(_WAITING, row)))

    # -- which units wait ---------------------------------------------------------------------------

    def _weigh(self, connection: sa.Connection, locked: Callable[[Row], Truth] | None) -> None:
        """Add the units with a member that is not ready, or is to be taken and is not locked."""
        row: Row = row_of(self.table)
        if self.dialect.name == "postgresql":
            row = with_system_columns(row_of(self.table))
        waits = sa.not_(self.predicates.ready(self.step, row))
        if locked is not None:
            alone = is_true(self.predicates.doomed_alone(self.step, row))
            waits = any_of(waits, sa.and_(alone, sa.not_(locked(row))))
        selected = self.predicates.selected(self.step, row)
        self._wait(connection, row, all_of(selected, waits))

    def _fit(self, connection: sa.Connection, most: int) -> None:
        """Leave whole units for later where all of them are more rows than may be taken."""
        row = row_of(self.table)
        if self._doomed_rows(connection) <= most:
            return
        keys = [row.c[name] for name in self.key]
        first = sa.select(*keys).where(self.doomed(row)).order_by(*keys)
        kept = first.limit(most).subquery()
        asked = sought_columns(self.dialect, self.table, row, self.key)
        lowest = connection.execute(first.with_only_columns(*asked).limit(1)).one()
        self._wait(connection, row, sa.and_(self.doomed(row), sa.not_(self._in(row, kept))))
        if self._doomed_rows(connection):
            return
        # no unit lies within the first rows: the one that holds the first row, if it fits alone
        connection.execute(sa.delete(self._set(_GATHERED)))
        connection.execute(sa.delete(self._set(_WAITING)))
        same = sa.and_(
            *(row.c[name] == bind(value) for name, value in zip(self.key, lowest, strict=True))
        )
        self._add(connection, _GATHERED, row, same, 0)
        self._spread(connection, _GATHERED)
        self._weigh(connection, None)
        if self._doomed_rows(connection) > most:
            self._wait(connection, row, sa.true())

    def _doomed_rows(self, connection: sa.Connection) -> int:
        row = row_of(self.table)
        query = sa.select(sa.func.count()).select_from(row).where(self.doomed(row))
        return int(connection.execute(query).scalar_one())

    def _wait(self, connection: sa.Connection, row: Row, condition: Truth) -> None:
        first = self._last_round(connection, _WAITING) + 1
        if self._add(connection, _WAITING, row, condition, first):
            self._spread(connection, _WAITING)

    # -- sets of keys -------------------------------------------------------------------------------

    def _set(self, name: str) -> sa.TableClause:
        return sa.table(name, *map(sa.column, (*self.key, _ROUND)))

    def _add(
        self, connection: sa.Connection, name: str, row: Row, condition: Truth, round_: int
    ) -> int:
        """Put rows that pass into the set; how many were not in it."""
        return self._insert(connection, name, row, row, condition, round_)

    def _insert(
        self,
        connection: sa.Connection,
        name: str,
        row: Row,
        source: Row,
        condition: Truth,
        round_: int,
    ) -> int:
        number: sa.ColumnElement[int] = sa.literal_column(str(round_))
        found = sa.select(*(row.c[column] for column in self.key), number).distinct()
        found = found.select_from(source).where(condition, sa.not_(self._among(name, row)))
        if name == _WAITING:
            found = found.where(self.holds(row))
        return fill(connection, self._set(name), [*self.key, _ROUND], found)

    def _last_round(self, connection: sa.Connection, name: str) -> int:
        found = self._set(name)
        query = sa.select(sa.func.coalesce(sa.func.max(found.c[_ROUND]), sa.literal_column("-1")))
        return int(connection.execute(query).scalar_one())

    def _spread(self, connection: sa.Connection, name: str) -> int:
        """Add what shares a unit with the rows of the set, until nothing is left to add."""
        total, added = 0, 1
        while added:
            last = self._last_round(connection, name)
            added = sum(
                self._insert(connection, name, row, source, beside, last + 1)
                for row, source, beside in self._beside(name, last)
            )
            total += added
        return total

    def _beside(self, name: str, round_: int) -> Iterator[tuple[Row, Row, Truth]]:
        """Rows that a row of the set's last round joins, what they are found from, and how."""
        row, other = row_of(self.table).alias(), row_of(self.table).alias()
        if self.unit.reference is None:
            values = sa.select(other.c[self.unit.column]).where(
                in_a_unit(self.unit, other), self._among(name, other)
            )
            yield row, row, row.c[self.unit.column].in_(values)
            return
        found = self._set(name)
        same = sa.and_(*(other.c[column] == found.c[column] for column in self.key))
        last = found.c[_ROUND] == sa.literal_column(str(round_))
        for child, parent in ((row, other), (other, row)):
            refers = joined(self.unit.reference, child, parent)
            yield row, sa.join(sa.join(found, other, same), row, refers), last

    def _among(self, name: str, row: Row) -> Truth:
        return self._in(row, self._set(name))

    def _in(self, row: Row, keys: Row) -> Truth:
        found = sa.select(*(keys.c[column] for column in self.key))
        if len(self.key) == 1:
            return row.c[self.key[0]].in_(found)
        return sa.tuple_(*(row.c[column] for column in self.key)).in_(found)
