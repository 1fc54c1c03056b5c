"""Where the copies of one row stand: gone from the last of them, until when not, or not known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from retention.backups.purge import Obligation, State
from retention.backups.records import Records
from retention.ledger.store import Ledger
from retention.policies.policy import Policy
from retention.policies.tenants import family_of

NO_SETS = "the policy names no backups, so nobody knows"


@dataclass(frozen=True, slots=True)
class CopyFate:
    """One set of backups and the purge that speaks of the row; None: no night has looked yet."""

    backups: str
    keep: str
    purge: Obligation | None


def kept_copies(policy: Policy, database: str) -> tuple[CopyFate, ...]:
    """The sets that copy a database, for a row that is still there."""
    return tuple(
        CopyFate(name, str(settings.keep or ""), None)
        for name, settings in policy.backups.items()
        if {database, family_of(database)} & set(settings.database)
    )


def copy_fates(
    policy: Policy, ledger: Ledger, database: str, ids: frozenset[str], intent: int
) -> tuple[CopyFate, ...]:
    """What is owed in each set for a row that left with the batch of entry `intent`."""
    named = {fate.backups: fate for fate in kept_copies(policy, database)}
    for name, duty in _covering(Records(ledger).obligations(), ids, intent):
        keep = named[name].keep if name in named else ""
        named[name] = CopyFate(name, keep, duty)
    return tuple(named.values())


def _covering(
    duties: list[Obligation], ids: frozenset[str], intent: int
) -> Iterator[tuple[str, Obligation]]:
    """For each set the first obligation that speaks of the batch."""
    seen: set[str] = set()
    for duty in duties:
        if duty.erasure.database_id in ids and duty.intent >= intent and duty.backups not in seen:
            seen.add(duty.backups)
            yield duty.backups, duty


def copies_told(fates: tuple[CopyFate, ...], *, gone: bool, zone: ZoneInfo) -> str:
    """The copies in one sentence: for a row that is gone, or for one that is still there."""
    if not fates:
        return NO_SETS
    return "; ".join(_told(fate, gone, zone) for fate in fates)


def _told(fate: CopyFate, gone: bool, zone: ZoneInfo) -> str:
    name, purge = fate.backups, fate.purge
    if not gone:
        return f"{name} keeps copies for {fate.keep}" if fate.keep else f"{name} keeps copies"
    if purge is None:
        return f"{name}: no night has looked at its copies yet"
    if purge.first_clean is not None:
        once = "" if purge.state is State.CONFIRMED else ", to be confirmed"
        proof = f", {purge.proof.told}" if purge.proof else ""
        return f"{name}: gone since {_day(purge.first_clean, zone)}{proof}{once}"
    if purge.state is State.WAITING and purge.forecast is not None:
        return f"{name}: gone on {_day(purge.forecast, zone)}, as it looks now"
    return f"{name}: {str(purge.state).upper()}: {purge.why}"


def _day(moment: datetime, zone: ZoneInfo) -> str:
    return f"{moment.astimezone(zone):%Y-%m-%d}"
