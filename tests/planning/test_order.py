"""Rules of which each takes what the other has to read first."""

from __future__ import annotations

from project import Project

RULES = """
[rules.cases]
table = "cases"
start = { latest_of = ["closed_at", "letters.sent_at"] }
delete_after = "1 year"

[rules.letters]
table = "letters"
start = "cases.closed_at"
delete_after = "1 year"

[rules.visits]
table = "visits"
start = "seen_at"
delete_after = "1 year"

[references]
"letters.case_id" = "delete"
"""


def test_rules_that_read_what_the_other_takes_are_named_alone(project: Project) -> None:
    """The two rules of the circle and what to do; no word of the rule that is not in it."""
    project.sql(
        "CREATE TABLE cases (id INTEGER PRIMARY KEY, closed_at DATE)",
        "CREATE TABLE letters (id INTEGER PRIMARY KEY, case_id INTEGER REFERENCES cases (id),"
        " sent_at DATE)",
        "CREATE TABLE visits (id INTEGER PRIMARY KEY, seen_at DATE)",
    )
    project.policy(RULES)
    outcome = project.run("check")
    assert outcome.code == 2
    told = " ".join((outcome.out + outcome.err).split())
    assert "cases (delete) must come after letters (delete)" in told
    assert "which must come after cases (delete)" in told
    assert "decide a reference between them otherwise" in told
    assert "visits" not in told
