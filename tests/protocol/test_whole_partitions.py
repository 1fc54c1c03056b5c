"""Partitions of which every row is due go at once, and only then (PostgreSQL, MariaDB)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import servers
import sqlalchemy as sa
from harness import Fault, night, paused_night, story_by_marker, story_of
from project import HEAD, Project

from retention.protocol import points

RULES = """
[rules.visits]
table = "visits"
start = "seen_on"
delete_after = "1 year"
"""
LAW = """
[rules.law]
table = "visits"
where = "page = 'kept'"
keep_at_least = "forever"
"""
TRIGGERS = {
    "postgresql": (
        "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END'",
        "CREATE TRIGGER t AFTER DELETE ON visits FOR EACH ROW EXECUTE FUNCTION f()",
    ),
    "mysql": ("CREATE TRIGGER t AFTER DELETE ON visits FOR EACH ROW SET @gone = OLD.id",),
}
YEARS = (2021, 2022, 2025)
HOLD = ("hold", "add", "--reason", "claim", "--review", "2027-01-31")
ROWS = 40
"""In each year, and in the part for all else; 2025 runs half into the year that is kept."""


@pytest.fixture
def project(server_project: Project) -> Project:
    """A project over each engine that knows partitions."""
    return server_project


@pytest.fixture
def postgresql(postgresql_server: str, tmp_path: Path) -> Iterator[Project]:
    """A project over PostgreSQL, whose partitions are tables of their own."""
    with servers.fresh_database(postgresql_server) as url:
        yield Project(tmp_path, url)


_POSTGRESQL = (
    "CREATE TABLE visits (id integer, seen_on date NOT NULL, page text, {key})"
    " PARTITION BY RANGE (seen_on)",
    "CREATE TABLE visits_2021 PARTITION OF visits"
    " FOR VALUES FROM ('2021-01-01') TO ('2022-01-01') PARTITION BY RANGE (seen_on)",
    'CREATE TABLE "Visits 2021" PARTITION OF visits_2021'
    " FOR VALUES FROM ('2021-01-01') TO ('2022-01-01')",
    "CREATE TABLE visits_2022 PARTITION OF visits FOR VALUES FROM ('2022-01-01') TO ('2023-01-01')",
    "CREATE TABLE visits_2025 PARTITION OF visits DEFAULT",
)
_MARIADB = (
    "CREATE TABLE visits (id integer NOT NULL AUTO_INCREMENT, seen_on date NOT NULL, page text,"
    " day integer AS (TO_DAYS(seen_on)) STORED, {key}, KEY (page(9))) COMMENT 'theirs'"
    " PARTITION BY RANGE COLUMNS (seen_on) ("
    " PARTITION visits_2021 VALUES LESS THAN ('2022-01-01'),"
    " PARTITION visits_2022 VALUES LESS THAN ('2023-01-01'),"
    " PARTITION visits_2025 VALUES LESS THAN (MAXVALUE))",
)
_YEAR = {
    "postgresql": "INSERT INTO visits SELECT {year} * 1000 + n, date '{year}-01-01' + n * 8, 'x'"
    " FROM generate_series(1, {rows}) n",
    "mysql": "INSERT INTO visits (id, seen_on, page)"
    " SELECT {year} * 1000 + seq, '{year}-01-01' + INTERVAL seq * 8 DAY, 'x' FROM seq_1_to_{rows}",
}


def visits(project: Project, rows: str = "auto", key: str = "PRIMARY KEY (id, seen_on)") -> None:
    """A table by years, all of 2021 and 2022 and half of 2025 due; on PostgreSQL one part is parted
    again.
    """
    tables = _POSTGRESQL if project.dialect == "postgresql" else _MARIADB
    project.sql(*(statement.format(key=key) for statement in tables))
    for year in YEARS:
        project.sql(_YEAR[project.dialect].format(year=year, rows=ROWS))
    project.policy(RULES + LAW, head=HEAD.replace('rows = "all"', f'rows = "{rows}"'))
    project.enroll()


def stores(project: Project) -> dict[str, Any]:
    """Where each part's rows are stored: a new place after it was emptied at once."""
    if project.dialect == "postgresql":
        query = (
            "SELECT relname, pg_relation_filenode(oid) FROM pg_class"
            " WHERE relkind = 'r' AND relname ~* '^visits'"
        )
    else:
        query = (
            "SELECT SUBSTRING_INDEX(name, '#', -1), space FROM information_schema.innodb_sys_tables"
            " WHERE name LIKE CONCAT(DATABASE(), '/visits#%%')"
        )
    return dict(project.rows(query))


