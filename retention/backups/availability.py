"""Whether a set of backups could be listed here and now: its tool is there, its pattern finds files."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from retention.backups import files
from retention.backups.inventory import Place, live_files
from retention.backups.tools import ListingFailed, answer
from retention.connections import expand
from retention.errors import UsageError

_PATIENCE = 20.0
"""Seconds that a tool may take to tell its version."""

_VERSION = {
    "restic": ("restic", "version"),
    "borg": ("borg", "--version"),
    "pgbackrest": ("pgbackrest", "version"),
}
_BORG_2 = re.compile(r"^borg2? 2\.")


def doubts(place: Place) -> Iterator[tuple[str, str]]:
    """(key, sentence) for what would leave the set's listing empty or failed. No copy is read."""
    kind = place.settings.kind
    try:
        if kind == "files":
            yield from _files(place)
        elif kind == "command":
            yield from _command(place)
        elif kind in _VERSION:
            told = answer(_VERSION[kind], place.environment, timeout=_PATIENCE)
            if kind == "borg" and _BORG_2.match(told):
                yield "kind", "borg here is borg 2, whose listings are not read: use a command"
    except (ListingFailed, UsageError) as failure:
        key = "path" if kind == "files" else "kind"
        yield key, f"{failure}; until its copies can be listed here, none of its purges closes"


def _files(place: Place) -> Iterator[tuple[str, str]]:
    path = expand(place.settings.path or "", f"backups.{place.name}")
    if not files.files_of(path, place.folder, live_files(place.policy, place.folder)):
        yield (
            "path",
            "no file fits it: is this where the copies lie? An empty listing closes no purge",
        )


def _command(place: Place) -> Iterator[tuple[str, str]]:
    name = (place.settings.command or [""])[0]
    if shutil.which(name, path=place.environment.get("PATH")) is None:
        yield "command", f"there is no program {Path(name).name} here that can be run"
