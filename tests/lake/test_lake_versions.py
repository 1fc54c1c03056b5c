"""What was deleted lives on in old versions: in files until VACUUM, in the log until it is cleaned."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import deltalake
import pytest
from lakes import ids, ledger_of, night, request, write
from project import Project

from retention.backups.records import Records
from retention.lake.disk import Disk, interval
from retention.lake.table import app_of
from retention.scheduler.dry_run import copies_then

RULE = """
[rules.events]
table = "delta://lake/events"
start = "at"
delete_after = "90 days"
"""
CLEARED = """
[backups.event-versions]
kind = "lake"
database = "delta://lake/events"
expire = true
"""
ANNA = "anna-with-an-unusual-name@example.org"
PLAIN = deltalake.WriterProperties(compression="UNCOMPRESSED")
AT_ONCE = {
    "delta.deletedFileRetentionDuration": "interval 0 hours",
    "delta.logRetentionDuration": "interval 0 days",
}
NOW = datetime.now(UTC).replace(microsecond=0)


def people(*, old: str = ANNA) -> list[dict[str, Any]]:
    """One row that is due, and one that is not."""
    return [
        {"id": 1, "at": datetime(2025, 1, 1), "email": old},
        {"id": 2, "at": NOW.replace(tzinfo=None), "email": "bo@example.org"},
    ]


def holding(folder: Path, text: str = ANNA) -> set[str]:
    """The files that hold a text in their bytes: what an intruder with `grep` finds."""
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and text.encode() in path.read_bytes()
    }


def states(project: Project) -> list[str]:
    """Where the purges stand, oldest first."""
    asked = request(project)
    ledger = ledger_of(asked.policy, asked.folder)
    return [str(duty.state) for duty in Records(ledger).obligations()]


def copies(body: Mapping[str, Any]) -> dict[str, Any]:
    """The one set of a report."""
    (found,) = body["copies"]
    return dict(found)


def made(project: Project, settings: Mapping[str, str], **more: Any) -> Path:
    """A table with one row that is due, written so that its bytes can be searched."""
    folder = project.folder / "lake" / "events"
    write(folder, people(), configuration=dict(settings), writer_properties=PLAIN, **more)
    return folder


def test_what_was_deleted_is_told_to_live_on(lake: Project) -> None:
    """The report names the very files that hold the row, and the day on which the last may go."""
    folder = made(lake, {})
    lake.policy(RULE)
    body = night(lake, NOW)
    assert body["exit_code"] == 0
    assert ids(folder) == [2]
    left = holding(folder)
    assert len(left) == 2
    found = copies(body)
    assert {entry["id"] for entry in found["dirty"]} == {path.rpartition("/")[2] for path in left}
    (purge,) = found["purges"]
    assert purge["state"] == "waiting"
    last = datetime.fromtimestamp(
        (folder / "_delta_log" / f"{0:020}.json").stat().st_mtime, UTC
    ) + timedelta(days=30)
    assert abs(datetime.fromisoformat(purge["forecast"]) - last) < timedelta(seconds=1)


def test_a_purge_ends_only_when_file_and_log_are_gone(lake: Project) -> None:
    """VACUUM alone leaves the statistics; two listings after the log was cleaned confirm the end."""
    folder = made(lake, AT_ONCE)
    lake.policy(RULE)
    night(lake, NOW)
    deltalake.DeltaTable(folder).vacuum(dry_run=False)
    assert holding(folder) == {f"_delta_log/{0:020}.json"}
    night(lake, NOW + timedelta(hours=13))
    assert states(lake) == ["waiting"]
    table = deltalake.DeltaTable(folder)
    table.create_checkpoint()
    table.cleanup_metadata()
    assert holding(folder) == set()
    night(lake, NOW + timedelta(hours=26))
    assert states(lake) == ["expired"]
    body = night(lake, NOW + timedelta(hours=39))
    assert states(lake) == ["confirmed"]
    assert copies(body)["purges"][0]["proof"] == "content"


def test_nobody_clears_up_and_the_purge_is_overdue(lake: Project) -> None:
    """Two days after the files should be gone they are still there: the run ends with 5."""
    made(lake, AT_ONCE)
    lake.policy(RULE)
    assert night(lake, NOW)["exit_code"] == 0
    assert night(lake, NOW + timedelta(days=3))["exit_code"] == 5
    assert states(lake) == ["overdue"]


def test_clears_up_where_it_may(lake: Project) -> None:
    """With `expire` the next night removes file and log entries, and says which in the ledger."""
    folder = made(lake, AT_ONCE)
    lake.policy(RULE + CLEARED)
    first = night(lake, NOW)
    gone = holding(folder)
    assert len(gone) == 2
    assert not copies(first)["removed"]
    asked, later = request(lake), NOW + timedelta(hours=1)
    (outlook,) = copies_then(asked.policy, asked.folder, later, later, {})
    assert {path.rpartition("/")[2] for path in gone} <= set(outlook["removes"])
    assert holding(folder) == gone
    night(lake, NOW + timedelta(hours=1))
    assert holding(folder) == set()
    assert states(lake) == ["expired"]
    night(lake, NOW + timedelta(hours=14))
    assert states(lake) == ["confirmed"]
    assert ids(folder) == [2]
    assert ledger_of(request(lake).policy, lake.folder).verify() == []


def test_what_a_killed_writer_left_in_the_log_goes_too(lake: Project) -> None:
    """A commit that was written half-way holds values as any other; VACUUM alone would leave it."""
    folder = made(lake, AT_ONCE)
    half = folder / "_delta_log" / "_commit_0.json.tmp"
    shutil.copy2(folder / "_delta_log" / f"{0:020}.json", half)
    lake.policy(RULE + CLEARED)
    body = night(lake, NOW)
    assert half.name in {entry["id"] for entry in copies(body)["dirty"]}
    night(lake, NOW + timedelta(hours=1))
    assert holding(folder) == set()
    assert not half.exists()


def test_never_clears_up_before_the_tables_own_time(lake: Project) -> None:
    """With Delta's defaults nothing is removed for a week, whatever `expire` says."""
    folder = made(lake, {})
    lake.policy(RULE + CLEARED)
    night(lake, NOW)
    left = holding(folder)
    body = night(lake, NOW + timedelta(days=1))
    assert holding(folder) == left
    assert len(left) == 2
    assert not copies(body)["removed"]


