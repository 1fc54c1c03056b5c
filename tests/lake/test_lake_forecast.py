"""Forecasts over real Delta tables, against plain Python that asks every row in every week."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import naive
import pytest
from lakes import AS_OF, due, write
from project import Project
from test_lake_oracle import CLOCKS, ZONE, a_row, some_rules, stored

from retention.answers.forecast import Asked
from retention.answers.forecast_lake import forecast_of_lake
from retention.errors import PolicyError
from retention.lake.table import LakeTable
from retention.policies.calendar import Stage, Term
from retention.policies.parse import parse_policy
from retention.policies.period import parse_period

WEEKS = 9
TABLE = "delta://lake/events"
RULES = f"""
[rules.events]
table = "{TABLE}"
start = "at"
delete_after = "90 days"
"""
Counts = dict[str, list[int]]


def forecast(project: Project, address: str = "delta://t", weeks: int = WEEKS) -> Counts:
    """For each rule and action the rows of now and of each week, in the order they are shown."""
    policy = parse_policy(project.config.read_text(encoding="utf-8"))
    asked = Asked(policy, "policies.toml", AS_OF, weeks)
    found = forecast_of_lake(asked, LakeTable(address, project.folder))
    return {f"{item.rule} {item.action}": [item.now, *item.weeks] for item in found}


def at_week(week: int) -> datetime:
    """The end of a week: the same time in Oslo."""
    return AS_OF.astimezone(ZoneInfo(ZONE)) + timedelta(weeks=week)


def first_weeks(rules: list[naive.Rule], rows: dict[int, Any]) -> dict[int, dict[str, int]]:
    """For each row the first week in which each action is due, if nothing stops it."""
    found: dict[int, dict[str, int]] = {key: {} for key in rows}
    for rule in rules:
        alone = replace(rule, unless=())
        for action in ("delete", "anonymize"):
            for week in range(WEEKS + 1) if getattr(rule, action) else ():
                night = naive.Night({"t": rows}, [], [alone], set(), at_week(week), ZONE)
                night.steps = [(rule.name, action)]
                for key, weeks in found.items():
                    if night.outcome(alone, action, key) == "due":
                        weeks.setdefault(f"{rule.name} {action}", week)
    return found


def expected(names: list[str], first: dict[int, dict[str, int]]) -> Counts:
    """Each row once for each action: in its first deletion, and in every masking before that."""
    counts = {name: [0] * (WEEKS + 1) for name in names}
    for weeks in first.values():
        deletions = [name for name in names if name in weeks and name.endswith(" delete")]
        gone = min(deletions, key=lambda name: weeks[name], default="")
        for name, week in weeks.items():
            masks = name.endswith(" anonymize") and (not gone or week < weeks[gone])
            if name == gone or masks:
                counts[name][week] += 1
    return counts


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_weeks_are_those_that_plain_python_finds(lake: Project, seed: int) -> None:
    """Random rows and rules over every kind of clock: floors, holds and `unless` are not asked."""
    dice = random.Random(seed)
    rows = {key: a_row(dice, key) for key in range(1, 61)}
    write(lake.folder / "t", [stored(row) for row in rows.values()])
    judged = 0
    while judged < 3:
        written = some_rules(dice)
        lake.policy(written.text, zone=ZONE)
        try:
            found = forecast(lake)
        except PolicyError:
            continue
        assert found == expected(list(found), first_weeks(written.rules, rows)), written.text
        judged += any(map(sum, found.values()))


EDGES = ["2024-02-29", "2025-02-28T23:59:59Z", "2026-03-31", "2025-11-30 22:59:59.5", "2026-02-29"]
EDGES += ["2026-03-31T00:30:00+02:00", "2026-03-30 18:00-05:00", "2026-05-02T09:00:00+05:45", "x"]
BY_STATE = {"kept": "30 days", "done": "3 months", None: "1 year"}


@pytest.mark.parametrize("required", [True, False])
def test_texts_with_chosen_periods_are_those_that_plain_python_finds(
    lake: Project, required: bool
) -> None:
    """Days, local times and offsets in one column; the row's state chooses, a date may be awaited."""
    dice = random.Random(17 + required)
    rows = {key: a_row(dice, key) for key in range(1, 61)}
    for row in rows.values():
        row["text"] = dice.choice([row["text"], dice.choice(EDGES)])
        ahead = [AS_OF.date() + timedelta(days=days) for days in (-30, 3, 20, 100)]
        row["day"] = dice.choice([row["day"], dice.choice(ahead).isoformat()])
    write(lake.folder / "t", [stored(row) for row in rows.values()])
    by = ", ".join(f'{name} = "{text}"' for name, text in BY_STATE.items() if name)
    wait = 'requires = ["day"]' if required else ""
    lake.policy(
        f"""
[rules.r]
table = "delta://t"
start = "text"
stored_in = "America/New_York"
{wait}
delete_after = {{ by = "state", {by}, otherwise = "{BY_STATE[None]}" }}
""",
        zone=ZONE,
    )
    paths = {name: (naive.Path((), name), CLOCKS[name]) for name in ("text", "day")}
    clock = naive.Clock("latest_of", (paths["text"],), (paths["day"],) if required else ())
    state = naive.Path((), "state")
    rules = [
        naive.Rule(
            "r",
            "t",
            clock,
            where=naive.Condition(state, "=" if name else "is null", name),  # type: ignore[arg-type]
            delete=Term((Stage(parse_period(text)),), ZoneInfo(ZONE)),
        )
        for name, text in BY_STATE.items()
    ]
    found = forecast(lake)
    assert found == expected(list(found), first_weeks(rules, rows))
    assert sum(map(bool, found["r delete"])) > 3


