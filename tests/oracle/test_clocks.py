"""Clocks as each engine compiles them, against the oracle: every row, to the second."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path as File
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import servers
import sqlalchemy as sa
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st
from naive import Clock, Night, Path, Row, Rule, Stored

from retention.cli.requests import silent_watch
from retention.connections import engine_for
from retention.databases.database import Database
from retention.databases.erasing import walker
from retention.databases.erasing.windows import KeyWalker
from retention.databases.sql import row_of
from retention.databases.state import put_hold
from retention.databases.statements.clock_ranges import clock_range
from retention.databases.statements.gone import GoneSets
from retention.errors import PolicyError
from retention.execution import preview
from retention.execution.accounts import StepResult
from retention.execution.recounting.verdict import Recount
from retention.ledger.entry import Entry, Kind
from retention.ledger.store import Ledger, open_ledger
from retention.planning.make import make_plan
from retention.planning.plan import Plan
from retention.policies.calendar import CountedFrom, FinancialYears, Stage, Term
from retention.policies.parse import parse_policy
from retention.policies.period import parse_period
from retention.policies.policy import Policy
from retention.protocol.enrolling import enroll
from retention.scheduler.nightly import Request, nightly

NOW = datetime(2030, 6, 1, 2, 30, tzinfo=UTC)
ZONES = ("UTC", "Europe/Oslo", "America/Sao_Paulo")
PERIODS = ("0 days", "90 days", "1 month", "3 years 6 months", "72 hours", "immediately")
SUITE = {"deadline": None, "derandomize": True, "database": None}
FAULTS = {"deadline": None, "max_examples": 3_000}
CHECKS = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
HEAD = """
timezone = "{zone}"
[databases.main]
url = {url}
[ledger]
url = "sqlite:///ledger.db"
rows = "{rows}"
[limits]
rows_per_run = 1_000_000
share_of_table = "100%"
whole_table = "allow"
"""


class Bench:
    """One enrolled database and its ledger, for as many examples as wanted."""

    recount: Recount

    def __init__(self, folder: File, url: str) -> None:
        self.folder = folder
        self.url = url
        self.engine = sa.create_engine(url)
        self.name = self.engine.dialect.name
        self.database = Database("main", engine_for(url, "main", folder))
        self.tables: list[str] = []
        engine = engine_for("sqlite:///ledger.db", "ledger", folder)
        self.ledger: Ledger = open_ledger(engine, create=True, at=NOW)
        with self.database.connected() as connection:
            enroll(self.database, connection, self.ledger, lambda: NOW)
        self.open = ExitStack()
        self.reading = self.open.enter_context(self.database.connected(read_only=True))

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """A connection that takes whatever an old application may have left."""
        with self.engine.begin() as connection:
            if self.name == "sqlite":
                connection.exec_driver_sql("PRAGMA synchronous = OFF")
            if self.name == "mysql":
                connection.exec_driver_sql(
                    "SET SESSION sql_mode = '', foreign_key_checks = 0, time_zone = '+00:00'"
                )
            yield connection

    def build(self, tables: dict[str, str], rows: dict[str, list[Row]], *after: str) -> None:
        """Drop what the last example left; create and fill these tables, parents first."""
        more = " CASCADE" if self.name == "postgresql" else ""
        with self.writing() as connection:
            for name in reversed(self.tables):
                connection.exec_driver_sql(f"DROP TABLE IF EXISTS {name}{more}")
            self.tables = list(tables)
            for name, columns in tables.items():
                connection.exec_driver_sql(f"CREATE TABLE {name} ({columns})")
            connection.exec_driver_sql("DELETE FROM retention_hold")
            for name, found in rows.items():
                if found:
                    target = sa.table(name, *(sa.column(column) for column in found[0]))
                    spelled = map(_spelled, found)
                    if self.name == "mysql":
                        # an instant of MariaDB is written in the zone of the session
                        spelled = (text.replace("+00:00'", "'") for text in spelled)
                    values = [sa.literal_column(text) for text in spelled]
                    names = ", ".join(column.name for column in target.columns)
                    listed = ", ".join(f"({value})" for value in values)
                    connection.exec_driver_sql(f"INSERT INTO {name} ({names}) VALUES {listed}")
            for statement in after:
                connection.exec_driver_sql(statement)

    def hold(self, places: set[tuple[str, int]]) -> None:
        """Legal holds on these rows."""
        with self.writing() as connection:
            for number, (table, key) in enumerate(sorted(places)):
                put_hold(connection, f"H-{number}", table, str(key), "2020-01-01T00:00:00Z", None)

    def policy(self, rules: str, zone: str, rows: str = "auto") -> Policy:
        """The policy of an example."""
        url = json.dumps(self.url)
        return parse_policy(HEAD.format(zone=zone, url=url, rows=rows) + rules)

    @contextmanager
    def planned(self, policy: Policy, as_of: datetime) -> Iterator[tuple[sa.Connection, Plan]]:
        """The plan over the tables as they stand, on a connection that may only read."""
        schema = self.database.schema(self.reading, policy)
        yield self.reading, make_plan(policy, "main", schema, as_of)

    def night(self, policy: Policy, as_of: datetime) -> tuple[list[StepResult], list[Entry]]:
        """One run: its results, and its intents in the ledger."""
        request = Request(
            policy,
            self.folder,
            "policies.toml",
            as_of,
            lambda: NOW,
            silent_watch(),
            everything=True,
        )
        night = nightly(request)
        (found,) = night.databases
        assert found.error is None, repr(found.error)
        failed = [result.failed for result in found.results if result.failed]
        assume(not any("nests deeper" in why for why in failed))
        assert not failed
        assert found.recount is not None
        assert not found.recount.is_fault, found.recount.body()
        self.recount = found.recount
        intents = self.ledger.entries(night.run_id, {Kind.INTENT})
        return found.results, list(intents)

    def values(self, query: str) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.exec_driver_sql(query)]

    def close(self) -> None:
        """Let go of the server."""
        self.open.close()
        self.engine.dispose()


def _spelled(row: Row) -> str:
    return ", ".join(_literal(value) for value in row.values())


def _literal(value: Any) -> str:
    if value is None:
        return "NULL"
    return str(value) if isinstance(value, int) else "'{}'".format(str(value).replace("'", "''"))


@contextmanager
def bench_on(engine: str, request: pytest.FixtureRequest, folder: File) -> Iterator[Bench]:
    """A bench on one engine."""
    if engine == "sqlite":
        (folder / "data.db").touch()
        bench = Bench(folder, f"sqlite:///{folder / 'data.db'}")
        yield bench
        bench.close()
        return
    with servers.fresh_database(request.getfixturevalue(f"{engine}_server")) as url:
        bench = Bench(folder, url)
        yield bench
        bench.close()


@pytest.fixture(scope="module", params=servers.ENGINES)
def bench(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Bench]:
    """One database for all examples, on each engine in turn."""
    with bench_on(request.param, request, tmp_path_factory.mktemp("bench")) as found:
        yield found


# -- examples -----------------------------------------------------------------------------------

TYPES = {
    "date": {"sqlite": "DATE", "postgresql": "DATE", "mysql": "DATE"},
    "timestamp": {"sqlite": "TIMESTAMP", "postgresql": "TIMESTAMP", "mysql": "DATETIME(6)"},
    "timestamptz": {"postgresql": "TIMESTAMPTZ", "mysql": "TIMESTAMP(6)"},
    "text": {"sqlite": "TEXT", "postgresql": "TEXT", "mysql": "VARCHAR(60)"},
    "epoch": {"sqlite": "INTEGER", "postgresql": "BIGINT", "mysql": "BIGINT"},
    "digits": {"sqlite": "TEXT", "postgresql": "VARCHAR(30)", "mysql": "VARCHAR(30)"},
}
UNITS = {"epoch s": 1, "epoch ms": 1_000, "epoch us": 1_000_000}
SKIPPED = ("2018-11-04 00:00:00", "2018-11-04 00:00:00", "2018-11-04 00:30:00")
TEXTS = (
    "2023-02-30",
    "2023-13-01",
    "2023-1-5",
    "never",
    "",
    "0000-00-00",
    "0000-00-00 00:00:00",
    "2023-01-01 24:00:00",
    "2023-01-01 10:60",
    "2023-06-01T",
    "1970-01-01",
    "1900-01-01 00:00:00",
    "9999-12-31",
    "9999-12-31T23:59:59Z",
    "2023-05-06x",
    " 2023-05-06",
    *SKIPPED,
)
ODD = {
    ("date", "sqlite"): ("9999-12-31", "1970-01-01", "0001-01-01"),
    ("date", "postgresql"): ("9999-12-31", "1970-01-01", "infinity", "-infinity", "0001-01-01"),
    ("date", "mysql"): ("9999-12-31", "1970-01-01", "0000-00-00", "2023-00-00", "2023-05-00"),
    ("timestamp", "sqlite"): ("9999-12-31 23:59:59", "1970-01-01 00:00:00", *SKIPPED),
    ("timestamp", "postgresql"): ("9999-12-31 23:59:59", "infinity", "-infinity", *SKIPPED),
    ("timestamp", "mysql"): (
        *SKIPPED,
        "9999-12-31 23:59:59",
        "0000-00-00 00:00:00",
        "1970-01-01 00:00:00",
        "2023-00-00 00:00:00",
    ),
    ("timestamptz", "postgresql"): ("infinity", "-infinity", "1970-01-01 00:00:00+00:00"),
    ("timestamptz", "mysql"): ("0000-00-00 00:00:00", "1970-01-01 00:00:01+00:00"),
}
DAYS = [
    date(2023, 3, 26),
    date(2023, 10, 29),
    date(2018, 11, 4),
    date(2019, 2, 16),
    date(2019, 2, 17),
    date(2024, 2, 29),
    date(2023, 12, 31),
    date(2024, 1, 31),
    date(1994, 6, 30),
]
TIMES = [time(0), time(0, 0, 1), time(0, 30), time(2, 30), time(12, 34, 56), time(23, 59, 59)]
DELTAS = [
    timedelta(0),
    timedelta(seconds=1),
    timedelta(microseconds=1000),
    timedelta(minutes=30),
    timedelta(hours=1),
    timedelta(hours=2),
    timedelta(days=1),
    timedelta(days=31),
    timedelta(days=400),
]


@dataclass
class Example:
    """One table, one rule, one instant."""

    kinds: tuple[str, ...]
    unit: str
    declared: bool
    stored_in: str
    zone: str
    periods: tuple[str, ...]
    counted_from: str
    choice: str
    required: tuple[str, ...]
    tokens: str
    carried_out: bool
    as_of: datetime
    rows: list[Row] = field(default_factory=list)

    @property
    def indexed(self) -> bool:
        """An index on the first column: in half of the examples."""
        return len(self.rows) % 2 == 0

    @property
    def columns(self) -> tuple[str, ...]:
        """The clock columns: `a`, and perhaps `b`."""
        return ("a", "b")[: len(self.kinds)]

    @property
    def term(self) -> Term:
        """The rule's term."""
        return _term(self.periods, self.counted_from, self.zone)

    def rule(self) -> str:
        """The rule as a person writes it."""
        listed = ", ".join(f'"{name}"' for name in self.columns)
        start = '"a"' if self.choice == "column" else f"{{ {self.choice} = [{listed}] }}"
        text = f'[rules.r]\ntable = "t"\nstart = {start}\nstored_in = "{self.stored_in}"\n'
        text += f'counted_from = "{self.counted_from}"\n'
        text += f"delete_after = {json.dumps(list(self.periods))}\n"
        text += f"requires = {json.dumps(list(self.required))}\n" if self.required else ""
        return text + (f'stored_as = "{self._stored_as()}"\n' if self.declared else "")

    def _stored_as(self) -> str:
        return self.unit if self.kinds[0] in ("epoch", "digits") else "text"

    def oracle(self) -> Rule:
        """The same rule for the oracle."""
        stored = {name: self._stored(name) for name, _ in zip("ab", self.kinds, strict=False)}
        columns = tuple((Path((), name), stored[name]) for name in self.columns)
        requires = tuple((Path((), name), stored[name]) for name in self.required)
        used = columns[:1] if self.choice == "column" else columns
        choice = "latest_of" if self.choice == "column" else self.choice
        return Rule("r", "t", Clock(choice, used, requires), delete=self.term)

    def _stored(self, name: str) -> Stored:
        """Text in which nothing but a declaration could tell that it counts seconds is read as text."""
        kind = self.kinds["ab".index(name)]
        told = self.declared or any(
            str(row[name]).isdigit() and int(row[name]) >= 10**7 for row in self.rows
        )
        counts = kind == "epoch" or (kind == "digits" and told)
        return Stored(self.unit if counts else "time", self.stored_in)


