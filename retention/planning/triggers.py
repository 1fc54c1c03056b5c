"""Triggers of the user's: they run inside our statements, and may write what the ledger never sees."""

from __future__ import annotations

import re
from collections.abc import Iterator

from retention.planning.plan import Action, Plan, Step
from retention.planning.references import Fault
from retention.planning.schema import Table, Trigger

_NAME = r'(?:(?:"[^"]+"|`[^`]+`|\[[^\]]+\]|\w+)\s*\.\s*)?("[^"]+"|`[^`]+`|\[[^\]]+\]|\w+)'
_WRITES = re.compile(
    rf"\b(?:INSERT\s+(?:OR\s+\w+\s+|IGNORE\s+)?INTO|REPLACE\s+INTO|DELETE\s+FROM(?:\s+ONLY)?)\s+{_NAME}"
    rf"|\bUPDATE\s+(?:OR\s+\w+\s+|ONLY\s+)?{_NAME}\s+(?:AS\s+)?(?:\w+\s+)?SET\b",
    re.IGNORECASE,
)
_NOT_CODE = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'", re.DOTALL)


def written_by(body: str) -> tuple[str, ...]:
    """The tables that a trigger's statements write, as far as its text tells, in its order."""
    found = _WRITES.finditer(_NOT_CODE.sub(" ", body))
    names = ((match[1] or match[2]).strip('"`[]') for match in found)
    return tuple(dict.fromkeys(names))


def trigger_warnings(plan: Plan) -> Iterator[Fault]:
    """The triggers that a step sets off, and the tables that they write."""
    for step in plan.steps:
        for name, event in events_of(plan, step):
            table = plan.schema.tables[name]
            for trigger in table.triggers:
                if event in trigger.events:
                    yield ("rules", step.rule), _told(table, trigger, event)


def events_of(plan: Plan, step: Step) -> Iterator[tuple[str, str]]:
    """(table, event) for everything that the step does to tables."""
    for name in plan.lost_tables(step):
        yield name, "DELETE"
    for reference in plan.gone_with(step).detached:
        yield reference.table, "UPDATE"
    for mask in (*step.masks, *step.above):
        yield mask.table, "UPDATE"
    if step.action is Action.REMEMBER or (step.restriction and step.restriction.values):
        yield step.table, "UPDATE"
    if step.restriction and step.restriction.move_to:
        yield step.restriction.move_to, "INSERT"


def _told(table: Table, trigger: Trigger, event: str) -> str:
    others = [name for name in trigger.writes if name != (table.bare_name or table.name)]
    if not others:
        return (
            f'"{table.name}" has the trigger "{trigger.name}", which runs with each {event} of ours'
        )
    written = ", ".join(f'"{name}"' for name in others)
    return (
        f'"{table.name}" has the trigger "{trigger.name}", which writes {written} with each {event} of '
        "ours: what it writes is not in the ledger, and may be what was erased"
    )
