"""Times in text, however they are spelled: the run, the plan and the recount read them alike."""

from __future__ import annotations

import pytest
from project import Project

RULES = """
[rules.visits]
table = "visits"
start = "at"
stored_in = "UTC"
delete_after = "1 day"
"""
SPELLED = (
    "{day} 10:00:00,5",
    "{day}T10:00:00,123456",
    "{day}T10:00:00,5Z",
    "{day} 10:00:00 Z",
    "{day} 10:00:00.5 Z",
)
OFFSETS = ("{day} 10:00:00,5+02:00", "{day} 10:00:00+02:00")


@pytest.mark.parametrize("more", [(), OFFSETS], ids=["local times", "offsets"])
def test_all_read_a_time_alike(project: Project, more: tuple[str, ...]) -> None:
    """What is due goes, what is not stays, and the recount has nothing to say."""
    forms = SPELLED + more
    days = "2026-05-29", "2026-05-31"
    texts = [form.format(day=day) for day in days for form in forms]
    values = ", ".join(f"({key}, '{text}')" for key, text in enumerate(texts))
    project.sql(
        "CREATE TABLE visits (id INTEGER PRIMARY KEY, at VARCHAR(40))",
        f"INSERT INTO visits VALUES {values}",
    )
    project.policy(RULES)
    project.enroll()
    planned = project.plan("2026-06-01T00:00")["visits delete"]
    assert (planned["due"], planned["undecidable"]) == (len(forms), 0)
    outcome = project.run("run", "--all", "--at", "2026-06-01T00:00")
    assert outcome.code == 0, outcome.out + outcome.err
    left = project.rows("SELECT at FROM visits ORDER BY id")
    assert left == [(text,) for text in texts[len(forms) :]]
