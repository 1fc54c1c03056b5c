"""Runs that are killed, writers that are faster, ledgers that are not the right one."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import deltalake
import pytest
from harness import Fault, story_of
from harness import night as night_of_its_own
from lakes import done, due, ids, ledger_of, night, recount_of, request, rows_of, write
from project import Project

from retention.protocol import points

RULES = """
[rules.events]
table = "delta://lake/events"
start = "at"
delete_after = "90 days"

[rules.mails]
table = "delta://lake/events"
start = "at"
anonymize_after = "30 days"
[rules.mails.anonymize]
email = "null"
"""
OLD, MIDDLE, YOUNG = datetime(2025, 1, 1), datetime(2026, 4, 1), datetime(2026, 5, 31)
WHOLE = [
    {"id": at, "at": start, "email": f"p{at}@example.org"}
    for at, start in enumerate([OLD, OLD, MIDDLE, MIDDLE, YOUNG, None], start=1)
]
LEFT = [3, 4, 5, 6]


@pytest.fixture
def folder(lake: Project) -> Path:
    """Two rows to delete, two to mask, and two that stay as they are."""
    found = lake.folder / "lake" / "events"
    write(found, WHOLE)
    lake.policy(RULES)
    return found


def masked(folder: Path) -> list[int]:
    """The rows whose address is gone."""
    return [row["id"] for row in rows_of(folder) if row["email"] is None]


@pytest.mark.parametrize("occurrence", [1, 2])
@pytest.mark.parametrize(
    "point", [points.BEGUN, points.TAKEN, points.INTENT, points.COMMITTED, points.CLOSED]
)
def test_killed_at_any_point(lake: Project, folder: Path, point: str, occurrence: int) -> None:
    """The next night settles it by the marker: every row is counted once, and none twice."""
    killed = night_of_its_own(lake, Fault(point, occurrence=occurrence)).end()
    assert killed.code == -9
    version = deltalake.DeltaTable(folder).version()
    committed_unsaid = point == points.COMMITTED
    body = night(lake)
    assert body["exit_code"] == 0
    assert ids(folder) == LEFT
    assert masked(folder) == [3, 4]
    told = [note for note in body["notes"] if "committed" in note]
    assert len(told) == (1 if point in (points.INTENT, points.COMMITTED) else 0)
    assert any("never" in note for note in told) == (point == points.INTENT)
    story = story_of(lake)
    assert story.counts() == {"delta://lake/events": 2, "masked delta://lake/events": 2}
    assert len(story.open) == 0
    assert len(story.refuted) == (1 if point == points.INTENT else 0)
    steps = 2 - (occurrence - 1) - (committed_unsaid or point == points.CLOSED)
    assert deltalake.DeltaTable(folder).version() == version + steps
    assert ledger_of(request(lake).policy, lake.folder).verify() == []


def meanwhile(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object], times: int = 1) -> None:
    """Have somebody else write right before our commit, so many times."""
    left = [times]

    def reached(point: str) -> None:
        if point == points.INTENT and left[0]:
            left[0] -= 1
            act()

    monkeypatch.setattr(points, "reached", reached)


def test_rows_that_come_meanwhile_are_decided_anew(
    lake: Project, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A due row that is appended before the commit goes, too, and the ledger counts what went."""
    late = {"id": 7, "at": OLD, "email": "p7@example.org"}
    meanwhile(monkeypatch, lambda: write(folder, [late]))
    body = night(lake)
    assert ids(folder) == LEFT
    assert done(body)["events delete"] + done(body)["mails anonymize"] == 5
    story = story_of(lake)
    assert story.counts()["delta://lake/events"] == 3
    assert len(story.refuted) == 1
    assert recount_of(body)["findings"] == []


def test_a_change_of_another_writer_is_not_lost(
    lake: Project, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row that another writer made young again stays, with what was written into it."""
    change = {"at": "TIMESTAMP '2026-05-31T00:00:00Z'", "email": "'new@example.org'"}
    meanwhile(monkeypatch, lambda: deltalake.DeltaTable(folder).update(change, predicate="id = 1"))
    night(lake)
    assert ids(folder) == [1, *LEFT]
    assert rows_of(folder)[0]["email"] == "new@example.org"
    assert story_of(lake).counts()["delta://lake/events"] == 1


def test_gives_up_where_somebody_is_always_faster(
    lake: Project, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a few attempts the rule fails and says so; nothing is half done, and the next goes on."""
    late = {"id": 9, "at": OLD, "email": "p9@example.org"}
    meanwhile(monkeypatch, lambda: write(folder, [late]), times=100)
    body = night(lake)
    assert body["exit_code"] == 1
    (failed,) = {rule["failed"] for rule in body["rules"] if rule["failed"]}
    assert "another writer" in failed
    assert story_of(lake).open == []
    monkeypatch.undo()
    assert night(lake)["exit_code"] == 0
    assert ids(folder) == LEFT


def test_two_ledgers_that_are_copies_of_one(lake: Project, folder: Path) -> None:
    """A ledger that was rolled back is refused before anything is changed."""
    saved = lake.folder / "saved.db"
    night_before = lake.folder / "ledger.db"
    shutil.copy(night_before, saved)
    night(lake)
    ledger_of(request(lake).policy, lake.folder).engine.dispose()
    for beside in lake.folder.glob("ledger.db-*"):
        if beside.is_file():
            beside.unlink()
    shutil.copy(saved, night_before)
    write(folder, [{"id": 8, "at": OLD, "email": "p8@example.org"}])
    body = night(lake)
    assert body["exit_code"] == 4
    assert "rolled back" in body["errors"]["delta://lake/events"]
    assert 8 in ids(folder)


def test_a_restored_version_is_taken_again(lake: Project, folder: Path) -> None:
    """RESTORE to an old version brings rows back; the rules take them as any that are due."""
    night(lake)
    deltalake.DeltaTable(folder).restore(0)
    assert ids(folder) == [row["id"] for row in WHOLE]
    assert due(lake) == {"events delete": 2, "mails anonymize": 2}
    night(lake)
    assert ids(folder) == LEFT
    assert masked(folder) == [3, 4]
