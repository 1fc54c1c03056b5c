"""Which partitions go whole on MariaDB: all of their rows due by what the rows say themselves."""

from __future__ import annotations

import re
import time

import sqlalchemy as sa

from retention.databases.erasing.alone import decided_alone, is_held
from retention.databases.erasing.asides import Aside
from retention.databases.erasing.erase import noted
from retention.databases.erasing.noting import keys_read
from retention.databases.erasing.whole_partitions import (
    MOST_KEYS,
    PartEraser,
    WholePartition,
)
from retention.databases.erasing.windows import Window
from retention.databases.sql import Row, Truth, is_true, row_of
from retention.databases.taking import Taken

LONGEST = 0.4
"""Seconds: a partition that takes longer to look at goes in batches, for all wait meanwhile."""

_PLAIN = re.compile(r"\w+")
_PARTS = sa.text(
    "SELECT COALESCE(subpartition_name, partition_name) FROM information_schema.partitions"
    " WHERE table_schema = DATABASE() AND table_name = :name AND partition_name IS NOT NULL"
    " ORDER BY partition_ordinal_position, subpartition_ordinal_position"
)
_CLUSTERED = "SHOW GLOBAL VARIABLES WHERE variable_name = 'wsrep_on' AND value = 'ON'"
_READERS = (
    "SELECT count(*) FROM information_schema.innodb_trx"
    " WHERE trx_mysql_thread_id NOT IN (0, CONNECTION_ID())"
    " AND trx_isolation_level IN ('REPEATABLE READ', 'SERIALIZABLE')"
)


class AsideEraser(PartEraser):
    """Whole partitions where it can, by way of a table beside; then windows of rows."""

    def prepare(self, connection: sa.Connection) -> None:
        """Look for partitions of which every row is due; a look ends at the first that is not."""
        self._alone = decided_alone(self.plan, self.dialect, self.step)
        with connection.begin():
            if self._alone is None or not _may_be(connection):
                return
            found = connection.execute(_PARTS, {"name": self.table.name}).scalars().all()
            parts = (WholePartition("", name) for name in found if _PLAIN.fullmatch(name))
            self.due = tuple(part for part in parts if self._looks_due(connection, part))

    def take(self, connection: sa.Connection, window: Window, most: int | None) -> Taken:
        """Rows only: a whole partition is not for a transaction."""
        if isinstance(window, WholePartition):
            return Taken()
        return super().take(connection, window, most)

    def is_held(self, connection: sa.Connection) -> bool:
        """TRUE where a hold or a request lies on any row of the table."""
        return is_held(connection, self.plan, self.step)

    def decided(self, connection: sa.Connection, aside: Aside) -> int:
        """How many rows the partition has, all of them due; 0 where one is not, or others read.

        Asked while the table is locked. Whoever has a snapshot would get an error for the table.
        """
        if _readers(connection):
            return 0
        row = row_of(self.table)
        columns = sa.func.count(), sa.func.count(sa.case((self._due(row), 1)))
        counts = sa.select(*columns).select_from(row).with_hint(row, _hint(aside.partition))
        rows, due = connection.execute(counts).one()
        if rows != due or (self.keys and rows > MOST_KEYS):
            return 0
        return int(rows)

    def noted(self, connection: sa.Connection, aside: Aside, rows: int) -> Taken:
        """What was set aside, with its keys."""
        taken = Taken()
        if self.keys:
            row = sa.table(aside.name, *map(sa.column, self.table.columns))
            keys = keys_read(connection, self.plan, self.dialect, (row, self.table))
            taken.note_keys(self.table.name, keys)
        return noted(taken, self.step, rows)

    def _looks_due(self, connection: sa.Connection, part: WholePartition) -> bool:
        begun = time.monotonic()
        row, hint = row_of(self.table), _hint(part.name)
        one: sa.ColumnElement[int] = sa.literal_column("1")
        rows = sa.select(one).select_from(row).with_hint(row, hint)
        stays = rows.where(sa.not_(self._due(row)))
        due = connection.scalar(sa.select(sa.and_(rows.exists(), sa.not_(stays.exists()))))
        return bool(due) and time.monotonic() - begun < LONGEST

    def _due(self, row: Row) -> Truth:
        assert self._alone is not None
        return is_true(self._alone.doomed(self.step, row))


def _hint(partition: str) -> str:
    return f"PARTITION (`{partition}`)"


def _may_be(connection: sa.Connection) -> bool:
    """FALSE in a cluster, whose other nodes heed no lock, and where others' work is not shown."""
    if connection.exec_driver_sql(_CLUSTERED).first() is not None:
        return False
    try:
        _readers(connection)
    except sa.exc.OperationalError:
        return False
    return True


def _readers(connection: sa.Connection) -> int:
    """How many transactions of others have a snapshot (a dump, a report)."""
    return int(connection.exec_driver_sql(_READERS).scalar_one())
