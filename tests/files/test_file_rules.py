"""Rules over files: what goes, what stays, what is counted, and what never leaves the folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import fsspec
import pytest
from nights import AS_OF, OLD, YOUNG, night, put, request, rule_of, there
from project import Project

from retention.files import removing
from retention.protocol import points
from retention.scheduler.nightly import ledger_of

RULE = """
[rules.crash]
files = "var/crash/**/*.dmp"
start = "modified"
delete_after = "30 days"
"""


@pytest.fixture
def crash(place: Project) -> Path:
    """The folder of the rule above, and the rule."""
    place.policy(RULE)
    place.enroll()
    folder = place.folder / "var" / "crash"
    folder.mkdir(parents=True)
    return folder


def test_files_go_by_their_time_of_change(place: Project, crash: Path) -> None:
    """Old files that match go, at any depth; younger ones, other names and folders stay."""
    for name in ("a.dmp", "deep/er/b.dmp", "deep/c.dmp"):
        put(crash / name, text="four")
    put(crash / "deep" / "young.dmp", YOUNG)
    put(crash / "a.txt")
    put(crash.parent / "beside.dmp")
    plan = place.plan("2026-06-01T12:00:00+00:00")["crash delete"]
    assert (plan["due"], plan["running"], plan["rows"]) == (3, 1, 4)
    assert plan["files"] == {
        "bytes_due": 12,
        "oldest": "2026-01-01",
        "passed_over": {},
    }
    assert there(crash) == {"a.dmp", "deep/er/b.dmp", "deep/c.dmp", "deep/young.dmp", "a.txt"}
    body = night(place)
    rule = rule_of(body, "crash")
    assert (rule["due"], rule["erased"], rule["left"], rule["files"]["bytes"]) == (3, 3, 0, 12)
    assert there(crash) == {"deep/young.dmp", "a.txt"}
    assert (crash / "deep" / "er").is_dir()
    assert (crash.parent / "beside.dmp").exists()
    assert rule_of(night(place), "crash")["due"] == 0


def test_a_files_period_ends_like_a_rows(place: Project, crash: Path) -> None:
    """The day of the change is not counted; the file is due from the local midnight after the last."""
    place.policy(RULE, zone="Europe/Oslo")
    put(crash / "a.dmp", datetime(2026, 5, 1, 21, 59, tzinfo=UTC))
    put(crash / "b.dmp", datetime(2026, 5, 1, 22, 0, tzinfo=UTC))
    rule = rule_of(night(place, datetime(2026, 5, 31, 22, tzinfo=UTC)), "crash")
    assert rule["erased"] == 1
    assert there(crash) == {"b.dmp"}


def test_files_that_have_not_started_or_cannot_be_decided_stay(place: Project, crash: Path) -> None:
    """A change in the future has not started; one before 1990 is not believed."""
    put(crash / "future.dmp", AS_OF + timedelta(days=1))
    put(crash / "epoch.dmp", datetime(1970, 1, 1, tzinfo=UTC))
    rule = rule_of(night(place, AS_OF + timedelta(hours=12)), "crash")
    assert (rule["not_started"], rule["undecidable"], rule["erased"]) == (1, 1, 0)
    assert there(crash) == {"future.dmp", "epoch.dmp"}


def test_a_date_in_the_name(place: Project) -> None:
    """The day in the name counts, whenever the file was touched; what is no date is never touched."""
    place.policy(
        """
