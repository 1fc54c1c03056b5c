"""Removing one file: looked at again right before, so that what was decided still holds."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from retention.errors import FileFailure
from retention.files.found import Found, Place, code_of
from retention.files.local import LocalFiles
from retention.files.remote import RemoteFiles

Still = Callable[[Found], bool]
"""Whether a file, as it is now, is to go."""


class Fate(StrEnum):
    """What became of a file that was to go."""

    REMOVED = "removed"
    ABSENT = "absent"
    CHANGED = "changed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Removal:
    """The fate of one file; `code` names what the system refused."""

    fate: Fate
    code: str = ""
    size: int = 0
    names: int = 1


def remove(place: Place, path: str, still: Still) -> Removal:
    """Remove the file of that path if `still` says so; what cannot be removed is told by its code."""
    try:
        if isinstance(place, LocalFiles):
            return _remove_local(place, path, still)
        assert isinstance(place, RemoteFiles)
        return _remove_remote(place, path, still)
    except FileNotFoundError:
        return Removal(Fate.ABSENT)
    except FileFailure as failure:
        return Removal(Fate.FAILED, code_of(failure.__cause__ or failure))
    except Exception as error:
        return Removal(Fate.FAILED, code_of(error))


def _remove_local(place: LocalFiles, path: str, still: Still) -> Removal:
    *parents, name = path.split("/")
    with place.folder(tuple(parents)) as folder:
        found = place.at(folder, tuple(parents), name)
        if found is None:
            return Removal(Fate.ABSENT)
        if not isinstance(found, Found) or not still(found):
            return Removal(Fate.CHANGED)
        os.unlink(name, dir_fd=folder)
        return Removal(Fate.REMOVED, size=found.size, names=found.names)


def _remove_remote(place: RemoteFiles, path: str, still: Still) -> Removal:
    found = place.look(path)
    if found is None:
        return Removal(Fate.ABSENT)
    if not still(found):
        return Removal(Fate.CHANGED)
    # never `rm`, which reads wildcards in a name
    place.system.rm_file(place.full(path))
    return Removal(Fate.REMOVED, size=found.size)


def make_durable(place: Place, paths: Iterable[str]) -> None:
    """The removals are on the disk before anybody writes that they took place."""
    if not isinstance(place, LocalFiles):
        return
    for parents in sorted({path.rpartition("/")[0] for path in paths}):
        try:
            with place.folder(tuple(filter(None, parents.split("/")))) as folder:
                os.fsync(folder)
        except (OSError, FileFailure):
            # the folder is gone with its files, or its file system cannot do it
            continue