def test_weeks_add_up_to_the_plans_at_their_ends(lake: Project) -> None:
    """Where only clocks decide, now and the weeks up to an instant are what a plan finds then."""
    dice = random.Random(5)
    rows = [
        {
            "id": at,
            "at": datetime(2026, 6, 1) - timedelta(hours=dice.randrange(-200, 3_000)),
            "text": f"{datetime(2026, 6, 1) - timedelta(hours=dice.randrange(3_000)):%Y-%m-%d %H:%M}",
            "day": None
            if at % 7 == 0
            else (AS_OF - timedelta(days=dice.randrange(-50, 90))).date(),
            "email": None if at % 5 == 0 else "x",
        }
        for at in range(200)
    ]
    write(lake.folder / "lake" / "events", rows)
    lake.policy(
        f"""
[rules.events]
table = "{TABLE}"
start = {{ latest_of = ["at", "day", "text"] }}
counted_from = "end of month"
delete_after = "2 weeks"
[rules.masks]
table = "{TABLE.replace("events", "others")}"
start = {{ earliest_of = ["text", "at"] }}
requires = ["day"]
anonymize_after = "72 hours"
[rules.masks.anonymize]
email = "null"
""",
        zone=ZONE,
    )
    write(lake.folder / "lake" / "others", rows)
    found = forecast(lake, TABLE, 156) | forecast(lake, TABLE.replace("events", "others"), 156)
    assert set(found) == {"events delete", "masks anonymize"}
    for week in (0, 2, 4, 7, 20):
        wanted = {name: sum(counts[: week + 1]) for name, counts in found.items()}
        assert due(lake, at_week(week)) == wanted


@pytest.fixture
def folder(lake: Project) -> Path:
    """Three rows: one due now, one in the second week, one without a date."""
    found = lake.folder / "lake" / "events"
    rows = [
        {"id": 1, "at": datetime(2025, 1, 1), "email": "anna@example.org"},
        {"id": 2, "at": datetime(2026, 3, 12), "email": "bo@example.org"},
        {"id": 3, "at": None, "email": "cai@example.org"},
    ]
    write(found, rows)
    lake.policy(RULES)
    return found


def command(lake: Project, *more: str) -> Any:
    """`forecast` over four weeks."""
    return lake.run("forecast", "--weeks", "4", "--at", AS_OF.isoformat(), *more)


def test_a_forecast_as_it_is_typed(lake: Project, folder: Path) -> None:
    """The screen names the table by its address, as does the JSON; nothing is written."""
    shown = command(lake)
    assert (shown.code, shown.err) == (0, "")
    assert f"events: delete {TABLE}" in shown.out
    assert "1 due now · 1 in 4 weeks · most in the week to 2026-06-15: 1" in shown.out
    (found,) = command(lake, "--json").json["rules"]
    assert (found["database"], found["table"], found["action"]) == (TABLE, TABLE, "delete")
    assert [found["now"], *found["weeks"], found["total"]] == [1, 0, 1, 0, 0, 2]


def test_a_hold_is_not_counted_in(lake: Project, folder: Path) -> None:
    """A held row counts as it would without its hold, as the screen says of all holds."""
    held = lake.run("hold", "add", TABLE, "id=1", "--reason", "court case")
    assert held.code == 0, held.err
    assert forecast(lake, TABLE, 4) == {"events delete": [1, 0, 1, 0, 0]}


def test_conditions_and_ages(lake: Project, folder: Path) -> None:
    """A condition without a clock is due now or never; a masked row has no mask to come."""
    lake.policy(f"""
[rules.empty]
table = "{TABLE}"
delete_when = "id = 3"
[rules.masks]
table = "{TABLE}"
start = "at"
anonymize_after = "30 days"
[rules.masks.anonymize]
email = {{ template = "p{{id}}@example.org" }}
""")
    rows = [{"id": 4, "at": datetime(2026, 5, 1), "email": "p4@example.org"}]
    write(folder, [*rows, {"id": 5, "at": datetime(2026, 5, 5), "email": "dora@example.org"}])
    found = forecast(lake, TABLE, 4)
    assert found == {"empty delete": [1, 0, 0, 0, 0], "masks anonymize": [2, 1, 0, 0, 0]}


def test_a_table_that_cannot_be_read_is_told_and_the_others_are_counted(
    lake: Project, folder: Path
) -> None:
    """The exit code is 1, as for a database that cannot be reached; no table is asked for nothing."""
    other = TABLE.replace("events", "visits")
    lake.policy(RULES + RULES.replace("rules.events", "rules.visits").replace(TABLE, other))
    found = command(lake, "--json")
    assert (found.code, [item["rule"] for item in found.json["rules"]]) == (1, ["events"])
    (note,) = found.json["notes"]
    assert note.startswith(f"{other}: there is no Delta table here")
    assert f"{other}: there is no Delta table here" in command(lake).err
    chosen = command(lake, "--json", "--rule", "events")
    assert (chosen.code, chosen.json["notes"]) == (0, [])


def test_rules_that_do_not_fit_the_table_are_faults(lake: Project, folder: Path) -> None:
    """A column that is not there ends with 2, and the message names rule and line."""
    lake.policy(RULES.replace('"at"', '"att"'))
    found = command(lake)
    assert found.code == 2
    assert "rules.events.start" in found.err
