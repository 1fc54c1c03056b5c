"""Masks of rows that other rows lead to, and child rows that go with them: what cannot be."""

from __future__ import annotations

from collections.abc import Iterator

from retention.planning.declared import may_be_shared
from retention.planning.plan import Action, Plan, Step
from retention.planning.references import Fault


def ways_faults(plan: Plan, step: Step) -> Iterator[str]:
    """Masks of rows referred to, and deletions with masked rows, that no statement can do."""
    down = {step.table, *(group.table for group in step.mask_groups if not group.up)}
    lost = plan.lost_tables(step)
    for use, _ in plan.last_masks(step):
        if use.table in lost:
            yield f'rows of "{use.table}" go with this rule, and are masked by it; do one of them'
    if step.action is Action.ANONYMIZE and step.table in lost:
        yield f'rows of "{step.table}" would go with the child rows that go'
    for group in step.mask_groups:
        if group.table in lost:
            yield f'rows of "{group.table}" are masked by this rule, and go with it; do one of them'
        if not group.up:
            continue
        if group.table in down:
            yield f'rows of "{group.table}" are masked as child rows and as rows referred to'
        wanted = {(mask.column, mask.mask) for mask in group.masks}
        for way in group.ways:
            found = {(mask.column, mask.mask) for mask in step.masks if mask.hops == way}
            if found != wanted:
                yield f'two ways lead to "{group.table}": write the same masks for both'
    for reference in step.removals:
        if may_be_shared(plan.schema.tables[reference.parent], reference.parent_columns):
            yield (
                f'several rows of "{reference.parent}" may have the key that "{reference.label}" '
                f'refers to, so a row of "{reference.table}" may belong to one that is not masked; '
                "write a rule of its own for them"
            )


def unmasked_when_unused(plan: Plan) -> Iterator[Fault]:
    """Rows to be masked with their last user, where no rule says how."""
    for table, action in plan.unused.items():
        masked = any(
            mask.table == table for step in plan.steps for mask in (*step.masks, *step.above)
        )
        if action == "anonymize" and not masked:
            yield (
                ("references",),
                f'rows of "{table}" are to be masked when unused, and no rule says how: write '
                f'"{table}.column" = "null" or the like under [rules.….anonymize]',
            )
