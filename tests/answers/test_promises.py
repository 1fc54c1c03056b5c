"""The table of promises, before and after a night."""

from __future__ import annotations

from project import Project

RULES = """
[rules.law]
table = "visits"
where = "id = 1"
keep_at_least = "forever"
[rules.cleanup]
table = "imports"
delete_when = "state = 'failed'"
[rules.visits]
table = "visits"
promise = "We keep the log of your visits for 90 days."
start = "seen"
delete_after = "90 days"
[rules.mails]
table = "mails"
promise = "A year after the last word we forget what you wrote."
start = { latest_of = ["sent", "answered"] }
counted_from = "end of month"
anonymize_after = "1 year"
delete_after = ["1 year", "30 days"]
[rules.mails.anonymize]
body = "null"
"""


def prepared(project: Project) -> None:
    """Rows of which some go, some are masked, and one is held by the law."""
    project.sql(
        "CREATE TABLE visits (id INTEGER PRIMARY KEY, seen DATE)",
        "INSERT INTO visits VALUES (1, '2025-01-01'), (2, '2025-01-01'), (3, '2026-11-01')",
        "CREATE TABLE imports (id INTEGER PRIMARY KEY, state VARCHAR(9))",
        "INSERT INTO imports VALUES (1, 'failed')",
        "CREATE TABLE mails (id INTEGER PRIMARY KEY, sent DATE, answered DATE, body VARCHAR(9))",
        "INSERT INTO mails VALUES (1, '2025-09-01', '2025-10-25', 'x'), (2, '2020-01-01', NULL, 'y')",
    )
    project.policy(RULES)


def test_every_promise_names_its_rule_and_what_the_last_run_did(project: Project) -> None:
    """Rules with a sentence first; then those without; numbers are those of the last run."""
    prepared(project)
    before = project.run("promises", "--json")
    assert before.code == 0, before.err
    assert [found["rule"] for found in before.json["promises"]] == [
        "visits",
        "mails",
        "law",
        "cleanup",
    ]
    assert all(found["last_run"] is None for found in before.json["promises"])
    project.enroll()
    project.night("2026-11-10T03:00:00Z")
    found = {item["rule"]: item for item in project.run("promises", "--json").json["promises"]}
    numbers = {
        name: (last["erased"], last["anonymized"], last["left"])
        for name, item in found.items()
        if (last := item["last_run"])
    }
    assert numbers == {"visits": (1, 0, 0), "mails": (1, 1, 0), "cleanup": (1, 0, 0)}
    assert found["mails"]["actions"] == [
        "anonymize 1 year after the end of the month of the latest of sent and answered",
        "delete 1 year, then 30 days after the end of the month of the latest of sent and answered",
    ]


def test_a_rule_remembers_a_run_that_is_not_the_last(project: Project) -> None:
    """A later run of other rules leaves the numbers of a rule as they were."""
    prepared(project)
    project.enroll()
    project.night("2026-11-10T03:00:00Z")
    project.run("run", "--rule", "cleanup", "--at", "2026-11-11T03:00:00Z")
    found = {item["rule"]: item for item in project.run("promises", "--json").json["promises"]}
    assert found["visits"]["last_run"]["as_of"] == "2026-11-10T03:00:00Z"
    assert found["cleanup"]["last_run"]["as_of"] == "2026-11-11T03:00:00Z"
    assert found["cleanup"]["last_run"]["erased"] == 0


def test_the_screen_says_never_run_and_no_sentence(project: Project) -> None:
    """Before the first night every rule is said never to have run; the floor takes nothing."""
    prepared(project)
    shown = project.run("promises").out
    assert "We keep the log of your visits for 90 days." in shown
    assert "visits, on visits: delete 90 days after seen\n    never run" in shown
    last = shown.partition("no sentence of the policy")[2]
    assert "law, on visits: keep for ever\n    takes nothing: it keeps rows" in last
    assert "cleanup, on imports: delete as soon as state = 'failed'\n    never run" in last