def test_files_that_were_old_before_count_as_well(lake: Project) -> None:
    """A file that OPTIMIZE replaced long before still holds the row, and so does a change feed."""
    folder = made(lake, {**AT_ONCE, "delta.enableChangeDataFeed": "true"})
    write(folder, [{"id": 3, "at": NOW.replace(tzinfo=None), "email": "cai@example.org"}])
    deltalake.DeltaTable(folder).optimize.compact(writer_properties=PLAIN)
    lake.policy(RULE)
    body = night(lake, NOW)
    dirty = {entry["id"] for entry in copies(body)["dirty"]}
    left = {path.rpartition("/")[2] for path in holding(folder)}
    assert left <= dirty
    changes = {path.name for path in (folder / "_change_data").rglob("*.parquet")}
    assert changes
    assert changes <= dirty
    night(lake, NOW + timedelta(hours=1))
    lake.policy(RULE + CLEARED)
    night(lake, NOW + timedelta(hours=2))
    night(lake, NOW + timedelta(hours=3))
    assert holding(folder) == set()
    assert not any((folder / "_change_data").rglob("*.parquet"))
    assert states(lake) == ["expired"]


def test_a_file_no_commit_names_may_hold_anything(lake: Project) -> None:
    """A copy of an old file that lies in the folder keeps the purge open until it is gone."""
    folder = made(lake, AT_ONCE)
    (old,) = folder.glob("*.parquet")
    stray = folder / "stray-0000.parquet"
    shutil.copy2(old, stray)
    lake.policy(RULE)
    body = night(lake, NOW)
    assert stray.name in {entry["id"] for entry in copies(body)["dirty"]}


