"""Which rules are due by their schedule: the ledger says when each ran last."""

from __future__ import annotations

from datetime import datetime

from retention.ledger.entry import Kind
from retention.ledger.store import Ledger
from retention.policies.policy import Policy
from retention.scheduler.due import Decision, RuleTiming, decide


def last_runs(ledger: Ledger) -> dict[str, datetime]:
    """For each rule the instant of the last run that served it."""
    last: dict[str, datetime] = {}
    for entry in ledger.entries(kinds={Kind.RUN_FINISHED}):
        served, as_of = entry.body.get("served"), entry.body.get("as_of")
        if isinstance(served, list) and isinstance(as_of, str):
            last |= {str(rule): datetime.fromisoformat(as_of) for rule in served}
    return last


def decisions(policy: Policy, ledger: Ledger | None, as_of: datetime) -> dict[str, Decision]:
    """For each rule whether it runs now, why, and when it runs next."""
    last = last_runs(ledger) if ledger else {}
    return {
        name: decide(
            RuleTiming(name, policy.schedule_of(rule), last.get(name)), policy.timezone, as_of
        )
        for name, rule in policy.rules.items()
    }


def due_rules(policy: Policy, ledger: Ledger, as_of: datetime) -> frozenset[str]:
    """The rules that a run at `as_of` carries out."""
    return frozenset(name for name, found in decisions(policy, ledger, as_of).items() if found.due)
