"""References that a partitioned table has through its partitions alone (PostgreSQL)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import servers
from project import Project

RULES = """
[rules.rentals]
table = "rental"
start = "returned_on"
delete_after = "1 year"
"""
RENTALS = (1, 2, 3, 4)


@pytest.fixture
def postgresql(postgresql_server: str, tmp_path: Path) -> Iterator[Project]:
    """A project over PostgreSQL, the engine whose partitions are tables of their own."""
    with servers.fresh_database(postgresql_server) as url:
        yield Project(tmp_path, url)


def payments(project: Project, action: str = "RESTRICT") -> None:
    """Four old rentals; 1 is paid in a part with a foreign key, 2 in one without, 3 below a part."""
    own = f"REFERENCES rental (id) ON DELETE {action}"
    project.sql(
        "CREATE TABLE rental (id integer PRIMARY KEY, returned_on date)",
        "CREATE TABLE payment (id integer, paid_on date, rental_id integer, "
        "PRIMARY KEY (paid_on, id)) PARTITION BY RANGE (paid_on)",
        "CREATE TABLE payment_01 PARTITION OF payment "
        "FOR VALUES FROM ('2020-01-01') TO ('2020-02-01')",
        "CREATE TABLE payment_02 PARTITION OF payment "
        "FOR VALUES FROM ('2020-02-01') TO ('2020-03-01')",
        "CREATE TABLE payment_03 PARTITION OF payment "
        "FOR VALUES FROM ('2020-03-01') TO ('2020-04-01') PARTITION BY RANGE (paid_on)",
        "CREATE TABLE payment_03a PARTITION OF payment_03 "
        "FOR VALUES FROM ('2020-03-01') TO ('2020-04-01')",
        f"ALTER TABLE payment_01 ADD FOREIGN KEY (rental_id) {own}",
        f"ALTER TABLE payment_03 ADD FOREIGN KEY (rental_id) {own}",
    )
    project.sql(*(f"INSERT INTO rental VALUES ({number}, '2021-01-01')" for number in RENTALS))
    project.sql(
        "INSERT INTO payment VALUES (1, '2020-01-05', 1)",
        "INSERT INTO payment VALUES (2, '2020-02-05', 2)",
        "INSERT INTO payment VALUES (3, '2020-03-05', 3)",
    )


def test_a_row_of_a_part_without_the_key_blocks_like_any_other(postgresql: Project) -> None:
    """Nothing but the policy keeps rental 2, whose payment lies in a part without a foreign key."""
    payments(postgresql)
    postgresql.policy(RULES + '[references]\n"payment.rental_id" = "block"\n')
    postgresql.enroll()
    planned = postgresql.plan("2026-06-01")["rentals delete"]
    assert planned["due"] == 1
    assert planned["blocked"] == 3
    assert postgresql.night("2026-06-01")["rentals delete"]["erased"] == 1
    assert postgresql.rows("SELECT id FROM rental ORDER BY id") == [(1,), (2,), (3,)]


def test_rows_of_every_part_go_with_their_parent_and_are_counted(postgresql: Project) -> None:
    """`delete` reaches all parts, and the counts are those of the whole table."""
    payments(postgresql)
    postgresql.policy(RULES + '[references]\n"payment.rental_id" = "delete"\n')
    postgresql.enroll()
    night = postgresql.night("2026-06-01")["rentals delete"]
    assert night["erased"] == 4
    assert night["also"] == [{"table": "payment", "action": "delete", "due": 3, "done": 3}]
    assert postgresql.value("SELECT count(*) FROM payment") == 0


def test_check_says_that_only_some_partitions_declare_the_reference(postgresql: Project) -> None:
    """Told once, by the whole table's name; partitions are not named as tables of their own."""
    payments(postgresql)
    postgresql.policy(RULES)
    outcome = postgresql.run("check")
    assert outcome.code == 0, outcome.err
    told = outcome.out + outcome.err
    assert '"payment.rental_id" is declared on some partitions of "payment" only' in told
    assert "payment_0" not in told


def test_a_cascade_on_some_partitions_must_be_decided(postgresql: Project) -> None:
    """What acts in one part would act unseen, whatever the others declare."""
    payments(postgresql, "CASCADE")
    postgresql.policy(RULES)
    outcome = postgresql.run("check")
    assert outcome.code == 2
    assert '"payment.rental_id" is ON DELETE CASCADE' in outcome.err + outcome.out


def test_a_rule_on_a_partition_is_told_the_table_to_name(postgresql: Project) -> None:
    """A partition is no table of a rule: next month's would have no rule at all."""
    payments(postgresql)
    postgresql.policy(
        '[rules.paid]\ntable = "payment_01"\nstart = "paid_on"\ndelete_after = "1 year"\n'
    )
    outcome = postgresql.run("check")
    assert outcome.code == 2
    assert '"payment_01" is a partition of "payment"; name "payment"' in outcome.err + outcome.out


def test_a_key_declared_on_the_whole_table_is_one_reference(postgresql: Project) -> None:
    """The copies that PostgreSQL makes for each part, on both ends of a key, are not told."""
    postgresql.sql(
        "CREATE TABLE post (id integer, day date, PRIMARY KEY (id, day)) PARTITION BY RANGE (day)",
        "CREATE TABLE post_a PARTITION OF post FOR VALUES FROM ('2020-01-01') TO ('2021-01-01')",
        "CREATE TABLE post_b PARTITION OF post FOR VALUES FROM ('2021-01-01') TO ('2022-01-01')",
        "CREATE TABLE note (id integer, day date, post_id integer, post_day date, "
        "PRIMARY KEY (id, day), FOREIGN KEY (post_id, post_day) REFERENCES post (id, day)) "
        "PARTITION BY RANGE (day)",
        "CREATE TABLE note_a PARTITION OF note FOR VALUES FROM ('2020-01-01') TO ('2021-01-01')",
        "CREATE TABLE note_b PARTITION OF note FOR VALUES FROM ('2021-01-01') TO ('2022-01-01')",
        "INSERT INTO post VALUES (1, '2020-05-05'), (2, '2021-05-05'), (3, '2021-06-06')",
        "INSERT INTO note VALUES (1, '2020-06-06', 1, '2020-05-05'),"
        " (2, '2021-06-06', 1, '2020-05-05'), (3, '2021-06-06', 2, '2021-05-05')",
    )
    rule = '[rules.posts]\ntable = "post"\nstart = "day"\ndelete_after = "1 year"\n'
    postgresql.policy(rule)
    told = postgresql.run("check")
    assert "partitions" not in told.out + told.err
    postgresql.enroll()
    assert postgresql.plan("2026-06-01")["posts delete"]["blocked"] == 2
    postgresql.policy(rule + '[references]\n"note.post_id,post_day" = "delete"\n')
    night = postgresql.night("2026-06-01")["posts delete"]
    assert night["erased"] == 3
    assert night["also"] == [{"table": "note", "action": "delete", "due": 3, "done": 3}]


def test_a_table_with_heirs_is_refused(postgresql: Project) -> None:
    """A table shows the rows of tables that INHERIT from it; pages of one are not those of another."""
    postgresql.sql(
        "CREATE TABLE logs (id integer PRIMARY KEY, at date)",
        "CREATE TABLE web_logs (path text) INHERITS (logs)",
    )
    postgresql.policy('[rules.logs]\ntable = "logs"\nstart = "at"\ndelete_after = "1 year"\n')
    outcome = postgresql.run("check")
    assert outcome.code == 2
    assert "inherit" in outcome.err + outcome.out
