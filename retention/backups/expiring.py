"""Which copies are past their time and may be removed, and how they are. `doomed` is pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from retention.backups import borg, files, lake_versions, pgbackrest, restic
from retention.backups.copy import BackupCopy, Inventory, horizons
from retention.backups.inventory import Place
from retention.connections import expand


def doomed(inventory: Inventory, keep_last: int, as_of: datetime) -> list[BackupCopy]:
    """The copies whose time is over, oldest first.

    Never one that is held, that another copy needs which stays, or one of the newest `keep_last`
    that can be read; nothing at all where the listing is not complete.
    """
    if not inventory.complete:
        return []
    copies = [copy for copy in inventory.copies if copy.kind != "log"]
    good = sorted((copy for copy in copies if copy.readable), key=_age)
    kept = {copy.id for copy in good[-keep_last:]}
    if len(good) < keep_last:
        return []
    ends = horizons(inventory.copies)
    stay = {copy.id for copy in copies if copy.id in kept or not _over(ends[copy.id], as_of)}
    stay |= _needed(copies, stay)
    return sorted((copy for copy in copies if copy.id not in stay), key=_age)


def _over(end: datetime | None, as_of: datetime) -> bool:
    return end is not None and end <= as_of


def _age(copy: BackupCopy) -> tuple[float, str]:
    moment = copy.finished or copy.start
    return (moment.timestamp() if moment else 0.0), copy.id


def _needed(copies: Iterable[BackupCopy], stay: set[str]) -> set[str]:
    """What the copies that stay cannot be restored without."""
    needs = {copy.id: copy.depends_on for copy in copies}
    reached, waiting = set(stay), list(stay)
    while waiting:
        for name in needs.get(waiting.pop(), ()):
            if name not in reached:
                reached.add(name)
                waiting.append(name)
    return reached


def remove(place: Place, copies: list[BackupCopy], as_of: datetime) -> None:
    """Remove copies so that nothing of them stays in the store; ListingFailed where it cannot."""
    settings, ids = place.settings, [copy.id for copy in copies]
    match settings.kind:
        case "files":
            path = expand(settings.path or "", f"backups.{place.name}")
            files.remove(path, place.folder, {copy.id: copy.evidence for copy in copies})
        case "restic":
            restic.remove(place.environment, ids)
        case "borg":
            borg.remove(place.environment, ids)
        case "lake":
            lake_versions.clear_up(place.lake, as_of)
        case "pgbackrest":
            pgbackrest.remove(place.environment, settings.stanza or "", _heads(copies))


def _heads(copies: list[BackupCopy]) -> list[str]:
    """The copies that need none of the others: those go along with what they need."""
    ids = {copy.id for copy in copies}
    return [copy.id for copy in copies if not ids & set(copy.depends_on)]
