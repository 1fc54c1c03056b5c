"""Partitions of which every row is due: verified, counted, noted, and emptied at once.

On PostgreSQL TRUNCATE is undone with its transaction, so the proof is that of any batch. The
partition itself stays, so that no insert fails for want of one, and nobody waits for a lock on the
whole table. MariaDB has another way: aside_partitions.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import sqlalchemy as sa

from retention.databases.dialects.dialect import Dialect
from retention.databases.erasing.alone import is_held
from retention.databases.erasing.erase import DirectEraser, Eraser
from retention.databases.erasing.noting import keys_read
from retention.databases.erasing.windows import Window
from retention.databases.sql import Row, Truth, is_true, row_of
from retention.databases.statements.predicates import Predicates
from retention.databases.taking import Taken
from retention.planning.plan import Action, Plan, Step
from retention.planning.schema import TableKind

MOST_KEYS = 65_536
"""Keys are noted at once, in memory: where they are kept, a partition of more rows goes in batches."""

_LEAVES = sa.text(
    "SELECT n.nspname, c.relname FROM pg_partition_tree(to_regclass(:whole)) t"
    " JOIN pg_class c ON c.oid = t.relid JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE t.isleaf AND c.relkind = 'r' AND has_table_privilege(c.oid, 'TRUNCATE')"
    " AND NOT EXISTS (SELECT 1 FROM pg_constraint f, pg_partition_ancestors(c.oid) a"
    " WHERE f.contype = 'f' AND f.confrelid = a.relid)"
    # a TRUNCATE of one part does not reach replicas of these, and its rows would stay there
    " AND NOT EXISTS (SELECT 1 FROM pg_publication"
    " WHERE pubdelete AND (pubviaroot OR NOT pubtruncate)) ORDER BY 1, 2"
)


@dataclass(frozen=True, slots=True)
class WholePartition:
    """All rows of one partition."""

    schema: str
    name: str

    def holds(self, row: Row) -> Truth:
        """TRUE: its rows are read from the partition itself."""
        return sa.true()


def may_go_whole(plan: Plan, step: Step) -> bool:
    """TRUE where nothing but the rows' own columns decides, and no trigger waits for them."""
    table = plan.schema.tables[step.table]
    parted = table.kind is TableKind.PARTITIONED
    return parted and step.action is Action.DELETE and not table.triggers


def partitions_first(eraser: Eraser) -> Iterator[Window]:
    """The partitions that looked wholly due when the step began."""
    if isinstance(eraser, PartEraser):
        yield from eraser.due


class PartEraser(DirectEraser):
    """Knows which partitions looked wholly `due` when the step began."""

    due: tuple[WholePartition, ...] = ()


class PartitionEraser(PartEraser):
    """Whole partitions where it can, then windows of rows (PostgreSQL)."""

    def __init__(self, plan: Plan, dialect: Dialect, step: Step, *, keys: bool) -> None:
        super().__init__(plan, dialect, step, keys=keys)
        self._unheld = Predicates(plan.unheld(), dialect)

    def prepare(self, connection: sa.Connection) -> None:
        """Look for partitions of which every row is due; a look ends at the first that is not."""
        with connection.begin():
            found = self._leaves(connection)
            held = is_held(connection, self.plan, self.step)
            self.due = tuple(
                part for part in found if connection.scalar(self._looks_due(part, held))
            )

    def take(self, connection: sa.Connection, window: Window, most: int | None) -> Taken:
        if isinstance(window, WholePartition):
            return self._take_whole(connection, window)
        return super().take(connection, window, most)

    def _looks_due(self, window: WholePartition, held: bool) -> sa.Select[tuple[bool]]:
        """TRUE for a partition that has rows, all of them due."""
        row = self._part(window)
        rows = sa.select(*row.c)
        stays = rows.where(sa.not_(self._due(row, held)))
        return sa.select(sa.and_(rows.exists(), sa.not_(stays.exists())))

    def _take_whole(self, connection: sa.Connection, window: WholePartition) -> Taken:
        """Nothing where somebody is at work in the partition, or a row is not due (any more).

        Nor where it has been detached meanwhile: locked, it stays what it is.
        """
        row = self._part(window)
        if not self._locked(connection, window, "SHARE ROW EXCLUSIVE"):
            return Taken()
        if window not in self._leaves(connection):
            return Taken()
        due = self._due(row, is_held(connection, self.plan, self.step))
        counts = sa.select(sa.func.count(), sa.func.count().filter(due)).select_from(row)
        rows, gone = connection.execute(counts).one()
        if rows != gone or not rows or (self.keys and rows > MOST_KEYS):
            return Taken()
        taken = Taken(due={self.table.name: rows}, erased={self.table.name: rows})
        if self.keys:
            keys = keys_read(connection, self.plan, self.dialect, (row, self.table))
            taken.note_keys(self.table.name, keys)
        if not self._locked(connection, window, "ACCESS EXCLUSIVE"):
            return Taken()
        connection.exec_driver_sql(f"TRUNCATE TABLE ONLY {self._named(connection, window)}")
        return taken

    def _leaves(self, connection: sa.Connection) -> list[WholePartition]:
        """The table's partitions that may go whole, as its catalogue has them now."""
        whole = connection.dialect.identifier_preparer.format_table(self._part(None))
        found = connection.execute(_LEAVES, {"whole": whole})
        return [WholePartition(schema, name) for schema, name in found]

    def _locked(self, connection: sa.Connection, window: WholePartition, mode: str) -> bool:
        """FALSE where the lock is not to be had at once: then the rows go one batch after the other."""
        attempt = connection.begin_nested()
        try:
            connection.exec_driver_sql(
                f"LOCK TABLE ONLY {self._named(connection, window)} IN {mode} MODE NOWAIT"
            )
        except (sa.exc.OperationalError, sa.exc.ProgrammingError):
            attempt.rollback()
            return False
        attempt.commit()
        return True

    def _due(self, row: Row, held: bool) -> Truth:
        """TRUE for a row that the step takes; without holds several processes can look."""
        predicates = self.predicates if held else self._unheld
        return is_true(predicates.doomed(self.step, row))

    def _part(self, window: WholePartition | None) -> sa.TableClause:
        whole = row_of(self.table)
        if window is None:
            return whole
        return sa.table(window.name, *map(sa.column, whole.c.keys()), schema=window.schema)

    def _named(self, connection: sa.Connection, window: WholePartition) -> str:
        return connection.dialect.identifier_preparer.format_table(self._part(window))
