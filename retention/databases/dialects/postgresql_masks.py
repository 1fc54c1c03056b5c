"""PostgreSQL's masks. A CASE guards every cast that text could make fail."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from retention.databases.dialects.addresses import IPV4_PATTERN, IPV6_PATTERN
from retention.databases.dialects.dialect import EARLIEST_EPOCH, LATEST_EPOCH, Dialect
from retention.databases.sql import Expression, Truth, any_of, bind, over, written
from retention.planning.schema import Column, ColumnKind
from retention.policies.masking import pseudonyms
from retention.policies.masking.forms import Network
from retention.policies.masking.json_paths import JsonPath

_MAPPED = written("'::ffff:0:0/96'::inet")
_UNREADABLE = (
    r"\\u0000",
    r"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])",
    r"(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F]",
    r"[:,[]\s*-?[0-9.]+[eE][+-]?[0-9]{4,}\s*[],}]",
)


def matches(value: Expression, pattern: str) -> Truth:
    """A POSIX regular expression over text."""
    return value.op("~", return_type=sa.Boolean())(bind(pattern))


def _as(value: Expression, type_name: str) -> Expression:
    return value.op("::", precedence=15)(written(type_name))


class PostgreSQLMasks(Dialect):
    """Masked values as PostgreSQL computes them."""

    def is_pseudonym(self, text: Expression) -> Truth:
        return matches(text, pseudonyms.PATTERN)

    def cut_date(self, value: Expression, column: Column, unit: str) -> Expression:
        if column.kind is ColumnKind.DATE:
            cut = sa.func.date_trunc(written(f"'{unit}'"), _as(value, "timestamp"))
            return sa.cast(cut, sa.Date())
        return sa.func.date_trunc(written(f"'{unit}'"), value)

    def cut_epoch(self, value: Expression, column: Column, unit: str, ticks: int) -> Expression:
        count = written(ticks)
        seconds = sa.func.floor(over(_as(value, "numeric"), count))
        moment = sa.func.timezone(written("'UTC'"), sa.func.to_timestamp(_as(seconds, "float8")))
        start = sa.func.date_trunc(written(f"'{unit}'"), moment)
        back = _as(sa.extract("epoch", start), "numeric")
        known = value.between(
            written(EARLIEST_EPOCH * ticks),
            written(LATEST_EPOCH * ticks),
        )
        return sa.case((known, sa.func.trunc(back) * count))

    def network(self, value: Expression, mask: Network) -> Expression:
        text = self.as_text(value)
        plain = sa.func.split_part(text, written("'%'"), 1)
        address = any_of(matches(text, IPV4_PATTERN), matches(text, IPV6_PATTERN))
        return sa.case((address, sa.func.host(self._cut(_as(plain, "inet"), mask))))

    def network_of_inet(self, value: Expression, column: Column, mask: Network) -> Expression:
        """A `cidr` stays a network, an `inet` an address; one wider than asked stays as wide."""
        if column.type_text == "CIDR":
            width = sa.func.least(sa.func.masklen(value), self._width(value, mask))
            return sa.func.set_masklen(value, width)
        host = sa.case((sa.func.family(value) == 4, 32), else_=128)
        return sa.func.set_masklen(_as(self._cut(value, mask), "inet"), host)

    def _cut(self, address: Expression, mask: Network) -> Expression:
        return sa.func.network(sa.func.set_masklen(address, self._width(address, mask)))

    def _width(self, address: Expression, mask: Network) -> Expression:
        """An IPv4 address written as IPv6 (`::ffff:…`) is cut as the IPv4 address it is."""
        return sa.case(
            (sa.func.family(address) == 4, written(mask.v4)),
            (address.op("<<=")(_MAPPED), written(96 + mask.v4)),
            else_=written(mask.v6),
        )

    def rounded(self, value: Expression, column: Column, step: int) -> Expression:
        every = written(step)
        if column.kind is not ColumnKind.FLOAT:
            return value - value % every
        largest = 2**24 if column.type_text == "REAL" else 2**53
        size = sa.func.abs(value)
        multiple = sa.func.trunc(over(value, _as(every, "float8"))) * every
        return sa.case((size < every, written(0)), (size <= written(largest), multiple))

    def plain_number(self, text: Expression) -> Truth:
        return matches(text, r"^-?[0-9]{1,15}(\.[0-9]+)?$")

    def whole_part(self, text: Expression) -> Expression:
        return _as(sa.func.split_part(text, written("'.'"), 1), "bigint")

    def json_readable(
        self, value: Expression, column: Column, paths: tuple[JsonPath, ...]
    ) -> Truth:
        """`json` keeps what `jsonb` cannot read, and keys that stand twice."""
        if column.type_text == "JSONB":
            return sa.true()
        text = self.as_text(value)
        steps = dict.fromkeys(step for path in paths for step in path.taken)
        doubts = [matches(text, pattern) for pattern in _UNREADABLE]
        doubts += [self._has_twice(value, at, key) for at, key in steps if isinstance(key, str)]
        return sa.not_(any_of(*doubts))

    def json_document(
        self, value: Expression, column: Column, paths: tuple[JsonPath, ...]
    ) -> Expression:
        return value if column.type_text == "JSONB" else _as(value, "jsonb")

    def _has_twice(self, value: Expression, at: JsonPath, step: str) -> Truth:
        part = self._part(value, at)
        key: Expression = sa.func.json_object_keys(part).column_valued("key")
        count = sa.select(sa.func.count(key)).where(key == bind(step))
        is_object = sa.func.json_typeof(part) == written("'object'")
        return sa.case((is_object, count.scalar_subquery() > 1), else_=sa.false())

    def json_is(self, document: Expression, at: JsonPath, kind: str) -> Truth:
        return sa.func.jsonb_typeof(self._part(document, at)) == written(f"'{kind}'")

    def json_text(self, document: Expression, at: JsonPath) -> Expression:
        return self._part(document, at).op("#>>", precedence=15)(written("'{}'"))

    def json_part(self, document: Expression, at: JsonPath) -> Expression:
        return _as(self._part(document, at), "text")

    def json_same(self, document: Expression, at: JsonPath, text: str) -> Truth:
        wanted = sa.cast(bind(text), postgresql.JSONB())
        return self._part(document, at).is_not_distinct_from(wanted)

    def _part(self, document: Expression, at: JsonPath) -> Expression:
        return document.op("#>", precedence=15)(_steps(at)) if at.steps else document

    def json_string(self, text: Expression) -> Expression:
        return _as(sa.func.to_jsonb(self.as_text(text)), "text")

    def json_replaced(
        self, document: Expression, values: list[tuple[JsonPath, Expression]]
    ) -> Expression:
        """jsonb_set fails where a key is looked up in a list; an empty way changes nothing."""
        result = document
        for at, text in values:
            is_there = self._part(document, at).is_not(None)
            way = sa.case((is_there, _steps(at)), else_=written("'{}'::text[]"))
            new = sa.cast(text, postgresql.JSONB())
            result = sa.func.jsonb_set(result, way, new, sa.false())
        return result

    def as_json(self, text: Expression, column: Column) -> Expression:
        return _as(text, column.type_text)

    def json_stored(self, document: Expression, column: Column) -> Expression:
        return document if column.type_text == "JSONB" else _as(document, "json")


def _steps(at: JsonPath) -> Expression:
    return sa.cast(
        postgresql.array([bind(str(step)) for step in at.steps]), postgresql.ARRAY(sa.Text())
    )
