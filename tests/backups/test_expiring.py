"""`expire = true`: what is past its time goes, and nothing else ever does."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from house import DAY, MONDAY, House, sqlite_copy
from hypothesis import given, settings
from hypothesis import strategies as st
from project import Project

from retention.backups import files
from retention.backups.copy import BackupCopy, Inventory
from retention.backups.expiring import doomed
from retention.backups.tools import ListingFailed
from retention.ledger.entry import Kind
from retention.policies.parse import parse_policy
from retention.scheduler.nightly import ledger_of

BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)
NIGHTLY = """
[backups.nightly]
database = "main"
kind = "files"
path = "copies/main-*.db"
keep = "10 days"
expire = true
keep_last = 2
"""


@st.composite
def copies(draw: st.DrawFn) -> list[BackupCopy]:
    """Copies of many ages, some broken, held, without an end, or needed by others."""
    found: list[BackupCopy] = []
    for number in range(draw(st.integers(0, 7))):
        made = BEGINNING + draw(st.integers(0, 40)) * DAY
        needs = draw(st.lists(st.integers(0, number - 1), max_size=2)) if number else []
        found.append(
            BackupCopy(
                str(number),
                "physical",
                made,
                made,
                depends_on=tuple({str(need) for need in needs}),
                expires_at=draw(st.sampled_from([None, made + 10 * DAY])),
                held_until=draw(st.sampled_from([None, None, BEGINNING + 60 * DAY])),
                readable=draw(st.integers(0, 4)) > 0,
            )
        )
    return found


@settings(deadline=None)
@given(copies(), st.integers(1, 3), st.integers(0, 70))
def test_what_stays_can_be_restored(found: list[BackupCopy], keep_last: int, day: int) -> None:
    """Never a held copy, one in its time, one that another needs, or one of the newest good ones."""
    as_of = BEGINNING + day * DAY
    gone = {copy.id for copy in doomed(Inventory(tuple(found), True, as_of), keep_last, as_of)}
    left = [copy for copy in found if copy.id not in gone]
    assert not any(name in gone for copy in left for name in copy.depends_on)
    for copy in found:
        if copy.id in gone:
            assert copy.expires_at is not None
            assert copy.expires_at <= as_of
            assert copy.held_until is None or copy.held_until <= as_of
    good = sum(copy.readable for copy in found)
    assert sum(copy.readable for copy in left) >= min(good, keep_last)
    newest = sorted(
        (copy for copy in found if copy.readable), key=lambda copy: (copy.finished, copy.id)
    )
    assert not {copy.id for copy in newest[-keep_last:]} & gone
    assert doomed(Inventory(tuple(found), False, as_of), keep_last, as_of) == []


def test_everything_that_may_go_goes() -> None:
    """A chain past its time goes as a whole."""
    old = [
        BackupCopy("F", "physical", BEGINNING, BEGINNING, expires_at=BEGINNING + DAY),
        BackupCopy(
            "I", "physical", BEGINNING, BEGINNING, depends_on=("F",), expires_at=BEGINNING + 2 * DAY
        ),
    ]
    new = BackupCopy("N", "physical", BEGINNING + DAY, BEGINNING + DAY)
    listed = Inventory((*old, new), True, BEGINNING)
    assert doomed(listed, 1, BEGINNING + DAY) == []
    assert [copy.id for copy in doomed(listed, 1, BEGINNING + 2 * DAY)] == ["F", "I"]


@pytest.fixture
def house(tmp_path: Path) -> House:
    """A shop with a copy from each of four days."""
    (tmp_path / "data.db").touch()
    found = House(Project(tmp_path, f"sqlite:///{tmp_path / 'data.db'}"), NIGHTLY)
    for age in (4, 3, 2, 1):
        at = MONDAY - age * DAY
        sqlite_copy(tmp_path / "data.db", tmp_path / "copies" / f"main-{at:%Y-%m-%d}.db", at)
    return found


def names(house: House) -> list[str]:
    """The files in the folder of copies."""
    return sorted(path.name for path in (house.project.folder / "copies").iterdir())


def test_a_night_removes_what_is_past_its_time_and_leaves_the_last_two(house: House) -> None:
    """The plan shows it first; the ledger has it before it is done; what SQLite left goes along."""
    copies = house.project.folder / "copies"
    (copies / "main-2026-02-26.db-shm").write_bytes(b"x")
    (copies / "notes.txt").write_text("kept")
    house.night(MONDAY)
    assert len(names(house)) == 6
    (planned,) = house.project.run("plan", "--json", "--at", "2026-03-09").json["copies"]
    assert planned["removes"] == ["main-2026-02-26.db"]
    assert len(names(house)) == 6
    house.night(datetime(2026, 3, 9, 2, tzinfo=UTC))
    assert names(house) == [
        "main-2026-02-27.db",
        "main-2026-02-28.db",
        "main-2026-03-01.db",
        "notes.txt",
    ]
    assert house.night(MONDAY + 30 * DAY).exit_code == 5
    assert names(house) == ["main-2026-02-28.db", "main-2026-03-01.db", "notes.txt"]
    assert house.states == ["overdue"]
    policy = parse_policy(house.project.config.read_text(encoding="utf-8"))
    entries = list(ledger_of(policy, house.project.folder).entries(kinds={Kind.COPIES_EXPIRING}))
    assert [entry.body["copies"] for entry in entries] == [
        ["main-2026-02-26.db"],
        ["main-2026-02-27.db"],
    ]


def test_nothing_is_removed_where_the_listing_is_in_doubt(house: House) -> None:
    """A folder among the files: then nobody knows what is there."""
    (house.project.folder / "copies" / "main-x.db").mkdir()
    assert house.night(MONDAY + 30 * DAY).exit_code == 74
    assert len(names(house)) == 5


def test_a_link_is_neither_followed_nor_removed(house: House) -> None:
    """What a link leads to may be anything."""
    copies = house.project.folder / "copies"
    away = house.project.folder / "precious.db"
    (copies / "main-2026-02-26.db").rename(away)
    (copies / "main-2026-02-26.db").symlink_to(away)
    night = house.night(datetime(2026, 3, 9, 2, tzinfo=UTC))
    assert night.exit_code == 74
    assert "left where it is" in night.copies[0].failed
    assert away.exists()
    assert (copies / "main-2026-02-26.db").is_symlink()


def test_a_folder_that_is_a_link_is_not_entered(tmp_path: Path) -> None:
    """Somebody who may write into the folder of copies cannot have other files removed."""
    (tmp_path / "copies").mkdir()
    (tmp_path / "away").mkdir()
    precious = tmp_path / "away" / "a.db"
    precious.write_text("x")
    (tmp_path / "copies" / "in").symlink_to(tmp_path / "away")
    (found,) = files.files_of("copies/*/a.db", tmp_path, frozenset())
    with pytest.raises(ListingFailed):
        files.remove("copies/*/a.db", tmp_path, {found.id: found.evidence})
    assert precious.exists()


def test_a_file_that_changed_since_it_was_listed_stays(tmp_path: Path) -> None:
    """Tonight's dump may have taken the name of the one that was past its time."""
    (tmp_path / "a.db").write_text("old")
    (found,) = files.files_of("*.db", tmp_path, frozenset())
    (tmp_path / "a.db").write_text("younger")
    with pytest.raises(ListingFailed, match="not the file that was listed"):
        files.remove("*.db", tmp_path, {found.id: found.evidence})
    later = (datetime.now(UTC) + timedelta(hours=1)).timestamp()
    os.utime(tmp_path / "a.db", (later, later))
    assert (tmp_path / "a.db").read_text() == "younger"
