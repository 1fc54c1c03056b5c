"""Copies in a borg repository: its archives, those of interrupted runs too."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from retention.backups.copy import BackupCopy
from retention.backups.token import markers_in
from retention.backups.tools import CLEARING, ListingFailed, answer, evidence, instant


def listed(environment: Mapping[str, str], only: str | None, lag: timedelta) -> list[BackupCopy]:
    """Every archive whose name fits `only`; ListingFailed where the listing is not whole.

    The repository is in `environment`, and TZ=UTC: borg's times carry no zone.
    """
    words = ["borg", "list", "--json", "--consider-checkpoints", "--format", "{comment}{end}"]
    words += ["--glob-archives", only] if only else []
    return parsed(answer(words, environment), lag)


def parsed(text: str, lag: timedelta) -> list[BackupCopy]:
    """The archives in what `borg list --json` printed."""
    try:
        found = json.loads(text)["archives"]
        if not isinstance(found, list):
            raise ValueError("not a list")
        return [_copy(archive, lag) for archive in found]
    except (ValueError, KeyError, TypeError, AttributeError) as fault:
        raise ListingFailed("borg printed a listing of a form that is not known") from fault


def _copy(archive: dict[str, Any], lag: timedelta) -> BackupCopy:
    name, comment = archive["name"], archive["comment"]
    if not isinstance(name, str) or not isinstance(comment, str):
        raise ValueError("not an archive")
    return BackupCopy(
        name,
        "files",
        instant(archive["start"], naive_is_utc=True) - lag,
        instant(archive["end"], naive_is_utc=True),
        markers=markers_in([comment]),
        one_snapshot=True,
        readable=not name.endswith(".checkpoint"),
        evidence=evidence(sorted(archive.items())),
    )


def remove(environment: Mapping[str, str], names: Sequence[str]) -> None:
    """Delete archives and take what only they had out of the repository."""
    for name in names:
        answer(["borg", "delete", f"::{name}"], environment, timeout=CLEARING)
    answer(["borg", "compact", "--threshold", "0"], environment, timeout=CLEARING)
