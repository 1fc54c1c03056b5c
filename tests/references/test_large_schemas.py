"""Whole nights over schemas as large as those of grown products, and over values as odd."""

from __future__ import annotations

from random import Random

import large_schemas
import pytest
from large_schemas import Built
from project import Project

NIGHT = "2026-06-01"
RULE = '[rules.{0}]\ntable = "{0}"\nstart = "day"\ndelete_after = "1 year"\n'


def policy(built: Built, tables: list[str]) -> str:
    """A rule on each of `tables`; what the database declares, and what it does not."""
    text = "".join(map(RULE.format, tables)) + '[references]\n"*" = "as declared"\n'
    for key in built.keys:
        if key.action is None:
            text += f'"{key.table}.{key.column}" = {{ to = "{key.parent}.id", then = "delete" }}\n'
    for table, one, other in built.pairs:
        to = f'{{ by = "owner_kind", a = "{one}.id", b = "{other}.id" }}'
        text += f'"{table}.owner_id" = {{ to = {to}, then = "delete" }}\n'
    return text


def sizes(project: Project, tables: list[str]) -> dict[str, int]:
    """Rows by table."""
    counts = " UNION ALL ".join(f"SELECT '{name}', count(*) FROM {name}" for name in tables)
    return dict(project.rows(counts))


def dangling(project: Project, built: Built) -> list[str]:
    """References along which a row names one that is not there."""
    found = []
    for table, column, parent, where in built.references():
        named = f"c.{column} IS NOT NULL" + (f" AND c.{where}" if where else "")
        query = f"SELECT count(*) FROM {table} c WHERE {named} AND NOT EXISTS "
        if project.value(f"{query}(SELECT 1 FROM {parent} p WHERE p.id = c.{column})"):
            found.append(f"{table}.{column}")
    return found


def check_nights(project: Project, tables: list[str], built: Built | None = None) -> int:
    """Nights until one does nothing: what was due went, the ledger's counts are what left."""
    erased = 0
    for number in range(4):
        before, planned = sizes(project, tables), project.plan(NIGHT)
        night = project.night(NIGHT)
        after = sizes(project, tables)
        assert {name: found["due"] for name, found in planned.items()} == {
            name: found["erased"] for name, found in night.items()
        }
        run = project.run("report", "last", "--json").json
        left = {name: before[name] - after[name] for name in tables if before[name] != after[name]}
        told: dict[str, int] = {}
        for found in run["committed"]:
            told[found["table"]] = told.get(found["table"], 0) + found.get("erased", 0)
        assert {name: count for name, count in told.items() if count} == left
        assert not [one["findings"] for one in run["recount"] if one["findings"]]
        if built is not None:
            assert dangling(project, built) == []
        done = sum(left.values())
        erased += done
        if not done:
            assert number, "nothing was due at all"
            return erased
    raise AssertionError("the fourth night still found work")


def test_mixed_actions_trees_and_pairs_over_116_tables(project: Project) -> None:
    """156 keys of every action, rows of anything (`owner_kind`), twelve rules."""
    built = large_schemas.mixed()
    assert (len(built.tables), len(built.keys)) == (116, 156)
    project.sql(*built.ddl(), *built.inserts(Random(1)))
    project.policy(
        policy(built, [f"t{it}" for it in (3, 7, 12, 30, 31, 55, 70, 71, 72, 90, 100, 110)])
    )
    project.enroll()
    assert check_nights(project, built.tables, built) > 12


def test_two_hundred_tables_whose_references_nobody_declared(project: Project) -> None:
    """All that hangs below a row goes with it, though the database knows of no key."""
    built = large_schemas.undeclared()
    assert (len(built.tables), [key.action for key in built.keys if key.action]) == (200, [])
    project.sql(*built.ddl(), *built.inserts(Random(1)))
    project.policy(policy(built, [f"t{it}" for it in (0, 3, 20, 150)]))
    project.enroll()
    assert check_nights(project, built.tables, built) > len(built.tables) // 4


LEDGERS = """
[rules.bookings]
table = "bookings"
start = "day"
delete_after = "1 year"
[references]
"parts.tenant, booking_no" = { to = "bookings.tenant, no", then = "delete" }
"claims.tenant, booking_no, line_no" = { to = "parts.tenant, booking_no, no", then = "block" }
"""


