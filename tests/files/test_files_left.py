"""The recount over files: its own walk, its own matching, the calendar forwards."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nights import AS_OF, YOUNG, night, put
from project import Project

from retention.execution import files as carrying_out
from retention.execution.recounting.left_files import by_calendar, fits
from retention.planning.files import FileOutcome, file_steps
from retention.policies.file_patterns import parse_pattern
from retention.policies.parse import parse_policy

RULE = """
[rules.crash]
files = "var/crash/**/*.dmp"
start = "modified"
delete_after = "30 days"
"""
NAMES = st.sampled_from(["a", "b", "a.log", "b.log", ".a", "[x]"])
PARTS = st.sampled_from(["**", "*", "a", "*.log", "?", "[ab]", "[!a]*"])


def left(body: dict[str, object]) -> list[object]:
    """The findings of every recount of a run."""
    return [found for one in body["recount"] for found in one["findings"]]  # type: ignore[index, attr-defined]


def test_nothing_is_left_after_an_ordinary_night(place: Project) -> None:
    """Links, other names, young files and folders are not looked at as files that are due."""
    place.policy(RULE)
    place.enroll()
    crash = place.folder / "var" / "crash"
    for name in ("a.dmp", "deep/er/b.dmp"):
        put(crash / name)
    put(crash / "young.dmp", YOUNG)
    outside = put(place.folder / "outside.dmp")
    (crash / "link.dmp").symlink_to(outside)
    (crash / "loop").symlink_to(crash)
    (crash / "folder.dmp").mkdir()
    body = night(place)
    (recount,) = [one for one in body["recount"] if one["database"] == "files"]
    (step,) = recount["steps"]
    assert (step["rule"], step["looked"], step["skipped"]) == ("crash", 1, "")
    assert (left(body), body["exit_code"]) == ([], 0)
    assert "1 rule, 1 file looked at again: nothing left behind" in place.run("report", "last").out


def test_a_file_that_the_run_passed_over_is_found(
    place: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever keeps the run from seeing a file, the recount looks for itself: exit code 1."""
    place.policy(RULE)
    place.enroll()
    for name in ("a.dmp", "b.dmp", "c.dmp"):
        put(place.folder / "var" / "crash" / name)
    whole = carrying_out.FilesDue.due
    monkeypatch.setattr(
        carrying_out.FilesDue, "due", lambda self: (one for one in whole(self) if one.name > "b")
    )
    body = night(place)
    assert body["exit_code"] == 1
    assert left(body) == [
        {"fault": "due", "rule": "crash", "table": "var/crash/**/*.dmp", "column": "", "rows": 1}
    ]
    assert "1 file of var/crash/**/*.dmp is still there" in place.run("report", "last").out


@settings(deadline=None, max_examples=300)
@given(
    parts=st.lists(PARTS, min_size=1, max_size=4),
    names=st.lists(NAMES, min_size=1, max_size=5),
)
def test_two_ways_to_match_agree(parts: list[str], names: list[str]) -> None:
    """The pattern of the run, and the recount's own."""
    pattern = parse_pattern("/".join(["root", *parts]))
    beyond = ("root", *names)
    whole = (*pattern.root.split("/"), *pattern.parts)
    named = beyond[len(pattern.root.split("/")) :]
    same_root = beyond[: len(pattern.root.split("/"))] == tuple(pattern.root.split("/"))
    ours = same_root and bool(named) and pattern.matches("/".join(named))
    assert fits(beyond, whole) == ours


@settings(deadline=None, max_examples=200)
@given(
    days=st.integers(-40, 400),
    seconds=st.integers(0, 86_399),
    period=st.sampled_from(["30 days", "3 months", "72 hours", "0 days", "1 year"]),
    counted=st.sampled_from(["", 'counted_from = "end of month"']),
)
def test_two_ways_through_the_calendar_agree(
    days: int, seconds: int, period: str, counted: str
) -> None:
    """A file is due by the run's line where it is due by the recount's walk."""
    if "hours" in period:
        counted = ""
    text = 'timezone = "Europe/Oslo"\nledger.url = "sqlite:///l.db"\ndatabases.x.url = "sqlite:///x.db"\n'
    text += (
        f'[rules.r]\nfiles = "var/*"\nstart = "modified"\ndelete_after = "{period}"\n{counted}\n'
    )
    policy = parse_policy(text)
    (step,) = file_steps(policy, AS_OF)
    changed = AS_OF - timedelta(days=days, seconds=seconds)
    by_the_run = step.outcome("x", changed) is FileOutcome.DUE
    assert by_calendar(policy, step)("x", changed) == by_the_run
