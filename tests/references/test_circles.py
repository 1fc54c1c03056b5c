"""Rows that go with rows of their own table: trees, pairs, circles; a piece goes whole or stays."""

from __future__ import annotations

import pytest
from project import Project
from test_declared import NEW, NIGHT, OLD, contents, counted_night

PEOPLE = """
[rules.people]
table = "people"
start = "left_on"
delete_after = "1 year"
[references]
"people.manager_id" = "delete"
"""
DATES = {"old": OLD, "new": NEW, "": "NULL"}


def staff(
    project: Project, *rows: tuple[int, int | None, str], action: str = "NO ACTION", null: str = ""
) -> None:
    """People: id, manager, and "old" where they left long ago."""
    project.sql(
        f"CREATE TABLE people (id INTEGER PRIMARY KEY, manager_id INTEGER {null}, left_on DATE,"
        f" FOREIGN KEY (manager_id) REFERENCES people (id) ON DELETE {action})"
    )
    values = ", ".join(
        f"({number}, {'NULL' if manager is None else manager}, {DATES[age]})"
        for number, manager, age in rows
    )
    unchecked(project, f"INSERT INTO people VALUES {values}")


def unchecked(project: Project, *statements: str) -> None:
    """Rows in any order: keys are checked once all are there, or not at all."""
    with project.engine.begin() as connection:
        if project.dialect == "mysql":
            connection.exec_driver_sql("SET SESSION foreign_key_checks = 0")
        for statement in statements:
            connection.exec_driver_sql(statement)
        if project.dialect == "mysql":
            connection.exec_driver_sql("SET SESSION foreign_key_checks = 1")


@pytest.mark.parametrize("action", ["NO ACTION", "CASCADE"])
def test_a_tree_goes_with_its_root_and_is_counted(project: Project, action: str) -> None:
    """All below a row that is due go, dated or not; the row above one that is due stays."""
    tree = [(1, None, "old"), (2, 1, "new"), (3, 2, "old"), (4, 3, ""), (8, 8, "old")]
    staff(project, *tree, (5, None, "new"), (6, 5, "old"), (7, 5, "new"), action=action)
    project.policy(PEOPLE)
    night = counted_night(project, "people delete")
    assert night["erased"] == 4
    assert night["counts"] == {("people", "delete"): 2}
    assert contents(project, "people") == {"people": [5, 7]}
    assert "in whole pieces" in night["why"]


def test_what_keeps_a_row_deep_below_keeps_all_above_it(project: Project) -> None:
    """Holds, floors, blocks and the unless of other rules stop the piece, and only that piece."""
    roots = [
        (1, None, "old"),
        (2, None, "old"),
        (3, None, "old"),
        (4, None, "old"),
        (5, None, "old"),
    ]
    below = [(10 * root, root, "new") for root, _, _ in roots]
    deep = [(100 * root, 10 * root, "new") for root, _, _ in roots]
    staff(project, *roots, *below, *deep, (6, 3, "old"))
    project.sql(
        "CREATE TABLE payslips (id INTEGER PRIMARY KEY, person_id INTEGER, paid_on DATE,"
        " FOREIGN KEY (person_id) REFERENCES people (id))",
        f"INSERT INTO payslips VALUES (1, 200, {NEW}), (2, 6, {OLD}), (3, 500, {OLD})",
        "CREATE TABLE badges (id INTEGER PRIMARY KEY, person_id INTEGER, back INTEGER,"
        " FOREIGN KEY (person_id) REFERENCES people (id))",
        "INSERT INTO badges VALUES (1, 300, 0), (2, 5, 1)",
        "CREATE TABLE desks (id INTEGER PRIMARY KEY, person_id INTEGER,"
        " FOREIGN KEY (person_id) REFERENCES people (id))",
        "INSERT INTO desks VALUES (1, 40)",
    )
    project.policy(
        """
[rules.payslips]
table = "payslips"
start = "paid_on"
keep_at_least = "1 year"
[rules.badges]
table = "badges"
delete_when = "back = 2"
unless = { "still out" = "back = 0" }
"""
        + PEOPLE
        + '"payslips.person_id" = "delete"\n"badges.person_id" = "delete"\n'
        + '"desks.person_id" = "block"\n'
    )
    project.enroll()
    assert project.run("hold", "add", "people", "100", "--reason", "claim 7").code == 0
    story = project.run("explain", "people", "1", "--at", NIGHT, "--json")
    assert story.code == 0, story.err
    assert story.json["rules"][0]["outcome"] == "held"
    night = counted_night(project, "people delete")
    assert night["held"] == 1
    assert night["kept_by"] == {"payslips": 1}
    assert night["unless"] == {"still out": 1}
    assert night["blocked_by"] == {"desks.person_id": 1}
    assert night["erased"] == 2
    assert night["counts"] == {
        ("people", "delete"): 2,
        ("payslips", "delete"): 2,
        ("badges", "delete"): 1,
    }
    left = [1, 2, 3, 4, 10, 20, 30, 40, 100, 200, 300, 400]
    assert contents(project, "people") == {"people": left}