def bookings(project: Project, many: int) -> None:
    """Bookings of 40 tenants, two lines each, a claim on every hundredth; a third are old."""
    project.sql(
        "CREATE TABLE bookings (tenant INTEGER NOT NULL, no VARCHAR(12) NOT NULL, day DATE,"
        " PRIMARY KEY (tenant, no))",
        "CREATE TABLE parts (tenant INTEGER NOT NULL, booking_no VARCHAR(12) NOT NULL,"
        " no INTEGER NOT NULL, PRIMARY KEY (tenant, booking_no, no))",
        "CREATE TABLE claims (id INTEGER PRIMARY KEY, tenant INTEGER, booking_no VARCHAR(12),"
        " line_no INTEGER)",
        "CREATE INDEX claims_line ON claims (tenant, booking_no, line_no)",
    )
    days = ("2020-01-01", "2026-05-01", None)
    keys = [(1 + number % 40, f"B{number}") for number in range(many)]
    lines = [(*key, line) for key in keys for line in (1, 2)]
    filled = {
        "bookings": [(*key, days[at % 3]) for at, key in enumerate(keys)],
        "parts": lines,
        "claims": [(at, *lines[2 * at]) for at in range(0, many, 100)],
    }
    with project.engine.begin() as connection:
        for table, rows in filled.items():
            marks = ", ".join(["?" if project.dialect == "sqlite" else "%s"] * len(rows[0]))
            connection.exec_driver_sql(f"INSERT INTO {table} VALUES ({marks})", rows)
    if project.dialect == "postgresql":
        # as a server does by itself within a minute
        project.sql("ANALYZE")


def check_bookings(project: Project, many: int) -> None:
    """Old bookings without a claim go with their lines, and nothing else."""
    bookings(project, many)
    project.policy(LEDGERS)
    project.enroll()
    old = [number for number in range(many) if number % 3 == 0]
    claimed = [number for number in old if number % 100 == 0]
    gone = len(old) - len(claimed)
    assert check_nights(project, ["bookings", "parts", "claims"]) == 3 * gone
    assert sizes(project, ["bookings", "parts"]) == {
        "bookings": many - gone,
        "parts": 2 * (many - gone),
    }
    left = project.rows("SELECT no FROM bookings WHERE day = '2020-01-01'")
    assert {number for (number,) in left} == {f"B{number}" for number in claimed}


def test_rows_behind_composite_keys(project: Project) -> None:
    """Two and three columns, text among them, and a block two levels down."""
    check_bookings(project, 20_000)


@pytest.mark.faults
def test_a_million_rows_behind_composite_keys(project: Project) -> None:
    """The same, at the size of a grown product."""
    check_bookings(project, 1_000_000)


ODD = """
[rules.visits]
table = "visits"
start = "at"
stored_as = "epoch s"
delete_after = "1 year"
[rules.calls]
table = "calls"
start = "at"
stored_as = "epoch ms"
delete_after = "1 year"
[rules.letters]
table = "letters"
start = "sent"
delete_after = "1 year"
"""


def test_odd_dates_and_rows_that_nothing_tells_apart(project: Project) -> None:
    """0, negatives, '' and zero dates are no date; each of three equal rows is a row."""
    text = "TEXT" if project.dialect == "sqlite" else "VARCHAR(20)"
    project.sql(
        "CREATE TABLE visits (at BIGINT, page VARCHAR(9))",
        f"CREATE TABLE calls (id INTEGER PRIMARY KEY, at {text} NOT NULL)",
        "CREATE TABLE letters (id INTEGER PRIMARY KEY, sent DATE)",
        "INSERT INTO visits VALUES (1577836800, 'a'), (1577836800, 'a'), (1577836800, 'a'),"
        " (0, 'a'), (0, 'a'), (-1, 'b'), (-86400, 'b'), (NULL, 'a'), (1779235200, 'a'),"
        " (1779235200, 'a')",
        "INSERT INTO calls VALUES (1, '1577836800000'), (2, ''), (3, '0'),"
        " (4, '1779235200000'), (5, '-1')",
        "INSERT INTO letters VALUES (1, '2020-01-01'), (2, NULL), (3, '2026-05-20')",
    )
    if project.dialect == "mysql":
        # as an application wrote them before the server was strict
        with project.engine.begin() as connection:
            connection.exec_driver_sql("SET SESSION sql_mode = ''")
            connection.exec_driver_sql(
                "INSERT INTO letters VALUES (4, '0000-00-00'), (5, '2020-00-00')"
            )
    project.policy(ODD)
    project.enroll()
    assert check_nights(project, ["visits", "calls", "letters"]) == 3 + 1 + 1
    left = project.rows("SELECT at, page, count(*) FROM visits GROUP BY at, page")
    assert sorted(left, key=str) == sorted(
        [(0, "a", 2), (-1, "b", 1), (-86400, "b", 1), (None, "a", 1), (1779235200, "a", 2)], key=str
    )
    assert project.rows("SELECT id FROM calls ORDER BY id") == [(2,), (3,), (4,), (5,)]
    letters = [(2,), (3,), *([(4,), (5,)] if project.dialect == "mysql" else [])]
    assert project.rows("SELECT id FROM letters ORDER BY id") == letters
