"""What is said of rows that go together: faults, one row's story, the weeks to come."""

from __future__ import annotations

import pytest
from project import Project
from test_units import AT, CASES, OLD, THREADS, YOUNG, messages, papers

FAULTS = {
    'together = "case_nr"': 'has no column "case_nr"; did you mean "case_no"',
    'together = "id"': "is different in every row",
    'together = "case_no"\n[rules.cases.anonymize]\ncase_no = "null"': "would take it apart",
}


@pytest.mark.parametrize("line", FAULTS)
def test_a_unit_that_cannot_be_is_a_fault(project: Project, line: str) -> None:
    """Unknown columns, columns that join nothing, and masks of what joins are told by check."""
    papers(project, (1, "A", OLD))
    project.policy(CASES.replace('together = "case_no"', line))
    found = project.run("check")
    assert found.code == 2
    assert FAULTS[line] in found.err


def test_rows_without_a_key_cannot_go_together(project: Project) -> None:
    """A table without a primary key is refused."""
    project.sql("CREATE TABLE papers (case_no VARCHAR(20), closed_on DATE)")
    project.policy(CASES)
    found = project.run("check")
    assert found.code == 2
    assert "rules.cases.together" in found.err
    assert "has no primary key" in found.err


def test_references_that_would_hold_or_take_a_thread_are_faults(project: Project) -> None:
    """A second reference that blocks, and one decided delete, name the way out."""
    second = ", copied_from INTEGER, FOREIGN KEY (copied_from) REFERENCES messages (id)"
    messages(project, (1, None, OLD), key=second)
    rules = THREADS + '[references]\n"messages.parent_id" = { to = "messages.id", then = "%s" }\n'
    project.policy(rules % "block")
    assert "would wait for each other" in project.run("check").err
    project.policy(rules % "delete" + '"messages.copied_from" = "detach"\n')
    assert "rows that go together do not block one another" in project.run("check").err


def test_a_rule_that_only_keeps_has_no_unit(project: Project) -> None:
    """A floor keeps row by row; the unit belongs to the rule that takes rows."""
    papers(project, (1, "A", OLD))
    project.policy(CASES.replace("delete_after", "keep_at_least"))
    found = project.run("check")
    assert found.code == 2
    assert "rules.cases.together: a rule that only keeps takes nothing" in found.err


def test_a_row_tells_which_rows_it_waits_for(project: Project) -> None:
    """The members that are not ready, by key and reason, and from when the unit is due."""
    papers(
        project,
        (1, "A", OLD),
        (2, "A", YOUNG),
        (3, "A", "2025-09-20"),
        (4, "B", OLD),
        (5, "B", None),
    )
    project.policy(CASES)
    project.enroll()
    story = project.run("explain", "papers", "1", "--at", AT, "--json").json
    (rule,) = story["rules"]
    (stop,) = rule["stops"]
    assert (rule["outcome"], stop["kind"]) == ("waits", "waits")
    assert story["due_at"] == "2026-09-21T00:00:00Z"
    unit = stop["unit"]
    assert (unit["column"], unit["rows"], unit["waiting"]) == ("case_no", 3, 2)
    assert [(one["key"], one["outcome"]) for one in unit["members"]] == [
        ("2", "running"),
        ("3", "running"),
    ]
    assert "row 5 is not started" in project.run("explain", "papers", "4", "--at", AT).out
    assert (
        project.run("explain", "papers", "5", "--at", AT, "--json").json["rules"][0]["stops"] == []
    )


def test_a_held_member_of_a_thread_is_named(project: Project) -> None:
    """A hold on an answer is why the first message is still there."""
    messages(project, (1, None, OLD), (2, 1, OLD), (3, 2, OLD))
    project.policy(THREADS)
    project.enroll()
    assert project.run("hold", "add", "messages", "3", "--reason", "claim").code == 0
    said = " ".join(project.run("explain", "messages", "1", "--at", AT).out.split())
    assert "waits for its unit (3 rows together by parent_id): row 3 is held" in said


def test_text_keys_of_other_rows_are_not_shown(project: Project) -> None:
    """A key may be a name: other rows of the unit are counted, not named."""
    project.sql(
        "CREATE TABLE papers (name VARCHAR(20) PRIMARY KEY, case_no INTEGER, closed_on DATE)",
        f"INSERT INTO papers VALUES ('kari', 7, '{OLD}'), ('ola', 7, NULL)",
    )
    project.policy(CASES)
    project.enroll()
    said = project.run("explain", "papers", "kari", "--at", AT).out
    assert "a row is not started" in said
    assert "ola" not in said


def test_a_forecast_counts_units_when_their_last_row_is_due(project: Project) -> None:
    """Week by week as many rows as the plan of that day counts, threads and case files alike."""
    papers(
        project,
        (1, "A", OLD),
        (2, "A", "2025-06-05"),
        (3, "B", "2025-06-10"),
        (4, "B", "2025-06-20"),
        (5, "C", OLD),
        (6, "C", None),
        (7, None, "2025-06-03"),
    )
    messages(project, (1, None, OLD), (2, 1, "2025-06-11"), (3, 2, OLD), (4, None, "2025-06-12"))
    project.policy(CASES + THREADS)
    project.enroll()
    found = project.run("forecast", "--weeks", "3", "--at", "2026-06-01", "--json").json
    told = {rule["rule"]: [rule["now"], *rule["weeks"]] for rule in found["rules"]}
    assert told == {"cases": [0, 3, 0, 2], "threads": [0, 0, 4, 0]}
    for week in (1, 2, 3):
        counted = project.plan(f"2026-06-{1 + 7 * week:02}")
        for rule, weeks in told.items():
            assert counted[f"{rule} delete"]["due"] == sum(weeks[: week + 1])
