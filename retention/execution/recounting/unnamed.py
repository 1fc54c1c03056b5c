"""Tables without a primary key: the recount cannot follow rows that nothing names. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from retention.planning.plan import Plan, Step


def unnamed_table(plan: Plan, step: Step) -> str | None:
    """The first table whose single rows the recount of the step would have to know, but cannot."""
    return next((name for name in _needed(plan, step) if not plan.schema.tables[name].key), None)


def _needed(plan: Plan, step: Step) -> Iterator[str]:
    """Tables on the way to what the step masks, and those whose rows may keep others from leaving."""
    yield step.table
    yield from (hop.target for mask in step.masks for hop in mask.hops)
    for floor in plan.floors:
        if floor.protects:
            yield floor.table
            yield from (hop.target for hops, _ in floor.protects for hop in hops)
    yield from (name for name in plan.companions(step.table).taken if _may_keep(plan, name))


def _may_keep(plan: Plan, name: str) -> bool:
    """TRUE where something may lie on rows of the table that stops the rows they would go with."""
    excepts = any(other.unless for other in plan.steps if other.table == name)
    decided = ("block", "delete", "detach")
    return (
        excepts
        or any(plan.floors_on(name))
        or any(any(plan.referring(name, decision)) for decision in decided)
    )
