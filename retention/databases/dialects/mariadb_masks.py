"""MariaDB's masks. In strict mode an UPDATE fails on what a function warns of: a CASE guards it."""

from __future__ import annotations

import json
import re

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from retention.databases.dialects.addresses import IPV4_PATTERN, IPV6_PATTERN
from retention.databases.dialects.dialect import EARLIEST_EPOCH, LATEST_EPOCH, Dialect
from retention.databases.sql import Expression, Truth, all_of, any_of, bind, is_true, over, written
from retention.planning.schema import Column, ColumnKind
from retention.policies.masking import pseudonyms
from retention.policies.masking.forms import Network
from retention.policies.masking.json_paths import JsonPath

_FIRST_TIMESTAMP = "1970-01-01 00:00:01"
_MAPPED = written("0x00000000000000000000FFFF")
_FORMATS = {"day": "%Y-%m-%d", "month": "%Y-%m-01", "year": "%Y-01-01"}
_JSON_KINDS = {"number": ("INTEGER", "DOUBLE", "DECIMAL")}


def matches(value: Expression, pattern: str) -> Truth:
    """A Perl-compatible regular expression, to the very end: `$` would let a line break pass."""
    exact = pattern[:-1] + r"\z" if pattern.endswith("$") else pattern
    return value.op("REGEXP", return_type=sa.Boolean())(bind(exact))


