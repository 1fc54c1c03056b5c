"""Copies and what they hold, as JSON and as text for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from retention.backups.copy import Inventory, horizons
from retention.backups.returning import Held, Returning
from retention.cli.shown import wrapped
from retention.policies.backups import BackupSettings
from retention.policies.lake_tables import is_lake
from retention.reports.purges import day
from retention.reports.report import stamp

Body = Mapping[str, Any]


def set_body(
    name: str, settings: BackupSettings, inventory: Inventory | None, held: list[Held]
) -> dict[str, Any]:
    """One set of backups with its copies."""
    ends = horizons(inventory.copies) if inventory else {}
    return {
        "backups": name,
        "kind": settings.kind,
        "databases": list(settings.database),
        "keep": str(settings.keep) if settings.keep else None,
        "expire": settings.expire,
        "listed": inventory is not None,
        "complete": inventory is not None and inventory.complete,
        "why": inventory.why_incomplete if inventory else "",
        "copies": [_copy_body(found, ends[found.copy.id]) for found in held],
    }


def _copy_body(found: Held, goes_at: datetime | None) -> dict[str, Any]:
    copy, verdict = found.copy, found.verdict
    return {
        "id": copy.id,
        "start": stamp(copy.start),
        "dirty": found.first is not None,
        "dirty_since_run": found.first.intent.run_id if found.first else None,
        "dirty_since": stamp(found.first.at) if found.first else None,
        "proof": str(verdict.proof) if verdict and verdict.proof else None,
        "why": verdict.why if verdict else "nothing was erased yet",
        "rows": sum(item.rows for item in found.returning),
        "depends_on": list(copy.depends_on),
        "expires_at": stamp(copy.expires_at),
        "goes_at": stamp(goes_at),
        "held_until": stamp(copy.held_until),
        "readable": copy.readable,
    }


def sets_text(bodies: list[dict[str, Any]], zone: ZoneInfo) -> str:
    """What `backups list` prints."""
    lines: list[str] = []
    for body in bodies:
        lines += wrapped(f"{body['backups']} ({body['kind']}, {_kept(body)}): {_count(body)}", "")
        for copy in body["copies"]:
            lines += wrapped(_copy_line(copy, zone))
        lines.append("")
    return "\n".join(lines).rstrip() or "the policy names no backups"


def _kept(body: Body) -> str:
    if body["kind"] == "lake":
        return "kept as long as the table says"
    return f"kept for {body['keep']}" if body["keep"] else "kept nobody knows how long"


def _count(body: Body) -> str:
    if not body["listed"]:
        return "declared, nobody lists it"
    if not body["complete"]:
        return f"NOT KNOWN: {body['why']}"
    count = len(body["copies"])
    return f"{count:,} {'copy' if count == 1 else 'copies'}"


def _copy_line(copy: Body, zone: ZoneInfo) -> str:
    goes = f"goes {day(copy['goes_at'], zone)}" if copy["goes_at"] else "nobody knows when it goes"
    held = f", held until {day(copy['held_until'], zone)}" if copy["held_until"] else ""
    broken = "" if copy["readable"] else ", cannot be read to its end"
    if not copy["dirty"]:
        proof = f" by {copy['proof']}" if copy["proof"] else ""
        return f"{copy['id']}: clean{proof}: {copy['why']}; {goes}{held}{broken}"
    return (
        f"{copy['id']}: DIRTY since run {copy['dirty_since_run']} of "
        f"{day(copy['dirty_since'], zone)}, {copy['rows']:,} rows: {copy['why']}; "
        f"{goes}{held}{broken}"
    )


def check_body(held: Held, names: Mapping[str, str]) -> dict[str, Any]:
    """What `backups check --json` prints; `names` has the databases by their ids."""
    return {
        "schema": "retention.backup_check/1",
        "copy": held.copy.id,
        "brings_back": held.first is not None,
        "proof": str(held.verdict.proof) if held.verdict and held.verdict.proof else None,
        "why": held.verdict.why if held.verdict else "nothing was erased yet",
        "since_run": held.first.intent.run_id if held.first else None,
        "returning": [_returning(item, names) for item in held.returning],
    }


def _returning(item: Returning, names: Mapping[str, str]) -> dict[str, Any]:
    return {
        "database": names.get(item.database_id, item.database_id),
        "rule": item.rule,
        "done": item.done,
        "table": item.table,
        "rows": item.rows,
        "since": stamp(item.since),
        "until": stamp(item.until),
    }


def check_text(body: Body, zone: ZoneInfo) -> str:
    """What `backups check` prints."""
    if not body["brings_back"]:
        proof = f", by {body['proof']}" if body["proof"] else ""
        return "\n".join(
            wrapped(f"{body['copy']}: a restore brings nobody back{proof}: {body['why']}", "")
        )
    rows = sum(item["rows"] for item in body["returning"])
    lines = wrapped(f"{body['copy']}: a restore would bring back {rows:,} rows", "")
    for item in body["returning"]:
        since, until = day(item["since"], zone), day(item["until"], zone)
        when = f"on {since}" if since == until else f"from {since} to {until}"
        told = f"{item['rows']:,} rows of {item['table']}, {item['done']} by {item['rule']} {when}"
        lines += wrapped(f"{item['database']}: {told}")
    names = list(dict.fromkeys(item["database"] for item in body["returning"]))
    lines += wrapped(f"why: {body['why']}", "")
    lines += wrapped(
        "if it must be: restore it, let nobody in, and run "
        + " and ".join(map(_way_back, names))
        + " first",
        "",
    )
    return "\n".join(lines)


def _way_back(name: str) -> str:
    """A lake table needs no reapply: its rules take what is due, whatever was taken before."""
    return "`retention run --all`" if is_lake(name) else f"`retention backups reapply {name}`"
