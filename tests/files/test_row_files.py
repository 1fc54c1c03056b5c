"""Files that belong to rows: they go with the row, after it, and never before."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest
from nights import AS_OF, night, put, request, there
from project import Project

from retention.files import removing
from retention.scheduler.nightly import ledger_of

RULES = """
[rules.users]
table = "users"
start = "closed_at"
anonymize_after = "30 days"
delete_after = "1 year"
[rules.users.anonymize]
"name, avatar" = "null"
[rules.users.files]
avatar = "media/avatars/{avatar}"
[rules.attachments]
table = "attachments"
[rules.attachments.files]
path = "media/attached/{user_id}/{path}"
[references]
"attachments.user_id" = { to = "users.id", then = "delete" }
"""
OLD, LATELY, YOUNG = "2020-01-01", "2026-03-01", "2026-05-30"
USERS = {
    1: (OLD, "a1.png"),
    2: (LATELY, "a2.png"),
    3: (YOUNG, "a3.png"),
    4: (OLD, "shared.png"),
    5: (YOUNG, "shared.png"),
    6: (OLD, "../../secret.txt"),
    7: (OLD, None),
    8: (OLD, ""),
    9: (OLD, "a9.png"),
    10: (OLD, "both.png"),
    11: (LATELY, "both.png"),
    12: (OLD, "nowhere.png"),
    13: (OLD, "sub/a..b.png"),
    14: (LATELY, "../../secret.txt"),
    15: (OLD, "Case.png"),
    16: (YOUNG, "case.png"),
}
ATTACHED = {1: (1, "x.pdf"), 2: (1, "y.pdf"), 3: (2, "z.pdf"), 9: (9, "../../../secret.txt")}
GONE = {1, 4, 7, 8, 10, 12, 13, 15}
MASKED = {2, 9, 11}
REMOVED = {
    "avatars/a1.png",
    "avatars/a2.png",
    "avatars/a9.png",
    "avatars/both.png",
    "avatars/sub/a..b.png",
    "avatars/Case.png",
    "attached/1/x.pdf",
    "attached/1/y.pdf",
}


@pytest.fixture
def media(project: Project) -> Path:
    """Users with avatars and attachments, and a file for each but the twelfth's."""
    project.sql(
        "create table users (id integer primary key, name varchar(40), avatar varchar(80),"
        " closed_at date)",
        "create table attachments (id integer primary key, user_id integer, path varchar(80))",
    )
    root = project.folder / "media"
    put(project.folder / "secret.txt")
    for key, (closed, avatar) in USERS.items():
        value = "null" if avatar is None else f"'{avatar}'"
        project.sql(f"insert into users values ({key}, 'N', {value}, '{closed}')")
        if avatar and ".." not in avatar.split("/") and key != 12:
            put(root / "avatars" / avatar)
    for key, (user, path) in ATTACHED.items():
        project.sql(f"insert into attachments values ({key}, {user}, '{path}')")
        if ".." not in path:
            put(root / "attached" / str(user) / path)
    project.policy(RULES)
    project.enroll()
    return root


def test_names_that_differ_in_case_or_blanks_are_different_files(
    project: Project, media: Path
) -> None:
    """Whatever the column's collation: all of one batch go, and one that a row still names stays."""
    avatars = {21: (OLD, "Two.png"), 22: (OLD, "two.png"), 23: (OLD, "Kept.png")}
    avatars |= {24: (YOUNG, "kept.png"), 25: (YOUNG, "Kept.png"), 26: (YOUNG, "KEPT.png")}
    for key, (closed, avatar) in avatars.items():
        project.sql(f"insert into users values ({key}, 'N', '{avatar}', '{closed}')")
        put(media / "avatars" / avatar)
    plan = project.plan("2026-06-01")
    assert plan["users delete"]["files_with_rows"] == 6 + 2
    assert night(project)["exit_code"] == 0
    left = {name for name in there(media) if name.casefold().endswith(("/two.png", "/kept.png"))}
    assert left == {"avatars/Kept.png", "avatars/kept.png", "avatars/KEPT.png"}


