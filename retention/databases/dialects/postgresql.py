"""PostgreSQL: differences only."""

from __future__ import annotations

import sqlalchemy as sa

from retention.databases.dialects.dialect import Dialect
from retention.databases.dialects.iso import ISO_OFFSET_PATTERN, ISO_PATTERN
from retention.databases.sql import Expression, Truth, bind
from retention.planning.schema import Column, ColumnKind
from retention.policies.masking import Network

IPV4_PATTERN = r"^((25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(25[0-5]|2[0-4]\d|1?\d?\d)$"
IPV6_PATTERN = (
    r"^(([0-9a-fA-F]{1,4}:){7}[0-9a-fA-F]{1,4}|([0-9a-fA-F]{1,4}:){1,7}:"
    r"|([0-9a-fA-F]{1,4}:){1,6}:[0-9a-fA-F]{1,4}|([0-9a-fA-F]{1,4}:){1,5}(:[0-9a-fA-F]{1,4}){1,2}"
    r"|([0-9a-fA-F]{1,4}:){1,4}(:[0-9a-fA-F]{1,4}){1,3}|([0-9a-fA-F]{1,4}:){1,3}(:[0-9a-fA-F]{1,4}){1,4}"
    r"|([0-9a-fA-F]{1,4}:){1,2}(:[0-9a-fA-F]{1,4}){1,5}|[0-9a-fA-F]{1,4}:(:[0-9a-fA-F]{1,4}){1,6}"
    r"|:(:[0-9a-fA-F]{1,4}){1,7}|::)$"
)


def matches(value: Expression, pattern: str) -> Truth:
    """A POSIX regular expression over text."""
    return value.op("~", return_type=sa.Boolean())(bind(pattern))


class PostgreSQL(Dialect):
    """PostgreSQL 12 or later."""

    name = "postgresql"
    data_modifying_ctes = True

    def same(self, value: Expression, other: Expression, column: Column) -> Truth:
        if column.kind in (ColumnKind.JSON, ColumnKind.OTHER):
            return self.as_text(value).is_not_distinct_from(self.as_text(other))
        if column.kind is ColumnKind.TEXT:
            return value.collate("C").is_not_distinct_from(other)
        return value.is_not_distinct_from(other)

    def ordered_text(self, value: Expression) -> Expression:
        return value.collate("C")

    def valid_iso(self, value: Expression, offsets: bool) -> Truth:
        return matches(value, ISO_OFFSET_PATTERN if offsets else ISO_PATTERN)

    def offset_of(self, value: Expression, offsets: bool) -> Expression:
        form = r"Z|[+-]\d\d(?::?\d\d)?" if offsets else "Z"
        found = sa.func.substring(value, bind(rf":\d\d(?:[.,]\d+)?({form})$"))
        return sa.func.coalesce(found, bind(""))

    def is_digits(self, value: Expression) -> Truth:
        return matches(value, r"^-?\d{1,18}$")

    def truncated(self, value: Expression, column: Column, unit: str) -> Expression:
        if column.kind in (ColumnKind.TEXT, ColumnKind.OTHER):
            kept = {"day": 10, "month": 7, "year": 4, "decade": 3}[unit]
            rest = {"day": "", "month": "-01", "year": "-01-01", "decade": "0-01-01"}[unit]
            day = sa.func.left(value, kept).concat(bind(rest))
            return sa.case((matches(value, ISO_OFFSET_PATTERN), day), else_=None)
        cut = sa.func.date_trunc(sa.literal_column(f"'{unit}'"), value)
        if column.kind is ColumnKind.DATE:
            return sa.cast(cut, sa.Date())
        return cut

    def network(self, value: Expression, column: Column, mask: Network) -> Expression:
        inet = sa.type_coerce(value, sa.Text())
        if column.kind is ColumnKind.INET:
            return self._cut(value, mask)
        nothing = sa.null() if column.nullable else bind("")
        address = inet.op("::")(sa.literal_column("inet"))
        cut = sa.func.host(self._cut(sa.func.coalesce(address), mask))
        return sa.case(
            (sa.or_(matches(inet, IPV4_PATTERN), matches(inet, IPV6_PATTERN)), cut), else_=nothing
        )

    def _cut(self, address: Expression, mask: Network) -> Expression:
        width = sa.case((sa.func.family(address) == 4, mask.v4), else_=mask.v6)
        host = sa.case((sa.func.family(address) == 4, 32), else_=128)
        cut = sa.func.network(sa.func.set_masklen(address, width))
        return sa.func.set_masklen(cut.op("::")(sa.literal_column("inet")), host)

    def rounded(self, value: Expression, step: int) -> Expression:
        return sa.func.floor(value / sa.literal_column(f"{step}.0")) * step
