"""Objects and files of other machines, by way of fsspec: any address it knows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from retention.errors import FileFailure, UsageError
from retention.files.found import SPECIAL, Found, PassedOver, code_of
from retention.policies.file_patterns import FilePattern

_TIMES = ("LastModified", "last_modified", "modified", "mtime", "updated")
"""How the libraries behind fsspec call the time of change."""


class RemoteFiles:
    """The files below one prefix; `system` is a file system of fsspec."""

    def __init__(self, system: Any, root: str) -> None:
        self.system = system
        self.root = root.rstrip("/")

    def walk(self, pattern: FilePattern) -> Iterator[Found | PassedOver]:
        """One listing of everything below the root, told apart here; names in order."""
        try:
            self.system.invalidate_cache()
            listed = self.system.find(self.root, maxdepth=pattern.depth, detail=True)
        except Exception as error:
            raise FileFailure(
                f"the files could not be listed ({code_of(error)}); nothing was removed"
            ) from error
        for full in sorted(listed):
            path = full[len(self.root) :].lstrip("/")
            if path and pattern.matches(path):
                yield self._found(path, listed[full]) or PassedOver(SPECIAL)

    def look(self, path: str) -> Found | None:
        """The file of that path now, asked of the server."""
        try:
            self.system.invalidate_cache()
            return self._found(path, self.system.info(self.full(path)))
        except FileNotFoundError:
            return None
        except Exception as error:
            raise FileFailure(f"a file could not be looked at ({code_of(error)})") from error

    def full(self, path: str) -> str:
        """The path as the file system wants it."""
        return f"{self.root}/{path}"

    def _found(self, path: str, info: Mapping[str, Any]) -> Found | None:
        if info.get("type") != "file" or info.get("islink"):
            return None
        told = next((info[name] for name in _TIMES if info.get(name) is not None), None)
        if told is None:
            told = self._asked(path)
        return Found(path, int(info.get("size") or 0), _time(told))

    def _asked(self, path: str) -> object:
        """Some tell the time of change only when asked for it, some never."""
        try:
            return self.system.modified(self.full(path))
        except (NotImplementedError, FileNotFoundError):
            return None


def remote_files(scheme: str, root: str) -> RemoteFiles:
    """The files below `scheme://root`; FileFailure where it cannot be opened."""
    import fsspec

    check_scheme(scheme)
    try:
        system, path = fsspec.core.url_to_fs(f"{scheme}://{root}")
    except Exception as error:
        raise FileFailure(
            f'"{scheme}://" could not be opened ({code_of(error)}); nothing was removed'
        ) from error
    return RemoteFiles(system, path)


def check_scheme(scheme: str) -> None:
    """Raises UsageError for an address that fsspec does not know, or not without a library."""
    import fsspec

    try:
        fsspec.get_filesystem_class(scheme)
    except ValueError:
        raise UsageError(
            f'"{scheme}://" is no address that fsspec knows; write a path, or s3://, gs:// and the like'
        ) from None
    except ImportError as error:
        extra = "; pip install 'retention[s3]'" if scheme in ("s3", "s3a") else ""
        raise UsageError(
            f'"{scheme}://" needs a library that is not installed{extra or ": see fsspec"}'
        ) from error


def _time(value: object) -> datetime | None:
    try:
        if isinstance(value, str):
            value = datetime.fromisoformat(value)
        elif isinstance(value, int | float):
            value = datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    if not isinstance(value, datetime):
        return None
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
