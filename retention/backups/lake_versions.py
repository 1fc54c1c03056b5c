"""The old versions of a lake table as copies: files that VACUUM has not removed, and its log.

A data file that the table no longer uses holds the rows that were deleted from it. A commit in the
log tells the least and greatest values of such files. Each is listed by its real file: it is there,
or it is gone. The newest version is listed, too; its marker shows that the table did not go back.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from retention.backups.copy import BackupCopy
from retention.backups.tools import ListingFailed, evidence
from retention.errors import LakeFailure, UsageError
from retention.lake.clearing import clean_log, vacuum
from retention.lake.disk import LOG, Disk, DiskFile, Log, interval
from retention.lake.table import LakeTable

_FILES = ("delta.deletedFileRetentionDuration", timedelta(days=7))
_LOGS = ("delta.logRetentionDuration", timedelta(days=30))
_NOTHING_IN = ("_last_checkpoint",)
_CLOCKS = timedelta(hours=1)
"""How much older than its commit a file may be before it counts as one from an earlier time."""


@dataclass(frozen=True, slots=True)
class Kept:
    """How long the table keeps what it no longer uses (None: its property cannot be read)."""

    files: timedelta | None
    logs: timedelta | None

    def until(self, moment: datetime) -> datetime | None:
        """When nothing of that moment is left, if somebody clears up."""
        if self.files is None or self.logs is None:
            return None
        return moment + max(self.files, self.logs)


def kept_by(table: LakeTable) -> Kept:
    """What the table's own properties say; Delta's defaults where they say nothing."""
    return Kept(_duration(table, *_FILES), _duration(table, *_LOGS))


def _duration(table: LakeTable, name: str, default: timedelta) -> timedelta | None:
    written = table.settings.get(name)
    return default if written is None else interval(written)


def listed(table: LakeTable, app: str, observed_at: datetime) -> list[BackupCopy]:
    """The newest version, and every file that an older one left. Raises ListingFailed."""
    try:
        disk = Disk(table.uri)
        files = disk.files()
        log = disk.log(files, app)
        active = table.paths()
    except (LakeFailure, ValueError, KeyError) as failure:
        raise ListingFailed(
            str(failure) if isinstance(failure, LakeFailure) else _BROKEN
        ) from failure
    versions = _Versions(table, app, log, active)
    newest = BackupCopy(
        f"version {table.version}",
        "physical",
        None,
        observed_at,
        databases=frozenset({table.id}),
        markers={table.id: versions.marker},
        one_snapshot=True,
        evidence=evidence((table.id, table.version)),
    )
    return [newest, *_named(list(versions.left(files)))]


_BROKEN = "the log of the table is of no known form"


class _Versions:
    """Tells, file by file, what of it an erasure may have been meant to take."""

    def __init__(self, table: LakeTable, app: str, log: Log, active: frozenset[str]) -> None:
        self.id = table.id
        self.log = log
        self.active = active
        self.kept = kept_by(table)
        self.marker = table.marker(app)

    def left(self, files: list[DiskFile]) -> Iterator[BackupCopy]:
        """The files that may hold what the table holds no more."""
        for file in files:
            if file.path.startswith(LOG):
                if self._tells(file):
                    yield self._log_copy(file)
            elif file.path not in self.active and not _is_checksum(file.path):
                yield self._data_copy(file)

    def _tells(self, file: DiskFile) -> bool:
        """FALSE for a commit that tells values of nothing but files the table still uses."""
        name = file.path.removeprefix(LOG)
        if name in _NOTHING_IN or _is_checksum(name):
            return False
        told = self.log.told.get(file.path)
        return told is None or bool(told - self.active)

    def _log_copy(self, file: DiskFile) -> BackupCopy:
        version = file.version
        # a checkpoint is of the table as it then was; a commit tells of what it took out as well
        after = file.path not in self.log.told
        markers = {} if version is None else {self.id: self._batches(version, after=after)}
        return self._copy(file, markers, file.changed, self.kept.logs)

    def _data_copy(self, file: DiskFile) -> BackupCopy:
        written = self.log.written.get(file.path)
        markers: Mapping[str, int] = {}
        if written is not None and file.changed > written[1] - _CLOCKS:
            after = file.path not in self.log.changes
            markers = {self.id: self._batches(written[0], after=after)}
        left_at = self.log.removed.get(file.path, file.changed)
        return self._copy(file, markers, left_at, self.kept.files)

    def _batches(self, version: int, *, after: bool) -> int:
        """The last batch that was in the table at that version; not `after`: before its commit."""
        line = version if after else version - 1
        known = self.log.batches
        done = [sequence for sequence, at in known.items() if at <= line]
        # batches whose commit is no longer in the log lie before all that is
        return max(done) if done else min(known, default=self.marker + 1) - 1

    def _copy(
        self,
        file: DiskFile,
        markers: Mapping[str, int],
        left_at: datetime,
        kept: timedelta | None,
    ) -> BackupCopy:
        return BackupCopy(
            file.path,
            "files",
            file.changed,
            left_at,
            markers=markers,
            one_snapshot=True,
            expires_at=None if kept is None else left_at + kept,
            evidence=evidence((file.path, file.size, str(file.changed))),
        )


def _is_checksum(path: str) -> bool:
    name = path.rpartition("/")[2]
    return name.startswith(".") and name.endswith(".crc")


def _named(copies: list[BackupCopy]) -> Iterator[BackupCopy]:
    """Names without folders, which may hold a row's value (`country=NO`); unlike each other."""
    seen: set[str] = set()
    for copy in copies:
        last = copy.id.rpartition("/")[2]
        if last in seen:
            last = f"{last} {hashlib.sha256(copy.id.encode()).hexdigest()[:8]}"
        seen.add(last)
        yield replace(copy, id=last)


def clear_up(table: LakeTable, observed_at: datetime) -> None:
    """VACUUM, a checkpoint, and the log cleaned, each as the table's own properties allow.

    Raises ListingFailed where the table refuses.
    """
    try:
        if any(f"/{LOG}" in file.path for file in Disk(table.uri).files()):
            raise LakeFailure(
                f"{table.address}: another table lies in its folder, whose files VACUUM would take for "
                "old ones; nothing was removed"
            )
        vacuum(table)
        clean_log(table)
        _remove_unfinished(table, observed_at)
    except (LakeFailure, UsageError) as failure:
        raise ListingFailed(str(failure)) from failure


def _remove_unfinished(table: LakeTable, observed_at: datetime) -> None:
    """Commits that a killed writer left half-way in the log, once they are past their time."""
    kept = kept_by(table).logs
    disk = Disk(table.uri)
    for file in disk.files():
        unfinished = file.path.startswith(LOG) and file.path.endswith(".tmp")
        if unfinished and kept is not None and file.changed + kept <= observed_at:
            disk.remove(file.path)
