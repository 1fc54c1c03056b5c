"""What really lies in a lake table's folder: every file, and what its log says of them.

Deleting a row writes a new file without it. The old file stays until VACUUM, and so do, in
`_delta_log`, the least and greatest values of its columns, until the log is cleaned.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from retention.errors import LakeFailure

LOG = "_delta_log/"
_COMMIT = re.compile(r"_delta_log/(\d{20})\.json")
_COMPACTED = re.compile(r"_delta_log/(\d{20})\.(\d{20})\.compacted\.json")
_VERSIONED = re.compile(r"_delta_log/(\d{20})\.")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS = {"week": 10_080, "day": 1_440, "hour": 60, "minute": 1}
_INTERVAL = re.compile(r"interval((?:\s+\d+\s+(?:week|day|hour|minute)s?)+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class DiskFile:
    """A file below the table's folder; `path` is relative, `changed` aware."""

    path: str
    size: int
    changed: datetime

    @property
    def version(self) -> int | None:
        """The version that a file of the log belongs to; None for any other file."""
        found = _VERSIONED.match(self.path)
        return int(found[1]) if found else None


@dataclass(slots=True)
class Log:
    """What the commits that are still in the log say.

    `written`: by path, the version that first named a data file, and when that was committed;
    `changes`: those of its files that hold changed rows. `removed`: when a path was taken out of the
    table. `told`: by file of the log, the paths whose values (statistics, partitions) it tells.
    `batches`: versions by the sequence of the batch of ours that they carry.
    """

    written: dict[str, tuple[int, datetime]] = field(default_factory=dict)
    changes: set[str] = field(default_factory=set)
    removed: dict[str, datetime] = field(default_factory=dict)
    told: dict[str, set[str]] = field(default_factory=dict)
    batches: dict[int, int] = field(default_factory=dict)


class Disk:
    """The folder of a lake table, here or in an object store. Raises LakeFailure."""

    def __init__(self, uri: str) -> None:
        self.uri = uri

    def files(self) -> list[DiskFile]:
        """Every file below the folder; a part of it that cannot be read is a failure."""
        try:
            found = _remote(self.uri) if "://" in self.uri else _local(Path(self.uri))
            return sorted(found, key=lambda file: file.path)
        except Exception as fault:
            raise LakeFailure(
                f"{self.uri}: its files could not be listed ({type(fault).__name__})"
            ) from fault

    def log(self, files: list[DiskFile], app: str) -> Log:
        """What the commits among these files say; `app` names the batches of ours."""
        log = Log()
        for file in files:
            commit = _COMMIT.fullmatch(file.path)
            if commit or _COMPACTED.fullmatch(file.path):
                _read_into(log, file, int(commit[1]) if commit else None, self._text(file), app)
        return log

    def remove(self, path: str) -> None:
        """Remove one file of the log that nothing refers to."""
        import fsspec

        system, root = fsspec.core.url_to_fs(self.uri)
        try:
            system.rm_file(f"{root.rstrip('/')}/{path}")
        except FileNotFoundError:
            return
        except Exception as fault:
            raise LakeFailure(
                f"{self.uri}: a file could not be removed ({type(fault).__name__})"
            ) from fault

    def _text(self, file: DiskFile) -> str:
        import fsspec

        try:
            system, root = fsspec.core.url_to_fs(self.uri)
            content: bytes = system.cat_file(f"{root.rstrip('/')}/{file.path}")
            return content.decode()
        except Exception as fault:
            raise LakeFailure(
                f"{self.uri}: its log could not be read ({type(fault).__name__})"
            ) from fault


def _local(root: Path) -> Iterator[DiskFile]:
    def stop(error: OSError) -> None:
        raise error

    for folder, _, names in os.walk(root, onerror=stop):
        for name in names:
            path = Path(folder, name)
            told = path.lstat()
            changed = datetime.fromtimestamp(told.st_mtime, UTC)
            yield DiskFile(path.relative_to(root).as_posix(), told.st_size, changed)


def _remote(uri: str) -> Iterator[DiskFile]:
    import fsspec

    system, root = fsspec.core.url_to_fs(uri)
    system.invalidate_cache()
    for full, told in system.find(root, detail=True).items():
        names = ("LastModified", "last_modified", "mtime", "updated")
        changed = next(told[name] for name in names if told.get(name) is not None)
        if isinstance(changed, int | float):
            changed = datetime.fromtimestamp(changed, UTC)
        aware = changed if changed.tzinfo else changed.replace(tzinfo=UTC)
        path = full[len(root.rstrip("/")) :].lstrip("/")
        yield DiskFile(path, int(told.get("size") or 0), aware.astimezone(UTC))


def _read_into(log: Log, file: DiskFile, version: int | None, text: str, app: str) -> None:
    told = log.told.setdefault(file.path, set())
    actions = [json.loads(line) for line in text.splitlines() if line.strip()]
    at = file.changed
    for action in actions:
        if "commitInfo" in action and action["commitInfo"].get("timestamp") is not None:
            at = _instant(action["commitInfo"]["timestamp"])
    for action in actions:
        for kind in ("add", "remove", "cdc"):
            if kind in action:
                _file_action(log, kind, action[kind], version, at, told)
        txn = action.get("txn")
        if version is not None and txn is not None and txn.get("appId") == app:
            log.batches[int(txn["version"])] = version


def _file_action(
    log: Log,
    kind: str,
    action: Mapping[str, Any],
    version: int | None,
    at: datetime,
    told: set[str],
) -> None:
    path = unquote(str(action["path"]))
    if action.get("partitionValues") or _has_values(action.get("stats")):
        told.add(path)
    if kind == "remove":
        deleted = action.get("deletionTimestamp")
        log.removed[path] = at if deleted is None else _instant(deleted)
        return
    if kind == "cdc":
        log.changes.add(path)
    if version is not None:
        known = log.written.get(path)
        if known is None or version < known[0]:
            log.written[path] = (version, at)


def _has_values(stats: Any) -> bool:
    """TRUE where statistics tell least or greatest values; what cannot be read counts as telling."""
    if not stats:
        return False
    try:
        found = json.loads(stats) if isinstance(stats, str) else stats
        return bool(found.get("minValues") or found.get("maxValues"))
    except (ValueError, AttributeError):
        return True


def _instant(milliseconds: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=milliseconds)


def interval(text: str) -> timedelta | None:
    """`interval 7 days` as a table's property writes it; None where it cannot be read."""
    found = _INTERVAL.fullmatch(text.strip())
    if found is None:
        return None
    words = found[1].split()
    pairs = zip(words[::2], words[1::2], strict=True)
    minutes = sum(int(count) * _UNITS[unit.lower().rstrip("s")] for count, unit in pairs)
    return timedelta(minutes=minutes)