[rules.logs]
files = "logs/*.log*"
start = { name = "%Y-%m-%d" }
delete_after = "30 days"
""",
        zone="Europe/Oslo",
    )
    place.enroll()
    logs = place.folder / "logs"
    for name in (
        "app-2026-05-01.log",
        "app-2026-05-02.log.gz",
        "2026-02-30.log",
        "2026-01-01_2026-01-31.log",
        "2026-01-01_2026-01-01.log",
        "app.log",
        "12026-01-01.log",
        "2027-01-01.log",
    ):
        put(logs / name, AS_OF)
    rule = rule_of(night(place, datetime(2026, 5, 31, 22, tzinfo=UTC)), "logs")
    assert (rule["erased"], rule["undecidable"], rule["not_started"]) == (2, 2, 3)
    assert "app-2026-05-01.log" not in there(logs)
    assert "2026-01-01_2026-01-01.log" not in there(logs)
    assert len(there(logs)) == 6


def test_a_moment_in_the_name_is_local(place: Project) -> None:
    """Hours in a name are hours of the controller's zone; hours of a period are elapsed time."""
    place.policy(
        """
[rules.dumps]
files = "dumps/*"
start = { name = "%Y%m%dT%H%M%S" }
delete_after = "72 hours"
""",
        zone="Europe/Oslo",
    )
    place.enroll()
    put(place.folder / "dumps" / "20260529T135959.sql")
    put(place.folder / "dumps" / "20260529T140000.sql")
    put(place.folder / "dumps" / "20260529T140001.sql")
    night(place, datetime(2026, 6, 1, 12, tzinfo=UTC))
    assert there(place.folder / "dumps") == {"20260529T140001.sql"}


LIMITED = RULE + "[rules.crash.limits]\nrows_per_run = 2\n"


def test_limits_stop_a_rule_over_files(place: Project, crash: Path) -> None:
    """More files than the limit: nothing goes, exit 3; --allow lets them go once."""
    place.policy(LIMITED)
    for name in "abc":
        put(crash / f"{name}.dmp")
    body = night(place)
    rule = rule_of(body, "crash")
    assert body["exit_code"] == 3
    assert '3 of 3 files of "var/crash/**/*.dmp"' in rule["refused"]
    assert len(there(crash)) == 3
    assert night(place, allowed={"crash": 3})["exit_code"] == 0
    assert there(crash) == set()


def test_limits_by_share_and_by_the_whole(place: Project, crash: Path) -> None:
    """A share of the files that match, and all of them, stop a rule as they do over a table."""
    for number in range(4):
        put(crash / f"{number}.dmp")
    place.policy(RULE + "[rules.crash.limits]\nshare_min_rows = 3\n")
    assert 'whole_table = "refuse"' in rule_of(night(place), "crash")["refused"]
    put(crash / "young.dmp", YOUNG)
    assert "share_of_table" in rule_of(night(place), "crash")["refused"]


def test_a_portion_a_night(place: Project, crash: Path) -> None:
    """`over_limit = "portion"`: two a night, until none is left."""
    place.policy(LIMITED + 'over_limit = "portion"\n')
    for name in "abc":
        put(crash / f"{name}.dmp")
    first = rule_of(night(place), "crash")
    assert (first["erased"], first["left"], len(there(crash))) == (2, 1, 1)
    night(place)
    assert there(crash) == set()


def test_links_are_never_followed(place: Project, crash: Path) -> None:
    """A link to a file stays and so does what it leads to; a folder behind a link is not entered."""
    outside = put(place.folder / "outside" / "secret.dmp")
    (crash / "link.dmp").symlink_to(outside)
    (crash / "folder").symlink_to(outside.parent)
    (crash / "dangling.dmp").symlink_to(place.folder / "nowhere")
    os.mkfifo(crash / "pipe.dmp")
    rule = rule_of(night(place), "crash")
    assert rule["due"] == 0
    assert rule["files"]["passed_over"] == {
        "symbolic links not followed": 3,
        "neither files nor folders": 1,
    }
    assert outside.exists()
    assert there(crash) == {"link.dmp", "folder", "dangling.dmp", "pipe.dmp"}


def test_a_hard_link_is_said(place: Project, crash: Path) -> None:
    """Only the name in the folder goes; the report says that another name keeps the content."""
    put(crash / "a.dmp")
    os.link(crash / "a.dmp", place.folder / "other")
    assert rule_of(night(place), "crash")["files"]["linked"] == 1
    assert (place.folder / "other").exists()
    assert "hard link" in place.run("report", "last").out


@pytest.fixture
def at_point(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Callable[[], None]], None]:
    """Do something the first time a point is reached."""

    def put_there(wanted: str, act: Callable[[], None]) -> None:
        left = [act]

        def reached(point: str) -> None:
            if point == wanted and left:
                left.pop()()

        monkeypatch.setattr(points, "reached", reached)

    return put_there


AtPoint = Callable[[str, Callable[[], None]], None]


