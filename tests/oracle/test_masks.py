"""Masks as each engine computes them, against plain Python: every value, and a second time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import date, datetime
from decimal import Decimal
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Any

import naive_masks as naive
import pytest
import servers
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from retention.connections import engine_for
from retention.databases.database import Database
from retention.databases.sql import row_of
from retention.databases.statements.mask_sql import MaskSql
from retention.planning.mask_fitting import counted
from retention.planning.schema import Table
from retention.policies.masking import parse_mask

SUITE = {"deadline": None, "derandomize": True, "database": None}
CHECKS = list(HealthCheck)
EXAMPLES = 12
OTHER_COLLATION = {"mysql": " CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci"}
DDL = {
    "text": {"sqlite": "TEXT", "postgresql": "TEXT", "mysql": "LONGTEXT"},
    "varchar": {"sqlite": "VARCHAR(60)", "postgresql": "VARCHAR(60)", "mysql": "VARCHAR(60)"},
    "char": {"sqlite": "CHAR(60)", "postgresql": "CHAR(60)", "mysql": "CHAR(60)"},
    "latin": {
        "sqlite": "VARCHAR(60)",
        "postgresql": 'VARCHAR(60) COLLATE "C"',
        "mysql": "VARCHAR(60) CHARACTER SET latin1 COLLATE latin1_german1_ci",
    },
    "short": {"sqlite": "VARCHAR(12)", "postgresql": "VARCHAR(12)", "mysql": "VARCHAR(12)"},
    "date": {"sqlite": "DATE", "postgresql": "DATE", "mysql": "DATE"},
    "timestamp": {"sqlite": "TIMESTAMP", "postgresql": "TIMESTAMP", "mysql": "DATETIME(6)"},
    "timestamptz": {"postgresql": "TIMESTAMPTZ", "mysql": "TIMESTAMP(6)", "sqlite": "TIMESTAMP"},
    "bigint": {"sqlite": "INTEGER", "postgresql": "BIGINT", "mysql": "BIGINT"},
    "int": {"sqlite": "INTEGER", "postgresql": "INTEGER", "mysql": "INTEGER"},
    "small": {"sqlite": "SMALLINT", "postgresql": "SMALLINT", "mysql": "SMALLINT"},
    "unsigned": {"sqlite": "INTEGER", "postgresql": "BIGINT", "mysql": "INTEGER UNSIGNED"},
    "decimal": {
        "sqlite": "NUMERIC(18,4)",
        "postgresql": "NUMERIC(18,4)",
        "mysql": "DECIMAL(18,4)",
    },
    "real": {"sqlite": "REAL", "postgresql": "REAL", "mysql": "FLOAT"},
    "double": {"sqlite": "DOUBLE", "postgresql": "DOUBLE PRECISION", "mysql": "DOUBLE"},
    "json": {"sqlite": "JSON", "postgresql": "JSON", "mysql": "JSON"},
    "jsonb": {"sqlite": "TEXT", "postgresql": "JSONB", "mysql": "JSON"},
    "inet": {"postgresql": "INET", "mysql": "INET6"},
    "cidr": {"postgresql": "CIDR"},
    "array": {"postgresql": "TEXT[]"},
}


class Bench:
    """A table for each type of column; a mask is carried out on given values and rolled back."""

    def __init__(self, database: Database, connection: sa.Connection) -> None:
        self.database = database
        self.connection = connection
        self.name = database.dialect.name
        self.masks = MaskSql(database.dialect)
        with connection.begin():
            for kind, types in DDL.items():
                if self.name in types:
                    for suffix, null in (("n", "NULL"), ("nn", "NOT NULL")):
                        connection.exec_driver_sql(
                            f"CREATE TABLE m_{kind}_{suffix} (id INTEGER PRIMARY KEY,"
                            f" other VARCHAR(40) NULL, v {types[self.name]} {null})"
                            + (
                                " CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci"
                                if self.name == "mysql"
                                else ""
                            )
                        )
        self.schema = database.schema(connection)

    def has(self, kind: str) -> bool:
        """TRUE where the engine has such a column."""
        return self.name in DDL[kind]

    def carried_out(
        self, kind: str, form: Any, values: list[Any], *, null: bool = True, stored_as: str = ""
    ) -> list[Any]:
        """The values after the mask; a second run would find nothing to do."""
        table = self.schema.tables[f"m_{kind}_{'n' if null else 'nn'}"]
        column = table.columns["v"]
        mask = counted(column, None, parse_mask(form), stored_as or None)
        row = row_of(table)
        with self.connection.begin() as transaction:
            before = self._filled(table, values)
            masked = self.masks.masked(row, table, column, mask)
            differs = self.masks.differs(row, table, column, mask)
            new = sa.case((differs.is_(sa.true()), masked), else_=row.c.v)
            update = sa.update(row).where(differs).values(v=new)
            count = self.connection.execute(update).rowcount
            again = sa.select(sa.func.count()).select_from(row).where(differs)
            left = self.connection.execute(again).scalar_one()
            after = self._values(table)
            transaction.rollback()
        assert left == 0
        assert count == sum(old != new for old, new in zip(before, after, strict=True))
        return after

    def _filled(self, table: Table, values: list[Any]) -> list[Any]:
        rows = [
            {"id": number, "other": f"o{number}", "v": value}
            for number, value in enumerate(values, start=1)
        ]
        target = sa.table(table.bare_name, sa.column("id"), sa.column("other"), sa.column("v"))
        if self.name == "mysql":
            self.connection.exec_driver_sql("SET SESSION sql_mode = ''")
        self.connection.execute(sa.insert(target), rows)
        if self.name == "mysql":
            self.connection.exec_driver_sql(
                "SET SESSION sql_mode = 'STRICT_TRANS_TABLES,SIMULTANEOUS_ASSIGNMENT'"
            )
        return self._values(table)

    def _values(self, table: Table) -> list[Any]:
        row = row_of(table)
        value = row.c.v
        if self.name == "postgresql" and table.columns["v"].kind in ("json", "inet"):
            value = sa.cast(value, sa.Text())
        if table.columns["v"].type_text == "FLOAT":
            value = value + sa.literal_column("0e0")  # a FLOAT is shown with six digits
        return list(self.connection.execute(sa.select(value).order_by(row.c.id)).scalars())


@pytest.fixture(scope="module", params=servers.ENGINES)
def bench(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Bench]:
    """Every kind of column on each engine in turn."""
    folder: Path = tmp_path_factory.mktemp("masks")
    with ExitStack() as stack:
        if request.param == "sqlite":
            (folder / "data.db").touch()
            url = f"sqlite:///{folder / 'data.db'}"
        else:
            server = request.getfixturevalue(f"{request.param}_server")
            url = stack.enter_context(servers.fresh_database(server))
        engine = engine_for(url, "main", folder)
        stack.callback(engine.dispose)
        database = Database("main", engine)
        yield Bench(database, stack.enter_context(database.connected()))


# -- values -------------------------------------------------------------------------------------

CHARACTERS = st.characters(codec="utf-8", exclude_characters="\x00")
ODD = st.sampled_from(
    [
        "",
        " ",
        "a ",
        " a",
        "e\u0301e\u0301",
        "å̈",
        "👩‍👩‍👧",
        "İstanbul",
        "ß",
        "''",
        '"',
        "\\",
        "%",
        "_",
        "a\nb",
    ]
)
TEXTS = ODD | st.text(CHARACTERS, max_size=40)
LONG = st.integers(2_000, 5_000).map(lambda size: "Åse 👩 " * size)
V4 = st.ip_addresses(v=4).map(str)
V6 = st.ip_addresses(v=6)
ADDRESSES = st.one_of(
    V4,
    V6.map(str),
    V6.map(lambda it: it.exploded),
    V6.map(lambda it: str(it).upper()),
    V6.map(lambda it: f"{it}%eth0"),
    st.ip_addresses(v=4).map(lambda it: f"::ffff:{it}"),
    st.ip_addresses(v=4).map(lambda it: f"::{it}"),
    st.ip_addresses(v=4).map(lambda it: str(IPv6Address(b"\0" * 10 + b"\xff\xff" + it.packed))),
    st.ip_addresses(v=4).map(lambda it: f"1:2:3:4:5:6:{it}"),
)
NO_ADDRESSES = st.sampled_from(
    [
        "",
        " ",
        "1.2.3",
        "1.2.3.4.5",
        "01.2.3.4",
        "1.2.3.256",
        " 1.2.3.4",
        "1.2.3.4 ",
        "1.2.3.4\n",
        "1.2.3.4/24",
        "1.2.3.4:80",
        "::1%",
        "::1%a%b",
        "::1/64",
        "1::2::3",
        "1:2:3:4:5:6:7:8:9",
        "1:2:3:4:5:6:7",
        "12345::",
        ":::",
        "1:2:3:4:5:6:7::",
        "::2:3:4:5:6:7:8",
        "unknown",
        "hex:::ffff",
        "::ffff:1.2.3",
        "[::1]",
        "１.2.3.4",
    ]
)
WIDTHS = st.tuples(st.integers(0, 32), st.integers(0, 128)).map(list)
UNITS = st.sampled_from(["day", "month", "year", "decade"])
YEARS = {"min_value": date(1000, 1, 1), "max_value": date(9999, 12, 31)}
MOMENTS = st.datetimes(datetime(1000, 1, 1), datetime(9999, 12, 31))
TAILS = st.sampled_from(["", "", "Z", "+02:00", "-03:30", "+0200", "+02"])
ISO = st.one_of(
    st.dates(**YEARS).map(str),
    st.builds(
        lambda at, sep, spec, tail: at.isoformat(sep=sep, timespec=spec) + tail,
        MOMENTS,
        st.sampled_from("T "),
        st.sampled_from(["minutes", "seconds", "milliseconds", "microseconds"]),
        TAILS,
    ),
)
NO_ISO = st.sampled_from(
    ["2020", "0000-00-00", "2020-01-01T25:00:00", " 2020-01-01", "2020-1-1"]
) | st.sampled_from(
    ["", " ", "2023-02-30", "2023-13-01", "20230101", "1.5.2020", "2020-01-01\n", "soon"]
)
AGES = st.one_of(
    st.integers(-5, 120).map(str),
    st.decimals(-3, 70, places=2).map(str),
    st.sampled_from(
        ["<18", "18-29", "30-49", "50+", "50+ ", "", "x", "1e3", "1.", ".5", "--1", "-"]
    ),
    st.sampled_from(["9" * 15, "9" * 16, " 20", "20 ", "20\n", "٣", "017", "-0", "-0.5", "1.2.3"]),
)
BANDS = ["<18|18-29|30-49|50+", "0-17|18-29|30-49|50+", "18-29|30-49", "<1"]
TEXT_KINDS = ["text", "varchar", "char", "latin"]


def expected(form: Any, value: Any, number: int, *, null: bool) -> Any:
    """What plain Python makes of a text value."""
    if value is None or form == "null":
        return None
    constant = form == "empty" or next(iter(form)) in ("text", "template")
    if value == "" and not constant:
        return ""
    found = naive.masked_text(form, value, {"id": number, "other": f"o{number}"})
    return (None if null else "") if found is naive.UNREADABLE else found


def same(found: Any, wanted: Any) -> bool:
    """Addresses are compared as addresses, all else to the letter."""
    if isinstance(wanted, IPv4Address | IPv6Address):
        return found is not None and ip_address(found) == wanted and "%" not in found
    return bool(found == wanted)


def agree(bench: Bench, kind: str, form: Any, values: list[Any], *, null: bool) -> None:
    """The engine and plain Python make the same of these texts."""
    if not null:
        values = [value for value in values if value is not None] or [""]
    if kind == "latin":
        values = [value and value.encode("cp1252", "ignore").decode("cp1252") for value in values]
    if kind == "char":
        values = [value and value.rstrip(" ") for value in values]
    found = bench.carried_out(kind, form, values, null=null)
    for number, (value, result) in enumerate(zip(values, found, strict=True), start=1):
        wanted = expected(form, value, number, null=null)
        if kind == "char":
            wanted = wanted.rstrip(" ") if isinstance(wanted, str) else wanted
            result = result and result.rstrip(" ")
        assert same(result, wanted), (value, result, wanted)


# -- text ---------------------------------------------------------------------------------------

TEXT_FORMS = st.one_of(
    st.sampled_from(["null", "empty"]),
    st.builds(
        lambda n, size: {n: size},
        st.sampled_from(["prefix", "keep_first", "keep_last"]),
        st.integers(1, 9),
    ),
    st.sampled_from([{"text": "[erased]"}, {"text": 'it\'s "Å" \\ %s {}'}]),
    st.sampled_from([{"template": "gone-{id}@invalid"}, {"template": "{other}/%/{id}"}]),
)


@pytest.mark.parametrize("kind", TEXT_KINDS)
def test_text_is_masked_as_plain_python_masks_it(bench: Bench, kind: str) -> None:
    """Characters are counted as characters, whatever stands in them."""

    @settings(**SUITE, max_examples=EXAMPLES, suppress_health_check=CHECKS)
    @given(TEXT_FORMS, st.lists(st.none() | TEXTS, min_size=1, max_size=30), st.booleans())
    def check(form: Any, values: list[Any], null: bool) -> None:
        null = null or form == "null"
        agree(bench, kind, form, values, null=null)

    check()


def test_long_text_is_masked(bench: Bench) -> None:
    """Tens of thousands of characters are no other case than ten."""
    values = ["Åse 👩 " * 5_000, "x" * 60_000 + "  "]
    for form in ({"keep_last": 2}, {"keep_first": 1}, {"network": [24, 48]}, {"truncate": "year"}):
        agree(bench, "text", form, values, null=True)
        agree(bench, "text", form, values, null=False)


@pytest.mark.parametrize("kind", [*TEXT_KINDS, "short"])
def test_addresses_in_text_are_cut_to_their_network(bench: Bench, kind: str) -> None:
    """IPv4, IPv6 and IPv4 within IPv6; what is no address goes."""

    @settings(**SUITE, max_examples=EXAMPLES, suppress_health_check=CHECKS)
    @given(
        WIDTHS,
        st.lists(st.none() | ADDRESSES | NO_ADDRESSES, min_size=1, max_size=30),
        st.booleans(),
    )
    def check(widths: list[int], values: list[Any], null: bool) -> None:
        if kind != "short":
            agree(bench, kind, {"network": widths}, values, null=null)
            return
        fitting = [value for value in values if value is not None and len(value) <= 12] or [""]
        found = bench.carried_out(kind, {"network": widths}, fitting, null=null)
        for value, result in zip(fitting, found, strict=True):
            wanted = expected({"network": widths}, value, 0, null=null)
            assert same(result, wanted) or result == (None if null else "")

    check()


@pytest.mark.parametrize("kind", TEXT_KINDS)
def test_dates_in_text_keep_their_form(bench: Bench, kind: str) -> None:
    """Cut to the start of the unit, with `T` and offset as they were; what is no date goes."""

    @settings(**SUITE, max_examples=EXAMPLES, suppress_health_check=CHECKS)
    @given(UNITS, st.lists(st.none() | ISO | NO_ISO, min_size=1, max_size=30), st.booleans())
    def check(unit: str, values: list[Any], null: bool) -> None:
        agree(bench, kind, {"truncate": unit}, values, null=null)

    check()


@pytest.mark.parametrize("kind", TEXT_KINDS)
def test_numbers_in_text_become_their_band(bench: Bench, kind: str) -> None:
    """A number becomes the band it lies in; what is no number, or lies in none, goes."""

    @settings(**SUITE, max_examples=EXAMPLES, suppress_health_check=CHECKS)
    @given(
        st.sampled_from(BANDS), st.lists(st.none() | AGES, min_size=1, max_size=30), st.booleans()
    )
    def check(bands: str, values: list[Any], null: bool) -> None:
        agree(bench, kind, {"one_of": bands}, values, null=null)

    check()


# -- dates, counts, numbers ---------------------------------------------------------------------

LOWEST = {"int": -(2**31), "decimal": -(10**14) + 1}
TYPED = {
    "date": st.dates(**YEARS),
    "timestamp": MOMENTS,
    "timestamptz": st.datetimes(datetime(1970, 1, 2), datetime(2037, 12, 31)),
}
NUMBERS = {
    "small": st.integers(-(2**15), 2**15 - 1),
    "int": st.integers(-(2**31), 2**31 - 1),
    "unsigned": st.integers(0, 2**32 - 1),
    "bigint": st.integers(-(2**63), 2**63 - 1),
    "decimal": st.decimals(Decimal(-(10**13)), Decimal(10**13), places=4),
    "real": st.integers(-(2**24), 2**24).map(float) | st.floats(-1e6, 1e6, width=32),
    "double": st.floats(-(2.0**53), 2.0**53),
}


@pytest.mark.parametrize("kind", TYPED)
def test_dates_are_cut_to_the_start_of_their_unit(bench: Bench, kind: str) -> None:
    """Dates and timestamps, from the year 1000 to 9999."""

    @settings(**SUITE, max_examples=EXAMPLES, suppress_health_check=CHECKS)
    @given(UNITS, st.lists(st.none() | TYPED[kind], min_size=1, max_size=30))
    def check(unit: str, values: list[Any]) -> None:
        given_text = [None if value is None else str(value) for value in values]
        found = bench.carried_out(kind, {"truncate": unit}, given_text)
        for value, result in zip(values, found, strict=True):
            if value is None:
                assert result is None
                continue
            start = naive.start_of(value.date() if kind != "date" else value, unit)
            if kind == "timestamptz" and bench.name == "mysql" and start < date(1970, 1, 2):
                assert str(result) == "1970-01-01 00:00:01"
                continue
            assert str(result).removesuffix("+00:00") in (f"{start} 00:00:00", str(start))

    check()


@pytest.mark.parametrize("ticks", [1, 1_000, 1_000_000])
@pytest.mark.parametrize("kind", ["int", "bigint", "unsigned", "decimal", "double"])
def test_counts_since_1970_are_cut_in_utc(bench: Bench, kind: str, ticks: int) -> None:
    """Seconds, milliseconds and microseconds; what lies in no year from 1000 to 9999 goes."""
    form = {1: "epoch s", 1_000: "epoch ms", 1_000_000: "epoch us"}[ticks]
    sensible = st.integers(-4_000_000_000, 4_000_000_000).map(lambda it: it * ticks + it % ticks)
    strategy = NUMBERS[kind].filter(lambda it: it == int(it)).map(int)
    if kind in ("bigint", "double"):
        strategy = strategy | sensible

    @settings(**SUITE, max_examples=EXAMPLES // 2, suppress_health_check=CHECKS)
    @given(UNITS, st.lists(strategy, min_size=1, max_size=30), st.booleans())
    def check(unit: str, values: list[int], null: bool) -> None:
        found = bench.carried_out(kind, {"truncate": unit}, values, null=null, stored_as=form)
        for value, result in zip(values, found, strict=True):
            wanted = naive.cut_epoch(value, unit, ticks)
            if wanted is naive.UNREADABLE:
                wanted = None if null else 0
            elif kind in LOWEST and bench.name != "sqlite":
                wanted = max(wanted, LOWEST[kind])
            assert result == wanted, (value, result, wanted)

    check()


@pytest.mark.parametrize("kind", NUMBERS)
def test_numbers_are_cut_to_a_multiple(bench: Bench, kind: str) -> None:
    """Towards zero, to the last digit, at both ends of what the column holds."""

    @settings(**SUITE, max_examples=EXAMPLES, suppress_health_check=CHECKS)
    @given(
        st.sampled_from([1, 3, 7, 10, 100, 1000, 10**6, 10**15]),
        st.lists(st.none() | NUMBERS[kind], min_size=1, max_size=30),
    )
    def check(step: int, values: list[Any]) -> None:
        values = [
            float(it) if bench.name == "sqlite" and isinstance(it, Decimal) else it for it in values
        ]
        found = bench.carried_out(kind, {"round": step}, values)
        for value, result in zip(values, found, strict=True):
            if value is None:
                assert result is None
            else:
                assert result == naive.rounded(value, step), (value, result)

    check()


@pytest.mark.parametrize("kind", ["real", "double"])
def test_a_number_too_large_to_be_exact_goes(bench: Bench, kind: str) -> None:
    """Beyond what a floating-point column can tell apart there is no multiple to cut to."""
    assert bench.carried_out(kind, {"round": 100}, [1e30, -1e30]) == [None, None]
    assert bench.carried_out(kind, {"round": 100}, [1e30], null=False) == [0]


@pytest.mark.parametrize("kind", ["inet", "cidr"])
def test_columns_made_for_addresses_are_cut(bench: Bench, kind: str) -> None:
    """An address stays an address; a network stays a network, no narrower than asked."""
    if not bench.has(kind):
        return
    strategy = st.ip_addresses() if bench.name == "postgresql" else V6

    @settings(**SUITE, max_examples=EXAMPLES, suppress_health_check=CHECKS)
    @given(WIDTHS, st.lists(st.none() | strategy.map(str), min_size=1, max_size=30), st.booleans())
    def check(widths: list[int], values: list[Any], null: bool) -> None:
        if not null:
            values = [value for value in values if value is not None] or ["::1"]
        found = bench.carried_out(kind, {"network": widths}, values, null=null)
        for value, result in zip(values, found, strict=True):
            wanted = None if value is None else naive.network(value, *widths)
            address, _, width = str(result).partition("/")
            assert wanted is None if result is None else ip_address(address) == wanted
            if kind == "cidr" and result is not None:
                mapped = value.startswith("::ffff:") and value.count(":") == 4
                asked = widths[0] if "." in value and ":" not in value else widths[1]
                assert int(width) == (96 + widths[0] if mapped else asked)

    check()


# -- documents ----------------------------------------------------------------------------------

KEYS = st.sampled_from(["customer", "email", "ip", "age", "born", "items", "navn på", "a-b", "0"])
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    TEXTS,
    AGES,
    ADDRESSES,
    ISO,
    st.integers(-(10**14), 10**14),
    st.decimals(-1000, 1000, places=2).map(float),
)
NESTED = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
PLACES: list[tuple[str, tuple[str | int, ...]]] = [
    ("$.customer.email", ("customer", "email")),
    ("$.customer.age", ("customer", "age")),
    ("$.ip", ("ip",)),
    ("$.items[1]", ("items", 1)),
    ("$.items[0].email", ("items", 0, "email")),
    ('$."navn på"', ("navn på",)),
    ("$.a-b", ("a-b",)),
]
INNER = st.one_of(
    st.sampled_from(["null", "empty", {"text": "[erased]"}, {"value": 7}, {"value": False}]),
    st.sampled_from([{"value": {"å": [1, 2.5, None]}}, {"value": []}, {"template": "x{id}"}]),
    st.sampled_from([{"keep_last": 2}, {"keep_first": 1}, {"truncate": "year"}, {"round": 10}]),
    st.sampled_from([{"network": [24, 48]}, {"one_of": "<18|18-64|65+"}]),
)
FORMS = st.dictionaries(st.sampled_from(PLACES), INNER, min_size=1, max_size=4)
DOCUMENTS = st.fixed_dictionaries(
    {},
    optional={
        "customer": st.fixed_dictionaries(
            {}, optional={"email": NESTED, "age": LEAVES, "0": LEAVES}
        ),
        "ip": LEAVES,
        "items": st.lists(
            st.fixed_dictionaries({}, optional={"email": LEAVES}) | LEAVES, max_size=3
        ),
        "navn på": LEAVES,
        "a-b": NESTED,
        "other": NESTED,
    },
)
SPELLED = st.builds(
    lambda document, plain, spaces: json.dumps(
        document, ensure_ascii=plain, separators=(" , ", " : ") if spaces else (",", ":")
    ),
    DOCUMENTS | NESTED,
    st.booleans(),
    st.booleans(),
)
BROKEN = st.sampled_from(
    ["{", "{'a': 1}", "nan", '{"customer": {"email": "a@b"}} x', '{"a": NaN}', "null,", '{"a":1,}']
)
DOUBLE = st.sampled_from(
    [
        '{"customer": {"email": "a@b"}, "customer": {}}',
        '{"customer": {"email": "a@b", "email": null}}',
        '{"ip": "1.2.3.4", "\\u0069p": null}',
        '{"other": {"x": 1, "x": 2}, "ip": "1.2.3.4"}',
    ]
)


def read(found: Any) -> Any:
    """A document as plain Python, numbers to the digit."""
    if found is None:
        return None
    text = found if isinstance(found, str) else json.dumps(found)
    return json.loads(text, parse_float=Decimal)


@pytest.mark.parametrize("kind", ["jsonb", "json", "text"])
def test_places_in_documents_are_masked(bench: Bench, kind: str) -> None:
    """Every value in its place, by its own mask; all else in the document stays as it is."""
    if kind == "text" and bench.name == "postgresql":
        return
    strategy = SPELLED if kind != "text" else SPELLED | BROKEN
    strategy = (
        strategy
        if bench.schema.tables[f"m_{kind}_n"].columns["v"].type_text == "JSONB"
        else strategy | DOUBLE
    )

    @settings(**SUITE, max_examples=3 * EXAMPLES, suppress_health_check=CHECKS)
    @given(FORMS, st.lists(strategy, min_size=1, max_size=20), st.booleans())
    def check(forms: Any, values: list[str], null: bool) -> None:
        form = {"json": {text: inner for (text, _), inner in forms.items()}}
        places = {place: inner for (_, place), inner in forms.items()}
        found = bench.carried_out(kind, form, values, null=null)
        for number, (value, result) in enumerate(zip(values, found, strict=True), start=1):
            row = {"id": number, "other": f"o{number}"}
            wanted = _plainer(naive.masked_document(value, places, row))
            assert _plainer(read(result)) == wanted, (value, result, wanted)

    check()


def _plainer(value: Any) -> Any:
    """Addresses as text in one spelling, numbers as Decimal, True apart from 1."""
    match value:
        case dict():
            return {key: _plainer(item) for key, item in value.items()}
        case list():
            return [_plainer(item) for item in value]
        case bool():
            return ("bool", value)
        case int() | float() | Decimal():
            return Decimal(str(value))
        case str():
            try:
                return ("address", ip_address(value)) if "%" not in value else value
            except ValueError:
                return value
        case IPv4Address() | IPv6Address():
            return ("address", value)
    return value


def test_json_that_only_text_can_hold_is_replaced(bench: Bench) -> None:
    """PostgreSQL's json keeps what its jsonb cannot read; such a document becomes {}."""
    if bench.name != "postgresql":
        return
    odd = [r'{"ip": "\u0000"}', r'{"ip": "\ud800"}', '{"ip": 1e999999}', r'{"x": "\udc00 a"}']
    assert bench.carried_out("json", {"json": {"$.ip": "null"}}, odd) == ["{}"] * 4


def test_nothing_is_left_of_what_is_emptied(bench: Bench) -> None:
    """ "empty" is what is empty in the column: text, a list, an object, an array."""
    assert bench.carried_out("text", "empty", ["x", None, ""]) == ["", None, ""]
    found = bench.carried_out("json", "empty", ['{"a": 1}', "[1]", "[]", None])
    assert [read(it) for it in found] == [{}, [], [], None]
    if bench.has("array"):
        assert bench.carried_out("array", "empty", ["{a,b}", "{}", None]) == [[], [], None]
        assert bench.carried_out("array", "null", ["{a,b}", "{}", None]) == [None] * 3


def test_a_constant_document_is_known_again(bench: Bench) -> None:
    """However the engine writes JSON, a document set once is not set again."""
    form = {"value": {"å": [1, 2.50, None, {"b": "it's"}], "a": True}}
    for kind in ("json", "jsonb"):
        (found,) = bench.carried_out(kind, form, ['{"x": 1}'])
        assert read(found) == {"å": [1, Decimal("2.5"), None, {"b": "it's"}], "a": True}
        (found,) = bench.carried_out(kind, {"value": 0}, ['{"x": 1}'])
        assert read(found) == 0
