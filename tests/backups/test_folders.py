"""Folders as copies: as old as their oldest file, unknown where their tool did not get to its end.

The names are those that mydumper 0.10 and mariadb-backup 10.11 gave to a database with one table.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from house import DAY, MONDAY, House
from project import Project

from retention.backups.folders import folder_copy, is_dump
from retention.backups.tools import ListingFailed

METADATA = "Started dump at: 2026-11-22 12:03:39\nFinished dump at: 2026-11-22 12:03:39\n"
MYDUMPER = {
    "metadata": METADATA,
    "shop-schema-create.sql.gz": "",
    "shop.t-schema.sql.gz": "",
    "shop.t.sql.gz": "x",
}
PHYSICAL = {
    "backup-my.cnf": "",
    "ib_logfile0": "x",
    "ibdata1": "x",
    "shop/t.ibd": "x",
    "xtrabackup_checkpoints": "backup_type = full-backuped\nfrom_lsn = 0\n",
    "xtrabackup_info": "incremental = N\n",
}
PG_DUMP = {"3421.dat.gz": "x", "toc.dat": "PGDMP"}
FILES = """
[backups.folders]
database = "main"
kind = "files"
path = "copies/*"
keep = "10 days"
"""


def put(folder: Path, names: dict[str, str], at: datetime = MONDAY) -> Path:
    """A folder with these files, each a second younger than the one before."""
    for number, (name, text) in enumerate(names.items()):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        os.utime(path, (at.timestamp() + number,) * 2)
    return folder


@pytest.mark.parametrize("names", [MYDUMPER, PHYSICAL, PG_DUMP])
def test_a_folder_is_as_old_as_its_oldest_file(tmp_path: Path, names: dict[str, str]) -> None:
    """Its size is that of all files; a file that changes makes it another copy."""
    folder = put(tmp_path / "dump", names)
    found = folder_copy("dump", folder)
    assert is_dump(folder)
    assert found.whole
    assert found.oldest == MONDAY
    assert found.newest == MONDAY + timedelta(seconds=len(names) - 1)
    assert found.size == sum(map(len, names.values()))
    os.utime(folder / next(iter(names)), (0, 0))
    assert folder_copy("dump", folder).evidence != found.evidence
    assert folder_copy("dump", folder).oldest == datetime(1970, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "names",
    [
        {"metadata.partial": "Started dump at: …", "shop.t-schema.sql": "x"},
        MYDUMPER | {"metadata": "Started dump at: 2026-11-22 12:03:39\n"},
        {"shop.t-schema.sql": "x"},
        {name: text for name, text in PHYSICAL.items() if name != "xtrabackup_info"},
        {"3421.dat.gz": "x"},
    ],
)
def test_a_folder_without_what_comes_last_is_not_whole(
    tmp_path: Path, names: dict[str, str]
) -> None:
    """It is a copy all the same: it holds people."""
    folder = put(tmp_path / "dump", names)
    assert is_dump(folder)
    assert not folder_copy("dump", folder).whole


def test_other_folders_are_none(tmp_path: Path) -> None:
    """Single dumps in a folder are to be named; an increment does not say what it needs."""
    assert not is_dump(put(tmp_path / "days", {"shop-2026-11-22.sql.gz": "x"}))
    assert not is_dump(put(tmp_path / "deeper", {"shop/3421.dat": "x"}))
    step = PHYSICAL | {"xtrabackup_checkpoints": "backup_type = incremental\n"}
    with pytest.raises(ListingFailed, match="incremental"):
        is_dump(put(tmp_path / "step", step))


@pytest.fixture
def house(tmp_path: Path) -> House:
    """A shop whose copies are folders; the first is from before its first night."""
    (tmp_path / "data.db").touch()
    found = House(Project(tmp_path, f"sqlite:///{tmp_path / 'data.db'}"), FILES + "expire = true\n")
    put(tmp_path / "copies" / "old", MYDUMPER, MONDAY - timedelta(hours=3))
    return found


def test_a_purge_waits_for_old_folders_and_expires_them_whole(house: House) -> None:
    """Dirty by the clock, removed with all that is in it once its time is over, and then gone."""
    copies = house.project.folder / "copies"
    assert house.night(MONDAY).exit_code == 0
    assert house.states == ["waiting"]
    put(copies / "young", PHYSICAL, MONDAY + 2 * DAY)
    house.night(MONDAY + 9 * DAY)
    assert (house.states, (copies / "old").exists()) == (["waiting"], True)
    house.night(MONDAY + 11 * DAY)
    assert (house.states, (copies / "old").exists()) == (["expired"], False)
    house.night(MONDAY + 12 * DAY)
    assert house.states == ["confirmed"]
    assert (copies / "young" / "shop" / "t.ibd").exists()


def test_a_folder_with_one_old_file_is_dirty(house: House) -> None:
    """A folder copied over an older one keeps a file from before the erasure."""
    copies = house.project.folder / "copies"
    house.night(MONDAY)
    (copies / "old").rename(copies / "mixed")
    put(copies / "mixed", {"shop.t.sql.gz": "x"}, MONDAY + 2 * DAY)
    house.night(MONDAY + 3 * DAY)
    house.night(MONDAY + 4 * DAY)
    assert house.states == ["waiting"]


def test_a_dump_that_was_cut_off_is_dirty_whatever_its_time(house: House) -> None:
    """Nobody knows when it was begun; it never counts as one of the copies that must be left."""
    copies = house.project.folder / "copies"
    house.night(MONDAY)
    put(copies / "old", {"shop.t.sql.gz": "x"}, MONDAY + 2 * DAY)
    put(copies / "whole", MYDUMPER, MONDAY + 2 * DAY)
    for name in MYDUMPER:
        os.utime(copies / "old" / name, ((MONDAY + 2 * DAY).timestamp(),) * 2)
    (copies / "old" / "metadata").rename(copies / "old" / "metadata.partial")
    house.night(MONDAY + 3 * DAY)
    house.night(MONDAY + 4 * DAY)
    (duty,) = house.duties
    assert (house.states, duty.why) == (["waiting"], "1 copy may bring rows back")
