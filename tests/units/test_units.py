"""`together`: a thread or a case file is due with its last row, and goes at once or not at all."""

from __future__ import annotations

import pytest
from project import Project

AT = "2026-06-01T03:00:00Z"
LATER = "2026-10-01T03:00:00Z"
OLD, YOUNG = "2020-01-01", "2025-08-20"
CASES = """
[rules.cases]
table = "papers"
start = "closed_on"
delete_after = "1 year"
together = "case_no"
"""
THREADS = """
[rules.threads]
table = "messages"
start = "sent_on"
delete_after = "1 year"
together = "parent_id"
"""


def papers(project: Project, *rows: tuple[int, str | None, str | None]) -> None:
    """Papers of case files: id, case number, the day it was closed."""
    project.sql(
        "CREATE TABLE papers (id INTEGER PRIMARY KEY, case_no VARCHAR(20), closed_on DATE, "
        "body VARCHAR(40), kind INTEGER)"
    )
    insert(project, "papers (id, case_no, closed_on)", rows)


def messages(project: Project, *rows: tuple[int, int | None, str | None], key: str = "") -> None:
    """Messages of threads: id, the message it answers, the day it was sent."""
    key = key or ", FOREIGN KEY (parent_id) REFERENCES messages (id)"
    project.sql(
        "CREATE TABLE messages (id INTEGER PRIMARY KEY, parent_id INTEGER, sent_on DATE, "
        f"body VARCHAR(40), kind INTEGER{key})"
    )
    insert(project, "messages (id, parent_id, sent_on)", rows)


def insert(project: Project, into: str, rows: tuple[tuple[object, ...], ...]) -> None:
    """Rows, written out."""

    def written(value: object) -> str:
        return "NULL" if value is None else f"'{value}'" if isinstance(value, str) else str(value)

    values = (f"({', '.join(map(written, row))})" for row in rows)
    project.sql(f"INSERT INTO {into} VALUES {', '.join(values)}")


def left(project: Project, table: str) -> list[int]:
    """The keys that are still there."""
    return [key for (key,) in project.rows(f"SELECT id FROM {table} ORDER BY id")]


def test_a_case_file_is_due_with_its_last_paper(project: Project) -> None:
    """One paper that is not due keeps all papers of its case; papers without a case go alone."""
    papers(
        project,
        (1, "A", OLD),
        (2, "A", OLD),
        (3, "B", OLD),
        (4, "B", YOUNG),
        (5, "C", OLD),
        (6, "C", None),
        (7, None, OLD),
        (8, None, YOUNG),
        (9, "", OLD),
        (10, "", YOUNG),
    )
    project.policy(CASES)
    project.enroll()
    found = project.plan(AT)["cases delete"]
    assert (found["due"], found["waiting"]) == (4, 2)
    assert (found["running"], found["not_started"]) == (3, 1)
    assert project.night(AT)["cases delete"]["erased"] == 4
    assert left(project, "papers") == [3, 4, 5, 6, 8, 10]
    assert project.night(AT)["cases delete"]["erased"] == 0
    assert project.night(LATER)["cases delete"]["erased"] == 4
    assert left(project, "papers") == [5, 6]


def test_a_thread_is_joined_as_far_as_its_answers_lead(project: Project) -> None:
    """A young answer to an answer keeps the whole thread; it goes in one transaction."""
    messages(
        project,
        (1, None, OLD),
        (2, 1, OLD),
        (3, 2, YOUNG),
        (4, 1, OLD),
        (11, None, OLD),
        (12, 11, OLD),
        (13, 12, OLD),
        (14, 11, OLD),
        (21, None, OLD),
        (22, None, YOUNG),
    )
    project.policy(THREADS)
    project.enroll()
    found = project.plan(AT)["threads delete"]
    assert (found["due"], found["waiting"], found["running"]) == (5, 3, 2)
    assert project.night(AT)["threads delete"]["erased"] == 5
    assert left(project, "messages") == [1, 2, 3, 4, 22]
    assert project.night(LATER)["threads delete"]["erased"] == 5


STOPS = {
    "a hold": ("", "hold add papers 2 --reason claim"),
    "a request under art. 18": ("", "restriction add papers 2 --reason accuracy"),
    "a floor": (
        '[rules.books]\ntable = "papers"\nwhere = "id = 2"\nkeep_at_least = "forever"\n',
        "",
    ),
    "an exception": ('unless = { "kept open" = "body = \'open\'" }\n', ""),
    "a block": ('[references]\n"notes.paper_id" = { to = "papers.id", then = "block" }\n', ""),
}


