"""Killed while it removes files: the next night looks what is gone, and goes on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from harness import Fault, ledger_of, night
from project import Project

from retention.protocol import points

RULE = """
[rules.crash]
files = "crash/**/*"
start = "modified"
delete_after = "30 days"
"""
NAMES = ("anna.dmp", "bo.dmp", "sub/carl.dmp", "sub/dora.dmp")


@pytest.fixture
def place(tmp_path: Path) -> Project:
    """Four old files, a young one, and a rule over them."""
    (tmp_path / "data.db").touch()
    project = Project(tmp_path, f"sqlite:///{tmp_path / 'data.db'}")
    project.policy(RULE)
    project.enroll()
    (tmp_path / "crash" / "sub").mkdir(parents=True)
    for name in (*NAMES, "young.dmp"):
        path = tmp_path / "crash" / name
        path.write_bytes(b"x")
        if name != "young.dmp":
            os.utime(path, (1_700_000_000, 1_700_000_000))
    return project


def left(project: Project) -> set[str]:
    """The files that are still there."""
    root = project.folder / "crash"
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("point", "occurrence", "gone"),
    [
        (points.ANNOUNCED, 1, 0),
        (points.REMOVED, 1, 1),
        (points.REMOVED, 3, 3),
        (points.REMOVED, 4, 4),
        (points.FILES_CLOSED, 1, 4),
    ],
)
def test_killed_while_it_removes(place: Project, point: str, occurrence: int, gone: int) -> None:
    """Killed at any point: nothing left unannounced, and what was done is settled the night after."""
    killed = night(place, Fault(point, occurrence=occurrence)).end()
    assert killed.code == -9
    assert len(left(place)) == 5 - gone
    ledger = ledger_of(place)
    assert ledger.verify() == []
    (intent,) = ledger.entries(kinds={"files_intent"})
    assert intent.body["files"] == 4
    # closing a file that SQLite has open in this process would drop its locks
    ledger.engine.dispose()
    held = b"".join(path.read_bytes() for path in place.folder.glob("ledger.db*") if path.is_file())
    assert not any(Path(name).name.encode() in held for name in NAMES)

    outcome = night(place).end()
    assert outcome.code == 0, outcome.out + outcome.err
    assert left(place) == {"young.dmp"}
    closed = [entry.body for entry in ledger.entries(kinds={"files_done"})]
    total = sum(int(str(body.get("gone", body.get("removed")))) for body in closed)
    assert total == 4
    if point != points.FILES_CLOSED:
        assert (closed[0]["gone"], closed[0]["still_there"]) == (gone, 4 - gone)
    assert ledger.verify() == []
    with ledger.engine.connect() as connection:
        assert connection.exec_driver_sql("select count(*) from ledger_file").scalar() == 0


def test_a_ledger_that_lost_its_paths_is_found_out(place: Project) -> None:
    """`ledger verify` tells when sealed paths that were announced are missing or changed."""
    night(place, Fault(points.ANNOUNCED)).end()
    ledger = ledger_of(place)
    with ledger.engine.begin() as connection:
        connection.exec_driver_sql("update ledger_file set sealed = x'00'")
    assert any("paths of its files" in fault for fault in ledger.verify())
    with ledger.engine.begin() as connection:
        connection.exec_driver_sql("delete from ledger_file")
    assert any("paths of its files" in fault for fault in ledger.verify())
