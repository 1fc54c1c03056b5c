"""What a night would do about copies, now or on a later day: listed and foreseen, nothing written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from retention.backups.copy import BackupCopy, Dirty, Inventory, horizons
from retention.backups.expiring import doomed
from retention.backups.inventory import Place, listing
from retention.backups.lake_versions import kept_by
from retention.backups.night import dirty_copies, place_of
from retention.backups.purge import APART, Obligation, State, advanced, by_declaration
from retention.backups.records import Records
from retention.errors import RetentionError
from retention.ledger.store import Ledger
from retention.policies.policy import Policy
from retention.policies.tenants import family_of


@dataclass(frozen=True, slots=True)
class SetOutlook:
    """One set as it would stand: its listing, purges, what would be removed, and tonight's rows.

    `foreseen` says that the listing is that of a later day, as far as anybody knows now. `tonight`
    are the rows that a night would take, `gone_by` when their last copy would be gone.
    """

    name: str
    inventory: Inventory | None
    foreseen: bool
    duties: list[Obligation]
    dirty: list[Dirty]
    removes: list[BackupCopy]
    tonight: int
    gone_by: datetime | None


@dataclass(frozen=True, slots=True)
class Asked:
    """What an outlook needs: the policy, the ledger if there is one, the day, and the present.

    `due` are the rows that the night of that day would take, by name of the database.
    """

    policy: Policy
    folder: Path
    ledger: Ledger | None
    as_of: datetime
    present: datetime
    due: Mapping[str, int]


def outlooks(asked: Asked) -> list[SetOutlook]:
    """Every set of the policy as a night at `as_of` would find and leave it."""
    known = Records(asked.ledger).obligations() if asked.ledger else []
    return [
        _of_set(asked, name, [duty for duty in known if duty.backups == name and duty.open])
        for name in asked.policy.backups
    ]


def place_for(asked: Asked, name: str) -> Place:
    """Where the copies of a set are, also before there is a ledger."""
    if asked.ledger is None:
        return Place(name, asked.policy, asked.folder, {}, {})
    return place_of(asked.policy, asked.folder, asked.ledger, name)


def _of_set(asked: Asked, name: str, duties: list[Obligation]) -> SetOutlook:
    place = place_for(asked, name)
    tonight = sum(
        due
        for database, due in asked.due.items()
        if {database, family_of(database)} & set(place.settings.database)
    )
    if place.settings.kind == "declared":
        after = [
            by_declaration(duty, place.keeps_until(duty.erasure.at), asked.as_of) for duty in duties
        ]
        gone_by = place.keeps_until(asked.as_of)
        return SetOutlook(name, None, False, after, [], [], tonight, gone_by)
    inventory = listing(place, asked.present).inventory
    settings = place.settings
    removes = doomed(inventory, settings.keep_last, asked.as_of) if settings.expire else []
    later = asked.as_of > asked.present
    if later:
        inventory = foreseen(inventory, asked.as_of)
    after = [_later(duty, inventory, asked) for duty in duties]
    gone_by = _gone_by(place, inventory, asked)
    dirty = dirty_copies(inventory, after)
    return SetOutlook(name, inventory, later, after, dirty, removes, tonight, gone_by)


def foreseen(inventory: Inventory, as_of: datetime) -> Inventory:
    """The listing of a later day if every copy goes when its time is over, and none is made."""
    ends = horizons(inventory.copies)
    there = [copy for copy in inventory.copies if (end := ends[copy.id]) is None or end > as_of]
    return replace(inventory, copies=tuple(there), observed_at=as_of)


def _later(duty: Obligation, inventory: Inventory, asked: Asked) -> Obligation:
    """The obligation by then, seen by a run each night: what ended a day before is confirmed."""
    found = advanced(duty, inventory, asked.as_of)
    if asked.as_of <= asked.present or found.state is not State.EXPIRED:
        return found
    ended = duty.first_clean or duty.forecast or asked.as_of
    if ended + APART > asked.as_of:
        return replace(found, first_clean=ended)
    return replace(found, state=State.CONFIRMED, first_clean=ended)


def _gone_by(place: Place, inventory: Inventory, asked: Asked) -> datetime | None:
    """When the rows that go at `as_of` are gone from the last copy: all that are there hold them."""
    if place.settings.kind == "lake":
        return _versions_gone(place, asked.as_of)
    newest = place.keeps_until(asked.as_of) if asked.as_of > asked.present else None
    ends = [*horizons(inventory.copies).values(), *([newest] if newest else [])]
    known = [end for end in ends if end is not None]
    return max(known) if known and len(known) == len(ends) else None


def _versions_gone(place: Place, as_of: datetime) -> datetime | None:
    """When neither an old file nor the log of a lake table has what goes at `as_of`."""
    try:
        return kept_by(place.lake).until(as_of)
    except RetentionError:
        return None
