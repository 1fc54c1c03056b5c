"""Killed around the commit of rows that own files: no file goes before its row, none is forgotten."""

from __future__ import annotations

import pytest
from harness import Fault, ledger_of, night
from project import Project

from retention.protocol import points

RULES = """
[rules.users]
table = "users"
start = "closed_at"
delete_after = "1 year"
[rules.users.files]
avatar = "media/{avatar}"
"""
OLD, YOUNG = range(1, 5), range(5, 7)


@pytest.fixture
def media(project: Project) -> Project:
    """Four users to delete and two to keep, each with a file."""
    project.sql("create table users (id integer primary key, avatar varchar(80), closed_at date)")
    (project.folder / "media").mkdir()
    for key in (*OLD, *YOUNG):
        day = "2020-01-01" if key in OLD else "2026-05-30"
        project.sql(f"insert into users values ({key}, 'photo-{key}.png', '{day}')")
        (project.folder / "media" / f"photo-{key}.png").write_bytes(b"x")
    project.policy(RULES)
    project.enroll()
    return project


def rows(project: Project) -> set[str]:
    """The files that rows name."""
    return {str(name) for (name,) in project.rows("select avatar from users")}


def files(project: Project) -> set[str]:
    """The files that are there."""
    return {path.name for path in (project.folder / "media").iterdir()}


KEPT = {f"photo-{key}.png" for key in YOUNG}


@pytest.mark.parametrize(
    ("point", "left"),
    [
        (points.TAKEN, 6),
        (points.INTENT, 6),
        (points.MARKED, 6),
        (points.COMMITTED, 6),
        (points.CLOSED, 6),
        (points.REMOVED, 5),
        (points.FILES_CLOSED, 2),
    ],
)
def test_killed_around_the_commit(media: Project, point: str, left: int) -> None:
    """Wherever a run is killed, every row has its file, and the next night removes the rest."""
    killed = night(media, Fault(point)).end()
    assert killed.code == -9, killed.out + killed.err
    assert rows(media) <= files(media)
    assert len(files(media)) == left
    assert ledger_of(media).verify() == []
    outcome = night(media).end()
    assert outcome.code == 0, outcome.out + outcome.err
    assert rows(media) == files(media) == KEPT
    ledger = ledger_of(media)
    assert ledger.verify() == []
    with ledger.engine.connect() as connection:
        assert connection.exec_driver_sql("select count(*) from ledger_file").scalar() == 0