def test_a_file_that_changed_meanwhile_stays(
    place: Project, crash: Path, at_point: AtPoint
) -> None:
    """Written to between the listing and the removal: looked at again, and kept."""
    put(crash / "a.dmp")
    put(crash / "b.dmp")
    at_point(points.ANNOUNCED, lambda: str(put(crash / "a.dmp", YOUNG)))
    rule = rule_of(night(place), "crash")
    assert (rule["erased"], rule["left"], rule["files"]["changed"]) == (1, 1, 1)
    assert there(crash) == {"a.dmp"}


def test_a_folder_swapped_for_a_link_leads_nowhere(
    place: Project, crash: Path, at_point: AtPoint
) -> None:
    """A folder that becomes a link after the listing does not lead the removal out of the root."""
    put(crash / "in" / "a.dmp")
    outside = put(place.folder / "outside" / "a.dmp")

    def swap() -> None:
        (crash / "in").rename(place.folder / "moved")
        (crash / "in").symlink_to(outside.parent)

    at_point(points.ANNOUNCED, swap)
    body = night(place)
    rule = rule_of(body, "crash")
    assert outside.exists()
    assert (place.folder / "moved" / "a.dmp").exists()
    assert (rule["erased"], body["exit_code"]) == (0, 1)
    assert "ENOTDIR" in rule["failed"] or "ELOOP" in rule["failed"]


def test_a_file_swapped_for_a_link_stays(place: Project, crash: Path, at_point: AtPoint) -> None:
    """A link in place of a listed file is not removed for it."""
    put(crash / "a.dmp")
    outside = put(place.folder / "outside.dmp")

    def swap() -> None:
        (crash / "a.dmp").unlink()
        (crash / "a.dmp").symlink_to(outside)

    at_point(points.ANNOUNCED, swap)
    rule = rule_of(night(place), "crash")
    assert (rule["erased"], rule["files"]["changed"]) == (0, 1)
    assert outside.exists()
    assert there(crash) == {"a.dmp"}


def test_a_file_somebody_else_removed_is_gone(
    place: Project, crash: Path, at_point: AtPoint
) -> None:
    """What is gone when its turn comes is no failure."""
    put(crash / "a.dmp")
    at_point(points.ANNOUNCED, (crash / "a.dmp").unlink)
    body = night(place)
    assert (body["exit_code"], rule_of(body, "crash")["left"]) == (0, 0)


