"""Obligations and listings in the ledger: entries are added and read again, never rewritten."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from retention.backups.contents import Content
from retention.backups.copy import Dirty, Erasure, Inventory, Position, Proof
from retention.backups.inventory import Listing
from retention.backups.purge import Obligation, State
from retention.errors import IntegrityError
from retention.ledger.entry import JSON, Entry, Kind, read_stamp, stamp
from retention.ledger.store import Ledger

_MOST_TOLD = 500
"""Copies named in one entry; of more, the number is told."""


class Records:
    """The part of a ledger that speaks of copies; `at` and `run_id` are those of what is added."""

    def __init__(self, ledger: Ledger, run_id: str | None = None) -> None:
        self.ledger = ledger
        self.run_id = run_id

    def obligations(self, until: int | None = None) -> list[Obligation]:
        """Every obligation there ever was, oldest first, as it stood after entry `until`, or now."""
        found: dict[int, Obligation] = {}
        for entry in self.ledger.entries(kinds={Kind.PURGE_OPENED, Kind.PURGE_MOVED}):
            if until is not None and entry.number > until:
                break
            try:
                if entry.kind == Kind.PURGE_OPENED:
                    found[entry.number] = _opened(entry)
                else:
                    number = int(str(entry.body["opened"]))
                    found[number] = moved(found[number], entry.body)
            except (KeyError, TypeError, ValueError) as fault:
                raise IntegrityError(
                    f"Entry {entry.number} of the ledger cannot be read; nothing was done. "
                    "See all that is wrong with `retention ledger verify`."
                ) from fault
        return list(found.values())

    def read_before(self, backups: str) -> dict[tuple[str, str], Content]:
        """What was read of files of a set, by name and evidence."""
        found: dict[tuple[str, str], Content] = {}
        for entry in self.ledger.entries(kinds={Kind.COPIES_LISTED}):
            read = entry.body.get("read")
            if entry.body.get("backups") == backups and isinstance(read, list):
                found |= dict(_content(item) for item in read if isinstance(item, Mapping))
        return found

    def open(self, duty: Obligation, at: datetime) -> Obligation:
        """Note a new obligation."""
        erasure = duty.erasure
        entry = self.ledger.append(
            Kind.PURGE_OPENED,
            at,
            run_id=self.run_id,
            database_id=erasure.database_id,
            body={
                "backups": duty.backups,
                "sequence_done": erasure.sequence,
                "erased_by": stamp(erasure.at),
                "position": position_text(erasure.position),
                "erased_in": duty.run_id,
                "intent": duty.intent,
                "forecast": _stamped(duty.forecast),
            },
            durable=False,
        )
        return replace(duty, number=entry.number)

    def move(self, duty: Obligation, at: datetime) -> None:
        """Note where an obligation stands now."""
        self.ledger.append(
            Kind.PURGE_MOVED,
            at,
            run_id=self.run_id,
            database_id=duty.erasure.database_id,
            body={"opened": duty.number, "backups": duty.backups, **standing(duty)},
            durable=False,
        )

    def listed(self, backups: str, found: Listing, dirty: list[Dirty], at: datetime) -> Entry:
        """Note a listing: how many copies, the hash of each line, and those that may bring back."""
        inventory = found.inventory
        return self.ledger.append(
            Kind.COPIES_LISTED,
            at,
            run_id=self.run_id,
            body={
                "backups": backups,
                "complete": inventory.complete,
                "why": inventory.why_incomplete,
                "observed_at": stamp(inventory.observed_at),
                "copies": len(inventory.copies),
                "sha256": _digest(inventory),
                "dirty": list[JSON](dirty_body(item) for item in dirty[:_MOST_TOLD]),
                "dirty_copies": len(dirty),
                "read": list[JSON](_read(inventory, found.read)),
            },
            durable=False,
        )

    def expiring(self, backups: str, ids: list[str], at: datetime) -> None:
        """Note, durably, that these copies are about to be removed."""
        body: dict[str, JSON] = {"backups": backups, "copies": list[JSON](ids)}
        self.ledger.append(Kind.COPIES_EXPIRING, at, run_id=self.run_id, body=body)


def standing(duty: Obligation) -> dict[str, JSON]:
    """Where an obligation stands, as the ledger keeps it."""
    return {
        "state": str(duty.state),
        "forecast": _stamped(duty.forecast),
        "first_clean": _stamped(duty.first_clean),
        "proof": None if duty.proof is None else str(duty.proof),
        "why": duty.why,
    }


def moved(duty: Obligation, body: Mapping[str, Any]) -> Obligation:
    """The obligation with what `standing` wrote of it."""
    return replace(
        duty,
        state=State(body["state"]),
        forecast=_read_stamp(body["forecast"]),
        first_clean=_read_stamp(body["first_clean"]),
        proof=None if body["proof"] is None else Proof(body["proof"]),
        why=str(body["why"]),
    )


def _opened(entry: Entry) -> Obligation:
    body: Mapping[str, Any] = entry.body
    erasure = Erasure(
        entry.database_id or "",
        int(body["sequence_done"]),
        read_stamp(body["erased_by"]),
        read_position(body["position"]),
    )
    return Obligation(
        str(body["backups"]),
        erasure,
        str(body["erased_in"]),
        int(body["intent"]),
        entry.number,
        forecast=_read_stamp(body["forecast"]),
    )


def dirty_body(found: Dirty) -> dict[str, JSON]:
    """A copy that may bring rows back, as the ledger and reports tell it."""
    return {"id": found.copy.id, "why": found.why, "goes_at": _stamped(found.goes_at)}


def _digest(inventory: Inventory) -> str:
    import hashlib

    lines = sorted(copy.evidence for copy in inventory.copies)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _read(inventory: Inventory, read: Mapping[str, Content]) -> list[dict[str, JSON]]:
    return [
        {
            "id": copy.id,
            "evidence": copy.evidence,
            "form": read[copy.id].form,
            "markers": dict(read[copy.id].markers),
            "alone": read[copy.id].alone,
        }
        for copy in inventory.copies
        if copy.id in read
    ]


def _content(item: Mapping[str, Any]) -> tuple[tuple[str, str], Content]:
    content = Content(str(item["form"]), dict(item["markers"]), bool(item["alone"]))
    return (str(item["id"]), str(item["evidence"])), content


def _stamped(moment: datetime | None) -> str | None:
    return None if moment is None else stamp(moment)


def _read_stamp(text: str | None) -> datetime | None:
    return None if text is None else read_stamp(text)


def position_text(place: Position | None) -> dict[str, JSON] | None:
    """A place in a server's log as the ledger keeps it."""
    if place is None:
        return None
    return {"system": place.system, "timeline": place.timeline, "lsn": place.lsn}


def read_position(body: Mapping[str, Any] | None) -> Position | None:
    """The place that `position_text` wrote."""
    if body is None:
        return None
    return Position(str(body["system"]), int(body["timeline"]), int(body["lsn"]))