def test_a_masked_comment_stands_for_the_thread_below_it(project: Project) -> None:
    """`block` on the parent: a comment with replies is masked in time, and goes after the last."""
    project.sql(
        "CREATE TABLE comments (id INTEGER PRIMARY KEY, parent_id INTEGER, body VARCHAR(40),"
        " written_on DATE, FOREIGN KEY (parent_id) REFERENCES comments (id))",
        f"INSERT INTO comments VALUES (1, NULL, 'root', {OLD})",
        f"INSERT INTO comments VALUES (2, 1, 'reply', {OLD}), (3, 1, 'late', '2025-09-01')",
        f"INSERT INTO comments VALUES (4, 2, 'leaf', {OLD}), (5, NULL, 'alone', {OLD})",
    )
    project.policy(
        """
[rules.comments]
table = "comments"
start = "written_on"
anonymize_after = "1 year"
delete_after = "1 year"
[rules.comments.anonymize]
body = { text = "[gone]" }
[references]
"comments.parent_id" = "block"
"""
    )
    project.enroll()
    project.night(NIGHT)
    bodies = "SELECT id, body FROM comments ORDER BY id"
    assert project.rows(bodies) == [(1, "[gone]"), (2, "[gone]"), (3, "late")]
    project.night("2026-06-02")
    assert project.rows(bodies) == [(1, "[gone]"), (3, "late")]
    project.night("2026-10-01")
    project.night("2026-10-02")
    assert project.rows(bodies) == []


@pytest.mark.parametrize("action", ["NO ACTION", "RESTRICT"])
def test_stores_and_staff_that_cannot_be_without_each_other_go_together(
    project: Project, action: str
) -> None:
    """NOT NULL both ways and no key that can be deferred; the database checks again afterwards."""
    project.sql("CREATE TABLE stores (id INTEGER PRIMARY KEY, head_id INTEGER NOT NULL, shut DATE)")
    keys = f"FOREIGN KEY (store_id) REFERENCES stores (id) ON DELETE {action}"
    project.sql(f"CREATE TABLE staff (id INTEGER PRIMARY KEY, store_id INTEGER NOT NULL, {keys})")
    back = f"FOREIGN KEY (head_id) REFERENCES staff (id) ON DELETE {action}"
    rows = (f"(1, 1, {OLD})", f"(2, 3, {OLD})", f"(3, 5, {NEW})")
    fill = (
        f"INSERT INTO stores VALUES {', '.join(rows)}",
        "INSERT INTO staff VALUES (1, 1), (2, 1), (3, 2), (4, 3), (5, 3)",
    )
    if project.dialect == "sqlite":
        columns = "id INTEGER PRIMARY KEY, head_id INTEGER NOT NULL, shut DATE"
        project.sql("DROP TABLE stores", f"CREATE TABLE stores ({columns}, {back})", *fill)
    else:
        unchecked(project, *fill)
        project.sql(f"ALTER TABLE stores ADD {back}")
    project.policy(
        """
[rules.stores]
table = "stores"
start = "shut"
delete_after = "1 year"
[references]
"staff.store_id" = "delete"
"stores.head_id" = "delete"
"""
    )
    project.enroll()
    assert project.run("hold", "add", "staff", "3", "--reason", "claim 7").code == 0
    night = counted_night(project, "stores delete")
    assert (night["erased"], night["held"]) == (1, 1)
    assert night["counts"] == {("staff", "delete"): 2}
    assert contents(project, "stores", "staff") == {"stores": [2, 3], "staff": [3, 4, 5]}
    if project.dialect == "mysql":
        with project.engine.connect() as connection, pytest.raises(Exception, match="foreign key"):
            connection.exec_driver_sql("INSERT INTO staff VALUES (9, 77)")


