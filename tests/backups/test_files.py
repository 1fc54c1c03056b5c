"""Copies that are files: a purge opens, waits, and closes when the last old file is gone."""

from __future__ import annotations

import gzip
import os
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from house import DAY, MONDAY, House, sqlite_copy
from project import Project

from retention.backups.copy import Proof
from retention.backups.files import day_in, files_of
from retention.backups.tools import ListingFailed
from retention.ledger.keys import KeyFolder

NIGHTLY = """
[backups.nightly]
database = "main"
kind = "files"
path = "copies/main-*.db"
keep = "10 days"
"""


@pytest.fixture
def house(tmp_path: Path) -> House:
    """A shop in SQLite with a folder of copies, the first of them made before anything is erased."""
    (tmp_path / "data.db").touch()
    found = House(Project(tmp_path, f"sqlite:///{tmp_path / 'data.db'}"), NIGHTLY)
    copied(found, MONDAY - timedelta(hours=1))
    return found


def copied(house: House, at: datetime) -> Path:
    """Tonight's copy."""
    target = house.project.folder / "copies" / f"main-{at:%Y-%m-%d-%H%M}.db"
    sqlite_copy(house.project.folder / "data.db", target, at)
    return target


def test_it_closes_when_the_last_old_copy_is_gone_and_not_before(house: House) -> None:
    """Waiting for ten days, gone on the day the file is, confirmed by the night after."""
    assert house.night(MONDAY).exit_code == 0
    (duty,) = house.duties
    old = house.project.folder / "copies" / "main-2026-03-02-0130.db"
    ends = datetime(2026, 3, 13, tzinfo=UTC)
    assert (house.states, duty.forecast) == (["waiting"], ends)
    copied(house, MONDAY + DAY)
    for day in range(1, 11):
        assert house.night(MONDAY + day * DAY).exit_code == 0
        assert house.states == ["waiting"]
    old.unlink()
    house.night(MONDAY + 11 * DAY)
    assert house.states == ["expired"]
    house.night(MONDAY + 12 * DAY)
    (duty,) = house.duties
    assert house.states == ["confirmed"]
    assert duty.first_clean == MONDAY + 11 * DAY
    assert duty.proof is Proof.CONTENT


def test_an_old_copy_past_its_time_is_overdue(house: House) -> None:
    """Exit code 5 from two days after it should be gone."""
    assert house.night(MONDAY).exit_code == 0
    copied(house, MONDAY + DAY)
    assert house.night(MONDAY + 12 * DAY).exit_code == 0
    assert house.night(MONDAY + 13 * DAY).exit_code == 5
    assert house.states == ["overdue"]


def test_a_listing_that_fails_is_empty_or_has_a_folder_closes_nothing(house: House) -> None:
    """What nobody can see may be there; the night says so with exit code 74."""
    house.night(MONDAY)
    copies = house.project.folder / "copies"
    shutil.move(copies, house.project.folder / "away")
    assert house.night(MONDAY + DAY).exit_code == 74
    copies.mkdir()
    assert house.night(MONDAY + 2 * DAY).exit_code == 74
    assert house.states == ["waiting"]
    copied(house, MONDAY + 2 * DAY)
    (copies / "main-x.db").mkdir()
    assert house.night(MONDAY + 3 * DAY).exit_code == 74
    assert house.states == ["waiting"]


def test_a_copy_of_the_copy_with_a_new_date_is_still_dirty(house: House) -> None:
    """The marker in the file counts, whatever `touch` or `cp` made of its time."""
    house.night(MONDAY)
    old = house.project.folder / "copies" / "main-2026-03-02-0130.db"
    late = old.with_name("main-2026-03-09-0130.db")
    shutil.move(old, late)
    os.utime(late, ((MONDAY + 7 * DAY).timestamp(),) * 2)
    house.night(MONDAY + 8 * DAY)
    assert house.states == ["waiting"]


def test_the_database_itself_is_never_one_of_its_copies(house: House) -> None:
    """A pattern that fits the database would list it, and with `expire` remove it."""
    folder = house.project.folder
    found = files_of("*.db", folder, frozenset({(folder / "data.db").resolve()}))
    assert [file.id for file in found] == ["ledger.db"]


