"""Which rules are due by their schedule: the ledger says when each ran last."""

from __future__ import annotations

from datetime import datetime

from retention.ledger.entry import Kind
from retention.ledger.store import Ledger
from retention.policies.policy import Policy
from retention.scheduler.due import Decision, RuleTiming, decide
from retention.scheduler.sharding import WHOLE, Shard, parse_shard


def last_runs(ledger: Ledger, shard: Shard = WHOLE) -> dict[str, datetime]:
    """For each rule the instant of the last run that served it in this part of the databases.

    All of them are served when every part of one division has been.
    """
    parts: dict[Shard, dict[str, datetime]] = {}
    for entry in ledger.entries(kinds={Kind.RUN_FINISHED}):
        served, as_of = entry.body.get("served"), entry.body.get("as_of")
        if isinstance(served, list) and isinstance(as_of, str):
            part = parse_shard(str(entry.body.get("shard", WHOLE)))
            here = {str(rule): datetime.fromisoformat(as_of) for rule in served}
            parts[part] = parts.get(part, {}) | here
    wholes = [parts.get(WHOLE, {}), parts.get(shard, {})]
    if shard == WHOLE:
        divisions = {part.of for part in parts}
        wholes += [_served_by_all(parts, of) for of in sorted(divisions)]
    return {
        rule: max(found[rule] for found in wholes if rule in found)
        for rule in dict.fromkeys(rule for found in wholes for rule in found)
    }


def _served_by_all(parts: dict[Shard, dict[str, datetime]], of: int) -> dict[str, datetime]:
    each = [parts.get(Shard(index, of), {}) for index in range(of)]
    common = set(each[0]).intersection(*each[1:])
    return {rule: min(found[rule] for found in each) for rule in common}


def decisions(
    policy: Policy, ledger: Ledger | None, as_of: datetime, shard: Shard = WHOLE
) -> dict[str, Decision]:
    """For each rule whether it runs now, why, and when it runs next."""
    last = last_runs(ledger, shard) if ledger else {}
    return {
        name: decide(
            RuleTiming(name, policy.schedule_of(rule), last.get(name)), policy.timezone, as_of
        )
        for name, rule in policy.rules.items()
    }


def due_rules(
    policy: Policy, ledger: Ledger, as_of: datetime, shard: Shard = WHOLE
) -> frozenset[str]:
    """The rules that a run at `as_of` carries out in this part of the databases."""
    found = decisions(policy, ledger, as_of, shard)
    return frozenset(name for name, decision in found.items() if decision.due)