def _term(periods: tuple[str, ...], counted_from: str, zone: str) -> Term:
    units = [CountedFrom(counted_from)] + [CountedFrom.EVENT] * (len(periods) - 1)
    stages = tuple(
        Stage(parse_period(period), unit) for period, unit in zip(periods, units, strict=True)
    )
    return Term(stages, ZoneInfo(zone), FinancialYears.starting("01-01"))


def _iso(draw: st.DrawFn, moment: datetime, stored_in: str) -> str:
    """One of the many ways in which applications write an instant as text."""
    zone = draw(st.sampled_from(["naive", "naive", "Z", "+02:00", "-0300", "+05:45", "+01", "day"]))
    wall = moment.astimezone(ZoneInfo(stored_in)) if zone in ("naive", "day") else moment
    if zone == "day":
        return wall.date().isoformat()
    offset = "" if zone == "naive" else zone
    if offset not in ("", "Z"):
        digits = offset[1:].replace(":", "").ljust(4, "0")
        shift = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
        wall = moment + (shift if offset[0] == "+" else -shift)
    precision = draw(st.sampled_from(["%H:%M:%S", "%H:%M:%S", "%H:%M", "%H:%M:%S.%f"]))
    text = wall.strftime(f"%Y-%m-%d{draw(st.sampled_from('T '))}{precision}")
    blank = " " if offset and draw(st.integers(0, 3)) == 0 else ""
    return text + blank + offset


