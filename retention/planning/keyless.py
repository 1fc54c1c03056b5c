"""Tables whose rows nothing tells apart: what can be done with them, and what cannot."""

from __future__ import annotations

from collections.abc import Iterator

from retention.planning.plan import Plan, Step
from retention.planning.references import Fault

_ADD = "add a primary key"


def keyless_faults(plan: Plan) -> Iterator[Fault]:
    """Steps that must know each row again, on tables in which they cannot."""
    for step in plan.steps:
        path = ("rules", step.rule, "table")
        yield from ((path, message) for message in _unnamed_along(plan, step))
        for name in (step.table, *plan.companions(step.table).taken):
            if not plan.schema.tables[name].identity:
                yield from ((path, message) for message in _unworkable(plan, step, name))


def _unnamed_along(plan: Plan, step: Step) -> Iterator[str]:
    """Rows that go unused or go with a masked row, and rows that answer for what they share."""
    tables = plan.schema.tables
    names = [use.table for use in plan.last_uses(step)]
    if names or plan.last_masks(step) or any(group.up for group in step.mask_groups):
        names.append(step.table)
    if step.removals:
        names += [step.table, *(reference.table for reference in step.removals)]
    for name in dict.fromkeys(names):
        if not tables[name].identity:
            yield (
                f'"{name}" has no primary key, so its rows cannot be told apart, and neither what they '
                f"use nor what goes with them can be followed; {_ADD}"
            )


def _unworkable(plan: Plan, step: Step, name: str) -> Iterator[str]:
    told = f'"{name}" has no primary key, so its rows cannot be told apart'
    referring = [
        reference
        for reference in plan.schema.referring_to(name)
        if plan.decisions.get(reference) != "leave"
    ]
    if name == step.table and plan.schema.dialect == "mysql":
        if referring:
            yield f'{told}, and rows of "{referring[0].table}" refer to them; {_ADD}'
        if any(mask.hops for mask in step.masks):
            yield f"{told}, and masks reach rows that refer to them; {_ADD}"
    elif any(reference.shared for reference in referring):
        yield f"{told}, and several may have the key that other rows refer to; {_ADD}"
    elif any(plan.decisions.get(found) == "detach" and found.table == name for found in referring):
        yield f"{told}, and rows that stay cannot be detached from them; {_ADD}"