@pytest.mark.parametrize("stop", STOPS)
def test_one_member_that_must_stay_stops_its_unit(project: Project, stop: str) -> None:
    """Held, restricted at request, kept, excepted or blocked: the others of its case wait."""
    papers(project, (1, "A", OLD), (2, "A", OLD), (3, "B", OLD))
    project.sql("CREATE TABLE notes (id INTEGER PRIMARY KEY, paper_id INTEGER)")
    if stop == "a block":
        project.sql("INSERT INTO notes VALUES (1, 2)")
    project.sql("UPDATE papers SET body = 'open' WHERE id = 2", UPDATE_OTHERS)
    rules, command = STOPS[stop]
    project.policy(CASES + rules)
    project.enroll()
    if command:
        assert project.run(*command.split()).code == 0
    found = project.plan(AT)["cases delete"]
    assert (found["due"], found["waiting"]) == (1, 1)
    assert project.night(AT)["cases delete"]["erased"] == 1
    assert left(project, "papers") == [1, 2]


UPDATE_OTHERS = "UPDATE papers SET body = 'done' WHERE id <> 2"


def test_rows_that_the_rule_does_not_select_are_no_members(project: Project) -> None:
    """A paper of the same case that `where` leaves out neither waits nor is waited for."""
    papers(project, (1, "A", OLD), (2, "A", YOUNG), (3, "B", OLD), (4, "B", YOUNG))
    project.sql("UPDATE papers SET kind = 1", "UPDATE papers SET kind = 2 WHERE id = 2")
    project.policy(CASES + 'where = "kind = 1"\n')
    project.enroll()
    assert project.night(AT)["cases delete"]["erased"] == 1
    assert left(project, "papers") == [2, 3, 4]


def test_an_answer_that_the_rule_does_not_select_blocks_its_thread(project: Project) -> None:
    """The rows of a thread do not block each other; an answer that stays blocks it."""
    messages(project, (1, None, OLD), (2, 1, OLD), (3, 2, OLD), (11, None, OLD), (12, 11, OLD))
    project.sql("UPDATE messages SET kind = 1", "UPDATE messages SET kind = 2 WHERE id = 3")
    project.policy(THREADS + 'where = "kind = 1"\n')
    project.enroll()
    found = project.plan(AT)["threads delete"]
    assert (found["due"], found["waiting"], found["blocked"]) == (2, 1, 1)
    assert project.night(AT)["threads delete"]["erased"] == 2
    assert left(project, "messages") == [1, 2, 3]


def test_a_unit_is_masked_and_later_deleted_as_a_whole(project: Project) -> None:
    """Every stage follows the unit; a paper that is masked already does not hold up the others."""
    papers(project, (1, "A", OLD), (2, "A", "2023-01-01"), (3, "B", OLD), (4, "B", "2025-04-01"))
    project.sql("UPDATE papers SET body = 'secret'")
    project.policy(
        CASES.replace('"1 year"', '"3 years"')
        + 'anonymize_after = "1 year"\n[rules.cases.anonymize]\nbody = "null"\n'
    )
    project.enroll()
    found = project.plan("2026-03-01")
    assert (found["cases delete"]["due"], found["cases delete"]["waiting"]) == (2, 1)
    assert (found["cases anonymize"]["due"], found["cases anonymize"]["waiting"]) == (0, 1)
    assert project.night("2025-06-01")["cases anonymize"]["anonymized"] == 2
    assert project.rows("SELECT id, body FROM papers WHERE body IS NULL ORDER BY id") == [
        (1, None),
        (2, None),
    ]
    project.sql("INSERT INTO papers VALUES (5, 'A', '2025-04-02', 'late', NULL)")
    assert project.night("2026-03-01")["cases anonymize"]["anonymized"] == 0
    assert project.night("2026-06-01")["cases anonymize"]["anonymized"] == 3
    assert project.night(LATER)["cases delete"]["erased"] == 0


def test_a_unit_is_restricted_as_a_whole(project: Project) -> None:
    """Rows are moved with their unit, and its next stage follows the rows there."""
    papers(project, (1, "A", OLD), (2, "A", OLD), (3, "B", OLD), (4, "B", YOUNG))
    project.sql(
        "CREATE TABLE closed (id INTEGER PRIMARY KEY, case_no VARCHAR(20), closed_on DATE, "
        "body VARCHAR(40), kind INTEGER)"
    )
    project.policy(
        CASES.replace('"1 year"', '"10 years"')
        + 'restrict_after = "1 year"\nrestrict = { move_to = "closed" }\n'
    )
    project.enroll()
    assert project.night(AT)["cases restrict"]["restricted_now"] == 2
    assert left(project, "closed") == [1, 2]
    assert left(project, "papers") == [3, 4]


