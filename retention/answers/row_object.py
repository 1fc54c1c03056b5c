"""A row's story as one JSON object. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from retention.answers.row_copies import CopyFate, copies_told
from retention.answers.row_files import BatchFiles
from retention.answers.row_proof import Proof, Untold
from retention.answers.row_story import RuleStory, Stop, Story, Waiting
from retention.answers.row_times import Read

_UTC = ZoneInfo("UTC")
SCHEMA = "retention.explain/1"


def explain_object(story: Story) -> dict[str, Any]:
    """What `explain --json` prints."""
    leaving = story.leaving
    return {
        "schema": SCHEMA,
        "database": story.database,
        "table": story.table,
        "as_of": _stamp(story.as_of),
        "policy_sha256": story.policy_sha256,
        "state": story.state,
        "due_at": _stamp(story.due_at),
        "due_by": leaving.rule.name if leaving else None,
        "goes_at": _stamp(leaving.goes_at) if leaving else None,
        "last_copy": copies_told(story.copies, gone=story.gone, zone=_UTC),
        "copies": [_copy_object(fate) for fate in story.copies],
        "rules": [_rule_object(found) for found in story.rules],
        "not_selected": list(story.others),
        "proof": [_proof_object(found) for found in story.proofs],
        "untold": [_untold_object(found) for found in story.untold],
        "notes": list(story.notes),
    }


def _copy_object(fate: CopyFate) -> dict[str, Any]:
    duty = fate.purge
    return {
        "backups": fate.backups,
        "keep": fate.keep or None,
        "state": str(duty.state) if duty else None,
        "forecast": _stamp(duty.forecast) if duty else None,
        "gone_at": _stamp(duty.first_clean) if duty else None,
        "proof": str(duty.proof) if duty and duty.proof else None,
    }


def _rule_object(found: RuleStory) -> dict[str, Any]:
    rule = found.rule
    return {
        "rule": rule.name,
        "action": found.action,
        "table": found.table,
        "through": found.through or None,
        "words": found.words,
        "promises": rule.promise,
        "basis": rule.basis or None,
        "purpose": rule.purpose or None,
        "reads": [_read_object(read) for read in found.reads],
        "due_at": _stamp(found.due.at) if found.due else None,
        "due": found.due.state if found.due else "no clock",
        "outcome": found.outcome,
        "by": found.by or None,
        "stops": [_stop_object(stop) for stop in found.stops],
        "also": [
            {"table": table, "action": action, "rows": rows} for table, action, rows in found.along
        ],
        "next_run": _stamp(found.next_run.at) if found.next_run else None,
        "goes_at": _stamp(found.goes_at),
    }


def _read_object(read: Read) -> dict[str, Any]:
    return {
        "column": read.column,
        "at": _stamp(read.at) if isinstance(read.at, datetime) else read.at and str(read.at),
        "state": read.state,
        "rows": read.rows,
        "missing": read.missing,
        "undecidable": read.undecidable,
        "purpose": read.purpose or None,
        "required": read.required,
    }


def _stop_object(stop: Stop) -> dict[str, Any]:
    return {
        "kind": stop.kind,
        "name": stop.name or None,
        "until": _stamp(stop.until.at) if stop.until else None,
        "until_state": stop.until.state if stop.until else None,
        "rows": stop.rows,
        "holds": [
            {
                "hold": hold.hold_id,
                "table": hold.table,
                "since": _stamp(hold.since),
                "review_on": str(hold.review_on) if hold.review_on else None,
            }
            for hold in stop.holds
        ],
        "unit": _unit_object(stop.unit) if stop.unit else None,
        "basis": stop.rule.basis or None if stop.rule else None,
        "promises": stop.rule.promise if stop.rule else [],
    }


def _unit_object(unit: Waiting) -> dict[str, Any]:
    return {
        "column": unit.column,
        "rows": unit.rows,
        "waiting": unit.waiting,
        "members": [
            {
                "key": member.key or None,
                "outcome": member.outcome,
                "due_at": _stamp(member.due.at) if member.due else None,
            }
            for member in unit.members
        ],
    }


def _proof_object(proof: Proof) -> dict[str, Any]:
    return {
        "entry": proof.number,
        "at": _stamp(proof.at),
        "run": proof.run_id,
        "rule": proof.rule,
        "action": proof.action,
        "done": proof.done,
        "policy_sha256": proof.policy_sha256,
        "hash": proof.hash,
        "settled": proof.settled,
        "files": _files_object(proof.files) if proof.files else None,
    }


def _files_object(found: BatchFiles) -> dict[str, Any]:
    return {
        "named": found.named,
        "gone_at": _stamp(found.gone_at),
        "waiting": dict(found.waiting),
    }


def _untold_object(found: Untold) -> dict[str, Any]:
    return {
        "why": found.why,
        "done": found.done,
        "rule": found.rule,
        "batches": found.batches,
        "rows": found.rows,
        "first_entry": found.first,
        "last_entry": found.last,
        "since": _stamp(found.since),
        "until": _stamp(found.until),
    }


def _stamp(moment: datetime | None) -> str | None:
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
