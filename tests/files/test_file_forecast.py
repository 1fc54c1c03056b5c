"""The forecast of rules over files, against a count by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from nights import put
from project import Project

RULES = """
[rules.crash]
files = "var/crash/**/*.dmp"
start = "modified"
delete_after = "30 days"
[rules.logs]
files = "var/logs/*.log"
start = { name = "%Y-%m-%d" }
delete_after = "10 days"
"""
START = datetime(2026, 6, 1, 12, tzinfo=UTC)


def test_files_count_in_the_week_they_fall_due(place: Project) -> None:
    """By their time of change or the day in their name; what is due now counts as now."""
    place.policy(RULES)
    crash, logs = place.folder / "var" / "crash", place.folder / "var" / "logs"
    wanted = {"crash": [0] * 5, "logs": [0] * 5}
    for number, age in enumerate((400, 31, 30, 29, 25, 20, 3, 1)):
        changed = START - timedelta(days=age)
        put(crash / "deep" / f"{number}.dmp", changed)
        put(logs / f"a-{changed:%Y-%m-%d}.log")
        for rule, days in (("crash", 30), ("logs", 10)):
            midnight = datetime(changed.year, changed.month, changed.day, tzinfo=UTC)
            due = midnight + timedelta(days=days + 1)
            week = max(0, -((START - due) // timedelta(weeks=1)))
            if due <= START + timedelta(weeks=4):
                wanted[rule][week] += 1
    put(logs / "undated.log")
    found = place.run("forecast", "--weeks", "4", "--json", "--at", START.isoformat())
    assert found.code == 0, found.err
    counted = {item["rule"]: item for item in found.json["rules"]}
    for rule, weeks in wanted.items():
        assert [counted[rule]["now"], *counted[rule]["weeks"]] == weeks
        assert (counted[rule]["database"], counted[rule]["action"]) == ("files", "delete")
    assert "var/logs/*.log" in place.run("forecast", "--at", START.isoformat()).out


def test_a_folder_that_is_not_there_is_told_and_the_others_are_counted(place: Project) -> None:
    """The exit code is 1, as for a database that cannot be reached."""
    place.policy(RULES)
    put(place.folder / "var" / "logs" / "a-2026-01-01.log")
    found = place.run("forecast", "--json", "--at", START.isoformat())
    assert (found.code, [item["rule"] for item in found.json["rules"]]) == (1, ["logs"])
    assert found.json["notes"][0].startswith("crash: the folder that the files lie in")
