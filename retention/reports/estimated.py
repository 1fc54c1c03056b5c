"""What `plan --estimate` says, as plain data and in words. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from retention.execution.accounts import Estimate
from retention.planning.plan import Floor
from retention.reports.report import stamp

ESTIMATE_SCHEMA = "retention.estimate/1"
HEADLINE = (
    "an estimate from the database's own statistics: nothing was counted, and no run goes by it. "
    "Conditions, holds, floors and references may keep rows that it includes"
)
_KEEPS = "`retention plan` counts what a rule keeps"


def estimate_body(database: str, found: Estimate) -> dict[str, Any]:
    """One rule's action on one table; None where nothing tells."""
    step = found.step
    return {
        "rule": step.rule,
        "database": database,
        "table": step.table,
        "action": str(step.action),
        "cutoff": stamp(step.cutoff.instant if step.cutoff else None),
        "why": step.reason,
        "early_about": found.early,
        "rows_about": found.rows,
        "not_estimated": found.why_not or None,
    }


def keeping_body(database: str, floor: Floor) -> dict[str, Any]:
    """A rule that only keeps, of which there is no estimate."""
    latest = floor.deadline.latest
    return {
        "rule": floor.rule,
        "database": database,
        "table": floor.table,
        "action": "keep",
        "cutoff": stamp(latest.instant if latest else None),
        "why": floor.reason,
        "early_about": None,
        "rows_about": None,
        "not_estimated": _KEEPS,
    }


def estimate_object(
    as_of: datetime, policy_sha256: str, rules: Iterable[Mapping[str, Any]], notes: list[str]
) -> dict[str, Any]:
    """What `plan --estimate --json` prints."""
    return {
        "schema": ESTIMATE_SCHEMA,
        "as_of": stamp(as_of),
        "policy_sha256": policy_sha256,
        "rules": list(rules),
        "notes": notes,
    }


def numbers(body: Mapping[str, Any]) -> str:
    """The numbers of one rule, for the end of its first line."""
    if body["early_about"] is None:
        return "not estimated"
    return f"about {body['early_about']:,} of about {body['rows_about']:,}"