def test_files_go_with_their_rows(project: Project, media: Path) -> None:
    """Deleted, masked and along with a parent; shared and unsafe names stay, and are counted.

    The tenth shares its file with the eleventh, which is masked a step later; the ninth waits for
    its attachment, and is masked meanwhile.
    """
    before = there(media)
    plan = project.plan("2026-06-01")
    assert plan["users delete"]["due"] == len(GONE)
    stops = plan["users delete"]["unless"]
    assert stops == {"unsafe file name in avatar": 1, "unsafe file name in path": 1}
    named = [plan[f"users {action}"]["files_with_rows"] for action in ("delete", "anonymize")]
    assert named == [6, 3], "those removed, and the one that is not there"
    body = night(project)
    assert body["exit_code"] == 0, body
    assert body["recount"][0]["findings"] == []
    rows = dict(project.rows("select id, avatar from users"))
    assert set(USERS) - set(rows) == GONE
    assert {key for key, avatar in rows.items() if avatar != USERS[key][1]} == MASKED
    assert all(rows[key] is None for key in MASKED)
    assert before - there(media) == REMOVED
    assert (project.folder / "secret.txt").exists()
    assert body["files"]["main"] == {
        "removed": len(REMOVED),
        "absent": 1,
        "shared": 2,
        "waiting": {},
    }
    assert night(project)["files"] == {}
    story = project.run("explain", "users", "6")
    assert story.code == 0, story.err
    assert "unsafe file name in avatar" in story.out


def test_no_name_in_the_ledger(project: Project, media: Path) -> None:
    """What leads to a file is sealed before the commit and dropped when the file is gone."""
    night(project)
    ledger = ledger_of(request(project).policy, project.folder)
    assert ledger.verify() == []
    with ledger.engine.connect() as connection:
        assert connection.exec_driver_sql("select count(*) from ledger_file").scalar() == 0
        connection.exec_driver_sql("pragma wal_checkpoint(truncate)")
    ledger.engine.dispose()
    held = b"".join(
        path.read_bytes() for path in project.folder.glob("ledger.db*") if path.is_file()
    )
    assert b"a1.png" not in held
    announced = [entry.body.get("files", 0) for entry in ledger.entries(kinds={"intent"})]
    assert sum(map(int, announced)) == len(REMOVED) + 1


def test_the_last_row_takes_the_shared_file(project: Project, media: Path) -> None:
    """A file that another row still names stays until that one goes, too."""
    night(project)
    assert (media / "avatars" / "shared.png").exists()
    project.sql(f"update users set closed_at = '{OLD}' where id = 5")
    night(project)
    assert not (media / "avatars" / "shared.png").exists()


