"""The marker within real dumps: found where it can be believed, and only there."""

from __future__ import annotations

import gzip
import io
import os
import subprocess
from pathlib import Path

import pytest
import servers
import sqlalchemy as sa
from project import Project

from retention.backups.contents import (
    BROKEN,
    MARIADB_DUMP,
    OTHER,
    PG_DUMP,
    Content,
    content_of,
    text_content,
)
from retention.backups.folders import folder_copy, is_dump

RULE = """
[rules.visits]
table = "visits"
start = "seen_at"
delete_after = "90 days"
"""
LIE = """
COPY public.retention_marker (ledger_id, database_id, sequence, complete_to) FROM stdin;
x\tdddddddd-0000-0000-0000-000000000000\t99\t99
\\.
INSERT INTO `retention_marker` VALUES
('11111111-0000-0000-0000-000000000000','dddddddd-0000-0000-0000-000000000000',99,99,'','','');
"""


@pytest.fixture
def one_batch(
    server_project: Project, monkeypatch: pytest.MonkeyPatch
) -> tuple[Project, dict[str, int]]:
    """A database whose marker stands at batch 1, with a row that looks like a marker."""
    programs = servers.postgresql_programs()
    if programs and server_project.dialect == "postgresql":
        monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    server_project.sql(
        "CREATE TABLE visits (id INTEGER PRIMARY KEY, seen_at VARCHAR(10), body TEXT)",
        "INSERT INTO visits VALUES (1, '2025-01-01', 'x')",
    )
    with server_project.engine.begin() as connection:
        connection.execute(
            sa.text("INSERT INTO visits VALUES (2, '2025-05-31', :lie)"), {"lie": LIE}
        )
    server_project.policy(RULE)
    server_project.enroll()
    server_project.night("2025-06-01T03:00")
    (database_id, batch) = server_project.rows(
        "SELECT database_id, complete_to FROM retention_marker"
    )[0]
    assert batch == 1
    return server_project, {database_id: 1}


def dumped(project: Project, target: Path, *options: str) -> None:
    """A dump by the engine's own program."""
    url = project.engine.url
    if project.dialect == "postgresql":
        host = url.query.get("host") or url.host
        words = ["pg_dump", *options, f"--host={host}", f"--username={url.username}"]
        words += [f"--port={url.port}"] if url.port else []
        words += [str(url.database)]
    else:
        socket = url.query.get("unix_socket")
        words = ["mariadb-dump", *options, f"--socket={socket}", "--user=root", str(url.database)]
    with target.open("wb") as file:
        subprocess.run(words, stdout=file, check=True, timeout=60)


def test_a_plain_dump_tells_its_marker(
    one_batch: tuple[Project, dict[str, int]], tmp_path: Path
) -> None:
    """Plain and compressed; a stored text that looks like a marker is not one."""
    project, marker = one_batch
    plain = tmp_path / "plain.sql"
    dumped(project, plain)
    form = PG_DUMP if project.dialect == "postgresql" else MARIADB_DUMP
    assert content_of(plain) == Content(form, marker, alone=True)
    packed = tmp_path / "packed.sql.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert content_of(packed) == Content(form, marker, alone=True)
    whole = packed.read_bytes()
    packed.write_bytes(whole[: len(whole) // 2])
    assert content_of(packed) == Content(BROKEN)


def test_other_forms_of_dumps(one_batch: tuple[Project, dict[str, int]], tmp_path: Path) -> None:
    """pg_dump's custom form is opened; its INSERTs, with raw line ends in values, are not believed."""
    project, marker = one_batch
    target = tmp_path / "dump"
    if project.dialect == "postgresql":
        dumped(project, target, "--format=custom")
        assert content_of(target) == Content(PG_DUMP, marker, alone=True)
        dumped(project, target, "--inserts")
        assert content_of(target) == Content(OTHER)
        dumped(project, target, "--create")
        assert content_of(target) == Content(PG_DUMP, marker, alone=False)
        dumped(project, target, "--table=visits")
        assert content_of(target) == Content(PG_DUMP, {}, alone=False)
        dumped(project, tmp_path / "none", "--format=directory", f"--file={tmp_path / 'folder'}")
        folder = folder_copy("folder", tmp_path / "folder")
        assert is_dump(tmp_path / "folder")
        assert (folder.whole, folder.read()) == (True, Content(PG_DUMP, marker, alone=True))
        (tmp_path / "folder" / "toc.dat").unlink()
        folder = folder_copy("folder", tmp_path / "folder")
        assert is_dump(tmp_path / "folder"), "by its data, though nothing tells what they are"
        assert (folder.whole, folder.read()) == (False, Content(BROKEN))
    else:
        dumped(project, target, "--single-transaction", "--complete-insert")
        assert content_of(target) == Content(MARIADB_DUMP, marker, alone=True)
        dumped(project, target, "--databases")
        assert content_of(target) == Content(MARIADB_DUMP, marker, alone=False)
        dumped(project, target, "--skip-extended-insert")
        assert content_of(target) == Content(MARIADB_DUMP, marker, alone=True)


def test_a_stored_text_that_looks_like_a_dump_is_no_marker() -> None:
    """Whoever writes a message cannot make an old dump look young."""
    inserts = "--\n-- PostgreSQL database dump\n--\nINSERT INTO public.notes VALUES (1, '" + LIE
    assert text_content(io.BytesIO(inserts.encode())) == Content(OTHER)
    assert text_content(io.BytesIO(LIE.encode())) == Content(OTHER)


def test_a_line_longer_than_memory_should_hold_is_passed_over() -> None:
    """A marker in the middle of a long line is data, not a marker."""
    head = b"-- MariaDB dump 10.19\n"
    marker = (
        b"INSERT INTO `retention_marker` VALUES\n('11111111-0000-0000-0000-000000000000',"
        b"'22222222-0000-0000-0000-000000000000',5,4,'h','t','i');\n"
    )
    long = b"INSERT INTO `visits` VALUES (1,'" + b"x" * (1 << 16) + marker[:-1] + b"');\n"
    assert text_content(io.BytesIO(head + long)).markers == {}
    assert text_content(io.BytesIO(head + long + marker)).markers == {
        "22222222-0000-0000-0000-000000000000": 4
    }