def test_a_piece_larger_than_a_batch_is_one_transaction(project: Project) -> None:
    """A chain deeper than any limit of the engine's rounds, and wider than a window, goes at once."""
    chain = [(1, None, "old"), *((number, number - 1, "new") for number in range(2, 1_052))]
    leaves = [(number, 500, "new") for number in range(2_000, 4_000)]
    staff(project, *chain, *leaves, (9_000, None, "new"))
    project.policy(PEOPLE)
    project.enroll()
    planned = project.plan(NIGHT)["people delete"]
    assert planned["also"] == [{"table": "people", "action": "delete", "due": 3_050}]
    night = project.night(NIGHT)["people delete"]
    assert (night["erased"], night["batches"]) == (1, 1)
    assert contents(project, "people") == {"people": [9_000]}


def test_limits_count_what_goes_along_in_the_same_table(project: Project) -> None:
    """One root that would take the whole table is stopped; a portion takes pieces that fit."""
    sizes = {1: 6, 2: 2, 3: 1}
    rows: list[tuple[int, int | None, str]] = []
    for root, size in sizes.items():
        rows += [(root, None, "old"), *((10 * root + it, root, "new") for it in range(1, size))]
    staff(project, *rows)
    limits = "[limits]\nrows_per_run = 4\n"
    head = (
        'timezone = "UTC"\n[databases.main]\nurl = "{url}"\n[ledger]\nurl = "sqlite:///ledger.db"\n'
    )
    project.policy(limits + PEOPLE, head=head)
    project.enroll()
    outcome = project.run("run", "--all", "--json", "--at", NIGHT)
    assert outcome.code == 3
    assert "would delete 9 of 9 rows" in outcome.json["rules"][0]["refused"]
    project.policy(limits + 'over_limit = "portion"\n' + PEOPLE, head=head)
    project.night(NIGHT)
    assert contents(project, "people") == {"people": [1, *range(11, 16)]}
    assert project.night(NIGHT)["people delete"]["left"] == 1


def test_explain_names_all_that_goes_with_a_row(project: Project) -> None:
    """However deep, and round a circle only once."""
    staff(project, (1, 3, "old"), (2, 1, "new"), (3, 2, "new"), (4, 3, ""), (5, None, "old"))
    project.policy(PEOPLE)
    project.enroll()
    story = project.run("explain", "people", "1", "--at", NIGHT, "--json")
    assert story.code == 0, story.err
    own, above = story.json["rules"]
    assert own["also"] == [{"table": "people", "action": "delete", "rows": 3}]
    assert above["through"] == "people.manager_id"
    assert counted_night(project, "people delete")["counts"] == {("people", "delete"): 3}


def test_what_no_order_can_do_is_a_fault(project: Project) -> None:
    """A key that several rows may have, rows that nothing tells apart, a NULL where none may be."""
    staff(project, (1, None, "old"))
    project.sql(
        "CREATE TABLE notes (id INTEGER PRIMARY KEY, topic INTEGER, after_topic INTEGER, said DATE)",
        "CREATE TABLE calls (person_id INTEGER, said DATE)",
    )
    notes = (
        '[rules.notes]\ntable = "notes"\nstart = "said"\ndelete_after = "1 year"\n[references]\n'
    )
    to = '"notes.after_topic" = { to = "notes.topic", then = "delete" }\n'
    project.policy(notes + to)
    outcome = project.run("check")
    assert outcome.code == 2
    assert "would wait for the last of them" in " ".join((outcome.out + outcome.err).split())
    project.policy(PEOPLE + '"calls.person_id" = { to = "people.id", then = "delete" }\n')
    outcome = project.run("check")
    assert outcome.code == (0 if project.dialect == "sqlite" else 2)
    assert ("add a primary key" in outcome.out + outcome.err) == (project.dialect != "sqlite")