def test_a_copy_taken_while_sqlite_was_writing_is_judged_by_its_time(house: House) -> None:
    """A file with a log beside it is no snapshot: its marker may be younger than its rows."""
    house.night(MONDAY)
    late = copied(house, MONDAY + timedelta(minutes=5))
    (house.project.folder / "copies" / "main-2026-03-02-0130.db").unlink()
    late.with_name(late.name + "-wal").write_bytes(b"x" * 100)
    house.night(MONDAY + DAY)
    assert house.states == ["waiting"]


def test_what_cannot_be_opened_is_judged_by_its_time(house: House) -> None:
    """A file cut short, and one of no known form: dirty if old, clean by clock if young."""
    house.night(MONDAY)
    old = house.project.folder / "copies" / "main-2026-03-02-0130.db"
    whole = old.read_bytes()
    old.write_bytes(whole[: len(whole) // 2])
    os.utime(old, ((MONDAY - DAY).timestamp(),) * 2)
    other = old.with_name("main-2026-03-05.db")
    other.write_bytes(b"secret sauce")
    os.utime(other, ((MONDAY + 4 * DAY).timestamp(),) * 2)
    house.night(MONDAY + 4 * DAY)
    assert house.states == ["waiting"]
    old.unlink()
    house.night(MONDAY + 5 * DAY)
    house.night(MONDAY + 6 * DAY)
    (duty,) = house.duties
    assert (house.states, duty.proof) == (["confirmed"], Proof.CLOCK)


def test_reading_leaves_no_trace_beside_a_copy_in_wal_mode(house: House) -> None:
    """A copy of a database in WAL mode is read without a lock and without -shm and -wal files."""
    with closing(sqlite3.connect(house.project.folder / "data.db")) as live:
        live.execute("PRAGMA journal_mode = WAL")
    house.night(MONDAY)
    made = copied(house, MONDAY + timedelta(hours=2))
    made.with_name(made.name + "-wal").unlink(missing_ok=True)
    before = sorted(path.name for path in made.parent.iterdir())
    house.night(MONDAY + DAY)
    assert sorted(path.name for path in made.parent.iterdir()) == before
    made.parent.joinpath("main-2026-03-02-0130.db").unlink()
    house.night(MONDAY + 2 * DAY)
    (duty,) = house.duties
    assert (house.states, duty.proof) == (["expired"], Proof.CONTENT)


def test_a_set_named_later_owes_what_left_before(house: House) -> None:
    """Copies that nobody watched hold people erased long ago: one obligation speaks for all."""
    config = house.project.config
    with_backups = config.read_text(encoding="utf-8")
    config.write_text(with_backups.replace(NIGHTLY, ""), encoding="utf-8")
    house.night(MONDAY)
    house.night(MONDAY + 80 * DAY)
    assert house.duties == []
    config.write_text(with_backups, encoding="utf-8")
    house.night(MONDAY + 81 * DAY)
    (duty,) = house.duties
    assert duty.erasure.sequence == 2


def test_a_set_that_is_taken_out_of_the_policy_still_owes(house: House) -> None:
    """It becomes overdue; to put it back as declared lets its time end it."""
    house.night(MONDAY)
    config = house.project.config
    text = config.read_text(encoding="utf-8")
    config.write_text(text.replace(NIGHTLY, ""), encoding="utf-8")
    assert house.night(MONDAY + 20 * DAY).exit_code == 5
    declared = '[backups.nightly]\ndatabase = "main"\nkind = "declared"\nkeep = "10 days"\n'
    config.write_text(text.replace(NIGHTLY, declared), encoding="utf-8")
    assert house.night(MONDAY + 21 * DAY).exit_code == 0
    (duty,) = house.duties
    assert (house.states, duty.proof) == (["confirmed"], Proof.DECLARED)


def test_the_chain_of_the_ledger_holds_with_all_that(house: House) -> None:
    """`ledger verify` knows the new entries."""
    house.night(MONDAY)
    house.night(MONDAY + DAY)
    assert house.project.run("ledger", "verify").code == 0


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("shop-2026-11-22.sql.gz", datetime(2026, 11, 21, 23, tzinfo=UTC)),
        ("shop_20261122T0230.dump", datetime(2026, 11, 22, 1, 30, tzinfo=UTC)),
        ("2026-06-01_02-30-15-shop", datetime(2026, 6, 1, 0, 30, 15, tzinfo=UTC)),
        ("shop-20261322.db", None),
        ("shop-2026-02-30.db", None),
        ("order-120261122.db", None),
        ("shop.db", None),
    ],
)
def test_the_day_in_a_name(name: str, told: datetime | None) -> None:
    """Days are local, and begin at midnight."""
    assert day_in(name, ZoneInfo("Europe/Oslo")) == told