class MariaDBMasks(Dialect):
    """Masked values as MariaDB computes them."""

    def is_pseudonym(self, text: Expression) -> Truth:
        return matches(text, f"(?-i){pseudonyms.PATTERN}")

    def prefix(self, value: Expression, length: int) -> Expression:
        return sa.func.left(value, length)

    def as_column(self, value: Expression, column: Column) -> Expression:
        """Two columns' collations do not mix; a letter that the character set lacks becomes `?`."""
        if not column.collation:
            return value
        charset = column.collation.partition("_")[0]
        return sa.cast(value, mysql.CHAR(charset=charset)).collate(column.collation)

    def cut_date(self, value: Expression, column: Column, unit: str) -> Expression:
        """ "No date" (0000-00-00) stays; a TIMESTAMP cannot go before its first second."""
        day = self._start(value, unit)
        whens = [(self.zero_date(value), value)]
        if column.type_text == "TIMESTAMP":
            whens.append((day < bind(_FIRST_TIMESTAMP), bind(_FIRST_TIMESTAMP)))
        return sa.case(*whens, else_=day)

    def _start(self, value: Expression, unit: str) -> Expression:
        if unit != "decade":
            return sa.func.date_format(value, bind(_FORMATS[unit]))
        decade = sa.func.left(sa.func.date_format(value, bind("%Y")), 3)
        return sa.func.concat(decade, bind("0-01-01"))

    def cut_epoch(self, value: Expression, column: Column, unit: str, ticks: int) -> Expression:
        count = written(ticks)
        seconds = sa.func.floor(over(value, count))
        zero = written("TIMESTAMP'1970-01-01 00:00:00'")
        moment = sa.func.timestampadd(written("SECOND"), seconds, zero)
        back = sa.func.timestampdiff(written("SECOND"), zero, self._start(moment, unit))
        known = value.between(EARLIEST_EPOCH * ticks, LATEST_EPOCH * ticks)
        return sa.case((known, back * count))

    def network(self, value: Expression, mask: Network) -> Expression:
        text = self.as_text(value)
        plain = sa.func.substring_index(text, bind("%"), 1)
        binary = sa.func.inet6_aton(plain)
        inner = sa.func.conv(sa.func.hex(sa.func.right(binary, 4)), 16, 10)
        mapped = sa.func.concat(bind("::ffff:"), self._v4(inner, mask.v4))
        is_v6 = matches(text, IPV6_PATTERN)
        return sa.case(
            (matches(text, IPV4_PATTERN), self._v4(sa.func.inet_aton(plain), mask.v4)),
            (all_of(is_v6, sa.func.left(binary, 12) == _MAPPED), mapped),
            (is_v6, self._v6(binary, mask.v6)),
        )

    def _v4(self, number: Expression, width: int) -> Expression:
        bits = (0xFFFFFFFF << (32 - width)) & 0xFFFFFFFF
        return sa.func.inet_ntoa(number.op("&", precedence=8)(written(bits)))

    def _v6(self, binary: Expression, width: int) -> Expression:
        """Whole bytes are cut in binary; the byte in the middle by arithmetic."""
        whole, bits = divmod(width, 8)
        parts: list[Expression] = [sa.func.left(binary, whole)]
        if bits:
            mask = (0xFF << (8 - bits)) & 0xFF
            byte = sa.func.ord(sa.func.substr(binary, whole + 1, 1))
            parts.append(sa.func.char(byte.op("&", precedence=8)(written(mask))))
        padding = 16 - whole - bool(bits)
        parts.append(written(f"REPEAT(0x00, {padding})"))
        return sa.func.inet6_ntoa(sa.cast(sa.func.concat(*parts), sa.BINARY(16)))

    def rounded(self, value: Expression, column: Column, step: int) -> Expression:
        every = written(step)
        if column.kind is not ColumnKind.FLOAT:
            return value - value % every
        largest = 2**24 if column.type_text.startswith("FLOAT") else 2**53
        inside = sa.func.abs(value) <= written(largest)
        return sa.case((inside, sa.func.truncate(over(value, every), 0) * every))

    def plain_number(self, text: Expression) -> Truth:
        return matches(text, r"^-?[0-9]{1,15}(\.[0-9]+)?$")

    def whole_part(self, text: Expression) -> Expression:
        return sa.cast(sa.func.substring_index(text, bind("."), 1), mysql.INTEGER())

    def json_readable(
        self, value: Expression, column: Column, paths: tuple[JsonPath, ...]
    ) -> Truth:
        """Keys are compared as they are written: one that is escaped otherwise is in doubt."""
        doubts: list[Truth] = []
        for place, step in dict.fromkeys(step for path in paths for step in path.taken):
            if isinstance(step, str):
                keys = sa.func.json_keys(value, self._at(value, place))
                plain = sa.func.replace(keys, bind(f'"{step}"'), bind(""))
                escaped = sa.func.replace(keys, bind(f'"{_escaped(step)}"'), bind(""))
                doubts.append(sa.and_(_spelled(plain, step), _spelled(escaped, step)))
                at = self._at(value, JsonPath((*place.steps, step)))
                less = sa.func.json_remove(value, at)
                doubts.append(sa.func.json_contains_path(less, bind("one"), at) == 1)
        certain = sa.not_(is_true(any_of(*doubts)))
        return is_true(sa.case((sa.func.json_valid(value) == 1, certain), else_=sa.false()))

    def _at(self, document: Expression, at: JsonPath) -> Expression:
        """The place as the document spells it: `å`, or `\\u00e5` as many programs write it."""
        plain, escaped = str(at), _escaped(str(at))
        if plain == escaped:
            return bind(plain)
        found = sa.func.json_contains_path(document, bind("one"), bind(escaped)) == 1
        return sa.case((found, bind(escaped)), else_=bind(plain))

    def _part(self, document: Expression, at: JsonPath) -> Expression:
        return sa.func.json_extract(document, self._at(document, at))

    def json_is(self, document: Expression, at: JsonPath, kind: str) -> Truth:
        names = _JSON_KINDS.get(kind, (kind.upper(),))
        return sa.func.json_type(self._part(document, at)).in_([bind(name) for name in names])

    def json_text(self, document: Expression, at: JsonPath) -> Expression:
        return sa.func.json_unquote(self._part(document, at))

    def json_part(self, document: Expression, at: JsonPath) -> Expression:
        return self._part(document, at)

    def json_same(self, document: Expression, at: JsonPath, text: str) -> Truth:
        part = sa.func.json_compact(self._part(document, at))
        return sa.cast(part, sa.BINARY()).is_not_distinct_from(sa.cast(bind(text), sa.BINARY()))

    def json_string(self, text: Expression) -> Expression:
        return sa.func.json_quote(text)

    def json_replaced(
        self, document: Expression, values: list[tuple[JsonPath, Expression]]
    ) -> Expression:
        pairs: list[Expression] = []
        for at, text in values:
            pairs += [self._at(document, at), sa.func.json_compact(text)]
        return sa.func.json_replace(document, *pairs)


def _escaped(text: str) -> str:
    return json.dumps(text)[1:-1].replace('\\"', '"')


def _spelled(keys: Expression, step: str) -> Truth:
    """TRUE where the key stands there, in whatever spelling."""
    letters = "".join(_spellings(letter) for letter in step)
    return matches(keys, f'(?-i)"{letters}"')


def _spellings(letter: str) -> str:
    units = letter.encode("utf-16-be").hex()
    code = "".join(
        r"\\u" + "".join(f"[{digit}{digit.upper()}]" for digit in units[at : at + 4])
        for at in range(0, len(units), 4)
    )
    short = r"|\\/" if letter == "/" else ""
    return f"({re.escape(letter)}|{code}{short})"
