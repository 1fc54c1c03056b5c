"""`"attachments.*" = "delete"`: child rows that go once their owner is anonymous."""

from __future__ import annotations

import pytest
from project import Project
from test_unused import AT, along, left

RULES = """
[rules.tickets]
table = "tickets"
start = "closed"
anonymize_after = "1 year"
[rules.tickets.anonymize]
body = { text = "[erased]" }
"attachments.*" = "delete"
[rules.originals]
table = "attachments"
where = "kind = 'contract'"
start = "made"
keep_at_least = "10 years"
[references]
"attachments.ticket_id" = "block"
"attachments.file_id" = { then = "block", when_unused = "delete" }
"versions.attachment_id" = "delete"
"links.attachment_id" = "detach"
"""


def desk(project: Project) -> None:
    """Two closed tickets and an open one, with attachments, their versions and their files."""
    project.sql(
        "create table tickets (id integer primary key, closed date null, body varchar(20))",
        "create table files (id integer primary key)",
        "create table attachments (id integer primary key, ticket_id integer, file_id integer,"
        " made date, kind varchar(20), foreign key (ticket_id) references tickets (id),"
        " foreign key (file_id) references files (id))",
        "create table versions (id integer primary key, attachment_id integer,"
        " foreign key (attachment_id) references attachments (id))",
        "create table links (id integer primary key, attachment_id integer null,"
        " foreign key (attachment_id) references attachments (id))",
        "insert into tickets values (1, '2020-01-01', 'x'), (2, '2020-01-01', 'x'), (3, null, 'x')",
        "insert into files values (1), (2), (3), (4)",
        "insert into attachments values (1, 1, 1, '2019-01-01', 'photo'),"
        " (2, 1, 2, '2019-01-01', 'contract'), (3, 2, 3, '2019-01-01', 'photo'),"
        " (4, 3, 3, '2019-01-01', 'photo'), (5, 2, 4, '2019-01-01', 'photo')",
        "insert into versions values (1, 1), (2, 1), (3, 2), (4, 4)",
        "insert into links values (1, 1), (2, 4)",
    )
    project.policy(RULES)
    project.enroll()


def night(project: Project) -> dict[tuple[str, str], int]:
    """One night that does what was planned; what went along."""
    planned = project.plan(AT)["tickets anonymize"]
    found = project.night(AT)["tickets anonymize"]
    assert (found["due"], along(found)) == (planned["due"], along(planned, "due"))
    assert found["anonymized"] == found["due"]
    return along(found)


def test_child_rows_go_with_all_that_is_theirs(project: Project) -> None:
    """A contract under a floor stays; its owner is masked; files go with their last attachment."""
    desk(project)
    assert night(project) == {
        ("attachments", "delete"): 3,
        ("versions", "delete"): 2,
        ("links", "detach"): 1,
        ("files", "delete"): 2,
    }
    assert left(project, "attachments") == [2, 4]
    assert left(project, "versions") == [3, 4]
    assert left(project, "files") == [2, 3]
    assert project.rows("select id from tickets where body = '[erased]' order by id") == [
        (1,),
        (2,),
    ]
    erased = {
        found["table"]: found["erased"]
        for found in project.run("report", "last", "--json").json["committed"]
        if found["erased"]
    }
    assert erased == {"attachments": 3, "versions": 2, "files": 2}
    assert night(project) == {}


def test_a_child_row_that_had_to_stay_goes_when_it_may(project: Project) -> None:
    """Held one night, it is tried again on each later one, though its owner is masked."""
    desk(project)
    placed = project.run("hold", "add", "versions", "1", "--reason", "claim")
    assert placed.code == 0, placed.err
    night(project)
    assert left(project, "attachments") == [1, 2, 4]
    assert project.run("hold", "release", placed.out.strip()).code == 0
    assert night(project)[("attachments", "delete")] == 1
    assert left(project, "attachments") == [2, 4]


def test_explain_counts_the_child_rows_that_go(project: Project) -> None:
    """The ticket's story counts them; an attachment's says with whom it goes."""
    desk(project)
    ticket = project.run("explain", "tickets", "1", "--json", "--at", AT).json
    assert {(item["table"], item["rows"]) for item in ticket["rules"][0]["also"]} == {
        ("attachments", 1),
        ("versions", 2),
    }
    attachment = project.run("explain", "attachments", "1", "--json", "--at", AT).json
    expected = "it goes when the row of tickets it belongs to is masked (rules.tickets)"
    assert attachment["notes"] == [expected]


def test_only_whole_child_rows_can_go(project: Project) -> None:
    """A mask for `*`, and a table that is not below, are faults of the file."""
    desk(project)
    text = project.config.read_text()
    project.config.write_text(
        text.replace('"attachments.*" = "delete"', '"attachments.*" = "null"')
    )
    assert "whole rows can only go" in project.run("check").err
    project.config.write_text(text.replace('"attachments.*"', '"attachments.files.*"'))
    outcome = project.run("check")
    assert outcome.code == 2
    assert "only child rows of another table can go" in outcome.out + outcome.err


@pytest.mark.parametrize(
    ("later", "name"),
    [
        ('anonymize_after = "1 year"\ndelete_after = "3 years"', "tickets delete"),
        ('anonymize_after = "1 year"', "old delete"),
    ],
)
def test_the_owner_may_be_deleted_later(project: Project, later: str, name: str) -> None:
    """Child rows that block it go when it is masked; then it goes itself, as was planned."""
    desk(project)
    rules = RULES.replace('anonymize_after = "1 year"', later)
    if name == "old delete":
        rules += '[rules.old]\ntable = "tickets"\nstart = "closed"\ndelete_after = "3 years"\n'
    project.policy(rules)
    planned = project.plan(AT)
    assert (planned["tickets anonymize"]["due"], planned[name]["due"]) == (2, 1)
    done = project.night(AT)
    assert (done["tickets anonymize"]["anonymized"], done[name]["erased"]) == (2, 1)
    assert (left(project, "tickets"), left(project, "attachments")) == ([1, 3], [2, 4])
    assert not any(found["due"] for found in project.plan(AT).values())
