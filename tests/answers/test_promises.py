"""The table of promises, before and after a night."""

from __future__ import annotations

from typing import Any

import pytest
from project import HEAD, Project

from retention.errors import PolicyError
from retention.policies.parse import parse_policy

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
promise = ["We keep the log of your visits for 90 days.", "We erase."]
start = "seen"
delete_after = "90 days"
[rules.mails]
table = "mails"
promise = ["A year after the last word we forget what you wrote.", "We erase."]
start = { latest_of = ["sent", "answered"] }
counted_from = "end of month"
restrict_after = "1 month"
anonymize_after = "1 year"
delete_after = ["1 year", "30 days"]
[rules.mails.anonymize]
body = "null"
[not_by_this_software]
"We sell nothing." = "The contracts forbid it; no job could."
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
        "INSERT INTO mails VALUES (3, '2026-08-01', NULL, 'z')",
    )
    project.policy(RULES)


def rules_of(project: Project) -> dict[str, dict[str, Any]]:
    """`promises --json`: every rule once, by its name."""
    found = project.run("promises", "--json").json
    groups = [*(item["rules"] for item in found["promises"]), found["without_promise"]]
    return {rule["rule"]: rule for group in groups for rule in group}


def test_sentences_come_in_the_order_of_the_file_each_with_all_rules(project: Project) -> None:
    """A sentence of two rules names both; then what others keep; then rules without a sentence."""
    prepared(project)
    before = project.run("promises", "--json")
    assert before.code == 0, before.err
    assert [
        (found["promise"], [rule["rule"] for rule in found["rules"]])
        for found in before.json["promises"]
    ] == [
        ("We keep the log of your visits for 90 days.", ["visits"]),
        ("We erase.", ["visits", "mails"]),
        ("A year after the last word we forget what you wrote.", ["mails"]),
    ]
    assert before.json["not_by_this_software"] == [
        {"promise": "We sell nothing.", "reason": "The contracts forbid it; no job could."}
    ]
    assert [rule["rule"] for rule in before.json["without_promise"]] == ["law", "cleanup"]


def test_every_rule_says_what_its_last_run_did(project: Project) -> None:
    """Nothing before the first night; then the numbers of that night."""
    prepared(project)
    assert all(rule["last_run"] is None for rule in rules_of(project).values())
    project.enroll()
    project.night("2026-11-10T03:00:00Z")
    found = rules_of(project)
    counts = ("erased", "anonymized", "restricted", "left")
    numbers = {
        name: tuple(last[count] for count in counts)
        for name, item in found.items()
        if (last := item["last_run"])
    }
    assert numbers == {
        "visits": (1, 0, 0, 0),
        "mails": (1, 1, 1, 0),
        "cleanup": (1, 0, 0, 0),
    }
    assert found["mails"]["actions"] == [
        "restrict 1 month after the end of the month of the latest of sent and answered",
        "anonymize 1 year after the end of the month of the latest of sent and answered",
        "delete 1 year, then 30 days after the end of the month of the latest of sent and answered",
    ]


def test_a_rule_remembers_a_run_that_is_not_the_last(project: Project) -> None:
    """A later run of other rules leaves the numbers of a rule as they were."""
    prepared(project)
    project.enroll()
    project.night("2026-11-10T03:00:00Z")
    project.run("run", "--rule", "cleanup", "--at", "2026-11-11T03:00:00Z")
    found = rules_of(project)
    assert found["visits"]["last_run"]["as_of"] == "2026-11-10T03:00:00Z"
    assert found["cleanup"]["last_run"]["as_of"] == "2026-11-11T03:00:00Z"
    assert found["cleanup"]["last_run"]["erased"] == 0


def test_the_screen_groups_by_sentence(project: Project) -> None:
    """Before the first night every rule is said never to have run; the floor takes nothing."""
    prepared(project)
    shown = project.run("promises").out
    kept, _, rest = shown.partition("not by this software\n\n")
    elsewhere, _, silent = rest.partition("no sentence of the policy\n")
    visits = "    visits, on visits: delete 90 days after seen\n    never run\n"
    assert "We keep the log of your visits for 90 days.”\n" + visits in kept
    assert "“We erase.”\n" + visits + "    mails, on mails: " in kept
    assert elsewhere == "“We sell nothing.”\n    The contracts forbid it; no job could.\n\n"
    assert "law, on visits: keep for ever\n    takes nothing: it keeps rows" in silent
    assert "cleanup, on imports: delete as soon as state = 'failed'\n    never run" in silent


FAULTS = {
    'promise = ""': "rules.visits.promise: a promise without words",
    "promise = []": "rules.visits.promise: a promise without words",
    'promise = ["We erase.", "We erase."]': "rules.visits.promise: the same sentence stands here twice",
    "promise = 3": "rules.visits.promise: a promise is one sentence, or a list of sentences",
    '[not_by_this_software]\n"We sell nothing." = ""': (
        'not_by_this_software."We sell nothing.": no reason'
    ),
    '[not_by_this_software]\n"" = "why"': "not_by_this_software.: an empty sentence",
    'promise = "We\\n erase."\n[not_by_this_software]\n"We erase." = "why"': (
        'not_by_this_software."We erase.": rules.visits keeps this sentence'
    ),
}


@pytest.mark.parametrize("written", FAULTS)
def test_a_sentence_is_told_once_and_with_its_reason(written: str) -> None:
    """Empty sentences, empty reasons and sentences in both places are faults with their line."""
    rule = '[rules.visits]\ntable = "visits"\ndelete_when = "gone"\n'
    with pytest.raises(PolicyError) as found:
        parse_policy(HEAD.format(zone="UTC", url="sqlite://") + rule + written)
    (problem,) = found.value.problems
    assert FAULTS[written] in problem.render("policies.toml")
    assert problem.line
