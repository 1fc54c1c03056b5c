"""What a person is told of copies: plan, explain, report, `backups check`, by content and by day."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from house import DAY, House, sqlite_copy
from project import Project

NIGHTLY = """
[backups.nightly]
database = "main"
kind = "files"
path = "copies/main-*.db"
keep = "10 days"
"""
NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def house(tmp_path: Path) -> House:
    """A shop with an old copy, one night, and a copy made after it."""
    (tmp_path / "data.db").touch()
    found = House(Project(tmp_path, f"sqlite:///{tmp_path / 'data.db'}"), NIGHTLY, NOW)
    sqlite_copy(tmp_path / "data.db", tmp_path / "copies" / "main-old.db", NOW - DAY)
    night = found.project.run("run", "--all")
    assert night.code == 0, night.err
    sqlite_copy(tmp_path / "data.db", tmp_path / "copies" / "main-new.db", NOW)
    return found


def day(days: int) -> str:
    """A day from now on."""
    return f"{NOW + days * DAY:%Y-%m-%d}"


def test_a_future_plan_shows_the_purge_close(house: House) -> None:
    """Waiting until the old copy's ten days are over; foreseen as gone on that day."""
    ends = day(10)
    (near,) = house.project.run("plan", "--json", "--at", day(5)).json["copies"]
    assert [found["id"] for found in near["dirty"]] == ["main-old.db"]
    assert near["purges"][0]["state"] == "waiting"
    assert near["purges"][0]["forecast"].startswith(ends)
    (far,) = house.project.run("plan", "--json", "--at", day(12)).json["copies"]
    assert far["dirty"] == []
    assert far["purges"][0]["state"] == "confirmed"
    assert far["purges"][0]["gone_at"].startswith(ends)
    text = house.project.run("plan", "--at", day(5)).out
    assert "copies in nightly: 2 of those listed now would be left, 1 with erased rows" in text


def test_a_gone_row_is_told_with_both_days(house: House) -> None:
    """Gone from the database, and when from the last copy; then since when, and by which proof."""
    number = house.project.rows("SELECT max(id) FROM visits")[0][0]
    gone = (NOW - 100 * DAY).toordinal() * 10
    told = house.project.run("explain", "visits", str(gone)).out
    assert "now: erased; the ledger proves it" in told
    assert f"last copy: nightly: gone on {day(10)}, as it looks now" in told
    here = house.project.run("explain", "visits", str(number)).out
    assert "last copy: nightly keeps copies for 10 days" in here
    (house.project.folder / "copies" / "main-old.db").unlink()
    house.night(NOW + DAY)
    house.night(NOW + 2 * DAY)
    told = house.project.run("explain", "visits", str(gone))
    line = f"nightly: gone since {day(1)}, by the marker in each copy"
    assert line in " ".join(told.out.split())
    found = house.project.run("explain", "visits", str(gone), "--json").json["copies"]
    assert [(item["state"], item["proof"]) for item in found] == [("confirmed", "content")]


def test_a_report_tells_its_own_night_s_copies_for_ever(house: House) -> None:
    """The copies that held people on that night, though they are gone today."""
    first = house.project.run("report", "last", "--json").json
    (house.project.folder / "copies" / "main-old.db").unlink()
    house.night(NOW + DAY)
    house.night(NOW + 2 * DAY)
    last = house.project.run("report", "last", "--json").json
    assert [found["state"] for found in last["copies"][0]["purges"]] == ["confirmed"]
    again = house.project.run("report", first["run"], "--json").json
    assert again["copies"] == first["copies"]
    assert [found["id"] for found in again["copies"][0]["dirty"]] == ["main-old.db"]
    assert [found["state"] for found in again["copies"][0]["purges"]] == ["waiting"]


def test_an_overdue_copy_is_an_alarm_on_every_page(house: House) -> None:
    """Exit code 5; in red in the report; in words on the screen."""
    assert house.night(NOW + 20 * DAY).exit_code == 5
    text = house.project.run("report", "last").out
    assert "OVERDUE: what left main by" in text
    assert house.project.run("report", "last", "--html", "report.html").code == 0
    page = (house.project.folder / "report.html").read_text(encoding="utf-8")
    assert "Copies that ask for a person" in page
    assert "main-old.db" in page


def test_a_check_tells_what_a_restore_brings_back(house: House) -> None:
    """By rule and table, from the ledger; a young copy brings nobody."""
    old = house.project.run("backups", "check", "main-old.db", "--json").json
    assert old["brings_back"]
    assert [(item["rule"], item["done"], item["rows"]) for item in old["returning"]] == [
        ("visits", "erased", 1)
    ]
    new = house.project.run("backups", "check", "copies/main-new.db").out
    assert "a restore brings nobody back, by content" in new
    unknown = house.project.run("backups", "check", "main-other.db")
    assert unknown.code == 2


def test_a_copy_taken_before_the_second_night_lacks_only_that_one(house: House) -> None:
    """Each copy counts what left after it."""
    house.visit(NOW - 95 * DAY)
    house.visit(NOW - 96 * DAY)
    house.night(NOW + timedelta(hours=1))
    (nightly,) = house.project.run("backups", "list", "--json").json["backups"]
    assert {copy["id"]: copy["rows"] for copy in nightly["copies"]} == {
        "main-old.db": 3,
        "main-new.db": 2,
    }


def test_a_marker_moves_with_the_batches(house: House) -> None:
    """The word before a night is another one than after it."""
    before = house.project.run("marker").out.strip()
    house.visit(NOW - 95 * DAY)
    house.night(NOW + DAY)
    after = house.project.run("marker").out.strip()
    assert before.rpartition(":")[0] == after.rpartition(":")[0]
    assert int(after.rpartition(":")[2]) == int(before.rpartition(":")[2]) + 1


def test_a_listing_that_fails_is_said_on_the_screen(house: House) -> None:
    """Nobody knows, and the run says so with exit code 74."""
    os.rename(house.project.folder / "copies", house.project.folder / "away")
    found = house.project.run("run", "--all")
    assert found.code == 74
    assert "copies in nightly: NOT KNOWN: there is no folder" in found.out
    listed = house.project.run("backups", "list")
    assert (listed.code, "NOT KNOWN" in listed.out) == (74, True)
