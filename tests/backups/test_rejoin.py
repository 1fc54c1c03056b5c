"""A ledger that was lost, rolled back or replaced: the gap is in it, in plain words."""

from __future__ import annotations

import shutil
from pathlib import Path

from copies import back_up
from project import Project
from shops import customers, everything, shop

EARLY, NIGHT = "2024-05-05T03:00:00Z", "2025-06-01T03:00:00Z"


def keep_ledger(project: Project) -> Path:
    """A copy of the ledger as it is now."""
    copy = project.folder / "ledger-copy.db"
    for suffix in ("", "-wal"):
        source = project.folder / f"ledger.db{suffix}"
        if source.exists():
            shutil.copyfile(source, f"{copy}{suffix}")
    return copy


def put_back(project: Project, copy: Path) -> None:
    """The ledger as it was when the copy was made."""
    for suffix in ("", "-wal", "-shm"):
        (project.folder / f"ledger.db{suffix}").unlink(missing_ok=True)
        if Path(f"{copy}{suffix}").exists():
            shutil.copyfile(f"{copy}{suffix}", project.folder / f"ledger.db{suffix}")
            (project.folder / f"ledger.db{suffix}").chmod(0o600)


def test_a_ledger_that_was_rolled_back_goes_on_with_a_gap(project: Project) -> None:
    """Runs are refused until someone answers for it; then they go on, and the ledger is whole."""
    shop(project)
    copy = keep_ledger(project)
    project.night(NIGHT)
    put_back(project, copy)
    refused = project.run("run", "--all")
    assert refused.code == 4
    assert "ledger rejoin" in refused.out + refused.err
    assert project.run("backups", "reapply").code == 4
    assert project.run("ledger", "rejoin").code == 2
    told = project.run("ledger", "rejoin", "--by", "Kari Nordmann")
    assert told.code == 0, told.err
    assert "rolled back" in told.out
    assert project.run("run", "--all").code == 0
    assert project.run("ledger", "verify").code == 0
    assert project.run("ledger", "rejoin", "--by", "Kari Nordmann").code == 2


def test_a_ledger_that_was_lost_altogether(project: Project) -> None:
    """A new ledger takes the database over under its old id, and keeps the count of its batches."""
    shop(project)
    project.night(NIGHT)
    sequence = project.value("select sequence from retention_marker")
    put_back(project, project.folder / "nothing")
    shutil.rmtree(project.folder / "ledger.db-keys")
    assert project.run("run", "--all").code == 74
    told = project.run("ledger", "rejoin", "--by", "Kari Nordmann")
    assert told.code == 0, told.err
    assert project.rows("select count(*), max(sequence) from retention_marker") == [(1, sequence)]
    assert project.run("run", "--all").code == 0
    assert project.run("ledger", "verify").code == 0


def test_after_a_fork_everything_is_looked_at_again(project: Project) -> None:
    """A database and a ledger that went different ways: nobody whom either erased is left."""
    shop(project)
    restore, copy = back_up(project), keep_ledger(project)
    project.sql("update customers set closed_at = '2022-01-01 00:00:00' where id = 1")
    project.night("2023-02-01T03:00:00Z")
    database = back_up(project, "later")
    put_back(project, copy)
    restore()
    project.night(NIGHT)
    after = everything(project)
    database()
    assert project.run("run", "--all").code == 4
    told = project.run("ledger", "rejoin", "--by", "Kari Nordmann")
    assert told.code == 0, told.err
    assert project.run("run", "--all").code == 4
    done = project.run("backups", "reapply")
    assert done.code == 0, done.out + done.err
    assert customers(project) == set(range(2, 21, 2))
    assert everything(project) == after
    assert project.run("run", "--all").code == 0
    assert project.run("ledger", "verify").code == 0
