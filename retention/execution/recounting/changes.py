"""What a run itself changed, and which decisions read it. Pure.

A row can be due after the run though it was not when its step ran: another step took the row that
blocked it, or the evidence of its clock. Such rows go the next night, and are no fault.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from retention.execution.accounts import StepResult
from retention.planning.clocks import Clock
from retention.planning.conditions import Condition, columns_of
from retention.planning.deadlines import Deadline
from retention.planning.paths import ColumnPath, Hop
from retention.planning.plan import Action, Floor, Plan, Step
from retention.planning.schema import Reference


@dataclass(frozen=True, slots=True)
class Change:
    """Rows of a table that one step took (`via`: along which references, None: as its own), the
    columns that it set, or (`moved`) rows that it moved out of the table or into it.
    """

    position: int
    table: str
    via: tuple[Reference, ...] | None = None
    columns: tuple[str, ...] = ()
    moved: bool = False


def changes_of(plan: Plan, results: Sequence[StepResult]) -> list[Change]:
    """What the steps that did something changed; `results` are those of the plan's steps."""
    found: list[Change] = []
    for position, result in enumerate(results):
        step = result.count.step
        if result.done or result.also:
            found += _changes(plan, position, step, result)
    return found


def _changes(plan: Plan, position: int, step: Step, result: StepResult) -> Iterator[Change]:
    if step.action is Action.DELETE:
        companions = plan.companions(step.table)
        yield Change(position, step.table)
        for table, references in companions.taken.items():
            if result.also.get((table, "delete")):
                yield Change(position, table, references)
        for reference in companions.detached:
            if result.also.get((reference.table, "detach")):
                yield Change(position, reference.table, None, reference.columns)
    for mask in step.masks:
        yield Change(position, mask.table, None, (mask.column,))
    if step.restriction is not None:
        for name, _ in step.restriction.values:
            yield Change(position, step.table, None, (name,))
        if step.restriction.move_to:
            yield Change(position, step.table, moved=True)
            yield Change(position, step.restriction.move_to, moved=True)


def may_have_been_freed(plan: Plan, position: int, changes: Sequence[Change]) -> bool:
    """True where the run changed something that decides over rows of the step at `position`."""
    later = [change for change in changes if change.position >= position]
    step = plan.steps[position]
    if any(change.moved and change.table == step.table for change in changes):
        return True
    beside = (change for change in later if change.table == step.table)
    if step.unit is not None and any(change.position > position for change in beside):
        return True
    return any(_touches(plan, path, changes) for path in _clock_paths(plan, step)) or any(
        _touches(plan, path, later) for path in _other_paths(plan, step)
    )


def _clock_paths(plan: Plan, step: Step) -> Iterator[ColumnPath]:
    """What the step's clock reads, and the clocks of floors that may stop it."""
    if step.clock is not None:
        yield from _of_clock(step.clock, step.deadline, step.early)
    for floor in _floors(plan, step):
        if floor.clock is not None:
            yield from _of_clock(floor.clock, floor.deadline)


def _of_clock(clock: Clock, *deadlines: Deadline | None) -> Iterator[ColumnPath]:
    for column in (*clock.columns, *clock.requires):
        if column.event is None:
            yield column.path
    for _, condition in clock.purposes:
        yield from _of_condition(condition)
    for deadline in deadlines:
        if deadline is not None and deadline.by is not None:
            yield deadline.by


def _other_paths(plan: Plan, step: Step) -> Iterator[ColumnPath]:
    """What conditions read, which rows refer to the step's, and which floors lie on those."""
    for condition in _conditions(step):
        yield from _of_condition(condition)
    for floor in _floors(plan, step):
        yield from _of_condition(floor.where)
        for hops, column in floor.protects:
            yield ColumnPath(hops, hops[-1].target if hops else floor.table, column)
    for table in _leaving(plan, step):
        for other in plan.steps:
            if other.table == table and other is not step:
                for condition in (other.where, *(found for _, found in other.unless)):
                    yield from _of_condition(condition)
        for decision in ("block", "delete"):
            for reference in plan.referring(table, decision):
                yield ColumnPath((Hop(reference, down=True),), reference.table, "")


def _conditions(step: Step) -> Iterator[Condition | None]:
    yield from (step.where, step.when, step.early_when)
    yield from (found for _, found in step.unless)


def _of_condition(condition: Condition | None) -> Iterator[ColumnPath]:
    if condition is not None:
        yield from columns_of(condition)


def _leaving(plan: Plan, step: Step) -> tuple[str, ...]:
    return (step.table, *plan.companions(step.table).taken)


def _floors(plan: Plan, step: Step) -> Iterator[Floor]:
    tables = _leaving(plan, step)
    return (floor for floor in plan.floors if floor.table in tables or floor.protects)


def _touches(plan: Plan, path: ColumnPath, changes: Sequence[Change]) -> bool:
    """True where a row that is left may see something else along the path than before."""
    return any(
        _set(path, change) or any(_lost(plan, hop, change) for hop in path.hops)
        for change in changes
    )


def _set(path: ColumnPath, change: Change) -> bool:
    if (path.table, path.column) in [(change.table, name) for name in change.columns]:
        return True
    return any(
        change.table == hop.reference.table and set(change.columns) & set(hop.reference.columns)
        for hop in path.hops
    )


def _lost(plan: Plan, hop: Hop, change: Change) -> bool:
    """True where the change took rows at the end of the hop whose other end is still there."""
    if change.columns or change.table != hop.target:
        return False
    if change.moved:
        return True
    reference = hop.reference
    if hop.down:
        parent = plan.schema.tables[reference.parent]
        unique = reference.parent_columns in (parent.primary_key, *parent.unique)
        return not (unique and change.via == (reference,))
    return plan.decisions.get(reference) not in ("delete", "block")