@pytest.mark.parametrize("then", ["block", "detach"])
def test_a_row_that_would_block_its_own_piece_is_warned_of(project: Project, then: str) -> None:
    """Neither the row nor what it goes with would ever leave; detached, it is no matter."""
    staff(project, (1, None, "old"), (2, 1, "new"))
    project.sql(
        "CREATE TABLE badges (id INTEGER PRIMARY KEY, person_id INTEGER, lent_by INTEGER)",
        "INSERT INTO badges VALUES (1, 2, 1)",
    )
    project.policy(
        PEOPLE
        + '"badges.person_id" = { to = "people.id", then = "delete" }\n'
        + f'"badges.lent_by" = {{ to = "people.id", then = "{then}" }}\n'
    )
    told = [found["message"] for found in project.run("check", "--json").json["problems"]]
    assert [text for text in told if "keeps both for ever" in text] == (
        [
            'rows of "badges" go with rows of "people" under rules.people; one that blocks a row it '
            'would go with, along "badges.lent_by", keeps both for ever: write "delete" or "detach"'
        ]
        if then == "block"
        else []
    )
    project.enroll()
    project.night(NIGHT)
    project.night(NIGHT)
    assert contents(project, "people") == {"people": [1, 2] if then == "block" else []}


def test_masked_rows_that_a_tree_keeps_from_going_are_counted(project: Project) -> None:
    """A floor deep in the tree keeps the person, who is anonymized instead: report and ledger say 2."""
    project.sql(
        "CREATE TABLE people (id INTEGER PRIMARY KEY, mail VARCHAR(40), left_on DATE)",
        "CREATE TABLE posts (id INTEGER PRIMARY KEY, person_id INTEGER, reply_to INTEGER,"
        " body VARCHAR(9), sent_on DATE, FOREIGN KEY (person_id) REFERENCES people (id),"
        " FOREIGN KEY (reply_to) REFERENCES posts (id))",
        f"INSERT INTO people VALUES (1, 'a', {OLD}), (2, 'b', {OLD}), (3, 'c', {OLD})",
        f"INSERT INTO posts VALUES (1, 1, NULL, 'x', {NEW}), (2, 2, 1, 'x', {NEW}),"
        " (3, 3, NULL, 'x', '2001-01-01')",
    )
    project.policy(
        """
[rules.people]
table = "people"
start = "left_on"
anonymize_after = "1 day"
delete_after = "1 year"
anonymize = { mail = "null" }
[rules.posts]
table = "posts"
start = "sent_on"
keep_at_least = "10 years"
protects = ["body"]
[references]
"posts.person_id" = "delete"
"posts.reply_to" = "delete"
"""
    )
    project.enroll()
    outcome = project.run("run", "--all", "--json", "--at", NIGHT)
    assert project.rows("SELECT id FROM people WHERE mail IS NULL") == [(1,), (2,)]
    told = {(rule["rule"], rule["action"]): rule["anonymized"] for rule in outcome.json["rules"]}
    assert told["people", "anonymize"] == 2
    (committed,) = (it for it in outcome.json["committed"] if it["table"] == "people")
    assert (committed["anonymized"], committed["erased"]) == (2, 1)