def counts(project: Project) -> dict[int, int]:
    """Rows by year."""
    found = project.rows("SELECT extract(year FROM seen_on), count(*) FROM visits GROUP BY 1")
    return {int(year): rows for year, rows in found}


def whole_and_not(project: Project, before: dict[str, Any]) -> set[str]:
    """The parts that were emptied at once since."""
    after = stores(project)
    return {name for name in after if after[name] != before[name]}


def due_of(project: Project) -> int:
    """What the plan says is due."""
    return project.plan("2026-06-01")["visits delete"]["due"]


def both(project: Project) -> set[str]:
    """The parts that may go whole."""
    first = "Visits 2021" if project.dialect == "postgresql" else "visits_2021"
    return {first, "visits_2022"}


@pytest.mark.parametrize("rows", ["auto", "all"])
def test_wholly_due_parts_go_at_once_and_the_rest_by_rows(project: Project, rows: str) -> None:
    """What the plan counted is gone and in the ledger, with a token each where tokens are kept."""
    visits(project, rows)
    planned, before = due_of(project), stores(project)
    run = night(project)
    assert run.end().code == 0
    assert whole_and_not(project, before) == both(project)
    left = counts(project)
    assert set(left) == {2025}
    assert planned == len(YEARS) * ROWS - left[2025] > 2 * ROWS
    assert story_of(project).counts() == {"visits": planned}
    if rows == "all":
        assert "proves" in project.run("explain", "visits", "2021001", "2021-01-09").out
    again = night(project)
    assert again.end().code == 0
    assert counts(project) == left


def test_the_plan_says_that_partitions_go_first(project: Project) -> None:
    """The walk of a table whose parts may go whole names them, and that of one with a trigger not."""
    visits(project)
    walk = "key (id, seen_on) of early partitions"
    first = f"whole partitions where they may go, then {walk}"
    assert project.plan("2026-06-01")["visits delete"]["walk"] == first
    assert f"walks {first}" in project.run("plan", "--sql").out
    project.sql(*TRIGGERS[project.dialect])
    assert project.plan("2026-06-01")["visits delete"]["walk"] == walk


def test_a_part_with_one_row_that_stays_goes_by_rows(project: Project) -> None:
    """Held, kept by a floor, or too young: that row stays, the others of its part go."""
    visits(project)
    project.sql("INSERT INTO visits (id, seen_on, page) VALUES (9, '2021-05-05', 'kept')")
    held = project.run(*HOLD, "visits", "2022001", "2022-01-09")
    assert held.code == 0, held.err
    before = stores(project)
    assert night(project).end().code == 0
    assert whole_and_not(project, before) == set()
    assert {2021: 1, 2022: 1}.items() <= counts(project).items()


@pytest.mark.parametrize(
    "more",
    [
        "CREATE TABLE clicks (id integer PRIMARY KEY, visit integer, day date,"
        " FOREIGN KEY (visit, day) REFERENCES visits (id, seen_on) ON DELETE CASCADE)",
        "CREATE PUBLICATION p FOR TABLE visits WITH (publish = 'insert, update, delete')",
        "CREATE PUBLICATION p FOR TABLE visits WITH (publish_via_partition_root = true)",
    ],
    ids=["reference", "replicas without truncate", "replicas by the root"],
)
def test_rows_that_others_wait_for_go_one_by_one(postgresql: Project, more: str) -> None:
    """What refers to rows is asked for each row, and replicas that a TRUNCATE of a part never reaches
    are told of each row.
    """
    project = postgresql
    visits(project)
    project.sql(more)
    if "clicks" in more:
        project.policy(RULES + LAW + '[references]\n"clicks.visit,day" = "delete"\n')
    before = stores(project)
    outcome = night(project).end()
    assert outcome.code == 0, outcome.err
    assert whole_and_not(project, before) == set()
    assert set(counts(project)) == {2025}