def test_a_thread_longer_than_any_batch_goes_in_one_transaction(project: Project) -> None:
    """A chain of 3,000 answers, each to the one before, is one unit and one entry of the ledger."""
    rows = tuple((key, key - 1 if key > 1 else None, OLD) for key in range(1, 3001))
    messages(project, *rows, (5001, None, OLD), (5002, 5001, YOUNG))
    project.policy(THREADS)
    project.enroll()
    found = project.night(AT)["threads delete"]
    assert (found["erased"], found["batches"]) == (3000, 1)
    assert left(project, "messages") == [5001, 5002]


def test_a_portion_takes_whole_units(project: Project) -> None:
    """Where a limit takes a part tonight, no unit is split, and no night takes more than allowed."""
    papers(
        project,
        *((key, "AB"[key % 2], OLD) for key in range(1, 7)),
        *((key, "C", OLD) for key in range(11, 13)),
    )
    project.policy(CASES + '[rules.cases.limits]\nrows_per_run = 4\nover_limit = "portion"\n')
    project.enroll()
    taken = [project.night(AT)["cases delete"]["erased"] for _ in range(3)]
    assert sum(taken) == 8
    assert max(taken) <= 4
    assert left(project, "papers") == []


def test_a_thread_of_rows_with_two_keys(project: Project) -> None:
    """Keys and references of several columns join rows, and part them, like any other."""
    project.sql(
        "CREATE TABLE messages (org INTEGER NOT NULL, id INTEGER NOT NULL, parent_id INTEGER, "
        "sent_on DATE, PRIMARY KEY (org, id), "
        "FOREIGN KEY (org, parent_id) REFERENCES messages (org, id))"
    )
    rows = ((1, 1, None, OLD), (1, 2, 1, OLD), (1, 3, 2, YOUNG), (2, 1, None, OLD), (2, 2, 1, OLD))
    insert(project, "messages (org, id, parent_id, sent_on)", rows)
    project.policy(THREADS)
    project.enroll()
    found = project.plan(AT)["threads delete"]
    assert (found["due"], found["waiting"], found["running"]) == (2, 2, 1)
    assert project.night(AT)["threads delete"]["erased"] == 2
    assert project.rows("SELECT org, id FROM messages ORDER BY id") == [(1, 1), (1, 2), (1, 3)]


def test_several_steps_may_ask_about_one_thread(project: Project) -> None:
    """Masks of three rules wait for one deletion of threads: each step sees it in its own way."""
    project.sql(
        "CREATE TABLE owners (id INTEGER PRIMARY KEY, left_on DATE, note VARCHAR(9), "
        "mail VARCHAR(9), team INTEGER)",
        "CREATE TABLE letters (id INTEGER PRIMARY KEY, sent DATE, note VARCHAR(9), "
        "mail VARCHAR(9), owner INTEGER, thread INTEGER)",
        "INSERT INTO owners VALUES (1, '2019-01-01', 'n', 'm', 1), (2, '2030-01-01', 'n', 'm', 2)",
        "INSERT INTO letters VALUES (1, '2019-01-01', 'n', 'm', 2, NULL), "
        "(2, '2019-01-01', 'n', 'm', 2, 1), (3, '2026-05-20', 'n', 'm', 2, NULL)",
    )
    project.policy(
        """
        [rules.owners]
        table = "owners"
        start = "left_on"
        delete_after = "9 years"
        anonymize_after = "2 years"
        [rules.owners.anonymize]
        "note, mail" = "null"
        "letters(owner).note" = "null"
        [rules.letters]
        table = "letters"
        together = "thread"
        start = "sent"
        delete_after = "30 days"
        anonymize_after = "3 days"
        [rules.letters.anonymize]
        "note, mail" = "null"
        "owners(owner).mail" = "null"
        [rules.teams]
        table = "owners"
        together = "team"
        start = { earliest_of = ["letters(owner).sent"] }
        anonymize_after = "99 years"
        [rules.teams.anonymize]
        mail = "null"
        [references]
        "letters.owner" = { to = "owners.id", then = "delete" }
        "letters.thread" = { to = "letters.id", then = "detach" }
        """
    )
    project.enroll()
    counted = project.plan("2026-06-01")
    assert counted["letters delete"]["due"] == 2
    night = project.night("2026-06-01")
    assert (night["letters delete"]["erased"], night["letters anonymize"]["anonymized"]) == (2, 1)
    assert project.rows("SELECT id, note FROM letters") == [(3, None)]
