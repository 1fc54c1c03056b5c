"""Keys that sort, or come back, otherwise than they look: recounted, walked and named all the same."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from project import Project
from test_recount import findings, night, recount_of

from retention.databases.database import Database
from retention.databases.erasing.named_rows import NamedWindow, RowReader
from retention.databases.erasing.windows import KeyWalker
from retention.databases.sql import Row, row_of
from retention.databases.statements.predicates import Predicates
from retention.execution import recount as recounting
from retention.planning.plan import Step
from retention.planning.schema import Table

# at least six keys of each kind, in an order of their own
KEYS = {
    "sqlite": {
        "INT": ["1", "'abc'", "NULL", "3.5", "-4", "NULL", "NULL", "'2'"],
        "TEXT": ["'b'", "NULL", "'a'", "7", "x'61'", "''"],
    },
    "postgresql": {
        "DATE": [
            "'infinity'",
            "'-infinity'",
            "'2020-01-01'",
            "'0044-03-15 BC'",
            "'10000-01-01'",
            "'0045-03-15 BC'",
        ],
        "TIMESTAMP": [
            "'infinity'",
            "'-infinity'",
            "'2020-01-01 10:00'",
            "'0044-03-15 BC'",
            "'10000-01-01'",
            "'2020-01-01 10:00:00.5'",
        ],
        "TIMESTAMPTZ": [
            "'infinity'",
            "'-infinity'",
            "'2020-01-01 10:00+02'",
            "'0044-03-15 BC'",
            "'10000-01-01'",
            "'2020-01-01 10:00+01'",
        ],
        "TIME": ["'24:00'", "'00:00'", "'12:00'", "'12:00:00.5'", "'23:59'", "'01:00'"],
        "INTERVAL": [
            "'1 month'",
            "'30 days 1 second'",
            "'29 days'",
            "'-1 year'",
            "'100000 years'",
            "'1 year 2 mons 3 days 04:05:06.7'",
        ],
        "INTEGER[]": ["'{1,2}'", "'{1}'", "'{}'", "'{3,NULL}'", "'{2}'", "'{1,2,3}'"],
        "TEXT[]": ["'{a,b}'", "'{a}'", "'{}'", "'{c,NULL}'", "'{\"a,b\"}'", "'{NULL}'"],
        "JSONB": ["'{\"a\": 1}'", "'[1, 2]'", "'1'", "'\"x\"'", "'null'", "'true'", "'1.10'"],
        "DATERANGE": [
            "'[2020-01-01,2021-01-01)'",
            "'empty'",
            "'(,infinity)'",
            "'[2020-01-01,)'",
            "'(,2021-01-01)'",
            "'(,)'",
        ],
        "REAL": ["0.1", "0.2", "1.234567", "1.234568", "'infinity'", "'NaN'", "0"],
        "UUID": [f"'00000000-0000-0000-0000-00000000000{last}'" for last in "a1f0c9"],
    },
    "mysql": {
        "ENUM('z', 'm', 'a', 'Q', 'b', 'y')": ["'z'", "'m'", "'a'", "'Q'", "'b'", "'y'"],
        "SET('z', 'm', 'a')": ["'z'", "'m'", "'a'", "'z,m'", "'z,a'", "''", "'m,a'"],
        "BIT(9)": ["b'0'", "b'1'", "b'101'", "b'111111111'", "b'110001'", "b'100000000'"],
        "BIT(64)": ["0", "1", "5", "18446744073709551615", "9223372036854775808", "49"],
        "FLOAT": ["0.1", "0.2", "1.234567", "1.234568", "16777215", "16777213", "16777211"],
        "VARCHAR(9) CHARACTER SET latin1": ["'a'", "'B'", "'ö'", "'z'", "'Å'", "'€'", "'Z1'"],
        "TIME": ["'-10:00'", "'838:59:59'", "'0:0'", "'24:00'", "'-838:59:59'", "'100:00'"],
    },
}
RULE = """
[rules.{name}]
table = "{name}"
start = "at"
unless = {{ vip = "tag = 'vip'" }}
{action}
"""
ACTIONS = {
    "delete": 'delete_after = "1 year"',
    "anonymize": 'anonymize_after = "1 year"\nanonymize = { note = "null" }',
}


def _tables(project: Project) -> Iterator[tuple[str, int]]:
    """A table for each kind of key, its last key twice where two numbers name a row: how many rows."""
    for place, (kind, keys) in enumerate(KEYS[project.dialect].items()):
        for name, more in ((f"alone_{place}", ()), (f"paired_{place}", (1, 2))):
            missing = "" if project.dialect == "sqlite" else "NOT NULL"
            project.sql(
                f"CREATE TABLE {name} (k {kind} {missing}, n INTEGER NOT NULL, at DATE,"
                f" tag VARCHAR(9), note VARCHAR(9), PRIMARY KEY (k{', n' if more else ''}))"
            )
            rows = [(key, number) for key in keys for number in more or (1,)]
            for at, (key, number) in enumerate(rows):
                tag = "vip" if at == 1 else "left" if at else "goes"
                project.sql(
                    f"INSERT INTO {name} VALUES ({key}, {number}, '2020-01-01', '{tag}', 'n')"
                )
            yield name, len(rows)


@pytest.mark.parametrize("action", ACTIONS)
def test_a_recount_finds_every_row_that_was_left(
    project: Project, monkeypatch: pytest.MonkeyPatch, action: str
) -> None:
    """Page by page, whatever the key: those left behind are found, and those excepted are not."""
    doomed = Predicates.doomed

    def passing_over(self: Predicates, step: Step, row: Row) -> sa.ColumnElement[bool]:
        return sa.and_(doomed(self, step, row), row.c["tag"] != "left")

    monkeypatch.setattr(Predicates, "doomed", passing_over)
    monkeypatch.setattr(recounting, "PAGE", 2)
    rows = dict(_tables(project))
    project.policy("".join(RULE.format(name=name, action=ACTIONS[action]) for name in rows))
    project.enroll()
    found = night(project)
    fault, column = {"delete": ("due", ""), "anonymize": ("unmasked", "note")}[action]
    assert findings(found) == {
        (fault, name, name, column, count - 2) for name, count in rows.items()
    }
    assert {step.stopped for step in recount_of(found).steps} == {1}
    project.engine.dispose()


def test_windows_and_lists_of_rows_are_of_the_size_asked_for(project: Project) -> None:
    """Each row lies in one window and on one page, in the order of the key, and is named alone."""
    rows = dict(_tables(project))
    database = Database("main", project.engine)
    with database.connected() as connection:
        tables = database.schema(connection).tables
        for name, count in rows.items():
            windows = _windows(connection, database, tables[name])
            assert (max(windows), sum(windows)) == (2, count), name
            assert _pages(connection, database, tables[name]) == count
    project.engine.dispose()


def _windows(connection: sa.Connection, database: Database, table: Table) -> list[int]:
    walker = KeyWalker(database.dialect, table, table.sought_by, 2)
    row = row_of(table)
    counting = sa.select(sa.func.count()).select_from(row)
    found = [counting.where(window.holds(row)) for window in walker.windows(connection)]
    with connection.begin():
        return [connection.execute(query).scalar_one() for query in found]


def _pages(connection: sa.Connection, database: Database, table: Table) -> int:
    """How many rows the pages of two have; each row is looked for again by what names it."""
    reader, counting = RowReader(database.dialect, table, None), sa.select(sa.func.count())
    page, found = reader.after(connection, None, 2), 0
    while page:
        found += len(page)
        for named in page:
            window, row = NamedWindow(database.dialect, table, None, (named,)), row_of(table)
            with connection.begin():
                query = counting.select_from(row).where(window.holds(row))
                assert connection.execute(query).scalar_one() == 1, table.columns["k"].type_text
        page = reader.after(connection, page[-1].raw, 2)
    return found
