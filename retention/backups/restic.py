"""Copies in a restic repository: its snapshots."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from retention.backups.copy import BackupCopy
from retention.backups.token import markers_in
from retention.backups.tools import CLEARING, ListingFailed, answer, evidence, instant


def listed(environment: Mapping[str, str], only: str | None, lag: timedelta) -> list[BackupCopy]:
    """Every snapshot with the tag `only`; ListingFailed where the listing is not whole.

    The repository is in `environment`. restic ends with 0 where it could not read a snapshot and
    says so on stderr alone.
    """
    words = ["restic", "snapshots", "--json", "--no-lock", "--no-cache"]
    words += ["--tag", only] if only else []
    return parsed(answer(words, environment, silent=True), lag)


def parsed(text: str, lag: timedelta) -> list[BackupCopy]:
    """The snapshots in what `restic snapshots --json` printed."""
    try:
        found = json.loads(text)
        if not isinstance(found, list):
            raise ValueError("not a list")
        return [_copy(snapshot, lag) for snapshot in found]
    except (ValueError, KeyError, TypeError, AttributeError) as fault:
        raise ListingFailed("restic printed a listing of a form that is not known") from fault


def _copy(snapshot: dict[str, Any], lag: timedelta) -> BackupCopy:
    tags = snapshot.get("tags") or []
    if not isinstance(tags, list) or not isinstance(snapshot["id"], str):
        raise ValueError("not a snapshot")
    begun = instant(snapshot["time"])
    return BackupCopy(
        snapshot["id"][:16],
        "files",
        min([begun, *_read_at(snapshot)]) - lag,
        begun,
        markers=markers_in(map(str, tags)),
        one_snapshot=True,
        evidence=evidence(sorted(snapshot.items())),
    )


def _read_at(snapshot: dict[str, Any]) -> list[datetime]:
    """When files were read, whatever `--time` says; restic 0.17 and later tell it.

    Not when its time to be kept begins: `restic forget` counts from the snapshot's own time.
    """
    summary = snapshot.get("summary") or {}
    return [instant(summary[key]) for key in ("backup_start", "backup_end") if key in summary]


def remove(environment: Mapping[str, str], ids: Sequence[str]) -> None:
    """Forget snapshots and take what only they had out of the repository."""
    answer(["restic", "forget", "--no-cache", *ids], environment, timeout=CLEARING)
    answer(["restic", "prune", "--no-cache", "--max-unused", "0"], environment, timeout=CLEARING)
