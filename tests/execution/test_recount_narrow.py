"""What the recount lets the database pass over: never a row that it would have found."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from project import Project
from test_recount import AS_OF, OLD, YOUNG, findings, night, pages_read, recount_of

from retention.connections import engine_for
from retention.databases.database import Database
from retention.databases.statements.early_rows import Early
from retention.databases.statements.open_rows import Masked, OpenRows
from retention.databases.statements.predicates import Predicates
from retention.databases.statements.recounting import PlainRows
from retention.execution import recount as recounting
from retention.execution.executor import execute
from retention.execution.recounting.judge import Judge
from retention.execution.recounting.masks import is_masked, leaves_few_texts, spellings
from retention.execution.recounting.times import DueDates, start_of
from retention.planning.clocks import ClockColumn, ClockForm
from retention.planning.masked_columns import ColumnMask
from retention.planning.paths import ColumnPath
from retention.planning.schema import ColumnKind
from retention.policies.calendar import CountedFrom, Stage, Term
from retention.policies.masking import Pseudonym, Round, Truncate, parse_mask
from retention.policies.period import parse_period
from retention.scheduler import one_database as nights

SUITE = {"deadline": None, "derandomize": True, "database": None}
TOKEN = "pn_abcdefghijklmnopqrstuvwxyz"
TEXTS = [
    *(
        "gone",
        "Gone",
        "GONE",
        "gone ",
        " gone",
        "gone\t",
        "gone\n",
        "göne",
        "gon",
        "gonee",
        "",
        " ",
    ),
    *("x7", "x7 ", "X7", "x8", "x", "0", "00", "1", "-0", "05", "0553", "ab", "æø", "æøå", "true"),
    *("t", "T", "1990-01-01", "1990-01-02", "1990-02-01", "1990-01-01 00:00:00", "yesterday"),
    *("1990-01-01 00:00:01", "1990-01-01T00:00", "10.1.2.0", "10.1.2.3", "18-29", "18-29 ", "<18"),
    *("pn_" + "a" * 25 + "A", "pn_" + "a" * 25 + "1", "pn-" + "a" * 26, "pn_" + "a" * 27, TOKEN),
    *("pn_" + "a" * 26, "PN_" + "A" * 26, "pn_" + "a" * 26 + "\n", "pn_" + "a" * 25, "%", "_one"),
]
NUMBERS = [None, 0, 1, -1, 50, 99, 100, 101, -100, -150, 1_000_000_007]
DAYS = [None, "1990-01-01", "1990-01-02", "1990-02-01", "1991-01-01", "2000-01-01", "1900-01-01"]
DAYS += ["2024-12-31", "2010-01-01", "9999-01-01", "1000-10-10", "2024-10-01"]
MASKS = {
    "text": [
        *("null", "empty", "pseudonym", {"text": "gone"}, {"text": "gone "}, {"value": 0}),
        *({"value": True}, {"value": "1990-01-01"}, {"template": "x{id}"}, {"template": "{other}"}),
        *({"keep_last": 2}, {"prefix": 2}, {"truncate": "year"}, {"truncate": "month"}),
        *({"network": [24, 48]}, {"one_of": "<18|18-29|30+"}),
    ],
    "number": ["null", {"value": 0}, {"value": 1}, {"value": 50}, {"round": 100}, {"round": 10}],
    "day": [
        "null",
        {"value": "1990-01-01"},
        *({"truncate": it} for it in ("day", "month", "year")),
    ],
}
TYPES = {
    "text": {
        "sqlite": ("TEXT", "TEXT COLLATE NOCASE", "TEXT COLLATE RTRIM", ""),
        "postgresql": ("TEXT", "VARCHAR(60)", "CHAR(60)"),
        "mysql": (
            "TEXT",
            "VARCHAR(60) COLLATE utf8mb4_unicode_ci",
            "CHAR(60)",
            "VARCHAR(60) CHARSET latin1",
        ),
    },
    "number": {
        "sqlite": ("INTEGER", "NUMERIC", "REAL", "TEXT"),
        "postgresql": ("BIGINT", "NUMERIC(14,2)", "DOUBLE PRECISION"),
        "mysql": ("BIGINT", "DECIMAL(14,2)", "DOUBLE", "FLOAT"),
    },
    "day": {
        "sqlite": ("DATE", "TEXT"),
        "postgresql": ("DATE", "TIMESTAMP", "TIMESTAMPTZ", "TEXT"),
        "mysql": ("DATE", "DATETIME", "DATETIME(6)", "VARCHAR(40)"),
    },
}
TOLD = (ColumnKind.DATE, ColumnKind.TIMESTAMP, ColumnKind.INTEGER, ColumnKind.DECIMAL)
MORE: dict[tuple[str, str], list[Any]] = {
    ("text", "sqlite"): [
        "pn_aa\0" + "a" * 23,
        "go\0ne",
        "x\0secret",
        "\0",
        b"gone",
        b"x7",
        0,
        1,
        7.5,
    ],
    ("number", "sqlite"): ["0", "none", 0.0, 100.5, b"0"],
    ("day", "sqlite"): [0, "1990-01-01T00:00:00Z"],
}
VALUES: dict[str, list[Any]] = {"text": [None, *TEXTS], "number": NUMBERS, "day": DAYS}


@contextmanager
def looking(url: str, folder: Path) -> Iterator[PlainRows]:
    """The database as the recount sees it."""
    database = Database("main", engine_for(url, "main", folder))
    with database.connected(read_only=True) as connection:
        rows = PlainRows(connection, database.schema(connection), database.dialect)
        rows.settle()
        with rows.snapshot():
            yield rows
    database.engine.dispose()


def filled(url: str, types: tuple[str, ...], values: list[Any]) -> None:
    """A table for each type, with one value a row and another column beside it."""
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        for number, type_ in enumerate(types):
            name = f"people{number}"
            connection.exec_driver_sql(
                f"CREATE TABLE {name} (id INTEGER PRIMARY KEY, other VARCHAR(60), v {type_})"
            )
            table = sa.table(name, sa.column("id"), sa.column("other"), sa.column("v"))
            others = [None, "else", *values]
            for key, value in enumerate(values, start=1):
                other = others[key * 7 % len(others)] if key % 2 else value
                row = {"id": key, "other": None if other is None else str(other), "v": value}
                connection.execute(table.insert().values(row))
    engine.dispose()


@pytest.mark.parametrize("kind", MASKS)
def test_no_row_is_passed_over_that_the_recount_takes_for_unmasked(
    database_url: str, kind: str, tmp_path: Path
) -> None:
    """Every type of column, every mask, values that are nearly masked; and the plain ones are."""
    engine = sa.create_engine(database_url).dialect.name
    types = TYPES[kind][engine]
    filled(database_url, types, VALUES[kind] + MORE.get((kind, engine), []))
    passed = 0
    with looking(database_url, tmp_path) as rows:
        for number, type_ in enumerate(types):
            table = f"people{number}"
            lines = rows.texts(table, rows.page(table, [], None, (), 1_000), ["v", "id", "other"])
            for form in MASKS[kind]:
                mask = parse_mask(form)
                stored = rows.schema.tables[table].columns["v"].kind
                left = {
                    key: is_masked(mask, line[0], {"id": line[1], "other": line[2]})
                    for key, line in lines.items()
                }
                known = spellings(mask)
                told = isinstance(mask, Truncate | Round) and stored in TOLD and engine != "sqlite"
                if leaves_few_texts(mask) and not told:
                    known |= {line[0] for key, line in lines.items() if line[0] and left[key]}
                column = Masked(ColumnMask((), table, "v", mask), stored, tuple(sorted(known)))
                handed = rows.page(table, [], None, [OpenRows((column,))], 1_000, False).keys()
                missed = [lines[key][0] for key in left if not left[key] and key not in handed]
                assert not missed, (type_, form)
                known |= {TOKEN} if isinstance(mask, Pseudonym) else set()
                plain = {
                    key
                    for key in left
                    if lines[key][0] is None or lines[key][0] in known or (told and left[key])
                }
                assert not plain & handed, (type_, form)
                passed += len(lines) - len(handed)
    assert passed


def test_a_template_is_compared_with_the_columns_of_its_own_row(
    project: Project, tmp_path: Path
) -> None:
    """What fits another row, or a row without the column, is handed over."""
    project.sql(
        "create table people (id integer primary key, a varchar(20), v varchar(60))",
        "insert into people values (1, 'x', 'gone-1-x!'), (2, 'x', 'gone-1-x!'), (3, null, 'gone-3-!'),"
        " (4, 'X', 'gone-4-x!'), (5, 'y', 'gone-5-y! '), (6, 'y', null), (7, 'z', 'gone-7-z!')",
    )
    mask = parse_mask({"template": "gone-{id}-{a}!"})
    narrow = OpenRows((Masked(ColumnMask((), "people", "v", mask), ColumnKind.TEXT),))
    with looking(project.url, tmp_path) as rows:
        handed = rows.page("people", [], None, [narrow], 100, False)
    assert {key for (key,) in handed} == {2, 3, 4, 5}


# -- the line between what may be due and what surely is not -------------------------------------

TERMS = [
    Term(tuple(Stage(parse_period(period), unit) for period in periods), ZoneInfo(zone))
    for periods in (("0 days",), ("90 days",), ("3 years",), ("72 hours",), ("1 month", "30 days"))
    for unit in (CountedFrom.EVENT, CountedFrom.MONTH, CountedFrom.YEAR)
    for zone in ("UTC", "Europe/Oslo", "Pacific/Auckland", "America/Los_Angeles")
]
MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)).map(
    lambda moment: moment.replace(tzinfo=UTC, microsecond=0)
)
STEP = timedelta(microseconds=1)


@settings(max_examples=60, **SUITE)
@given(term=st.sampled_from(TERMS), as_of=MOMENTS, later=st.integers(0, 4_000))
def test_from_the_line_on_every_period_runs_and_just_before_it_one_is_over(
    term: Term, as_of: datetime, later: int
) -> None:
    """Asked of the calendar itself, a start at a time."""
    line = DueDates(term, as_of).surely_running
    assert line is not None
    for day, instant in [(line.day, line.instant)]:
        due = (
            term.due_at(day + timedelta(days=later)),
            term.due_at(instant + later * 7 * 3_600 * STEP),
        )
        assert all(at is not None and at > as_of for at in due)
        over = term.due_at(day - timedelta(days=1)), term.due_at(instant - STEP)
        assert all(at is not None and at <= as_of for at in over)


def test_a_period_that_never_ends_has_a_line_before_which_nothing_lies() -> None:
    """Nothing is read of a table whose rows can never be due."""
    term = Term((Stage(parse_period("9000 years")),), ZoneInfo("UTC"))
    line = DueDates(term, AS_OF).surely_running
    assert line is not None
    assert line.day < date(1900, 1, 1)


FORMS = {
    "sqlite": {"TEXT": ClockForm.TEXT},
    "postgresql": {
        "DATE": ClockForm.DATE,
        "TIMESTAMP": ClockForm.TIMESTAMP,
        "TIMESTAMPTZ": ClockForm.TIMESTAMPTZ,
        "TEXT": ClockForm.TEXT,
    },
    "mysql": {
        "DATE": ClockForm.DATE,
        "DATETIME(6)": ClockForm.TIMESTAMP,
        "TIMESTAMP(6)": ClockForm.TIMESTAMP,
        "VARCHAR(40)": ClockForm.TEXT,
    },
}
OFFSETS = ("", "Z", "+14:00", "-12:00", "+0530", "-08")


def near(line: datetime, form: ClockForm) -> Iterator[str]:
    """Times about the line, as a column of that form takes them."""
    for hours in (-60, -30, -17, -15, -13, -1, 0, 1, 13, 15, 17, 30, 60):
        for step in (-1, 0, 1):
            moment = line + timedelta(hours=hours, microseconds=step)
            if form is ClockForm.DATE:
                yield moment.date().isoformat()
            elif form is ClockForm.TEXT:
                yield from (f"{moment:%Y-%m-%dT%H:%M:%S.%f}{offset}" for offset in OFFSETS)
                yield moment.date().isoformat()
            else:
                yield f"{moment:%Y-%m-%d %H:%M:%S.%f}"


def test_no_row_is_passed_over_as_running_that_is_due(database_url: str, tmp_path: Path) -> None:
    """Every form of a clock, in zones far from one another, hours and microseconds from the line."""
    engine = sa.create_engine(database_url)
    passed = 0
    for number, (type_, form) in enumerate(FORMS[engine.dialect.name].items()):
        name = f"visits{number}"
        due = DueDates(Term((Stage(parse_period("1 year")),), ZoneInfo("Europe/Oslo")), AS_OF)
        line = due.surely_running
        assert line is not None
        with engine.begin() as connection:
            connection.exec_driver_sql(f"CREATE TABLE {name} (id INTEGER PRIMARY KEY, at {type_})")
            for key, text in enumerate(near(line.instant.replace(tzinfo=None), form), start=1):
                connection.exec_driver_sql(f"INSERT INTO {name} VALUES ({key}, '{text}')")
        for zone in ("UTC", "Pacific/Kiritimati", "Etc/GMT+12", "Europe/Oslo"):
            column = ClockColumn(ColumnPath((), name, "at"), form, zone, date(1990, 1, 1))
            early = Early((column,), line.day, line.instant, line.text)
            with looking(database_url, tmp_path) as rows:
                every = rows.page(name, ["at"], None, (), 5_000)
                handed = rows.page(name, ["at"], None, (early,), 5_000, False)
            over = {key for key, (text,) in every.items() if due.over(start_of(text, column))}
            assert over
            assert over <= handed.keys(), (type_, zone)
            passed += len(every) - len(handed)
    engine.dispose()
    assert passed


CLOCKS = {
    "requires": 'start = "a"\nrequires = ["b"]',
    "latest": 'start = { latest_of = ["a", "b", "c"] }',
    "latest, with a way to say none": 'start = { latest_of = ["a", "b"] }\nmissing = ["9999-12-31"]',
    "latest, beside a child's": 'start = { latest_of = ["a", "stays.at"] }',
    "earliest": 'start = { earliest_of = ["a", "b", "c"] }',
    "first": 'start = { first_of = ["a", "b", "c"] }',
    "all": 'start = { after_all = { one = "a", two = { ends = "b", if = "id > 40" } } }',
}
STAMPS = (None, OLD, "2025-05-31 23:59:59", "2025-06-01 12:00:00", YOUNG, "9999-12-31 00:00:00")


@pytest.mark.parametrize("clock", CLOCKS)
def test_clocks_of_several_dates_lead_to_all_that_are_due(
    project: Project, clock: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that takes nothing leaves as many rows behind as a recount finds that reads them all."""
    kind = "datetime" if project.dialect in ("mysql", "sqlite") else "timestamp"
    project.sql(
        f"create table visits (id integer primary key, a {kind}, b {kind}, c varchar(40))",
        f"create table stays (id integer primary key, visit integer, at {kind})",
        *(
            f"insert into visits values ({key}, {_quoted(key)}, {_quoted(key // 6)}, "
            f"{_quoted(key // 5) if key % 7 else repr('')})"
            for key in range(1, 73)
        ),
        *(
            f"insert into stays values ({key}, {key}, {_quoted(key // 3)})"
            for key in range(1, 73, 2)
        ),
    )
    rule = f'[rules.visits]\ntable = "visits"\ndelete_after = "1 year"\n{CLOCKS[clock]}\n'
    leave = '[references]\n"stays.visit" = { to = "visits.id", then = "leave" }\n'
    project.policy(rule + leave)
    project.enroll()
    monkeypatch.setattr(Predicates, "doomed", lambda *_: sa.false())
    passing_over = findings(night(project))
    monkeypatch.setattr(Judge, "early", lambda *_: ())
    assert passing_over == findings(night(project)) != set()


