"""What goes in one transaction because it belongs together: told before, bounded, never half done."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from project import Project
from test_circles import PEOPLE, staff
from test_declared import NEW, NIGHT, OLD, contents

from retention.cli.context import load
from retention.cli.requests import request_for
from retention.planning.groups import largest_group
from retention.scheduler import nightly, one_database

LIMITS = """
timezone = "UTC"
[databases.main]
url = "{url}"
[ledger]
url = "sqlite:///ledger.db"
[limits]
rows_per_run = 3_000
share_of_table = "100%"
whole_table = "allow"
"""


def paid_staff(project: Project, slips: int) -> None:
    """Two people with one below each; person 10, below person 1, has so many payslips."""
    staff(project, (1, None, "old"), (10, 1, "new"), (2, None, "old"), (20, 2, "new"))
    project.sql(
        "CREATE TABLE payslips (id INTEGER PRIMARY KEY, person_id INTEGER,"
        " FOREIGN KEY (person_id) REFERENCES people (id))",
        "CREATE INDEX payslips_person ON payslips (person_id)",
        f"INSERT INTO payslips VALUES {numbered(1, slips, '10')}, (9999, 20)",
    )


def numbered(first: int, last: int, value: str) -> str:
    """Rows with a number and that value."""
    return ", ".join(f"({number}, {value})" for number in range(first, last + 1))


PAID = PEOPLE + '"payslips.person_id" = "delete"\n'


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), max_size=20))
def test_the_largest_group_is_what_a_walk_finds(pairs: list[tuple[int, int]]) -> None:
    """However pairs overlap, and where there are none."""
    groups: list[set[int]] = []
    for pair in pairs:
        met = [group for group in groups if group & set(pair)]
        groups = [group for group in groups if group not in met] + [set(pair).union(*met)]
    assert largest_group(iter(pairs)) == max(map(len, groups), default=0)
    even = set(range(0, 13, 2))
    assert largest_group(pairs, even) == max((len(group & even) for group in groups), default=0)


def test_the_largest_piece_is_named_before_and_in_the_report(project: Project) -> None:
    """Rows of all tables count; the pieces of others do not."""
    paid_staff(project, 2_500)
    project.policy(PAID)
    project.enroll()
    planned = project.plan(NIGHT)["people delete"]
    assert planned["largest_piece"] == 2_502
    text = project.run("plan", "--at", NIGHT).out
    assert "Largest piece: up to 2,502 rows in one transaction" in text
    assert project.night(NIGHT)["people delete"]["largest_piece"] == 2_502
    assert "Largest piece" in project.run("report", "last").out
    assert contents(project, "people", "payslips") == {"people": [], "payslips": []}
    assert project.plan("2026-06-02")["people delete"]["largest_piece"] is None


def test_a_piece_no_larger_than_a_batch_is_nothing_to_speak_of(project: Project) -> None:
    """Many small pieces are no large one."""
    rows: list[tuple[int, int | None, str]] = [(root, None, "old") for root in range(1, 1_102)]
    staff(project, *rows, *((root + 5_000, root, "new") for root, _, _ in rows))
    project.policy(PEOPLE)
    project.enroll()
    assert project.plan(NIGHT)["people delete"]["largest_piece"] is None


def test_a_piece_beyond_the_limit_is_refused_and_allowed_by_its_size(project: Project) -> None:
    """Though few rows of the rule's own table would go; nothing of it goes."""
    paid_staff(project, 3_100)
    project.policy(PAID, head=LIMITS)
    project.enroll()
    outcome = project.run("run", "--all", "--json", "--at", NIGHT)
    (told,) = outcome.json["rules"]
    assert (outcome.code, told["erased"]) == (3, 0)
    assert "up to 3102 rows that belong together in one transaction" in told["refused"]
    assert "rows_per_run = 3000" in told["refused"]
    assert "--allow people=3102" in told["refused"]
    assert contents(project, "people") == {"people": [1, 2, 10, 20]}
    night = project.night(NIGHT, "--allow", "people=3102")["people delete"]
    assert (night["erased"], night["left"]) == (2, 0)
    assert contents(project, "people", "payslips") == {"people": [], "payslips": []}


def test_in_portions_a_piece_beyond_the_limit_stays_and_the_others_go(project: Project) -> None:
    """The report says why; nothing of the piece goes."""
    paid_staff(project, 3_100)
    project.policy(PAID, head=LIMITS + 'over_limit = "portion"\n')
    project.enroll()
    night = project.night(NIGHT)["people delete"]
    assert (night["erased"], night["left"], night["too_large"]) == (1, 1, 1)
    assert contents(project, "people") == {"people": [1, 10]}
    assert project.value("SELECT count(*) FROM payslips") == 3_100
    assert "1 stay: more rows would go" in project.run("report", "last").out


def test_a_piece_that_grows_after_it_was_counted_stays(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit is asked once more where the piece is found; the other pieces go."""
    paid_staff(project, 2_900)
    project.policy(PAID, head=LIMITS)
    project.enroll()
    known = one_database.look_before

    def growing(*arguments: object) -> object:
        project.sql(f"INSERT INTO payslips VALUES {numbered(20_000, 20_200, '10')}")
        return known(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(one_database, "look_before", growing)
    night = nightly.nightly(
        request_for(load(project.config), datetime(2026, 6, 1, tzinfo=UTC), None, everything=True)
    )
    (result,) = night.databases[0].results
    assert night.exit_code == 3
    assert (result.done, result.too_large) == (1, 1)
    assert 'of "people" 1 row stays: with all that goes with it' in result.refused
    assert contents(project, "people") == {"people": [1, 10]}
    assert project.value("SELECT count(*) FROM payslips") == 2_900 + 201


@pytest.mark.parametrize("where", ["", "where = \"kind = 'x'\"\n"])
def test_the_largest_unit_is_named(project: Project, where: str) -> None:
    """By equal values and along a reference, through rows that the rule leaves out, too."""
    project.sql(
        "CREATE TABLE papers (id INTEGER PRIMARY KEY, case_no INTEGER, dated DATE)",
        "CREATE TABLE notes (id INTEGER PRIMARY KEY, after INTEGER, kind VARCHAR(1), dated DATE)",
        "CREATE INDEX notes_after ON notes (after)",
        "INSERT INTO papers VALUES "
        + ", ".join(f"({it}, {7 if it < 2_300 else it % 9}, {OLD})" for it in range(1, 3_300)),
        "INSERT INTO papers VALUES (9001, 3, " + NEW + ")",
        f"INSERT INTO notes VALUES (1, NULL, 'x', {OLD}), (2, NULL, 'y', {OLD})",
        "INSERT INTO notes VALUES " + ", ".join(f"({it}, 2, 'x', {OLD})" for it in range(3, 2_503)),
        f"INSERT INTO notes VALUES (9001, NULL, 'x', {OLD}), (9002, 9001, 'x', {OLD})",
    )
    project.policy(
        f"""
[rules.papers]
table = "papers"
start = "dated"
anonymize_after = "1 year"
together = "case_no"
anonymize = {{ dated = "null" }}
[rules.notes]
table = "notes"
start = "dated"
delete_after = "1 year"
together = "after"
{where}
[references]
"notes.after" = {{ to = "notes.id", then = "block" }}
"""
    )
    project.enroll()
    plan = project.plan(NIGHT)
    sevens = sum(1 for it in range(1, 3_300) if it < 2_300 or it % 9 == 7)
    assert plan["papers anonymize"]["largest_piece"] == sevens
    assert plan["notes delete"]["largest_piece"] == (2_500 if where else 2_501)
