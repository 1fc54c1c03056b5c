"""Runs as the ledger tells them: nothing in a report comes from anywhere else."""

from __future__ import annotations

from typing import Any

from retention.errors import UsageError
from retention.ledger.entry import Entry, Intent, Kind
from retention.ledger.store import Ledger, Run
from retention.reports.copies import copies_of
from retention.reports.report import REPORT_SCHEMA, run_object, stamp

_CLOSED = {Kind.COMMITTED, Kind.NOT_COMMITTED}


def runs(ledger: Ledger, limit: int = 50) -> list[dict[str, Any]]:
    """The last runs, newest first, one line each."""
    return [_line(ledger, run) for run in ledger.runs(limit)]


def report_object(found: list[dict[str, Any]], head: str) -> dict[str, Any]:
    """What `report --json` prints without a run."""
    return {"schema": REPORT_SCHEMA, "runs": found, "ledger_head": head}


def run_body(ledger: Ledger, run_id: str | None) -> dict[str, Any]:
    """One run whole; the last one for None. UsageError where there is no such run."""
    found = next((run for run in ledger.runs(100_000) if run_id in (None, run.run_id)), None)
    if found is None:
        raise UsageError(f"there is no run {run_id} in the ledger" if run_id else "no run yet")
    finished = found.finished.body if found.finished else {}
    body = run_object(
        found.run_id,
        found.started.at,
        str(found.started.body.get("policy_sha256", "")),
        _rules(finished),
        _texts(finished.get("errors")),
        _whole(finished.get("exit_code")) if found.finished else 1,
        ledger.head()[1],
    )
    body["as_of"] = str(found.started.body.get("as_of", "")).replace("+00:00", "Z")
    body["started"] = stamp(found.started.at)
    body["finished"] = stamp(found.finished.at) if found.finished else None
    body["state"] = _state(found)
    body["version"] = found.started.body.get("version")
    if "shard" in found.started.body:
        body["shard"] = found.started.body["shard"]
    body["committed"] = _committed(ledger, found.run_id)
    body["files_removed"] = _files_removed(ledger, found.run_id)
    body["files"] = finished.get("files") or {}
    body["notes"] = finished.get("notes") or []
    body["copies"] = copies_of(ledger, found)
    body["recount"] = _recounts(ledger, found.run_id, body["rules"])
    again = [dict(entry.body) for entry in ledger.entries(found.run_id, {Kind.REAPPLIED})]
    if again:
        body["reapplied"] = again
    return body


def _line(ledger: Ledger, run: Run) -> dict[str, Any]:
    committed = _committed(ledger, run.run_id)
    return {
        "run": run.run_id,
        "started": stamp(run.started.at),
        "finished": stamp(run.finished.at) if run.finished else None,
        "state": _state(run),
        "erased": sum(item["erased"] for item in committed),
        "anonymized": sum(item["anonymized"] for item in committed),
        "restricted": sum(item["restricted"] for item in committed),
        "files_removed": _files_removed(ledger, run.run_id),
        "exit_code": run.finished.body.get("exit_code") if run.finished else None,
    }


def _state(run: Run) -> str:
    if run.finished is None:
        return "running, or killed: the next run settles it"
    if run.finished.body.get("stopped"):
        return "stopped by a signal"
    code = run.finished.body.get("exit_code")
    return "done" if code == 0 else f"exit {code}"


def _committed(ledger: Ledger, run_id: str) -> list[dict[str, Any]]:
    """Rows that left or were masked, per rule and table, summed over committed batches."""
    open_intents: dict[int, Entry] = {}
    sums: dict[tuple[str, str], dict[str, int]] = {}
    for entry in ledger.entries(run_id, {Kind.INTENT, *_CLOSED}):
        if entry.kind == Kind.INTENT:
            open_intents[entry.number] = entry
            continue
        intent = open_intents.pop(_whole(entry.body.get("intent")), None)
        if intent is not None and entry.kind == Kind.COMMITTED:
            _add(sums, Intent.from_body(intent.body))
    return [
        {"rule": rule, "table": table, **counts} for (rule, table), counts in sorted(sums.items())
    ]


def _recounts(ledger: Ledger, run_id: str, rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The recount of each database, in the order of its rules, whichever was done first."""
    bodies = [dict(entry.body) for entry in ledger.entries(run_id, {Kind.RECOUNT})]
    order = list(dict.fromkeys(rule.get("database") for rule in rules))
    return sorted(
        bodies,
        key=lambda body: order.index(body["database"]) if body["database"] in order else len(order),
    )


_COUNTED = ("restricted", "remembered", "detached")


def _add(sums: dict[tuple[str, str], dict[str, int]], intent: Intent) -> None:
    words = {"masked": "anonymized", **{word: word for word in _COUNTED}}
    for name, count in intent.counts.items():
        prefix, space, table = name.partition(" ")
        if space and prefix == "due":
            continue
        kind, where = (words[prefix], table) if space and prefix in words else ("erased", name)
        counts = sums.setdefault(
            (intent.rule, where), dict.fromkeys(("erased", "anonymized", *_COUNTED), 0)
        )
        counts[kind] += count


def _files_removed(ledger: Ledger, run_id: str) -> int:
    """Files that the run is known to have removed, by rules over files and with rows."""
    entries = ledger.entries(run_id, {Kind.FILES_DONE})
    return sum(_whole(entry.body.get("removed")) for entry in entries)


def _rules(finished: Any) -> list[dict[str, Any]]:
    steps = finished.get("steps")
    return [dict(step) for step in steps] if isinstance(steps, list) else []


def _texts(found: Any) -> dict[str, str]:
    return {str(key): str(value) for key, value in found.items()} if isinstance(found, dict) else {}


def _whole(value: Any) -> int:
    return value if isinstance(value, int) else 0
