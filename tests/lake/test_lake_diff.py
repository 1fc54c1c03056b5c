"""Two policies over real Delta tables, compared in rows, against plain Python."""

from __future__ import annotations

import random
from collections.abc import Collection
from datetime import datetime
from pathlib import Path
from typing import Any

import naive
import pytest
from forks import command
from lakes import AS_OF, lake_counts, request, write
from project import HEAD, Outcome, Project
from test_lake_oracle import ZONE, Written, a_row, some_holds, some_rules, stored

from retention.errors import PolicyError, RetentionError

TABLE = "delta://lake/events"
RULES = f"""
[rules.events]
table = "{TABLE}"
start = "at"
delete_after = "90 days"
"""
FOUR = ("due_old", "due_new", "newly_due", "no_longer_due")


def diff(project: Project, old: str, new: str, *more: str, zone: str = "UTC") -> Outcome:
    """`diff` over two files with these rules."""
    for name, rules in (("old", old), ("new", new)):
        text = HEAD.format(zone=zone, url=project.url) + rules
        (project.folder / f"{name}.toml").write_text(text, encoding="utf-8")
    words = ["diff", "old.toml", "new.toml", "--at", AS_OF.isoformat(), *more]
    return Outcome(*command(words, project.folder))


def shifts(outcome: Outcome, kind: str = "rules") -> dict[str, tuple[int, ...]]:
    """Due under the old policy, the new one, newly and no longer, by "rule action" or "action"."""
    assert outcome.code == 0, outcome.err
    return {
        f"{found['rule']} {found['action']}" if kind == "rules" else found["action"]: tuple(
            found[key] for key in FOUR
        )
        for found in outcome.json[kind]
        if found["database"] == found["table"]
    }


def counted(old: Collection[int], new: Collection[int]) -> tuple[int, ...]:
    """The same four numbers of two sets of rows."""
    before, after = set(old), set(new)
    return len(before), len(after), len(after - before), len(before - after)


def steps_of(project: Project, written: Written) -> list[tuple[str, str]] | None:
    """The steps of a night under these rules, in their order; None where the rules are faulty."""
    project.policy(written.text, zone=ZONE)
    try:
        ((_, preview),) = lake_counts(request(project, AS_OF))
    except PolicyError:
        return None
    if isinstance(preview, RetentionError):
        return None
    return [(count.step.rule, str(count.step.action)) for count in preview.counts]


def taken(
    rows: dict[int, Any], written: Written, steps: list[tuple[str, str]], holds: set[Any]
) -> dict[str, set[int]]:
    """The rows that plain Python takes in one night, by "rule action"."""
    night = naive.Night({"t": rows}, [], written.rules, holds, AS_OF, ZONE)
    accounts = night.run(steps)
    return {
        f"{rule} {action}": account.due
        for (rule, action), account in zip(steps, accounts, strict=True)
    }


def together(found: dict[str, set[int]]) -> dict[str, set[int]]:
    """The rows by action alone."""
    sums: dict[str, set[int]] = {}
    for name, rows in found.items():
        sums.setdefault(name.split(" ")[1], set()).update(rows)
    return sums


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_rows_are_those_that_plain_python_finds(lake: Project, seed: int) -> None:
    """Random rows, holds and rules: sets of rows, not sums; floors, holds and `unless` count."""
    dice = random.Random(seed)
    rows = {key: a_row(dice, key) for key in range(1, 61)}
    write(lake.folder / "t", [stored(row) for row in rows.values()])
    holds = some_holds(lake, rows, seed)
    moved = 0
    while moved < 3:
        sides = [some_rules(dice), some_rules(dice)]
        steps = [steps_of(lake, written) for written in sides]
        if steps[0] is None or steps[1] is None:
            continue
        outcome = diff(lake, sides[0].text, sides[1].text, "--json", zone=ZONE)
        old, new = (
            taken(rows, written, found or [], holds)
            for written, found in zip(sides, steps, strict=True)
        )
        names = old.keys() | new.keys()
        wanted = {name: counted(old.get(name, ()), new.get(name, ())) for name in names}
        assert shifts(outcome) == wanted, (sides[0].text, sides[1].text)
        both = together(old), together(new)
        wanted = {
            name: counted(both[0].get(name, ()), both[1].get(name, ()))
            for name in both[0].keys() | both[1].keys()
            if both[0].get(name) or both[1].get(name)
        }
        assert shifts(outcome, "tables") == wanted
        moved += old != new


@pytest.fixture
def folder(lake: Project) -> Path:
    """Rows of 400, 80, 70 and 10 days, and one without a date."""
    found = lake.folder / "lake" / "events"
    starts = [
        datetime(2025, 4, 27),
        datetime(2026, 3, 13),
        datetime(2026, 3, 23),
        datetime(2026, 5, 22),
        None,
    ]
    write(found, [{"id": at, "at": start} for at, start in enumerate(starts, 1)])
    return found


def test_a_shortened_period_says_how_many_rows_would_go_tonight(
    lake: Project, folder: Path
) -> None:
    """The screen: the words, that the period is shorter, and the rows of the table."""
    shown = diff(lake, RULES, RULES.replace("90", "60"))
    assert (shown.code, shown.err) == (0, "")
    assert 'delete_after = "90 days"' in shown.out
    assert f"delete {TABLE} tonight: 3 due, 1 under the old policy; 2 newly due" in shown.out


def test_a_held_row_goes_under_neither_policy(lake: Project, folder: Path) -> None:
    """Holds are those in the ledger of the new policy, for both sides."""
    lake.policy(RULES)
    assert lake.run("hold", "add", TABLE, "id=2", "--reason", "court case").code == 0
    found = diff(lake, RULES, RULES.replace("90", "60"), "--json")
    assert shifts(found) == {"events delete": (1, 2, 1, 0)}


def test_a_table_that_one_policy_names_is_counted(lake: Project, folder: Path) -> None:
    """A first rule takes rows anew, and what the last rule took is no longer due."""
    assert shifts(diff(lake, "", RULES, "--json")) == {"events delete": (0, 1, 1, 0)}
    assert shifts(diff(lake, RULES, "", "--json")) == {"events delete": (1, 0, 0, 1)}


def test_a_table_that_is_gone(lake: Project, folder: Path) -> None:
    """Under the new policy it ends with 1; of one that only the old policy names it is said so."""
    gone = RULES.replace("rules.events", "rules.visits").replace(TABLE, "delta://lake/visits")
    missing = diff(lake, RULES, RULES + gone)
    assert missing.code == 1
    assert "delta://lake/visits: there is no Delta table here" in missing.err
    found = diff(lake, RULES + gone, RULES, "--json")
    assert shifts(found) == {"events delete": (1, 1, 0, 0)}
    (note,) = found.json["notes"]
    assert note.startswith("delta://lake/visits: only the old policy names it")


def test_faults_of_both_files_are_told_at_once(lake: Project, folder: Path) -> None:
    """A column that is not there, in either file, ends with 2, and each file is named."""
    found = diff(lake, RULES.replace('"at"', '"att"'), RULES.replace('"at"', '"ta"'))
    assert found.code == 2
    assert "old.toml:" in found.err
    assert "new.toml:" in found.err