def test_the_rows_of_a_table_with_a_trigger_go_one_by_one(project: Project) -> None:
    """A trigger of the user's runs for each row."""
    visits(project)
    project.sql(*TRIGGERS[project.dialect])
    before = stores(project)
    assert night(project).end().code == 0
    assert whole_and_not(project, before) == set()
    assert set(counts(project)) == {2025}


def test_a_reader_in_a_part_does_not_make_others_wait(project: Project) -> None:
    """While somebody reads a part it is not locked against readers: its rows go in batches.

    On MariaDB, where the whole table would be locked, so do those of all parts.
    """
    visits(project)
    before = stores(project)
    with project.engine.connect() as reader:
        reader.execute(sa.text("SELECT count(*) FROM visits WHERE seen_on = '2022-02-02'"))
        assert night(project).end().code == 0
    whole = both(project) - {"visits_2022"} if project.dialect == "postgresql" else set()
    assert whole_and_not(project, before) == whole
    assert set(counts(project)) == {2025}


def test_a_row_that_comes_to_stay_at_the_last_moment_stays(project: Project) -> None:
    """The part looked wholly due when the step began; it is looked at again under its lock."""
    visits(project)
    before = stores(project)
    with paused_night(project, points.BEGUN) as run:
        project.sql("UPDATE visits SET page = 'kept' WHERE id = 2022001")
        project.sql(
            "INSERT INTO visits (id, seen_on, page) VALUES (7, '2021-07-07', 'late, and due')"
        )
    assert run.end().code == 0
    assert counts(project)[2022] == 1
    assert 2021 not in counts(project)
    assert whole_and_not(project, before) == both(project) - {"visits_2022"}


@pytest.mark.parametrize(
    "then",
    [
        (),
        (
            "CREATE TABLE archive (LIKE visits) PARTITION BY RANGE (seen_on)",
            "ALTER TABLE archive ATTACH PARTITION visits_2022"
            " FOR VALUES FROM ('2022-01-01') TO ('2023-01-01')",
        ),
        ("DROP TABLE visits_2022",),
    ],
    ids=["detached", "attached elsewhere", "dropped"],
)
def test_a_part_that_is_taken_from_the_table_meanwhile_is_left_alone(
    postgresql: Project, then: tuple[str, ...]
) -> None:
    """Under its lock it is asked again whether it belongs to the table of the rule."""
    visits(postgresql)
    planned = due_of(postgresql)
    with paused_night(postgresql, points.BEGUN) as run:
        postgresql.sql("ALTER TABLE visits DETACH PARTITION visits_2022", *then)
    assert run.end().code == 0
    assert set(counts(postgresql)) == {2025}
    if "DROP" not in "".join(then):
        assert postgresql.value("SELECT count(*) FROM visits_2022") == ROWS
    assert story_of(postgresql).counts()["visits"] == planned - ROWS


@pytest.mark.parametrize("point", points.ALL)
def test_killed_at_a_point(postgresql: Project, point: str) -> None:
    """A part is there with all its rows or gone with all of them, as marker and ledger say."""
    project = postgresql
    visits(project, "all")
    planned = due_of(project)
    total = sum(counts(project).values())
    for occurrence in (1, 2):
        outcome = night(project, Fault(point, occurrence=occurrence, way="PartitionEraser")).end()
        assert outcome.code in (0, -9), outcome.err
        left = counts(project)
        assert all(left.get(year, 0) in (0, ROWS) for year in YEARS[:2])
        gone = story_by_marker(project).counts().get("visits", 0)
        assert gone == total - sum(left.values())
    assert night(project).end().code == 0
    assert story_of(project).counts() == {"visits": planned}
