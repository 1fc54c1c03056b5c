"""Copies that are folders: what pg_dump's directory form, mydumper and mariadb-backup leave behind.

A folder is one copy, as old as the oldest file in it. One that lacks what its tool writes last is a
copy all the same, of which nobody knows when it was begun.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from retention.backups.contents import BROKEN, OTHER, Content, restored_content
from retention.backups.tools import ListingFailed, evidence

_TABLE_DATA = re.compile(r"\d+\.dat(\.\w+)?|blobs_?\d*\.toc|toc\.dat")
_MYDUMPER = re.compile(r"metadata(\.partial)?|.+-schema(-create|-post|-triggers)?\.sql(\.\w+)?")
_PHYSICAL = re.compile(
    r"(ibdata1|backup-my\.cnf|(xtrabackup|mariadb_backup)_(info|checkpoints))(\.\w+)?"
)
_PHYSICAL_END = re.compile(r"(xtrabackup|mariadb_backup)_info(\.\w+)?")
_CHECKPOINTS = "xtrabackup_checkpoints"
_FINISHED = b"inished dump at"
_HEAD = 1 << 16


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder that is a copy: its bytes, the times of its oldest and newest file, if it is whole."""

    path: Path
    size: int
    oldest: datetime
    newest: datetime
    evidence: str
    whole: bool
    is_pg_dump: bool

    def read(self) -> Content:
        """Its marker, where it can tell one."""
        if not self.whole:
            return Content(BROKEN)
        return restored_content(self.path) if self.is_pg_dump else Content(OTHER)


def is_dump(folder: Path) -> bool:
    """TRUE where the files in it are those of a tool that is known.

    ListingFailed for an increment of mariadb-backup, which does not name what it depends on.
    """
    names = _names(folder)
    if _CHECKPOINTS in names and b"incremental" in (folder / _CHECKPOINTS).read_bytes():
        raise ListingFailed(
            f"{folder.name} is an incremental backup: list such copies by a command"
        )
    return any(
        form.fullmatch(name) for form in (_TABLE_DATA, _MYDUMPER, _PHYSICAL) for name in names
    )


def folder_copy(name: str, folder: Path) -> Folder:
    """The folder as one copy; OSError where a part of it cannot be read."""
    members = sorted(_members(folder))
    times = [datetime.fromtimestamp(nanoseconds / 1e9, UTC) for _, _, nanoseconds in members]
    names = _names(folder)
    return Folder(
        folder,
        sum(size for _, size, _ in members),
        min(times),
        max(times),
        evidence((name, members)),
        _is_whole(folder, names),
        "toc.dat" in names,
    )


def _names(folder: Path) -> set[str]:
    with os.scandir(folder) as entries:
        return {entry.name for entry in entries if not entry.is_dir(follow_symlinks=False)}


def _members(folder: Path) -> Iterator[tuple[str, int, int]]:
    """Name, bytes and time of change (nanoseconds) of all that lies below; links are not followed."""
    for above, _, names in os.walk(folder, onerror=_raised):
        for name in names:
            path = Path(above, name)
            told = path.lstat()
            yield path.relative_to(folder).as_posix(), told.st_size, told.st_mtime_ns


def _is_whole(folder: Path, names: set[str]) -> bool:
    """Whether the tool got to its end: by what it writes last."""
    if any(_PHYSICAL.fullmatch(name) for name in names):
        return any(_PHYSICAL_END.fullmatch(name) for name in names)
    if any(_MYDUMPER.fullmatch(name) for name in names):
        return "metadata.partial" not in names and "metadata" in names and _ended(folder)
    return "toc.dat" in names


def _ended(folder: Path) -> bool:
    with (folder / "metadata").open("rb") as file:
        return _FINISHED in file.read(_HEAD)


def _raised(error: OSError) -> None:
    raise error
