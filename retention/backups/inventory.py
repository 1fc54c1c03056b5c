"""One listing of one set of backups, whatever lists it: the copies, each with its end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from retention.backups import borg, command, files, lake_versions, pgbackrest, restic
from retention.backups.contents import Content
from retention.backups.copy import BackupCopy, Inventory, missing_links
from retention.backups.tools import ListingFailed
from retention.connections import engine_for, expand, sqlite_file
from retention.errors import LakeFailure, UsageError
from retention.lake.table import LakeTable, app_of
from retention.policies.backups import BackupSettings
from retention.policies.calendar import Stage, Term
from retention.policies.policy import Policy

Ids = Mapping[str, frozenset[str]]
Read = Mapping[tuple[str, str], Content]


@dataclass(slots=True)
class Listing:
    """An inventory, and what was read of files that had not been read before, by id."""

    inventory: Inventory
    read: dict[str, Content] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Place:
    """Where to look: a set of the policy, its folder, and what is known of databases and files."""

    name: str
    policy: Policy
    folder: Path
    ids: Ids
    known: Read
    ledger_id: str = ""

    @property
    def settings(self) -> BackupSettings:
        """The set as the policy has it."""
        return self.policy.backups[self.name]

    def keeps_until(self, moment: datetime | None) -> datetime | None:
        """When a copy of that moment is past its time, at a midnight; None: nobody knows."""
        keep = self.settings.keep
        if keep is None or moment is None:
            return None
        return Term((Stage(keep),), self.policy.timezone).due_at(moment)

    @property
    def lake(self) -> LakeTable:
        """The table whose versions the set is. Raises LakeFailure or UsageError."""
        (address,) = self.settings.database
        return LakeTable(address, self.folder)

    @property
    def environment(self) -> dict[str, str]:
        """The tool's variables, with the repository among them: a list of processes shows none."""
        settings, name = self.settings, f"backups.{self.name}"
        found = {key: expand(text, name) for key, text in settings.environment.items()}
        variables = {"restic": "RESTIC_REPOSITORY", "borg": "BORG_REPO"}
        if settings.repository and settings.kind in variables:
            found[variables[settings.kind]] = expand(settings.repository, name)
        return found


def listing(place: Place, observed_at: datetime) -> Listing:
    """List the copies of a set. What cannot be relied on is said so in it, and nothing raised."""
    found = Listing(Inventory((), False, observed_at))
    try:
        copies = [_with_end(place, copy) for copy in _copies(place, found.read, observed_at)]
    except (ListingFailed, LakeFailure, UsageError) as failure:
        found.inventory = Inventory((), False, observed_at, str(failure))
        return found
    why = _not_whole(copies)
    found.inventory = Inventory(tuple(copies), not why, observed_at, why)
    return found


def _not_whole(copies: list[BackupCopy]) -> str:
    if not copies:
        return "no copy at all was listed: is this where they are?"
    if missing := missing_links(copies):
        return f"{len(missing)} copies that others need were not listed"
    if len({copy.id for copy in copies}) < len(copies):
        return "two copies of one name were listed"
    return ""


def _with_end(place: Place, copy: BackupCopy) -> BackupCopy:
    if copy.expires_at is not None:
        return copy
    return replace(copy, expires_at=place.keeps_until(copy.finished))


def _copies(place: Place, read: dict[str, Content], observed_at: datetime) -> list[BackupCopy]:
    settings = place.settings
    match settings.kind:
        case "files":
            return _files(place, read)
        case "restic":
            return restic.listed(place.environment, settings.only, settings.lag)
        case "borg":
            return borg.listed(place.environment, settings.only, settings.lag)
        case "pgbackrest":
            return pgbackrest.listed(place.environment, settings.stanza or "")
        case "command":
            return command.listed(settings.command or [], place.environment, place.ids)
        case "lake":
            return lake_versions.listed(place.lake, app_of(place.ledger_id), observed_at)
        case "declared":
            raise ListingFailed("nobody lists what is only declared")


def _files(place: Place, read: dict[str, Content]) -> list[BackupCopy]:
    settings = place.settings
    reading = files.Reading(place.policy.timezone, settings.lag, settings.one_snapshot)
    path = expand(settings.path or "", f"backups.{place.name}")
    copies = []
    for file in files.files_of(path, place.folder, live_files(place.policy, place.folder)):
        content = place.known.get((file.id, file.evidence))
        if content is None:
            content = read[file.id] = file.read()
        copies.append(files.copy_of(file, content, reading))
    return copies


def live_files(policy: Policy, folder: Path) -> frozenset[Path]:
    """The databases and the ledger themselves, where they are files: never copies of anything."""
    urls = {name: settings.url for name, settings in policy.databases.items()}
    engines = [engine_for(url, name, folder) for name, url in urls.items()]
    engines.append(engine_for(policy.ledger.url, "ledger", folder))
    return frozenset(file.resolve() for engine in engines if (file := sqlite_file(engine)))