def test_an_older_day_in_the_name_beats_a_newer_file(tmp_path: Path) -> None:
    """`cp` gives an old dump a new time; its name knows better."""
    dump = tmp_path / "shop-2026-03-01.sql.gz"
    dump.write_bytes(gzip.compress(b"-- nothing known\n"))
    (found,) = files_of("*.sql.gz", tmp_path, frozenset())
    from retention.backups.files import Reading, copy_of

    copy = copy_of(found, found.read(), Reading(ZoneInfo("UTC"), timedelta(hours=1), None))
    assert copy.start == datetime(2026, 3, 1, tzinfo=UTC)
    assert copy.finished is not None
    assert copy.finished > copy.start


def test_folders_are_searched_at_any_depth(tmp_path: Path) -> None:
    """`**` goes down, `*` does not; what does not fit is not a copy."""
    for name in ("a.db", "x/b.db", "x/y/c.db", "x/notes.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")

    def ids(pattern: str) -> list[str]:
        return [file.id for file in files_of(pattern, tmp_path, frozenset())]

    assert ids("**/*.db") == ["a.db", "x/b.db", "x/y/c.db"]
    assert ids("*.db") == ["a.db"]
    assert ids("x/*.db") == ["b.db"]
    assert ids("x/y/c.db") == ["c.db"]


def test_a_folder_that_cannot_be_read_is_not_an_empty_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a listing is none."""
    (tmp_path / "x").mkdir()
    (tmp_path / "a.db").write_text("x")
    real = os.scandir

    def scandir(path: Path) -> object:
        if Path(path).name == "x":
            raise PermissionError
        return real(path)

    monkeypatch.setattr("retention.backups.files.os.scandir", scandir)
    with pytest.raises(ListingFailed):
        files_of("**/*.db", tmp_path, frozenset())


def test_remote_folders_are_listed_by_fsspec() -> None:
    """A file system in memory stands for every other that fsspec knows."""
    import fsspec

    memory = fsspec.filesystem("memory")
    memory.pipe("/dumps/shop-2026-03-01.sql.gz", gzip.compress(b"-- nothing known\n"))
    (found,) = files_of("memory://dumps/*.sql.gz", Path(), frozenset())
    assert found.id.endswith("shop-2026-03-01.sql.gz")
    assert found.changed.tzinfo is not None
    assert found.read().form == "of no known form"


def test_a_months_key_goes_with_the_last_copy_that_is_older_than_its_end(house: House) -> None:
    """Not on the first listing without such a copy, but on the second; then the report says so."""
    folder = house.project.folder
    keys = KeyFolder(folder / "ledger.db-keys")
    house.night(MONDAY)
    for copy in (folder / "copies").iterdir():
        copy.unlink()
    april = MONDAY + 31 * DAY
    before = copied(house, april - DAY)
    house.visit(april - 100 * DAY)
    house.night(april)
    assert keys.months() == ["2026-03", "2026-04"]
    before.unlink()
    copied(house, april + timedelta(hours=1))
    assert house.night(april + DAY).notes == []
    assert keys.months() == ["2026-03", "2026-04"]
    (note,) = house.night(april + 2 * DAY).notes
    assert note.startswith("the key of 2026-03 was destroyed, with its tokens")
    assert keys.months() == ["2026-04"]
    assert house.project.run("ledger", "verify").code == 0
    assert note in house.project.run("report", "last", "--json").json["notes"]
    assert house.states == ["confirmed", "confirmed"]