def _value(draw: st.DrawFn, kind: str, engine: str, moment: datetime, example: Example) -> Any:
    if kind in ("epoch", "digits"):
        whole = int(moment.timestamp() * UNITS[example.unit])
        odd = [0, -1, -86_400, 5, None]
        number = draw(st.sampled_from([whole] * 9 + odd))
        extra = ["", "never", "0000-00-00"] if kind == "digits" else []
        text = number if number is None or kind == "epoch" else str(number)
        return draw(st.sampled_from([text] * 6 + extra)) if extra else text
    odd_values = TEXTS if kind == "text" else ODD[(kind, engine)]
    if draw(st.integers(0, 4)) == 0:
        return draw(st.sampled_from([*odd_values, None]))
    if kind == "text":
        return _iso(draw, moment, example.stored_in)
    wall = moment.astimezone(ZoneInfo(example.stored_in))
    if kind == "date":
        return wall.date().isoformat()
    if kind == "timestamptz":
        return moment.astimezone(UTC).isoformat(sep=" ")
    return wall.replace(tzinfo=None).isoformat(sep=" ")


@st.composite
def examples(draw: st.DrawFn, engine: str) -> Example:
    """A column or two of times around one pivot, and an instant around the pivot's due date."""
    kinds = [kind for kind in TYPES if engine in TYPES[kind]]
    first = draw(st.sampled_from(kinds))
    choice = draw(st.sampled_from(["column", "column", "latest_of", "earliest_of", "first_of"]))
    second = draw(st.sampled_from([first, *kinds]))
    chosen = (first,) if choice == "column" and draw(st.booleans()) else (first, second)
    declared = first == chosen[-1] and first in ("epoch", "digits", "text")
    required = draw(st.sampled_from([(), (), ("a",), chosen[1:] and ("b",)]))
    example = Example(
        chosen,
        draw(st.sampled_from(list(UNITS))),
        declared and draw(st.integers(0, 3)) > 0,
        draw(st.sampled_from(ZONES)),
        draw(st.sampled_from(ZONES)),
        tuple(draw(st.lists(st.sampled_from(PERIODS), min_size=1, max_size=2))),
        draw(st.sampled_from(["event"] * 6 + [unit.value for unit in CountedFrom])),
        choice,
        required,
        draw(st.sampled_from(["auto", "all"])),
        draw(st.integers(0, 3)) == 0,
        NOW,
    )
    day = draw(st.one_of(st.sampled_from(DAYS), st.dates(date(1993, 1, 1), date(2035, 1, 1))))
    wall = datetime.combine(day, draw(st.sampled_from(TIMES)))
    local = draw(st.sampled_from([example.zone, example.stored_in]))
    pivot = wall.replace(tzinfo=ZoneInfo(local)).astimezone(UTC)
    example.as_of = draw(_as_of(example.term, pivot, day))
    for key in range(1, draw(st.integers(2, 24)) + 1):
        delta = draw(st.sampled_from(DELTAS)) * draw(st.sampled_from([1, -1, 1, -1, 1]))
        values = [_value(draw, kind, engine, pivot + delta, example) for kind in chosen]
        example.rows.append({"id": key, **dict(zip("ab", values, strict=False))})
    return example