def test_a_table_that_was_put_back_is_told(lake: Project) -> None:
    """An older copy of the folder brings the row back: the run says so, and takes it again."""
    folder = made(lake, {})
    kept = lake.folder / "kept"
    shutil.copytree(folder, kept)
    lake.policy(RULE)
    night(lake, NOW)
    shutil.rmtree(folder)
    shutil.move(kept, folder)
    assert ids(folder) == [1, 2]
    body = night(lake, NOW + timedelta(hours=1))
    assert any("went back before batch 1" in note for note in body["notes"])
    assert ids(folder) == [2]
    assert body["exit_code"] == 0
    assert ledger_of(request(lake).policy, lake.folder).verify() == []
    assert not any("went back" in note for note in night(lake, NOW + timedelta(hours=2))["notes"])


def test_names_of_folders_are_not_told(lake: Project) -> None:
    """A partition's folder is named by a row's value: neither the report nor the ledger has it."""
    folder = lake.folder / "lake" / "events"
    rows = [{**row, "name": f"surname-{row['id']}"} for row in people()]
    write(folder, rows, partition_by=["name"])
    lake.policy(RULE)
    body = night(lake, NOW)
    assert ids(folder) == [2]
    assert copies(body)["dirty"]
    ledger = ledger_of(request(lake).policy, lake.folder)
    told = str(body) + "".join(str(entry.body) for entry in ledger.entries())
    assert "surname-1" not in told


def test_a_folder_is_read_the_same_by_way_of_fsspec(lake: Project) -> None:
    """What an object store would be asked gives the same files and the same log as the folder."""
    folder = made(lake, {"delta.enableChangeDataFeed": "true"})
    lake.policy(RULE)
    night(lake, NOW)
    here, there = Disk(str(folder)), Disk(f"file://{folder}")
    files = here.files()
    assert [(file.path, file.size) for file in there.files()] == [
        (file.path, file.size) for file in files
    ]
    assert len(files) >= 4
    app = app_of(ledger_of(request(lake).policy, lake.folder).ledger_id)
    log = there.log(files, app)
    assert log == here.log(files, app)
    assert log.batches == {1: 1}
    assert len(log.changes) == 1


def test_another_table_in_the_folder_is_left_alone(lake: Project) -> None:
    """VACUUM would take its files for old ones, so nothing is cleared up, and the run says why."""
    folder = made(lake, AT_ONCE)
    inner = folder / "inner"
    write(inner, people())
    lake.policy(RULE + CLEARED)
    night(lake, NOW)
    body = night(lake, NOW + timedelta(hours=1))
    assert body["exit_code"] == 74
    assert "another table lies in its folder" in copies(body)["why"]
    assert ids(inner) == [1, 2]
    assert len(holding(folder)) >= 2


def test_partitions_with_odd_names_are_told_from_old_files(lake: Project) -> None:
    """Names are escaped differently on disk and in the log; no file in use is taken for an old one."""
    folder = lake.folder / "lake" / "events"
    names = ["a b", "50%", "x/y", "c=d", "q'r", None]
    rows = [
        {"id": at, "at": start, "email": "", "name": name}
        for at, (name, start) in enumerate(
            (name, start)
            for name in names
            for start in (datetime(2025, 1, 1), NOW.replace(tzinfo=None))
        )
    ]
    write(folder, rows, partition_by=["name"], configuration=AT_ONCE)
    lake.policy(RULE + CLEARED)
    night(lake, NOW)
    night(lake, NOW + timedelta(hours=1))
    body = night(lake, NOW + timedelta(hours=14))
    assert ids(folder) == [1, 3, 5, 7, 9, 11]
    assert copies(body)["dirty"] == []
    assert states(lake) == ["confirmed"]


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("interval 7 days", 168),
        ("interval 1 week", 168),
        ("INTERVAL 168 HOURS", 168),
        ("interval 1 day 12 hours", 36),
        ("interval 90 minutes", 1.5),
        ("interval 1 month", None),
        ("7 days", None),
    ],
)
def test_durations_as_tables_write_them(text: str, hours: float | None) -> None:
    """A duration that cannot be read is not known, never zero."""
    assert interval(text) == (None if hours is None else timedelta(hours=hours))
