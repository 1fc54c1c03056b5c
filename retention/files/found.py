"""What a place tells of its files: facts, what was passed over, what went wrong. No path in words."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from retention.policies.file_patterns import FilePattern

LINKS = "symbolic links not followed"
SPECIAL = "neither files nor folders"
UNREAD = "folders that cannot be read"


@dataclass(frozen=True, slots=True)
class Found:
    """A file: its path below the root, bytes, time of change (aware; None: not told), its names."""

    path: str
    size: int
    modified: datetime | None
    names: int = 1

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class PassedOver:
    """Something that matched and is no file of ours; with `code`, what the system refused."""

    what: str
    code: str = ""


class Place(Protocol):
    """A folder, or a prefix of an object store."""

    def walk(self, pattern: FilePattern) -> Iterator[Found | PassedOver]:
        """What matches below the root; FileFailure where the root itself cannot be read."""
        ...

    def look(self, path: str) -> Found | None:
        """The file of that path now; None where there is none. Raises FileFailure."""
        ...


def code_of(error: BaseException) -> str:
    """The system's name for an error (`EACCES`), or that of its kind; its text may hold a path."""
    number = error.errno if isinstance(error, OSError) else None
    return errno.errorcode.get(number or 0, type(error).__name__)