def test_what_cannot_be_removed_is_tried_again(
    project: Project, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The row is gone, its file waits: exit 1 every night until it is gone, without its name."""
    unlink = os.unlink

    def refuse(name: str, **more: int) -> None:
        if name == "a1.png":
            raise PermissionError(13, "Permission denied", name)
        unlink(name, **more)

    monkeypatch.setattr(removing.os, "unlink", refuse)
    for day in range(2):
        body = night(project, AS_OF + timedelta(days=day))
        assert body["exit_code"] == 1
        assert body["files"]["main"]["waiting_since"] == "2026-06-01T12:00:00.000000Z"
        assert body["files"]["main"]["waiting"] == {"EACCES": 1}
        assert "a1.png" not in str(body)
    assert project.value("select count(*) from users where id = 1") == 0
    said = "1 file of rows that are gone could not be removed since 2026-06-01 (EACCES 1)"
    assert said in " ".join(project.run("report", "last").out.split())
    told = " ".join(project.run("explain", "users", "1").out.split())
    assert "its rows named 6 files: EACCES 1 left; every run tries again" in told
    monkeypatch.undo()
    body = night(project, AS_OF + timedelta(days=2))
    assert body["exit_code"] == 0
    assert body["files"]["main"]["removed"] == 1
    assert not (media / "avatars" / "a1.png").exists()
    (proof,) = project.run("explain", "users", "1", "--json").json["proof"]
    assert proof["files"] == {"named": 6, "gone_at": "2026-06-03T12:00:00Z", "waiting": {}}


def test_explain_counts_the_files_that_go_with_a_row(project: Project, media: Path) -> None:
    """The row's own, and those of rows that go along; masked, its own alone. Never a name."""
    told = project.run("explain", "users", "1", "--json", "--at", "2020-01-15")
    rules = {found["action"]: found["also"] for found in told.json["rules"]}
    mine, attached = (
        {"table": table, "action": "file", "rows": rows}
        for table, rows in (("users.avatar", 1), ("attachments.path", 2))
    )
    assert [it for it in rules["delete"] if it["action"] == "file"] == [mine, attached]
    assert rules["anonymize"] == [mine]
    assert "a1.png" not in told.out
    shown = " ".join(project.run("explain", "users", "1", "--at", "2020-01-15").out.split())
    assert "1 file named in users.avatar, 2 files named in attachments.path" in shown


def test_a_missing_folder_keeps_files_waiting(project: Project, media: Path) -> None:
    """A folder that is not there, or no longer, must not count as removed files; it is corrected."""
    media.rename(project.folder / "elsewhere")
    body = night(project)
    assert body["exit_code"] == 1
    assert body["files"]["main"]["waiting"] == {"ENOENT": len(REMOVED) + 1}
    project.policy(RULES.replace('"media/', '"elsewhere/'))
    assert night(project)["exit_code"] == 0
    assert not there(project.folder / "elsewhere") & REMOVED


def test_a_row_that_came_to_share_the_file_keeps_it(
    project: Project, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looked at again before the removal: a row inserted after the commit still names the file."""
    from retention.protocol import points

    def reached(point: str) -> None:
        if point == points.CLOSED and not project.value("select count(*) from users where id = 99"):
            project.sql(f"insert into users values (99, 'N', 'a1.png', '{YOUNG}')")

    monkeypatch.setattr(points, "reached", reached)
    night(project)
    assert (media / "avatars" / "a1.png").exists()
    assert project.value("select count(*) from users where id = 1") == 0


def test_a_link_below_the_folder_leads_nowhere(project: Project, media: Path) -> None:
    """A folder that is a link is not followed, and the file behind it is not this row's."""
    outside = put(project.folder / "outside" / "a..b.png")
    (media / "avatars" / "sub" / "a..b.png").unlink()
    (media / "avatars" / "sub").rmdir()
    (media / "avatars" / "sub").symlink_to(outside.parent)
    body = night(project)
    assert body["exit_code"] == 1
    assert list(body["files"]["main"]["waiting"].values()) == [1]
    assert outside.exists()


def test_check_knows_what_cannot_work(project: Project) -> None:
    """Unknown columns, kinds without names, masks that would name another file, tables without key."""
    project.sql(
        "create table users (id integer primary key, avatar varchar(80), seen date, folder varchar(9))",
        "create table notes (id integer primary key, user_id integer, pdf varchar(80))",
        "create table loose (avatar varchar(80))",
    )
    project.policy(
        """
[rules.users]
table = "users"
start = "seen"
anonymize_after = "1 day"
[rules.users.anonymize]
avatar = { text = "gone.png" }
folder = "null"
"notes.pdf" = "null"
[rules.users.files]
avatar = "media/{folder}/{avatar}"
[rules.more]
table = "users"
[rules.more.files]
avatar = "elsewhere/{avatar}"
[rules.notes]
table = "notes"
[rules.notes.files]
pdf = "media/{pdf}"
[references]
"notes.user_id" = { to = "users.id", then = "leave" }
"""
    )
    told = project.run("check")
    assert told.code == 2
    for sentence in (
        'its mask is "null" or "empty"',
        "is a part of the name of a file",
        "mask it in a rule of its own table",
        "that its files lie elsewhere",
    ):
        assert sentence in told.err
    project.policy(
        """
[rules.users]
table = "users"
[rules.users.files]
avatar = "nowhere://media/{folders}/{seen}/{avatar}"
[rules.loose]
table = "loose"
[rules.loose.files]
avatar = "media/{avatar}"
"""
    )
    told = project.run("check")
    assert told.code == 2
    for sentence in (
        'has no column "folders"; did you mean "folder"?',
        "names come from text, whole numbers, UUIDs",
        "has no primary key, so nothing tells whose file it is",
        '"nowhere://" is no address that fsspec knows',
    ):
        assert sentence in told.err
