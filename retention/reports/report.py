"""What a plan or a run says, as plain data: one versioned object, counts as whole numbers. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from retention.execution.accounts import StepCount, StepResult
from retention.planning.masked_columns import told_pseudonyms
from retention.planning.plan import Plan
from retention.policies.statutes import CAVEAT

PLAN_SCHEMA = "retention.plan/1"
RUN_SCHEMA = "retention.run/1"
REPORT_SCHEMA = "retention.report/1"


DONE = {
    "delete": "erased",
    "anonymize": "anonymized",
    "restrict": "restricted_now",
    "remember": "remembered",
}
"""Under which name a report counts what each action did."""


def stamp(moment: datetime | None) -> str | None:
    """An instant as reports write it: ISO, UTC."""
    return None if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def count_body(database: str, count: StepCount) -> dict[str, Any]:
    """One rule's action on one table, counted; None where rows were not counted."""
    step, counted = count.step, count.about is None
    body: dict[str, Any] = {
        "rule": step.rule,
        "database": database,
        "table": step.table,
        "action": str(step.action),
        "cutoff": stamp(step.cutoff.instant if step.cutoff else None),
        "why": step.reason + told_pseudonyms(step.masks),
        "statutes": list(step.statutes),
        "due": count.due,
        "not_started": count.not_started if counted else None,
        "undecidable": count.undecidable if counted else None,
        "running": count.running if counted else None,
        "kept": sum(count.kept.values()),
        "kept_by": dict(count.kept),
        "blocked": sum(count.blocked.values()),
        "blocked_by": dict(count.blocked),
        "unless": dict(count.unless),
        "held": count.held,
        "restricted": count.restricted,
        "waiting": count.waiting,
        "rows": count.rows if counted else None,
        "rows_about": count.about,
        "largest_piece": count.largest or None,
        "also": [
            {"table": also.table, "action": also.action, "due": also.due} for also in count.also
        ],
    }
    if count.owned is not None:
        body["files_with_rows"] = count.owned
    if count.files is not None:
        body["files"] = {
            "bytes_due": count.files.bytes,
            "oldest": None if count.files.oldest is None else count.files.oldest.isoformat(),
            "passed_over": dict(count.files.passed_over),
        }
    return body


def step_body(database: str, result: StepResult) -> dict[str, Any]:
    """What became of one rule's action, as the ledger keeps it."""
    body = count_body(database, result.count)
    action = str(result.count.step.action)
    body |= {name: (result.done if wanted == action else 0) for wanted, name in DONE.items()}
    body["left"] = result.left
    for also in body["also"]:
        also["done"] = result.also.get((also["table"], also["action"]), 0)
    known = {(also["table"], also["action"]) for also in body["also"]}
    body["also"] += [
        {"table": table, "action": kind, "due": 0, "done": count}
        for (table, kind), count in sorted(result.also.items())
        if (table, kind) not in known
    ]
    if "files" in body:
        files = result.files
        body["files"] |= {"bytes": files.bytes, "linked": files.linked, "changed": files.changed}
        body["files"]["failed"] = dict(files.failed)
    body["too_large"] = result.too_large
    body["batches"] = result.batches
    body["milliseconds"] = round(result.seconds * 1000)
    body["refused"] = result.refused
    body["failed"] = result.failed
    return body


def notices(rules: Iterable[Mapping[str, Any]]) -> list[str]:
    """What has to stand beside a plan or a run of these rules."""
    return [CAVEAT] if any(rule.get("statutes") for rule in rules) else []


def not_counted(body: Mapping[str, Any]) -> str:
    """What a count left out, because it takes a scan of a large table."""
    return (
        "not due yet, not started and undecidable: not counted (table has about "
        f"{body['rows_about']:,} rows; --full counts them)"
    )


def floor_bodies(plan: Plan, kept: dict[str, int]) -> list[dict[str, Any]]:
    """Rules that only keep: how many rows their floor keeps now."""
    acting = {step.rule for step in plan.steps}
    bodies: list[dict[str, Any]] = []
    for floor in plan.floors:
        if floor.rule in acting:
            continue
        cutoff = floor.deadline.latest.instant if floor.deadline.latest else None
        bodies.append(
            {
                "rule": floor.rule,
                "database": plan.database,
                "table": floor.table,
                "action": "keep",
                "cutoff": stamp(cutoff),
                "why": floor.reason,
                "statutes": list(floor.deadline.statutes),
                **dict.fromkeys(
                    (
                        "due",
                        "not_started",
                        "undecidable",
                        "running",
                        "blocked",
                        "held",
                        "restricted",
                        "waiting",
                    ),
                    0,
                ),
                "kept": kept.get(floor.rule, 0),
                "kept_by": {floor.rule: kept.get(floor.rule, 0)},
                "blocked_by": {},
                "unless": {},
                "also": [],
            }
        )
    return bodies


def plan_object(
    as_of: datetime,
    policy_sha256: str,
    rules: Iterable[dict[str, Any]],
    notes: list[str],
    copies: Iterable[dict[str, Any]] = (),
) -> dict[str, Any]:
    """What `plan --json` prints."""
    rules = list(rules)
    return {
        "schema": PLAN_SCHEMA,
        "as_of": stamp(as_of),
        "policy_sha256": policy_sha256,
        "rules": rules,
        "copies": list(copies),
        "notices": notices(rules),
        "notes": notes,
    }


def run_object(
    run_id: str,
    as_of: datetime,
    policy_sha256: str,
    rules: Iterable[dict[str, Any]],
    errors: dict[str, str],
    exit_code: int,
    ledger_head: str,
) -> dict[str, Any]:
    """What `run --json` prints."""
    rules = list(rules)
    return {
        "schema": RUN_SCHEMA,
        "run": run_id,
        "as_of": stamp(as_of),
        "policy_sha256": policy_sha256,
        "rules": rules,
        "notices": notices(rules),
        "errors": errors,
        "exit_code": exit_code,
        "ledger_head": ledger_head,
    }
