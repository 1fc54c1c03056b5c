"""Restricting: no further processing first, and the later stages reach the row all the same."""

from __future__ import annotations

import pytest
from project import Project

RULE = """
[rules.customers]
table = "customers"
start = "closed_at"
restrict_after = "0 days"
anonymize_after = "1 year"
delete_after = "2 years"
"""
MASKS = '[rules.customers.anonymize]\nname = "null"\n'
WAYS = {
    "entry": "",
    "set": "restrict = { set = { restricted = true, note = 'closed' } }\n",
    "move": "restrict = { move_to = 'customers_restricted' }\n",
}
FLOOR = """
[rules.books]
table = "customers"
where = "id > 0"
start = "closed_at"
keep_at_least = "5 years"
"""
CLOSED = {1: None, 2: "2026-06-01 10:00:00", 3: "2025-06-01 10:00:00", 4: "2024-05-01 10:00:00"}


def shop(project: Project, way: str) -> None:
    """Four customers: open, closed today, a year ago, two years ago."""
    ts = "timestamp" if project.dialect == "postgresql" else "datetime"
    columns = (
        f"(id integer primary key, name varchar(20), closed_at {ts} null, restricted boolean "
        "not null default false, note varchar(20))"
    )
    values = ", ".join(
        f"({key}, 'n{key}', {repr(at) if at else 'null'}, false, null)"
        for key, at in CLOSED.items()
    )
    project.sql(
        f"create table customers {columns}",
        f"create table customers_restricted {columns}",
        f"insert into customers values {values}",
    )
    project.policy(RULE + WAYS[way] + MASKS)
    project.enroll()


def everyone(project: Project) -> list[tuple[object, ...]]:
    """All customers wherever they are: table, id, name."""
    return project.rows(
        "select 'here', id, name from customers union all "
        "select 'moved', id, name from customers_restricted order by 2"
    )


def night(project: Project, at: str) -> dict[str, int]:
    """A night over both tables: the sum of each count."""
    outcome = project.run("run", "--all", "--json", "--at", at)
    assert outcome.code == 0, outcome.err
    keys = ("due", "erased", "anonymized", "restricted_now", "restricted", "kept")
    return {key: sum(found.get(key, 0) for found in outcome.json["rules"]) for key in keys}


@pytest.mark.parametrize("way", WAYS)
def test_each_row_is_restricted_then_anonymized_then_deleted(project: Project, way: str) -> None:
    """Of the actions that are due the strongest acts, and each stage comes on its own night."""
    shop(project, way)
    planned = project.plan("2026-06-02T01:00:00Z")
    done = night(project, "2026-06-02T01:00:00Z")
    assert planned["customers restrict"]["due"] == 1
    assert (done["restricted_now"], done["anonymized"], done["erased"]) == (1, 1, 1)
    moved = "moved" if way == "move" else "here"
    assert everyone(project) == [("here", 1, "n1"), (moved, 2, "n2"), ("here", 3, None)]
    if way == "set":
        where = "where restricted = true and note = 'closed'"
        assert project.rows(f"select id from customers {where}") == [(2,)]
    if way == "entry":
        entries = "select table_name, row_key, rule, at_request from retention_restriction"
        assert project.rows(entries) == [("customers", "2", "customers", 0)]


@pytest.mark.parametrize("way", WAYS)
def test_a_second_run_restricts_nothing(project: Project, way: str) -> None:
    """A restricted row is a fixed point, and is counted as restricted."""
    shop(project, way)
    project.night("2026-06-02T01:00:00Z")
    before = everyone(project)
    again = night(project, "2026-06-02T02:00:00Z")
    assert again["due"] == 0
    assert everyone(project) == before
    assert again["restricted"] == (0 if way == "move" else 1)


@pytest.mark.parametrize("way", WAYS)
def test_a_restricted_row_still_reaches_its_later_stages(project: Project, way: str) -> None:
    """A year after closure the name goes, after two years the row, wherever it is by then."""
    shop(project, way)
    project.night("2026-06-02T01:00:00Z")
    project.run("run", "--all", "--at", "2026-06-02T03:00:00Z")
    forward = "update customers set closed_at = '2025-05-01 10:00:00' where id = 2"
    project.sql(forward, forward.replace("customers", "customers_restricted"))
    project.night("2026-06-03T01:00:00Z")
    place = "moved" if way == "move" else "here"
    assert (place, 2, None) in everyone(project)
    later = forward.replace("2025", "2024")
    project.sql(later, later.replace("customers", "customers_restricted"))
    project.night("2026-06-03T02:00:00Z")
    assert [found[1] for found in everyone(project)] == [1, 3]
    if way == "entry":
        assert project.rows("select * from retention_restriction") == []


def test_what_is_set_back_by_the_application_is_set_again(project: Project) -> None:
    """A restriction is undone by nothing but a lift."""
    shop(project, "set")
    project.night("2026-06-02T01:00:00Z")
    project.sql("update customers set restricted = false where id = 2")
    assert project.night("2026-06-02T02:00:00Z")["customers restrict"]["restricted_now"] == 1


def test_a_held_row_is_not_restricted(project: Project) -> None:
    """A legal hold stops everything."""
    shop(project, "set")
    project.run("hold", "add", "customers", "2", "--reason", "claim")
    done = project.night("2026-06-02T01:00:00Z")["customers restrict"]
    assert (done["held"], done["restricted_now"]) == (1, 0)


def test_events_go_along_with_a_moved_row(project: Project) -> None:
    """A clock that starts at an event goes on in the table the row was moved to."""
    shop(project, "move")
    project.policy(RULE.replace('"closed_at"', '{ event = "closed" }') + WAYS["move"] + MASKS)
    when = "2026-03-01T00:00:00Z"
    outcome = project.run(
        "event", "record", "closed", "--table", "customers", "--key", "1", "--at", when
    )
    assert outcome.code == 0, outcome.err
    project.night("2026-06-02T01:00:00Z")
    assert ("moved", 1, "n1") in everyone(project)
    assert project.rows("select table_name from retention_event") == [("customers_restricted",)]
    project.sql("update retention_event set happened_at = '2025-03-01T00:00:00Z'")
    project.night("2026-06-02T02:00:00Z")
    assert ("moved", 1, None) in everyone(project)


def test_a_floor_goes_along_with_a_moved_row(project: Project) -> None:
    """A row that a floor keeps is kept in the table it was moved to."""
    shop(project, "move")
    project.policy(RULE.replace("anonymize_after", "#") + WAYS["move"] + FLOOR)
    project.night("2026-06-02T01:00:00Z")
    assert [found[:2] for found in everyone(project)] == [
        ("here", 1),
        ("moved", 2),
        ("moved", 3),
        ("moved", 4),
    ]
    assert night(project, "2026-06-02T02:00:00Z")["erased"] == 0


def test_a_due_deletion_that_is_stopped_still_restricts(project: Project) -> None:
    """A weaker disposition that is also due is carried out meanwhile."""
    shop(project, "set")
    project.policy(RULE.replace("anonymize_after", "#") + WAYS["set"] + FLOOR)
    project.night("2026-06-02T01:00:00Z")
    assert project.rows("select id from customers where restricted = true order by 1") == [
        (2,),
        (3,),
        (4,),
    ]
