"""Wherever a statute is shown, its period and the reminder stand beside it."""

from __future__ import annotations

from pathlib import Path

import pytest
from project import Project

from retention.policies.statutes import CAVEAT

RULES = """
[rules.claims]
table = "claims"
start = "made_on"
%s
delete_after = %s
"""
OWN = '"no.bookkeeping.primary"'
FLOOR = f"keep_at_least = {OWN}"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A folder over a SQLite database: what is said does not depend on the engine."""
    return Project(tmp_path, f"sqlite:///{tmp_path / 'claims.db'}")


def screens(project: Project, policy: str) -> dict[str, str]:
    """What plan, report, promises and explain print, each on one line."""
    project.sql(
        "CREATE TABLE claims (id INTEGER PRIMARY KEY, made_on DATE)",
        "INSERT INTO claims VALUES (1, '2001-01-01'), (2, '2026-05-01')",
    )
    project.policy(policy)
    project.enroll()
    project.run("run", "--all")
    asked = {
        "plan": ("plan", "--at", "2026-06-01"),
        "report": ("report", "last"),
        "promises": ("promises",),
        "explain": ("explain", "claims", "2", "--at", "2026-06-01"),
    }
    return {name: " ".join(project.run(*words).out.split()) for name, words in asked.items()}


def test_a_statute_stands_with_its_period_and_the_reminder(project: Project) -> None:
    """Also with the start that it brings along, on every screen that names it."""
    for name, text in screens(project, RULES % (FLOOR, OWN)).items():
        assert "no.bookkeeping.primary (5 years from the end of the financial year)" in text, name
        assert text.count(CAVEAT) == 1, name
    assert project.run("plan", "--json").json["notices"] == [CAVEAT]
    assert project.run("report", "last", "--json").json["notices"] == [CAVEAT]
    project.run("report", "last", "--html", "report.html")
    assert CAVEAT in (project.folder / "report.html").read_text()


def test_without_a_statute_there_is_no_reminder(project: Project) -> None:
    """A period of the policy's own needs no counsel."""
    for name, text in screens(project, RULES % ("", '"5 years"')).items():
        assert CAVEAT not in text, name
    assert project.run("plan", "--json").json["notices"] == []
