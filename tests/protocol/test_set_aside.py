"""Partitions that MariaDB exchanges: whatever breaks, no row is lost, and none is gone unproved."""

from __future__ import annotations

import random
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import servers
import sqlalchemy as sa
from harness import (
    AS_OF,
    Fault,
    fill_disk,
    ledger_of,
    night,
    pause,
    paused_night,
    start,
    story_by_marker,
    story_of,
    succeed,
    wait_until,
)
from project import Project
from test_whole_partitions import (
    HOLD,
    ROWS,
    YEARS,
    both,
    counts,
    due_of,
    stores,
    visits,
    whole_and_not,
)

from retention.databases.erasing.asides import new_aside
from retention.databases.state import ASIDE
from retention.protocol import points

KILLED = -9
SET_ASIDE = (points.TAKEN, points.MARKED)
AFTER_COMMIT = (
    points.UNLOCKED,
    pytest.param(points.COMMITTED, marks=pytest.mark.faults),
)
"""Where the marker has moved and the rows are still there."""


@pytest.fixture
def project(mariadb_server: str, tmp_path: Path) -> Iterator[Project]:
    """A project over MariaDB."""
    with servers.fresh_database(mariadb_server) as url:
        yield Project(tmp_path, url)


def break_at(project: Project, point: str, occurrence: int = 1) -> None:
    """Kill a night at a point of a partition's batch."""
    outcome = night(project, Fault(point, occurrence=occurrence, way="AsideEraser")).end()
    assert outcome.code == KILLED, outcome.out + outcome.err


def asides(project: Project) -> list[str]:
    """The tables beside."""
    found = project.rows(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()"
        f" AND table_name LIKE '{ASIDE}%%' ORDER BY 1"
    )
    return [name for (name,) in found]


def rows_in(project: Project, *tables: str) -> list[tuple[Any, ...]]:
    """All rows of these tables, in the order of their ids."""
    found: list[tuple[Any, ...]] = []
    for table in tables:
        found += project.rows(f"SELECT id, seen_on, page, day FROM {table}")
    return sorted(found)