def test_a_refused_removal_is_told_by_its_code(
    place: Project, crash: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit 1 with the system's code and no path; the rule is due again, and then succeeds."""
    put(crash / "anna-smith.dmp")
    put(crash / "b.dmp")
    unlink = os.unlink

    def refuse(name: str, **more: int) -> None:
        if name == "anna-smith.dmp":
            raise PermissionError(13, "Permission denied", name)
        unlink(name, **more)

    monkeypatch.setattr(removing.os, "unlink", refuse)
    body = night(place)
    rule = rule_of(body, "crash")
    assert body["exit_code"] == 1
    assert rule["failed"] == "1 files could not be removed (EACCES 1); the next run tries again"
    assert "anna" not in str(body)
    monkeypatch.undo()
    assert night(place)["exit_code"] == 0
    assert there(crash) == set()


def test_a_missing_folder_fails_the_rule(place: Project, crash: Path) -> None:
    """An unmounted folder must not look like one without old files."""
    crash.rmdir()
    body = night(place)
    assert body["exit_code"] == 1
    assert "ENOENT" in rule_of(body, "crash")["failed"]
    assert place.run("plan").code == 1


def test_no_path_in_the_ledger(place: Project, crash: Path) -> None:
    """Names of files are personal data: neither ledger nor report holds one once it is gone."""
    put(crash / "anna-smith.dmp")
    body = night(place)
    ledger = ledger_of(request(place).policy, place.folder)
    with ledger.engine.connect() as connection:
        assert connection.exec_driver_sql("select count(*) from ledger_file").scalar() == 0
        connection.exec_driver_sql("pragma wal_checkpoint(truncate)")
    # closing a file that SQLite has open in this process would drop its locks
    ledger.engine.dispose()
    held = b"".join(path.read_bytes() for path in place.folder.glob("ledger.db*") if path.is_file())
    assert b"anna-smith" not in held
    assert "anna" not in str(body)
    assert ledger.verify() == []
    kinds = [entry.kind for entry in ledger.entries()]
    assert kinds.index("files_intent") < kinds.index("files_done")


def test_names_that_are_no_unicode(place: Project, crash: Path) -> None:
    """Bytes that no encoding knows are a name like any other."""
    name = os.fsencode(crash) + b"/\xff\xfe.dmp"
    with open(name, "wb") as file:
        file.write(b"x")
    os.utime(name, (OLD.timestamp(), OLD.timestamp()))
    assert rule_of(night(place), "crash")["erased"] == 1
    assert not os.path.exists(name)


def test_a_ledger_made_before_there_were_files(place: Project, crash: Path) -> None:
    """The table of sealed paths is made on the first night that needs it."""
    put(crash / "a.dmp")
    ledger = ledger_of(request(place).policy, place.folder)
    with ledger.engine.begin() as connection:
        connection.exec_driver_sql("drop table ledger_file")
    assert ledger.verify() == []
    assert rule_of(night(place), "crash")["erased"] == 1


@pytest.fixture
def memory() -> Iterator[fsspec.AbstractFileSystem]:
    """An object store in this process."""
    system = fsspec.filesystem("memory")
    system.store.clear()
    system.pseudo_dirs[:] = [""]
    yield system
    system.store.clear()


def test_objects_of_an_address(place: Project, memory: fsspec.AbstractFileSystem) -> None:
    """`memory://` stands for every address of fsspec: listed, looked at again, removed."""
    place.policy(RULE.replace("var/crash", "memory://bucket/crash"))
    place.enroll()
    for name in ("a.dmp", "x/b.dmp", "x/[c]*.dmp", "x/y.txt", "young.dmp"):
        memory.pipe(f"/bucket/crash/{name}", b"four")
        memory.store[f"/bucket/crash/{name}"].modified = YOUNG if name == "young.dmp" else OLD
    memory.pipe("/bucket/other/a.dmp", b"four")
    memory.store["/bucket/other/a.dmp"].modified = OLD
    rule = rule_of(night(place), "crash")
    assert (rule["due"], rule["erased"], rule["files"]["bytes"]) == (3, 3, 12)
    left = {"/bucket/crash/x/y.txt", "/bucket/crash/young.dmp", "/bucket/other/a.dmp"}
    assert set(memory.store) == left


def test_an_object_that_changed_meanwhile_stays(
    place: Project, memory: fsspec.AbstractFileSystem, at_point: AtPoint
) -> None:
    """Written anew between the listing and the removal: asked again, and kept."""
    place.policy(RULE.replace("var/crash", "memory://bucket"))
    place.enroll()
    memory.pipe("/bucket/a.dmp", b"x")
    memory.store["/bucket/a.dmp"].modified = OLD
    at_point(points.ANNOUNCED, lambda: memory.pipe("/bucket/a.dmp", b"new"))
    rule = rule_of(night(place, datetime.now(UTC)), "crash")
    assert (rule["erased"], rule["files"]["changed"]) == (0, 1)
    assert "/bucket/a.dmp" in memory.store


def test_a_store_that_refuses(
    place: Project, memory: fsspec.AbstractFileSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a library says may quote a name: only the kind of its error is told."""
    place.policy(RULE.replace("var/crash", "memory://bucket"))
    place.enroll()
    memory.pipe("/bucket/anna.dmp", b"x")
    memory.store["/bucket/anna.dmp"].modified = OLD

    def refuse(path: str) -> None:
        raise RuntimeError(f"no {path}")

    monkeypatch.setattr(type(memory), "rm_file", lambda self, path: refuse(path))
    body = night(place)
    assert body["exit_code"] == 1
    assert "RuntimeError 1" in rule_of(body, "crash")["failed"]
    assert "anna" not in str(body)


def test_one_run_at_a_time(place: Project, crash: Path) -> None:
    """A second run leaves the files to the first, and ends with 75."""
    put(crash / "a.dmp")
    asked = request(place)
    from retention.scheduler.nightly import key_folder

    with key_folder(asked.policy, asked.folder).locked("files"):
        assert night(place)["exit_code"] == 75
    assert there(crash) == {"a.dmp"}
    assert night(place)["exit_code"] == 0