@pytest.mark.parametrize("more", ["", 'requires = ["seen_at"]\n'])
def test_a_clock_in_the_row_referred_to_leads_to_all_that_are_due(
    project: Project, more: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Letters of people who left, masked behind the run's back or not at all; some belong to nobody."""
    kind = "datetime" if project.dialect in ("mysql", "sqlite") else "timestamp"
    project.sql(
        f"create table owners (id integer primary key, left_at {kind})",
        f"create table letters (id integer primary key, owner integer, seen_at {kind},"
        " body varchar(20))",
        *(f"insert into owners values ({key}, {_quoted(key)})" for key in range(1, 13)),
        *(
            f"insert into letters values ({key}, {key % 15}, {_quoted(key // 4)}, 'Dear Kari')"
            for key in range(1, 91)
        ),
        "insert into letters values (100, null, null, 'Dear all')",
    )
    rule = f'[rules.letters]\ntable = "letters"\nstart = "owners.left_at"\n{more}'
    rule += 'anonymize_after = "1 year"\nanonymize = { body = { text = "x" } }\n'
    leave = '[references]\n"letters.owner" = { to = "owners.id", then = "leave" }\n'
    project.policy(rule + leave)
    project.enroll()

    def meanwhile(*arguments: Any) -> None:
        execute(*arguments)
        project.sql("update letters set body = 'X' where id > 40")

    monkeypatch.setattr(nights, "execute", meanwhile)
    passing_over = findings(night(project))
    project.sql("update letters set body = 'Dear Kari' where id <= 40")
    monkeypatch.setattr(Judge, "early", lambda *_: ())
    assert passing_over == findings(night(project)) != set()


def _quoted(number: int) -> str:
    found = STAMPS[number % len(STAMPS)]
    return "null" if found is None else f"'{found}'"


# -- whole nights -----------------------------------------------------------------------------------

PEOPLE = """
[rules.people]
table = "people"
start = "left_at"
anonymize_after = "30 days"
unless = { vip = "vip = 1" }
[rules.people.anonymize]
email = { template = "gone-{id}@invalid" }
name = "null"
city = { text = "[erased]" }
plz = { prefix = 2 }
born = { truncate = "year" }
balance = { value = 0 }
"""
MASKED = {
    "name": "null",
    "city": "'[erased]'",
    "plz": "'05'",
    "born": "'1980-01-01'",
    "balance": "0",
}
PLANTED = {
    "email": ["'p{id}@example.org'", "'GONE-{id}@invalid'", "'gone-1{id}@invalid'", "'gone-{id}'"],
    "name": ["'Kari'", "''", "'null'"],
    "city": ["'Oslo'", "'[Erased]'", "'[erased] '", "'[erased]x'", "' [erased]'", "''"],
    "plz": ["'0553'", "'055'", "'05 '", "'5'"],
    "born": ["'1980-01-02'", "'1980-02-01'", "'1981-01-01'"],
    "balance": ["0.01", "-1", "100"],
}
STILL_MASKED = {"'[erased] '", "'05 '", "'5'", "'1981-01-01'"}
"""What a mask leaves as well: blanks that a CHAR column adds, another year's first day."""


@pytest.fixture
def people(project: Project) -> Project:
    """People who left, all due, but for one who is young, one excepted and one held."""
    kind = "datetime" if project.dialect in ("mysql", "sqlite") else "timestamp"
    project.sql(
        f"create table people (id integer primary key, left_at {kind}, vip integer,"
        " email varchar(60), name varchar(60), city varchar(60), plz varchar(10), born date,"
        " balance decimal(10,2))",
        *(
            f"insert into people values ({key}, '{YOUNG if key == 90 else OLD}', {int(key == 91)},"
            f" 'p{key}@example.org', 'Kari', 'Oslo', '0553', '1980-05-06', {key}.5)"
            for key in (*range(1, 40), 90, 91, 92)
        ),
    )
    project.policy(PEOPLE)
    project.enroll()
    outcome = project.run("hold", "add", "people", "92", "--reason", "case 7")
    assert outcome.code == 0, outcome.err
    return project


@pytest.mark.parametrize("size", [2, 5_000])
def test_whatever_is_not_masked_is_found_and_nothing_else(
    people: Project, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Old values, half-masked rows and near misses, planted once the run was done."""
    monkeypatch.setattr(recounting, "PAGE", size)
    expected = dict.fromkeys(PLANTED, 0)
    planted = []
    cases = [(column, value) for column, values in PLANTED.items() for value in values]
    for key, (column, value) in enumerate(cases, start=3):
        expected[column] += value not in STILL_MASKED
        planted.append(f"update people set {column} = {value.format(id=key)} where id = {key}")
    expected["city"] += 1  # 2 and all of its columns
    expected["name"] += 1
    planted.append("update people set city = 'Oslo', name = 'Kari' where id = 2")
    planted.append("update people set name = 'Kari' where id in (90, 91, 92)")

    def meanwhile(*arguments: Any) -> None:
        execute(*arguments)
        people.sql(*planted)

    monkeypatch.setattr(nights, "execute", meanwhile)
    found = night(people)
    assert findings(found) == {
        ("unmasked", "people", "people", column, rows) for column, rows in expected.items() if rows
    }
    (step,) = recount_of(found).steps
    assert (step.looked, step.rows) == (42, 42)
    assert step.stopped == 2


def test_after_a_right_night_no_row_is_read(
    people: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database hands over only what something stopped, whatever the number of masked rows."""
    monkeypatch.setattr(recounting, "PAGE", 10)
    read = pages_read(monkeypatch)
    found = night(people)
    (step,) = recount_of(found).steps
    assert (findings(found), step.looked, step.stopped) == (set(), 42, 2)
    assert read[-1] == 2
    assert sum(read) <= 42


@pytest.mark.parametrize("size", [3, 8])
def test_unmasked_child_rows_are_found_whatever_their_owner_holds(
    people: Project, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Copies in rows that stay: of owners wholly masked, half masked, young, excepted and held."""
    monkeypatch.setattr(recounting, "PAGE", size)
    people.sql(
        "create table letters (id integer primary key, person integer, body varchar(60),"
        " note varchar(60))",
        *(
            f"insert into letters values ({100 * copy + key}, {key}, 'Dear Kari', 'sent')"
            for key in (*range(1, 40), 90, 91, 92)
            for copy in (1, 2)
        ),
        "insert into letters values (1, null, 'Dear all', 'sent')",
        *(f"insert into letters values ({key}, 33, 'Dear Kari', 'sent')" for key in range(10, 20)),
    )
    people.policy(
        f"""{PEOPLE}"letters.body" = {{ text = "[erased]" }}
"letters.note" = "null"
[references]
"letters.person" = {{ to = "people.id", then = "leave" }}
"""
    )

    def meanwhile(*arguments: Any) -> None:
        execute(*arguments)
        people.sql(
            "update letters set body = 'Dear Kari' where id = 135",
            "update letters set body = '[ERASED]', note = 'sent' where id in (136, 236, 137)",
            "update letters set note = '' where id = 238 or id < 20 and person = 33",
            "update people set name = 'Kari' where id in (37, 39)",
        )

    monkeypatch.setattr(nights, "execute", meanwhile)
    found = night(people)
    assert findings(found) == {
        ("unmasked", "people", "letters", "body", 4),
        ("unmasked", "people", "letters", "note", 14),
        ("unmasked", "people", "people", "name", 2),
    }
    (step,) = recount_of(found).steps
    assert (step.looked, step.rows, step.stopped) == (42, 42, 2)