def test_masks_of_rows_above_a_tree_under_a_floor(project: Project) -> None:
    """Where a floor keeps a tree from deletion, what its rows alone refer to is masked instead."""
    project.sql(
        "CREATE TABLE offices (id INTEGER PRIMARY KEY, note VARCHAR(20), door VARCHAR(20))",
        "CREATE TABLE people (id INTEGER PRIMARY KEY, manager_id INTEGER, office_id INTEGER,"
        " left_on DATE, note VARCHAR(20), FOREIGN KEY (manager_id) REFERENCES people (id),"
        " FOREIGN KEY (office_id) REFERENCES offices (id))",
        "INSERT INTO offices VALUES (1, 'a', 'x'), (2, 'b', 'x'), (3, 'c', 'x')",
        f"INSERT INTO people VALUES (1, NULL, 1, {OLD}, 'n'), (2, NULL, 2, {OLD}, 'n'),"
        f" (3, NULL, 2, {NEW}, 'n'), (4, NULL, 3, {OLD}, 'n'), (5, 4, NULL, {OLD}, 'n')",
    )
    project.policy(
        """
[rules.people]
table = "people"
start = "left_on"
anonymize_after = "1 year"
delete_after = "1 year"
[rules.people.anonymize]
note = "null"
"offices.door" = "null"
[rules.books]
table = "people"
keep_at_least = "forever"
protects = ["offices.note"]
[references]
"people.manager_id" = "delete"
"""
    )
    project.enroll()
    night = project.night(NIGHT)["people anonymize"]
    assert (night["anonymized"], night["failed"]) == (4, ""), night
    assert project.rows("SELECT id FROM offices WHERE door IS NULL ORDER BY id") == [(1,), (3,)]
    assert project.rows("SELECT id FROM people WHERE note IS NOT NULL") == [(3,)]


def test_rows_below_a_tree_that_refer_to_themselves_go_with_it(project: Project) -> None:
    """What would be detached of them is gone as well; InnoDB would let none of them go."""
    staff(project, (1, None, "old"), (2, 1, "new"), (3, None, "new"))
    project.sql(
        "CREATE TABLE badges (id INTEGER PRIMARY KEY, person_id INTEGER, first_id INTEGER,"
        " FOREIGN KEY (person_id) REFERENCES people (id),"
        " FOREIGN KEY (first_id) REFERENCES badges (id))"
    )
    unchecked(project, "INSERT INTO badges VALUES (1, 1, 1), (2, 2, 1), (3, 3, 1), (4, 3, 4)")
    project.policy(PEOPLE + '"badges.person_id" = "delete"\n"badges.first_id" = "detach"\n')
    night = counted_night(project, "people delete")
    assert night["erased"] == 1
    assert contents(project, "people", "badges") == {"people": [3], "badges": [3, 4]}
    assert project.rows("SELECT first_id FROM badges ORDER BY id") == [(None,), (4,)]


def test_keys_of_a_circle_may_be_longer_than_those_it_begins_with(project: Project) -> None:
    """From a person with a number, who stays, up to the team with a number and a name."""
    project.sql(
        "CREATE TABLE people (id INTEGER PRIMARY KEY, area INTEGER, team VARCHAR(40),"
        " left_on DATE, guest INTEGER)",
        "CREATE TABLE teams (area INTEGER, code VARCHAR(40), lead_id INTEGER,"
        " PRIMARY KEY (area, code))",
        f"INSERT INTO people VALUES (1, 1, 'nobody', {OLD}, 0), (2, 1, 'of one', {NEW}, 0),"
        f" (3, 1, 'of two', {NEW}, 0), (4, 2, 'nobody', {OLD}, 0), (5, 2, 'of four', {NEW}, 1)",
        "INSERT INTO teams VALUES (1, 'of one', 1), (1, 'of two', 2), (2, 'of four', 4)",
    )
    project.policy(
        PEOPLE.replace("start =", 'unless = { guests = "guest = 1" }\nstart =').replace(
            '"people.manager_id" = "delete"',
            '"teams.lead_id" = { to = "people.id", then = "delete" }\n'
            '"people.area, team" = { to = "teams.area, code", then = "delete" }',
        )
    )
    night = counted_night(project, "people delete")
    assert night["counts"] == {("people", "delete"): 2, ("teams", "delete"): 2}
    assert contents(project, "people") == {"people": [4, 5]}
