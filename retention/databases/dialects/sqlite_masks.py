"""SQLite's masks: one column may hold text and numbers side by side."""

from __future__ import annotations

import json

import sqlalchemy as sa

from retention.databases.dialects.dialect import EARLIEST_EPOCH, LATEST_EPOCH, Dialect
from retention.databases.sql import Expression, Truth, all_of, bind, over, written
from retention.planning.schema import Column
from retention.policies.masking import pseudonyms
from retention.policies.masking.forms import Network
from retention.policies.masking.json_paths import JsonPath

_LARGEST_WHOLE = 2**53
_JSON_KINDS = {
    "string": ("text",),
    "number": ("integer", "real"),
    "boolean": ("true", "false"),
}


class SQLiteMasks(Dialect):
    """Masked values as SQLite computes them."""

    def is_pseudonym(self, text: Expression) -> Truth:
        return _glob(text, pseudonyms.PREFIX + pseudonyms.LETTERS * pseudonyms.LENGTH)

    def last(self, value: Expression, length: int) -> Expression:
        return sa.func.substr(value, -length)

    def offset_of(self, value: Expression, offsets: bool) -> Expression:
        patterns = (("Z", 1), ("+??:??", 6), ("-??:??", 6), ("+????", 5), ("-????", 5))
        whens = [
            (_glob(value, f"*:*{pattern}"), sa.func.substr(value, -length))
            for pattern, length in (*patterns, ("z", 1), ("+??", 3), ("-??", 3))
        ]
        return sa.case(*whens, else_=bind(""))

    def cut_date(self, value: Expression, column: Column, unit: str) -> Expression:
        return self.cut_text(value, unit)

    def cut_epoch(self, value: Expression, column: Column, unit: str, ticks: int) -> Expression:
        cut = sa.cast(value, sa.Integer())
        whole = cut - sa.case((value < cut, 1), else_=0)
        count = written(ticks)
        seconds = over(whole - (whole % count + count) % count, count)
        moment = (seconds, bind("unixepoch"))
        if unit == "decade":
            year = sa.func.strftime(bind("%Y"), *moment)
            day: Expression = sa.func.substr(year, 1, 3).concat(bind("0-01-01"))
        else:
            day = sa.func.date(*moment, bind(f"start of {unit}"))
        known = all_of(
            self.is_number(value, column),
            value.between(written(EARLIEST_EPOCH * ticks), LATEST_EPOCH * ticks),
        )
        return sa.case((known, sa.cast(sa.func.strftime(bind("%s"), day), sa.Integer()) * count))

    def network(self, value: Expression, mask: Network) -> Expression:
        """Through a function of ours, registered on the connection."""
        return sa.func.retention_network(value, mask.v4, mask.v6)

    def rounded(self, value: Expression, column: Column, step: int) -> Expression:
        every = written(step)
        real = sa.cast(over(value, written(f"{step}.0")), sa.Integer()) * every
        inside = value.between(-_LARGEST_WHOLE, _LARGEST_WHOLE)
        return sa.case(
            (sa.func.typeof(value) == bind("integer"), value - value % every),
            (all_of(sa.func.typeof(value) == bind("real"), inside), real),
        )

    def plain_number(self, text: Expression) -> Truth:
        """One point, one minus at the front, digits before the point and after it."""
        size = sa.func.instr(text, bind(".")) - 1
        whole = sa.case((size < 0, text), else_=sa.func.substr(text, 1, size))
        digits = sa.func.ltrim(whole, bind("-"))
        return all_of(
            sa.not_(_glob(text, "*[^0-9.-]*")),
            sa.not_(_glob(text, "?*-*")),
            sa.not_(_glob(text, "*.*.*")),
            sa.not_(_glob(text, "*.")),
            sa.func.length(digits).between(1, 15),
        )

    def whole_part(self, text: Expression) -> Expression:
        return sa.cast(text, sa.Integer())

    def json_readable(
        self, value: Expression, column: Column, paths: tuple[JsonPath, ...]
    ) -> Truth:
        return self.json_document(value, column, paths).is_not(None)

    def json_document(
        self, value: Expression, column: Column, paths: tuple[JsonPath, ...]
    ) -> Expression:
        """Through a function of ours, which reads keys however they are escaped."""
        places = json.dumps([path.steps for path in paths], ensure_ascii=False)
        return sa.func.retention_json(value, bind(places))

    def json_is(self, document: Expression, at: JsonPath, kind: str) -> Truth:
        found = sa.func.json_type(document, bind(str(at)))
        return found.in_([bind(name) for name in _JSON_KINDS.get(kind, (kind,))])

    def json_text(self, document: Expression, at: JsonPath) -> Expression:
        """A number as it was written: SQLite would read `1e3` and `7.10` as it likes."""
        raw = document.op("->", precedence=15)(bind(str(at)))
        is_text = self.json_is(document, at, "string")
        return sa.case((is_text, sa.func.json_extract(document, bind(str(at)))), else_=raw)

    def json_part(self, document: Expression, at: JsonPath) -> Expression:
        return document.op("->", precedence=15)(bind(str(at)))

    def json_same(self, document: Expression, at: JsonPath, text: str) -> Truth:
        return document.op("->", precedence=15)(bind(str(at))).is_not_distinct_from(bind(text))

    def json_string(self, text: Expression) -> Expression:
        return sa.func.json_quote(text)

    def json_replaced(
        self, document: Expression, values: list[tuple[JsonPath, Expression]]
    ) -> Expression:
        pairs = [part for at, text in values for part in (bind(str(at)), sa.func.json(text))]
        return sa.func.json_replace(document, *pairs)


def _glob(value: Expression, pattern: str) -> Truth:
    return value.op("GLOB", return_type=sa.Boolean())(bind(pattern))