def what_a_night_leaves(before: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Worked out row by row: younger than a year, or kept."""
    return [row for row in before if str(row[1]) >= "2025-06-01" or row[2] == "kept"]


def end_well(project: Project, after: list[tuple[Any, ...]]) -> None:
    """The next night ends as one without faults."""
    outcome = night(project).end()
    assert outcome.code == 0, outcome.out + outcome.err
    assert rows_in(project, "visits") == after
    assert asides(project) == []
    assert story_of(project).open == []
    assert ledger_of(project).verify() == []


def agree(project: Project, before: list[tuple[Any, ...]]) -> None:
    """Every row is in its table, or set aside, or gone with a batch that the marker has seen; and
    the ledger calls no batch committed whose rows are there.
    """
    left = rows_in(project, "visits", *asides(project))
    assert len(left) == len(set(left))
    assert set(left) <= set(before)
    gone = len(before) - len(left)
    assert story_of(project).counts()["visits"] <= gone
    assert gone <= story_by_marker(project).counts()["visits"]


@pytest.mark.parametrize("point", points.OF_PARTITIONS)
def test_killed_at_a_point(project: Project, point: str) -> None:
    """Killed at any point of two partitions' batches, no row is lost, and the night after does what
    was left.
    """
    visits(project, "all")
    before, planned = rows_in(project, "visits"), due_of(project)
    for occurrence in (1, 2):
        way = "AsideEraser"
        outcome = night(project, Fault(point, occurrence=occurrence, way=way)).end()
        assert outcome.code in (0, KILLED), outcome.err
        agree(project, before)
    end_well(project, what_a_night_leaves(before))
    assert story_of(project).counts() == {"visits": planned}


def test_killed_at_random_moments(project: Project) -> None:
    """Killed again and again at any moment, rows and ledger agree after each kill."""
    seed = random.randrange(10**9)
    sys.stdout.write(f"seed {seed}\n")
    chance = random.Random(seed)
    visits(project, "all")
    before = rows_in(project, "visits")
    for _ in range(3):
        break_at_random(project, chance)
        agree(project, before)
    for _ in range(2):
        end_well(project, what_a_night_leaves(before))


def break_at_random(project: Project, chance: random.Random) -> None:
    """Kill a night from outside, soon after it has reached some point."""
    point = chance.choice(points.OF_PARTITIONS)
    run = night(project, Fault(point, pause, way="AsideEraser"))
    wait_until(lambda: (project.folder / "paused").exists() or not run.running)
    run.go_on()
    run.process.join(chance.uniform(0, 0.1))
    run.kill()


@pytest.mark.parametrize(
    ("point", "word"), [(points.INTENT, "are back"), (points.UNLOCKED, "are dropped")]
)
def test_the_night_after_says_what_became_of_the_rows(
    project: Project, point: str, word: str
) -> None:
    """The next run reports that rows are back, or dropped."""
    visits(project)
    break_at(project, point)
    assert len(asides(project)) == 1
    assert night(project).end().code == 0
    last = ledger_of(project).runs(1)[0].finished
    assert last is not None
    assert word in str(last.body["notes"])


@pytest.mark.parametrize("point", SET_ASIDE)
def test_what_was_written_meanwhile_stays(project: Project, point: str) -> None:
    """An application goes on in the partition whose rows a killed run had set aside: all are kept."""
    visits(project)
    break_at(project, point)
    project.sql("INSERT INTO visits (id, seen_on, page) VALUES (0, '2021-03-03', 'kept')")
    # MariaDB gives a row that asks for the id 0 the next one
    before = rows_in(project, "visits", *asides(project))
    assert (2025041, "kept") in {(row[0], row[2]) for row in before}
    end_well(project, what_a_night_leaves(before))


def test_a_row_whose_id_is_0_keeps_it(project: Project) -> None:
    """Put back row by row, a row is the row it was."""
    visits(project)
    project.sql(
        "SET STATEMENT sql_mode = 'NO_AUTO_VALUE_ON_ZERO' FOR"
        " INSERT INTO visits (id, seen_on, page) VALUES (0, '2021-03-03', 'x')"
    )
    break_at(project, points.INTENT)
    project.sql("INSERT INTO visits (id, seen_on, page) VALUES (7, '2021-03-03', 'kept')")
    with paused_night(project, points.BEGUN):
        assert 0 in {row[0] for row in rows_in(project, "visits")}
        assert asides(project) == []


def test_rows_that_cannot_be_put_back_are_for_a_person(project: Project) -> None:
    """Where the application has used a key again nothing is lost, and no run starts before a person
    has looked.
    """
    visits(project)
    before = rows_in(project, "visits")
    break_at(project, points.INTENT)
    project.sql("INSERT INTO visits (id, seen_on, page) VALUES (2021001, '2021-01-09', 'kept')")
    for _ in range(2):
        outcome = night(project).end()
        assert outcome.code == 4, outcome.out + outcome.err
        (beside,) = asides(project)
        assert beside in outcome.out
        assert set(before) <= set(rows_in(project, "visits", beside))
    project.sql(
        f"INSERT IGNORE INTO visits (id, seen_on, page) SELECT id, seen_on, page FROM {beside}",
        f"DROP TABLE {beside}",
    )
    end_well(project, what_a_night_leaves(rows_in(project, "visits")))


def test_a_table_of_another_ledger_is_left_alone(project: Project) -> None:
    """Rows that another ledger's run has set aside are that ledger's to settle; a name that only
    looks like one of ours is nobody's; neither is a table for a rule, or a stranger to `coverage`.
    """
    visits(project)
    other = new_aside(str(uuid.uuid4()), 1, "visits", "visits_2021").name
    for name in (other, f"{ASIDE}of_mine"):
        project.sql(
            f"CREATE TABLE {name} (id integer, email text)", f"INSERT INTO {name} VALUES (1, 'x')"
        )
    assert night(project).end().code == 0
    assert asides(project) == sorted([other, f"{ASIDE}of_mine"])
    assert other not in project.run("coverage", "--json").out


def test_no_name_makes_a_run_drop_rows(project: Project) -> None:
    """A table named after a committed batch whose intent never spoke of it is put back, not dropped."""
    visits(project)
    assert night(project).end().code == 0
    (marker,) = project.rows("SELECT ledger_id, sequence FROM retention_marker")
    assert marker[1] > 1
    beside = new_aside(marker[0], 1, "visits", "visits_2021").name
    project.sql(
        f"CREATE TABLE {beside} LIKE visits",
        f'ALTER TABLE {beside} COMMENT \'{{"table": "visits", "partition": "visits_2021"}}\''
        " REMOVE PARTITIONING",
        f"INSERT INTO {beside} (id, seen_on, page) VALUES (1, '2021-05-05', 'kept')",
    )
    assert night(project).end().code == 0
    assert asides(project) == []
    assert counts(project)[2021] == 1


@pytest.mark.parametrize("point", AFTER_COMMIT)
def test_a_copy_made_while_rows_stand_aside_is_reapplied(project: Project, point: str) -> None:
    """Such a copy holds erased rows beside their table, and its marker is not complete: a run over it
    is refused, and `backups reapply` drops them.
    """
    visits(project, "all")
    break_at(project, point)
    (beside,) = asides(project)
    assert project.rows("SELECT sequence - complete_to FROM retention_marker") == [(1,)]
    tables = ("visits", "retention_marker", beside)
    for table in tables:
        project.sql(f"CREATE TABLE copy_of_{table} LIKE {table}")
        columns = "id, seen_on, page" if "marker" not in table else "*"
        into = f" ({columns})" if columns != "*" else ""
        project.sql(f"INSERT INTO copy_of_{table}{into} SELECT {columns} FROM {table}")
    assert night(project).end().code == 0
    assert project.rows("SELECT sequence - complete_to FROM retention_marker") == [(0,)]
    for table in tables:
        project.sql(f"DROP TABLE IF EXISTS {table}", f"RENAME TABLE copy_of_{table} TO {table}")
    refused = night(project).end()
    assert refused.code == 4, refused.out + refused.err
    assert asides(project) == [beside]
    succeed(project, "backups", "reapply", "main")
    # as of today, when all of them are due
    end_well(project, [])


def test_a_copy_made_before_the_marker_moved_has_its_rows_back(project: Project) -> None:
    """Rows that stood aside uncommitted are rows of their table, for the reapply to erase again."""
    visits(project, "all")
    break_at(project, points.INTENT)
    (beside,) = asides(project)
    project.sql(f"CREATE TABLE kept_copy LIKE {beside}")
    project.sql(f"INSERT INTO kept_copy (id, seen_on, page) SELECT id, seen_on, page FROM {beside}")
    told = project.value(
        "SELECT table_comment FROM information_schema.tables"
        f" WHERE table_schema = DATABASE() AND table_name = '{beside}'"
    )
    assert night(project).end().code == 0
    project.sql(
        f"ALTER TABLE kept_copy COMMENT = '{told}'",
        f"RENAME TABLE kept_copy TO {beside}",
        "UPDATE retention_marker SET sequence = 0, complete_to = 0, ledger_head = ''",
    )
    assert night(project).end().code == 4
    succeed(project, "backups", "reapply", "main")
    end_well(project, [])


def test_a_ledger_that_takes_no_intent(project: Project) -> None:
    """The rows are back before anybody misses them, and no table stays beside."""
    visits(project)
    before = rows_in(project, "visits")
    outcome = night(project, Fault(points.TAKEN, fill_disk, way="AsideEraser")).end()
    assert outcome.code == 74, outcome.out + outcome.err
    assert rows_in(project, "visits") == before
    assert asides(project) == []
    end_well(project, what_a_night_leaves(before))


def test_ids_do_not_come_again(project: Project) -> None:
    """The counter of a table stays where it was, though the partition with the highest ids is empty."""
    visits(project)
    project.sql("DELETE FROM visits WHERE seen_on >= '2023-01-01'")
    highest = project.value("SELECT max(id) FROM visits")
    before = stores(project)
    assert night(project).end().code == 0
    assert whole_and_not(project, before) == both(project)
    project.sql("INSERT INTO visits (seen_on, page) VALUES ('2026-05-05', 'new')")
    assert project.value("SELECT max(id) FROM visits") > highest


def test_whoever_has_a_snapshot_meets_no_error(project: Project) -> None:
    """A dump that has begun and not yet come to the table would break off: rows go in batches."""
    visits(project)
    before = stores(project)
    with project.engine.connect() as dump:
        dump.exec_driver_sql("START TRANSACTION WITH CONSISTENT SNAPSHOT")
        assert night(project).end().code == 0
        seen = dump.exec_driver_sql("SELECT count(*) FROM visits").scalar()
    assert seen == len(YEARS) * ROWS
    assert whole_and_not(project, before) == set()
    assert set(counts(project)) == {2025}


def test_what_our_tables_say_of_rows_goes_with_their_partition(project: Project) -> None:
    """A released hold does not stand in the way, and is gone with its row; one in force does."""
    visits(project)
    succeed(project, *HOLD, "visits", "2021001", "2021-01-09")
    before = stores(project)
    assert night(project).end().code == 0
    assert counts(project)[2021] == 1
    assert whole_and_not(project, before) == set()
    name = project.value("SELECT hold_id FROM retention_hold")
    succeed(project, "hold", "release", name)
    assert night(project).end().code == 0
    assert whole_and_not(project, before) == {"visits_2021"}
    assert project.rows("SELECT * FROM retention_hold") == []


RIGHTS = ("CREATE", "ALTER", "DROP", "LOCK TABLES")


@contextmanager
def account(project: Project, rights: str, may_look: bool) -> Iterator[Project]:
    """The project under an account of its own."""
    name, database = f"u{uuid.uuid4().hex[:12]}", project.engine.url.database
    project.sql(f"CREATE USER {name}@localhost")
    try:
        project.sql(f"GRANT {rights} ON {database}.* TO {name}@localhost")
        if may_look:
            project.sql(f"GRANT PROCESS ON *.* TO {name}@localhost")
        url = sa.make_url(project.url).set(username=name)
        text = project.config.read_text(encoding="utf-8").replace(
            project.url, url.render_as_string(hide_password=False)
        )
        project.config.write_text(text, encoding="utf-8")
        yield project
    finally:
        project.sql(f"DROP USER {name}@localhost")


@pytest.mark.parametrize("lacking", ["", *RIGHTS, "PROCESS"])
def test_an_account_that_may_not_works_in_batches(project: Project, lacking: str) -> None:
    """Without one of the rights the rows go in batches, and nothing is said or left behind."""
    visits(project)
    before, rows = stores(project), rows_in(project, "visits")
    rights = ["SELECT", "INSERT", "UPDATE", "DELETE", *(set(RIGHTS) - {lacking})]
    with account(project, ", ".join(rights), lacking != "PROCESS") as limited:
        outcome = start(limited, "run", "--all", "--at", AS_OF).end()
        assert outcome.code == 0, outcome.out + outcome.err
        assert outcome.err == ""
        assert rows_in(project, "visits") == what_a_night_leaves(rows)
        assert asides(project) == []
        assert whole_and_not(project, before) == (set() if lacking else both(project))
