"""What a file says of its own contents: the marker within an SQLite file or a dump.

A marker is believed only where the text around it cannot be a value somebody stored: dumps that may
carry raw line ends within values are judged by their time instead.
"""

from __future__ import annotations

import gzip
import re
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, cast
from urllib.parse import quote

from retention.backups.tools import ListingFailed, answer

SQLITE = "SQLite"
LIVE_SQLITE = "SQLite, copied while in use"
PG_DUMP = "pg_dump"
MARIADB_DUMP = "mariadb-dump"
OTHER = "of no known form"
BROKEN = "not readable to its end"

_CHUNK = 1 << 16
_PG_HEAD = b"--\n-- PostgreSQL database dump"
_MARIADB_HEAD = (b"-- MariaDB dump", b"-- MySQL dump", b"/*M!999999", b"/*!999999")
_COPY = re.compile(rb'COPY (?:"?\w+"?\.)?"?retention_marker"? \(([^)]*)\) FROM stdin;\n')
_INSERT = re.compile(rb"INSERT INTO `retention_marker` (?:\(([^)]*)\) )?VALUES")
_COLUMNS = ("ledger_id", "database_id", "sequence", "complete_to")
_ROW = re.compile(rb"\('[0-9a-f-]{36}','([0-9a-f-]{36})',\d+,(\d+),")


@dataclass(frozen=True, slots=True)
class Content:
    """The form of a file, its markers by database id, and whether it holds those databases alone."""

    form: str
    markers: Mapping[str, int] = field(default_factory=dict)
    alone: bool = False


def content_of(path: Path) -> Content:
    """What a local file says of itself; nothing is written beside it, and no lock is taken."""
    try:
        with path.open("rb") as file:
            head = file.read(16)
            file.seek(0)
            if head.startswith(b"SQLite format 3\0"):
                return _sqlite(path)
            if head.startswith(b"PGDMP"):
                return restored_content(path)
            return text_content(cast(BinaryIO, file))
    except OSError:
        return Content(BROKEN)
    except ValueError:
        return Content(OTHER)


def text_content(file: BinaryIO) -> Content:
    """What a dump says of itself, plain or compressed with gzip; read once, in pieces."""
    if file.read(2) == b"\x1f\x8b":
        file.seek(0)
        try:
            with gzip.open(file) as plain:
                return _plain(cast(BinaryIO, plain))
        except (OSError, EOFError):
            return Content(BROKEN)
    file.seek(0)
    return _plain(file)


def _plain(file: BinaryIO) -> Content:
    head = file.read(64)
    file.seek(0)
    if head.startswith(_PG_HEAD):
        return _pg_dump(file)
    if head.startswith(_MARIADB_HEAD):
        return _mariadb_dump(file)
    return Content(OTHER)


def _sqlite(path: Path) -> Content:
    beside = (path.with_name(path.name + ending) for ending in ("-wal", "-journal"))
    live = any(file.exists() and file.stat().st_size for file in beside)
    # immutable: no lock, no -shm file; what a -wal beside it holds is younger, and not looked at
    url = f"file:{quote(str(path.absolute()))}?mode=ro&immutable=1"
    try:
        with closing(sqlite3.connect(url, uri=True)) as connection:
            (pages,) = connection.execute("PRAGMA page_count").fetchone()
            (size,) = connection.execute("PRAGMA page_size").fetchone()
            if pages * size > path.stat().st_size:
                return Content(BROKEN)
            known = "SELECT count(*) FROM sqlite_master WHERE name = 'retention_marker'"
            if not connection.execute(known).fetchone()[0]:
                return Content(LIVE_SQLITE if live else SQLITE)
            rows = connection.execute("SELECT database_id, complete_to FROM retention_marker")
            markers = {str(database_id): int(batch) for database_id, batch in rows}
    except sqlite3.Error:
        return Content(BROKEN)
    return Content(LIVE_SQLITE if live else SQLITE, markers, bool(markers))


def restored_content(path: Path) -> Content:
    """The marker that pg_restore finds in a dump of the custom or the directory form."""
    words = ["pg_restore", "--data-only", "--table=retention_marker", "--file=-", str(path)]
    try:
        text = answer(words, {})
    except ListingFailed:
        return Content(OTHER)
    markers = _copied(iter(text.encode().splitlines(keepends=True)))
    return Content(PG_DUMP, markers, bool(markers))


def _copied(lines: Iterator[bytes]) -> dict[str, int]:
    """The markers of the first COPY block of our table."""
    for line in lines:
        if found := _COPY.fullmatch(line):
            return _block(found, lines)
    return {}


def _block(found: re.Match[bytes], lines: Iterator[bytes]) -> dict[str, int]:
    columns = [name.strip(b' "').decode() for name in found.group(1).split(b",")]
    markers: dict[str, int] = {}
    for line in lines:
        if line == b"\\.\n":
            return markers
        row = dict(zip(columns, line.rstrip(b"\n").decode().split("\t"), strict=True))
        markers[row["database_id"]] = int(row["complete_to"])
    return {}


def _pg_dump(file: BinaryIO) -> Content:
    markers: dict[str, int] = {}
    alone = True
    lines = _lines(file)
    for line in lines:
        if line.startswith(b"COPY ") and line.endswith(b" FROM stdin;\n"):
            if found := _COPY.fullmatch(line):
                markers |= _block(found, lines)
            else:
                _skip_block(lines)
        elif line.startswith(b"INSERT INTO "):
            # values may hold raw line ends here, and with them anything
            return Content(OTHER)
        elif line.startswith(b"\\connect "):
            alone = False
    return Content(PG_DUMP, markers, alone and bool(markers))


def _skip_block(lines: Iterator[bytes]) -> None:
    for line in lines:
        if line == b"\\.\n":
            return


def _mariadb_dump(file: BinaryIO) -> Content:
    markers: dict[str, int] = {}
    alone = True
    lines = _lines(file)
    for line in lines:
        if _INSERT.match(line):
            markers |= _inserted(line, lines)
        elif line.startswith((b"USE `", b"CREATE DATABASE ")):
            alone = False
    return Content(MARIADB_DUMP, markers, alone and bool(markers))


def _inserted(line: bytes, lines: Iterator[bytes]) -> dict[str, int]:
    text = line
    while not text.endswith(b";\n"):
        more = next(lines, None)
        if more is None:
            return {}
        text += more
    found = _INSERT.match(text)
    assert found is not None
    if found.group(1) and not _usual(found.group(1)):
        return {}
    return {database_id.decode(): int(batch) for database_id, batch in _ROW.findall(text)}


def _usual(columns: bytes) -> bool:
    return tuple(columns.decode().replace("`", "").split(", "))[:4] == _COLUMNS


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """The beginnings of lines, in bounded memory: of a long line, what fits into one piece."""
    while piece := file.readline(_CHUNK):
        yield piece
        while not piece.endswith(b"\n"):
            piece = file.readline(_CHUNK)
            if not piece:
                return
