"""Masks that change what says when a row may go, or must stay: told before the first night. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from retention.planning.clocks import Clock
from retention.planning.conditions import Condition, columns_of
from retention.planning.deadlines import Deadline
from retention.planning.excluding import exclude
from retention.planning.masked_columns import ColumnMask
from retention.planning.paths import ColumnPath
from retention.planning.plan import Action, Floor, Plan, Step
from retention.planning.references import Fault
from retention.policies.masking.forms import Null


def floors_masked_away(plan: Plan) -> Iterator[Fault]:
    """A floor that would end early: a mask changes what its clock, period or `where` reads."""
    for floor in plan.floors:
        clock, choice = _clock_paths(floor.clock), _choices(floor.deadline)
        for path in dict.fromkeys((*clock, *choice, *_paths_of(floor.where))):
            for step, mask in _masks_on(plan, path):
                # without a start a floor holds on
                read_else = (*choice, *_paths_of(floor.where))
                holds_on = isinstance(mask.mask, Null) and path not in read_else
                if holds_on or _is_safe(floor, path, step):
                    continue
                yield (
                    ("rules", floor.rule, "keep_at_least"),
                    f'"{path.column}" says which rows this keeps, or until when, and rules.{step.rule} '
                    "masks it meanwhile, so that they could go too early; add it to `protects`, or "
                    "leave it unmasked",
                )


def _is_safe(floor: Floor, path: ColumnPath, step: Step) -> bool:
    """TRUE where the mask waits for the floor, or never meets a row of it."""
    if (path.hops, path.column) in floor.protects or (path.is_own and not floor.protects):
        return True
    if step.table != floor.table or not path.is_own:
        return False
    if exclude(floor.where, step.where):
        return True
    over = step.deadline is not None and not floor.deadline.above(step.deadline)
    return over and step.clock == floor.clock and step.early is None


def clocks_masked_away(plan: Plan) -> Iterator[Fault]:
    """A clock, or the `where` of a rule's later stage, that will read what a mask has left."""
    for step in plan.steps:
        clock = _clock_paths(step.clock)
        for path in dict.fromkeys((*clock, *_choices(step.deadline), *_paths_of(step.where))):
            for other, mask in _masks_on(plan, path):
                if other is step or step.action is Action.REMEMBER or _comes_late(step, other):
                    continue
                if path in clock and isinstance(mask.mask, Null):
                    then = "the clock does not start"
                elif path in (*clock, *_choices(step.deadline)):
                    then = "its rows go too early or too late"
                elif step.rule == other.rule:
                    then = "the rule may not select the row"
                else:
                    continue
                yield (
                    ("rules", step.rule),
                    f'{step.action} reads "{path.table}.{path.column}", which rules.{other.rule} '
                    f"masks: from then on {then}; let it read another column",
                )


def _clock_paths(clock: Clock | None) -> list[ColumnPath]:
    columns = (*clock.columns, *clock.requires) if clock else ()
    return [column.path for column in columns if column.event is None]


def _choices(deadline: Deadline | None) -> list[ColumnPath]:
    return [deadline.by] if deadline is not None and deadline.by is not None else []


def _paths_of(condition: Condition | None) -> list[ColumnPath]:
    return [] if condition is None else list(columns_of(condition))


def _comes_late(step: Step, other: Step) -> bool:
    """TRUE where the mask meets only rows with which the step is through, or which it never meets."""
    if step.table != other.table or exclude(step.where, other.where):
        return step.table == other.table
    if step.deadline is None or other.deadline is None or step.clock != other.clock:
        return False
    return not step.deadline.above(other.deadline)


def _masks_on(plan: Plan, path: ColumnPath) -> Iterator[tuple[Step, ColumnMask]]:
    for step in plan.steps:
        for mask in (*step.masks, *step.above):
            if (mask.table, mask.column) == (path.table, path.column):
                yield step, mask
