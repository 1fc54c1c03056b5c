"""Copies that are files or folders: dumps and database files, found by a pattern."""

from __future__ import annotations

import fnmatch
import os
import re
import shutil
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, cast
from zoneinfo import ZoneInfo

from retention.backups import folders
from retention.backups.contents import (
    BROKEN,
    LIVE_SQLITE,
    MARIADB_DUMP,
    OTHER,
    Content,
    content_of,
    text_content,
)
from retention.backups.copy import BackupCopy
from retention.backups.tools import ListingFailed, evidence

_BESIDE = ("-wal", "-shm", "-journal", ".retention-lock")
_WILD = re.compile(r"[*?\[]")
_DAY = re.compile(
    r"(?<!\d)(20\d\d)[-_.]?(0[1-9]|1[0-2])[-_.]?(0[1-9]|[12]\d|3[01])"
    r"(?:[T_\- ]?([01]\d|2[0-3])[-_:.h]?([0-5]\d)(?:[-_:.]?([0-5]\d))?)?(?!\d)"
)


@dataclass(frozen=True, slots=True)
class Found:
    """What fits the pattern; `id` is its path below the folder in which the pattern begins.

    Of a folder `changed` is that of its newest file, `oldest` that of its oldest; not `whole`: its
    tool did not get to its end.
    """

    id: str
    size: int
    changed: datetime
    evidence: str
    read: Callable[[], Content]
    oldest: datetime | None = None
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Reading:
    """How files are read: the zone of days in names, their lag, whether each is one snapshot."""

    zone: ZoneInfo
    lag: timedelta
    one_snapshot: bool | None


def copy_of(file: Found, content: Content, reading: Reading) -> BackupCopy:
    """A file as a copy: begun at the day in its name, or its last change less the lag, if earlier."""
    named = day_in(PurePosixPath(file.id).name, reading.zone)
    times = [(file.oldest or file.changed) - reading.lag, *([named] if named else [])]
    own = content.form not in (LIVE_SQLITE, MARIADB_DUMP, OTHER, BROKEN)
    return BackupCopy(
        file.id,
        "logical",
        min(times) if file.whole else None,
        max(file.changed, *times),
        databases=frozenset(content.markers) if content.alone else None,
        markers=content.markers,
        one_snapshot=own if reading.one_snapshot is None else reading.one_snapshot,
        readable=content.form != BROKEN,
        evidence=file.evidence,
    )


def day_in(name: str, zone: ZoneInfo) -> datetime | None:
    """The instant a file's name tells, `shop-2026-11-22T0230.db`; a day alone means its midnight."""
    found = _DAY.search(name)
    if found is None:
        return None
    try:
        parts = [int(part) for part in found.groups(default="0")]
        return datetime(*parts, tzinfo=zone).astimezone(UTC)  # type: ignore[arg-type, misc]
    except ValueError:
        return None


def files_of(path: str, folder: Path, live: frozenset[Path]) -> list[Found]:
    """The files that fit `path`; never one of `live`, which are the databases themselves.

    ListingFailed where a folder cannot be read: what cannot be seen may be there.
    """
    if "://" in path:
        return list(_remote(path))
    root, parts = split(path, folder)
    if not root.is_dir():
        raise ListingFailed(f"there is no folder {root}")
    try:
        matching = sorted(set(_matching(root, parts)))
        return [_local(root, file) for file in matching if not _belongs_to_another(file, live)]
    except OSError as fault:
        raise ListingFailed(f"a folder below {root} cannot be read") from fault


def _belongs_to_another(file: Path, live: frozenset[Path]) -> bool:
    """TRUE for a database itself, and for what SQLite keeps beside a file."""
    base = next((file.name.removesuffix(end) for end in _BESIDE if file.name.endswith(end)), "")
    return file.resolve() in live or bool(base and file.with_name(base).exists())


def split(path: str, folder: Path) -> tuple[Path, tuple[str, ...]]:
    """The folder in which a pattern begins, and its parts from there on."""
    parts = (folder / path).parts
    fixed = next((at for at, part in enumerate(parts) if _WILD.search(part)), len(parts) - 1)
    return Path(*parts[:fixed]), parts[fixed:]


