"""Databases that were enrolled from a list and are in it no longer: said until leave is taken."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

from retention.backups.records import Records
from retention.errors import DatabaseFailure
from retention.ledger.store import Ledger
from retention.policies.tenants import family_of, is_member
from retention.protocol.retiring import retired, retirement
from retention.scheduler.request import DatabaseNight, Request


def vanished(
    request: Request, ledger: Ledger, unlisted: Collection[str] = ()
) -> list[DatabaseNight]:
    """What the ledger still has to say of each; an error where a batch of it was never settled.

    Nothing is said of a list that could not be read.
    """
    policy = request.policy
    gone = {
        database_id: name
        for database_id, name in ledger.databases().items()
        if is_member(name)
        and request.shard.has(name)
        and name not in policy.databases
        and family_of(name) in policy.families
        and family_of(name) not in unlisted
    }
    if not gone:
        return []
    duties = [duty for duty in Records(ledger).obligations() if duty.open]
    owed = Counter(duty.erasure.database_id for duty in duties)
    told = (_told(ledger, key, gone[key], owed[key]) for key in sorted(gone, key=gone.__getitem__))
    return [night for night in told if night is not None]


def _told(ledger: Ledger, database_id: str, name: str, owed: int) -> DatabaseNight | None:
    purges = f", and {owed} purge{'s' if owed > 1 else ''} of its copies are still waited for"
    if left := retirement(ledger, database_id):
        return DatabaseNight(name, notes=[f"{retired(name, left)}{purges}"]) if owed else None
    said = f"{name} is no longer in the list of {family_of(name)}; nothing was done to it"
    if owed:
        said += purges
    if ledger.state_of(database_id).open is None:
        way_out = f"`retention retire {name}` if it is gone for good"
        return DatabaseNight(name, notes=[f"{said}; {way_out}"])
    return DatabaseNight(
        name,
        error=DatabaseFailure(
            f"{said}. Whether its last batch was committed is not known: put it back into the list, "
            f"and the next run settles it; or, if it is gone for good, `retention retire {name}`"
        ),
    )
