"""Conditions and clocks over columns that an earlier step of the same night masks or cuts."""

from __future__ import annotations

import pytest
from project import HEAD, Project

AT = "2026-06-01T00:00:00Z"
MASK = """
[rules.first]
table = "visits"
start = "ended"
anonymize_after = "0 days"
[rules.first.anonymize]
"{column}" = "null"
[rules.second]
table = "visits"
start = "ended"
{more}
anonymize_after = "0 days"
[rules.second.anonymize]
"mail" = "null"
"""
CUT = """
[rules.first]
table = "shops"
start = "closed"
delete_after = "0 days"
[rules.second]
table = "visits"
start = "ended"
{more}
delete_after = "0 days"
[references]
"visits.shop" = {{ to = "shops.id", then = "detach" }}
"""
FLOOR = """
[rules.third]
table = "visits"
keep_at_least = "forever"
where = "note = 'x'"
protects = ["mail", "note"]
"""
CASES = {
    "a where over a column masked before": (MASK, "note", 'where = "note is null"', 2),
    "an unless over a column masked before": (
        MASK,
        "note",
        'unless = { x = "note is not null" }',
        2,
    ),
    "a where over a reference cut before": (CUT, "", 'where = "shop is null"', 2),
    "an unless over a reference cut before": (CUT, "", 'unless = { x = "shop is not null" }', 2),
    "a where over a row that goes before": (CUT, "", 'where = "shops.open = 1"', 0),
    "a clock over a column that another rule masks": (MASK, "ended", "", 2),
    "a period by a column that another rule masks": (MASK, "note", "BY", 1),
}


def _build(project: Project) -> None:
    project.sql(
        "CREATE TABLE shops (id INTEGER PRIMARY KEY, closed DATE, open INTEGER)",
        "CREATE TABLE visits (id INTEGER PRIMARY KEY, ended DATE, note VARCHAR(9), "
        "mail VARCHAR(9), shop INTEGER)",
        "INSERT INTO shops VALUES (1, '2020-01-01', 1)",
        "INSERT INTO visits VALUES (1, '2020-01-01', 'x', 'm', 1), "
        "(2, '2020-01-01', NULL, 'm', NULL), (3, '2030-01-01', NULL, 'm', 1)",
    )
    project.policy("")
    project.enroll()


@pytest.mark.parametrize("case", CASES)
def test_a_plan_counts_what_a_run_finds(project: Project, case: str) -> None:
    """Whatever a step reads that an earlier one changes, as many rows are counted as then go."""
    form, column, more, wanted = CASES[case]
    _build(project)
    rules = form.format(column=column, more="" if more == "BY" else more)
    if more == "BY":
        head, _, tail = rules.rpartition('anonymize_after = "0 days"')
        choice = 'anonymize_after = { by = "note", x = "90 years", otherwise = "0 days" }'
        rules = head + choice + tail
    project.policy(rules)
    action = "anonymize" if form is MASK else "delete"
    counted = project.plan(AT)[f"second {action}"]["due"]
    said = "anonymized" if form is MASK else "erased"
    done = project.night(AT)[f"second {action}"][said]
    assert counted == done
    kept = "mail IS NOT NULL" if form is MASK else "1 = 1"
    assert project.value(f"SELECT 3 - COUNT(*) FROM visits WHERE {kept}") == done
    assert done == wanted


def test_a_limit_sees_rows_that_the_run_itself_selects(project: Project) -> None:
    """Rows that fall under a rule once their reference is cut are refused beyond its limit."""
    _build(project)
    rules = CUT.format(more='where = "shop is null"\nlimits = { rows_per_run = 1 }')
    project.policy(rules, head=HEAD)
    outcome = project.run("run", "--all", "--at", AT)
    assert outcome.code == 3
    assert project.value("SELECT COUNT(*) FROM visits") == 3


@pytest.mark.parametrize("mask", ['"null"', '{ text = "y" }'])
def test_a_floor_that_a_mask_would_end_is_refused(project: Project, mask: str) -> None:
    """What a floor's `where` reads may not be masked while it holds, unless it protects that."""
    _build(project)
    rules = MASK.format(column="note", more="").replace('"note" = "null"', f'"note" = {mask}')
    project.policy(rules + FLOOR.replace(', "note"', ""))
    refused = project.run("check")
    assert refused.code == 2
    assert "rules.first masks it meanwhile" in refused.err
    project.policy(rules + FLOOR)
    assert project.run("check").code == 0


def test_check_warns_of_a_clock_that_a_mask_moves(project: Project) -> None:
    """A rule that masks what its own deletion is counted from is told so."""
    _build(project)
    text = """
    [rules.first]
    table = "visits"
    start = "ended"
    anonymize_after = "0 days"
    delete_after = "10 years"
    [rules.first.anonymize]
    ended = { truncate = "decade" }
    """
    project.policy(text)
    outcome = project.run("check")
    assert 'delete reads "visits.ended", which rules.first masks' in outcome.err
    project.policy(text.replace("ended = {", "note = {").replace("decade", "day"))
    assert "masks: from then on" not in project.run("check").err