@st.composite
def _as_of(draw: st.DrawFn, term: Term, pivot: datetime, day: date) -> datetime:
    due = term.due_at(draw(st.sampled_from([pivot, day, pivot])))
    assert due is not None
    shifts = [timedelta(0), timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)]
    shift = draw(st.sampled_from(shifts)) * draw(st.sampled_from([1, -1]))
    return (due + shift).replace(microsecond=0)


@contextmanager
def walking_by_index(size: int) -> Iterator[None]:
    """As over a table of millions: a clock's index leads where there is one, `size` rows a window."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(preview, "rows_about", lambda *_: 2 * preview.MOST_COUNTED)
        patch.setattr(walker, "INDEX_SHARE", dict.fromkeys(walker.INDEX_SHARE, 1.0))
        patch.setattr(KeyWalker.__init__, "__defaults__", (size, None))
        yield


def outcomes(bench: Bench, policy: Policy, as_of: datetime) -> dict[int, str]:
    """What the compiled decision says of each row."""
    with bench.planned(policy, as_of) as (connection, plan), connection.begin():
        (step,) = plan.steps
        row = row_of(plan.schema.tables["t"])
        decision = GoneSets(plan, bench.database.dialect).predicates(0).outcome(step, row)
        query = sa.select(row.c["id"], decision)
        found = dict(connection.execute(query).fetchall())
        early = clock_range(plan, bench.database.dialect, step)
        if early is not None:
            within = set(
                connection.execute(sa.select(row.c["id"]).where(early.holds(row))).scalars()
            )
            assert within >= {key for key, outcome in found.items() if outcome == "due"}
        return found


def build(bench: Bench, example: Example) -> Policy:
    """The example's table and policy."""
    columns = "id INTEGER PRIMARY KEY"
    for name, kind in zip("ab", example.kinds, strict=False):
        columns += f", {name} {TYPES[kind][bench.name]} NULL"
    indexes = ["CREATE INDEX t_a ON t (a)"] if example.indexed else []
    bench.build({"t": columns}, {"t": example.rows}, *indexes)
    return bench.policy(example.rule(), example.zone, example.tokens)


