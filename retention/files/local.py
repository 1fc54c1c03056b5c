"""Files of this machine, below one folder: every step down is taken by descriptor, no link followed."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from retention.errors import FileFailure
from retention.files.found import LINKS, SPECIAL, UNREAD, Found, PassedOver, code_of
from retention.policies.file_patterns import FilePattern

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_Places = frozenset[int]


class LocalFiles:
    """The files below `root`, which itself may be reached through links: a person wrote it."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def walk(self, pattern: FilePattern) -> Iterator[Found | PassedOver]:
        """Folder by folder, names in order; folders that cannot match are not opened."""
        open_folders: list[tuple[tuple[str, ...], _Places]] = [((), pattern.places)]
        while open_folders:
            parts, places = open_folders.pop()
            try:
                with self.folder(parts) as folder:
                    for name in sorted(os.listdir(folder)):
                        below = pattern.below(places, name)
                        found = self.at(folder, parts, name) if below else None
                        if isinstance(found, tuple):
                            if below - {len(pattern.parts)}:
                                open_folders.append((found, below))
                        elif found is not None and _counts(found, pattern, below):
                            yield found
            except FileNotFoundError:
                continue
            except OSError as error:
                yield PassedOver(UNREAD, code_of(error))

    def look(self, path: str) -> Found | None:
        """The regular file of that path; None for anything else, or nothing."""
        *parents, name = path.split("/")
        try:
            with self.folder(tuple(parents)) as folder:
                found = self.at(folder, tuple(parents), name)
        except OSError as error:
            if isinstance(error, FileNotFoundError | NotADirectoryError):
                return None
            raise FileFailure(f"a file could not be looked at ({code_of(error)})") from error
        return found if isinstance(found, Found) else None

    @contextmanager
    def folder(self, parts: tuple[str, ...]) -> Iterator[int]:
        """A descriptor of a folder below the root; OSError (ELOOP, ENOTDIR) where a link is met.

        FileFailure where the root is not there: an empty mount point must not count as done.
        """
        try:
            descriptor = os.open(self.root, _FOLDER)
        except OSError as error:
            raise FileFailure(
                f"the folder that the files lie in cannot be opened ({code_of(error)}); nothing was "
                "removed. Make it, mount it, or correct the rule"
            ) from error
        try:
            for part in parts:
                below = os.open(part, _FOLDER | os.O_NOFOLLOW, dir_fd=descriptor)
                os.close(descriptor)
                descriptor = below
            yield descriptor
        finally:
            os.close(descriptor)

    @staticmethod
    def at(
        folder: int, parts: tuple[str, ...], name: str
    ) -> Found | PassedOver | tuple[str, ...] | None:
        """What stands there: a file, a folder (its parts), something else, or nothing."""
        try:
            status = os.stat(name, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            return None
        if stat.S_ISDIR(status.st_mode):
            return (*parts, name)
        if not stat.S_ISREG(status.st_mode):
            return PassedOver(LINKS if stat.S_ISLNK(status.st_mode) else SPECIAL)
        return Found("/".join((*parts, name)), status.st_size, _time(status), status.st_nlink)


def _counts(found: Found | PassedOver, pattern: FilePattern, below: _Places) -> bool:
    """TRUE for what matches, and for a link that may lead to what would."""
    may_lead_on = isinstance(found, PassedOver) and found.what == LINKS
    return may_lead_on or len(pattern.parts) in below


def _time(status: os.stat_result) -> datetime | None:
    try:
        return _EPOCH + timedelta(microseconds=status.st_mtime_ns // 1000)
    except OverflowError:
        return None
