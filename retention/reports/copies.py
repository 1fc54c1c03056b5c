"""What a run found in the copies, and what was owed to them after it, as the ledger tells it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from retention.backups.outlook import SetOutlook
from retention.backups.purge import Obligation
from retention.backups.records import Records, dirty_body
from retention.ledger.entry import Entry, Kind
from retention.ledger.store import Ledger, Run
from retention.reports.report import stamp

_KINDS = frozenset({Kind.COPIES_LISTED, Kind.COPIES_EXPIRING, Kind.PURGE_OPENED, Kind.PURGE_MOVED})


def copies_of(ledger: Ledger, run: Run) -> list[dict[str, Any]]:
    """One object for each set of backups: its listing, and the purges open or ended in this run."""
    told = list(ledger.entries(run.run_id, _KINDS))
    if not told and run.finished is None:
        return []
    until = run.finished.number if run.finished else told[-1].number
    changed = {entry.number for entry in told if entry.kind == Kind.PURGE_OPENED}
    changed |= {_whole(entry.body.get("opened")) for entry in told}
    duties = [
        duty for duty in Records(ledger).obligations(until) if duty.open or duty.number in changed
    ]
    names = list(dict.fromkeys([*(_set(entry) for entry in told), *(d.backups for d in duties)]))
    databases = ledger.databases()
    return [
        {
            "backups": name,
            **_listing([entry for entry in told if _set(entry) == name]),
            "purges": purge_bodies((duty for duty in duties if duty.backups == name), databases),
        }
        for name in names
    ]


def purge_bodies(
    duties: Iterable[Obligation], databases: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Deferred purges as plain data; `databases` has the name of each by its id."""
    return [
        {
            "run": duty.run_id,
            "database": databases.get(duty.erasure.database_id, duty.erasure.database_id),
            "erased_by": stamp(duty.erasure.at),
            "state": str(duty.state),
            "forecast": stamp(duty.forecast),
            "gone_at": stamp(duty.first_clean),
            "proof": None if duty.proof is None else str(duty.proof),
            "why": duty.why,
        }
        for duty in duties
    ]


def outlook_body(found: SetOutlook, databases: Mapping[str, str]) -> dict[str, Any]:
    """One set as a night would find and leave it, in the form of a report's."""
    inventory = found.inventory
    return {
        "backups": found.name,
        "listed": inventory is not None,
        "foreseen": found.foreseen,
        "complete": inventory is not None and inventory.complete,
        "why": inventory.why_incomplete if inventory else "",
        "copies": len(inventory.copies) if inventory else 0,
        "dirty": [dirty_body(item) for item in found.dirty],
        "dirty_copies": len(found.dirty),
        "removes": [copy.id for copy in found.removes],
        "purges": purge_bodies(found.duties, databases),
        "tonight": {"rows": found.tonight, "gone_by": stamp(found.gone_by)},
    }


def _listing(told: list[Entry]) -> dict[str, Any]:
    listed = [entry.body for entry in told if entry.kind == Kind.COPIES_LISTED]
    last: Mapping[str, Any] = listed[-1] if listed else {}
    removed = [entry.body["copies"] for entry in told if entry.kind == Kind.COPIES_EXPIRING]
    return {
        "listed": bool(listed),
        "complete": bool(last.get("complete")),
        "why": str(last.get("why", "")),
        "copies": _whole(last.get("copies")),
        "dirty": list(last.get("dirty", ())),
        "dirty_copies": _whole(last.get("dirty_copies")),
        "removed": [name for names in removed if isinstance(names, list) for name in names],
    }


def _set(entry: Entry) -> str:
    return str(entry.body.get("backups", ""))


def _whole(value: Any) -> int:
    return value if isinstance(value, int) else 0