def wanted_outcomes(example: Example) -> dict[int, str | None]:
    """What the oracle says of each row."""
    rule = example.oracle()
    tables = {"t": {row["id"]: row for row in example.rows}}
    night = Night(tables, [], [rule], set(), example.as_of, example.zone)
    return {key: night.outcome(rule, "delete", key) for key in tables["t"]}


def is_unclear(example: Example, error: PolicyError) -> bool:
    """A column without `stored_as` may hold what no rule can be guessed from."""
    text = str(error)
    return not example.declared and ("numbers like" in text or "no dates that" in text)


def disagreements(example: Example, found: dict[int, str]) -> list[str]:
    """The rows that engine and oracle sort differently."""
    wanted = wanted_outcomes(example)
    return [
        f"{row}: {found[row['id']]!r}, oracle {wanted[row['id']]!r}"
        for row in example.rows
        if found[row["id"]] != wanted[row["id"]]
    ]


def check_clock(bench: Bench, example: Example) -> None:
    """Every row's outcome equals the oracle's, and a run takes the due rows and no others."""
    policy = build(bench, example)
    refused = None
    try:
        found = outcomes(bench, policy, example.as_of)
    except PolicyError as error:
        refused = error
    if refused is not None:
        assert is_unclear(example, refused), str(refused)
        assume(False)
    assert not disagreements(example, found), f"{example.as_of} {example.zone}\n{example.rule()}"
    wanted = wanted_outcomes(example)
    for outcome in set(wanted.values()):
        event(str(outcome))
    if not example.carried_out:
        return
    with walking_by_index(2 + len(example.rows) % 3):
        bench.night(policy, example.as_of)
    left = {key for (key,) in bench.values("SELECT id FROM t")}
    assert left == {key for key, outcome in wanted.items() if outcome != "due"}


@settings(max_examples=60, suppress_health_check=CHECKS, **SUITE)
@given(data=st.data())
def test_every_row_is_sorted_as_the_oracle_sorts_it(bench: Bench, data: st.DataObject) -> None:
    """Due, running, not started or undecidable: engine and oracle agree on every row."""
    check_clock(bench, data.draw(examples(bench.name)))


@pytest.mark.faults
@settings(suppress_health_check=CHECKS, **FAULTS)
@given(data=st.data())
def test_every_row_is_sorted_as_the_oracle_sorts_it_at_length(
    bench: Bench, data: st.DataObject
) -> None:
    """The same over thousands of random examples."""
    check_clock(bench, data.draw(examples(bench.name)))