def _matching(folder: Path, parts: Sequence[str]) -> Iterator[Path]:
    first, rest = parts[0], parts[1:]
    if first == "**":
        yield from _matching(folder, rest or ("*",))
        for entry in _entries(folder):
            if entry.is_dir(follow_symlinks=False) and not folders.is_dump(Path(entry.path)):
                yield from _matching(Path(entry.path), parts)
        return
    for entry in _entries(folder):
        if not fnmatch.fnmatchcase(entry.name, first):
            continue
        if entry.is_dir():
            if rest:
                yield from _matching(Path(entry.path), rest)
            elif folders.is_dump(Path(entry.path)):
                yield Path(entry.path)
            else:
                raise ListingFailed(f"{entry.name} is a folder: name the files in it")
        elif not rest and entry.is_file():
            yield Path(entry.path)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return list(entries)


def _local(root: Path, file: Path) -> Found:
    name = file.relative_to(root).as_posix()
    if file.is_dir():
        dump = folders.folder_copy(name, file)
        return Found(
            name, dump.size, dump.newest, dump.evidence, dump.read, dump.oldest, dump.whole
        )
    told = file.stat()
    return Found(
        name,
        told.st_size,
        datetime.fromtimestamp(told.st_mtime, UTC),
        evidence((name, told.st_size, told.st_mtime_ns)),
        lambda: content_of(file),
    )


def _remote(path: str) -> Iterator[Found]:
    import fsspec

    try:
        system, inside = fsspec.core.url_to_fs(path)
        entries: dict[str, dict[str, Any]] = system.glob(inside, detail=True)
    except Exception as fault:
        # every file system raises errors of its own
        raise ListingFailed(f"{path.partition('://')[0]} could not list the files") from fault
    for name, told in sorted(entries.items()):
        if told.get("type") != "file":
            raise ListingFailed(f"{name} is a folder: name the files in it")
        yield _object(system, name, told)


def _object(system: Any, name: str, told: Mapping[str, Any]) -> Found:
    changed = next(
        (
            told[key]
            for key in ("mtime", "LastModified", "last_modified", "updated", "created")
            if told.get(key)
        ),
        None,
    )
    if isinstance(changed, str):
        changed = datetime.fromisoformat(changed)
    if isinstance(changed, int | float):
        changed = datetime.fromtimestamp(changed, UTC)
    if not isinstance(changed, datetime):
        raise ListingFailed("a file has no time of last change")
    aware = changed if changed.tzinfo else changed.replace(tzinfo=UTC)
    return Found(
        name,
        int(told.get("size") or 0),
        aware.astimezone(UTC),
        evidence((name, told.get("size"), str(changed), told.get("ETag"))),
        lambda: _read(system, name),
    )


def _read(system: Any, name: str) -> Content:
    try:
        with system.open(name, "rb") as file:
            return text_content(cast(BinaryIO, file))
    except Exception:
        return Content(BROKEN)


def remove(path: str, folder: Path, ids: Mapping[str, str]) -> None:
    """Remove files and folders, {id: evidence}, below the folder of the pattern, with what SQLite
    left beside.

    A symbolic link is neither followed nor removed, nor a file that changed since it was listed.
    Raises ListingFailed where one cannot be removed.
    """
    root, _ = split(path, folder)
    for name, seen in ids.items():
        parent, last = os.path.split(name)
        try:
            place = _opened(root, parent)
            try:
                _take_away(root / name, place, last, name, seen)
            finally:
                os.close(place)
        except OSError as fault:
            raise ListingFailed(f"{name} could not be removed") from fault


def _opened(root: Path, below: str) -> int:
    """The folder as a descriptor, each step without following a link."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
    place = os.open(root, flags)
    for part in PurePosixPath(below).parts:
        try:
            inner = os.open(part, flags | os.O_NOFOLLOW, dir_fd=place)
        finally:
            os.close(place)
        place = inner
    return place


def _take_away(path: Path, place: int, last: str, name: str, seen: str) -> None:
    told = os.stat(last, dir_fd=place, follow_symlinks=False)
    if stat.S_ISDIR(told.st_mode):
        if folders.folder_copy(name, path).evidence != seen:
            raise ListingFailed(f"{name} changed since it was listed; it was left where it is")
        shutil.rmtree(last, dir_fd=place)
        return
    if not stat.S_ISREG(told.st_mode) or evidence((name, told.st_size, told.st_mtime_ns)) != seen:
        raise ListingFailed(f"{name} is not the file that was listed; it was left where it is")
    os.unlink(last, dir_fd=place)
    for ending in _BESIDE:
        try:
            os.unlink(last + ending, dir_fd=place)
        except FileNotFoundError:
            continue
