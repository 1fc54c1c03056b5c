"""Ranges of row addresses (SQLite), so that what sorts rows in memory never holds a whole table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from retention.databases.sql import Row, Truth

ROWS = 500_000
_LAST = 2**63 - 1
_LOW, _HIGH = "retention_low", "retention_high"


@dataclass(frozen=True, slots=True)
class RowRange:
    """Rows whose address lies between two parameters, both included."""

    address: str

    def holds(self, row: Row) -> Truth:
        """TRUE for rows of the range that is asked for."""
        return row.c[self.address].between(
            sa.bindparam(_LOW, type_=sa.BigInteger()), sa.bindparam(_HIGH, type_=sa.BigInteger())
        )


def counted_by_ranges(
    connection: sa.Connection, row: sa.TableClause, address: str, query: sa.Select[Any]
) -> Iterator[Sequence[Any]]:
    """The rows of a counting query over `RowRange`, range after range; the last column is a count.

    Ranges follow how dense addresses are: about ROWS rows each, whatever gaps lie between them.
    """
    place = row.c[address]
    width, low = ROWS, connection.execute(sa.select(sa.func.min(place))).scalar()
    while low is not None:
        high = min(low + width - 1, _LAST)
        found = connection.execute(query, {_LOW: low, _HIGH: high}).all()
        yield from found
        rows = sum(counts[-1] for counts in found)
        width = max(
            ROWS, width * 4 if rows < ROWS // 4 else width // 2 if rows > ROWS * 2 else width
        )
        low = connection.execute(sa.select(sa.func.min(place)).where(place > high)).scalar()
