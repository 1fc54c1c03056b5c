"""The order of steps: evidence is read before it is erased, and what blocks goes first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from retention.planning.conditions import columns_of
from retention.planning.plan import Action, Plan, Step


class OrderFault(ValueError):
    """No order of the steps works."""


def in_order(plan: Plan) -> tuple[Step, ...]:
    """The steps of `plan` in an order that works; file order decides between equals.

    Raises OrderFault where a rule's clock needs rows that must be gone before the rule can act.
    """
    waiting = list(plan.steps)
    awaited = {
        id(step): [other for other in waiting if other is not step and _before(plan, other, step)]
        for step in waiting
    }
    ordered: list[Step] = []
    while waiting:
        ready = [
            step
            for step in waiting
            if not any(other is first for first in awaited[id(step)] for other in waiting)
        ]
        if not ready:
            first, *others = _circle(waiting, awaited)
            after = ", which must come after ".join(step.name for step in (*others, first))
            raise OrderFault(
                f"no order of the rules works: {first.name} must come after {after}; each reads, "
                "or waits for, what the one before it must find; decide a reference between them "
                "otherwise"
            )
        chosen = next((step for step in ready if not _deleted_first(plan, waiting, step)), ready[0])
        waiting.remove(chosen)
        ordered.append(chosen)
    return tuple(ordered)


def _circle(waiting: list[Step], awaited: Mapping[int, list[Step]]) -> list[Step]:
    """Of steps that all wait: some that wait for one another, each for the next."""
    path = [waiting[0]]
    while True:
        following = next(
            other for other in awaited[id(path[-1])] if any(other is step for step in waiting)
        )
        for place, step in enumerate(path):
            if step is following:
                return path[place:]
        path.append(following)


def _before(plan: Plan, first: Step, second: Step) -> bool:
    """True where `first` must go before `second`."""
    if _before_moving(first, second) or _reads_what_is_set(plan, first, second):
        return True
    if _before_moving(second, first) or _reads_what_is_set(plan, second, first):
        return False
    if _erases_evidence(plan, second, first):
        return True
    if _erases_evidence(plan, first, second):
        return False
    awaited = set(_awaited(plan, second))
    lost = {*plan.lost_tables(first), *(found.table for found in plan.gone_with(first).detached)}
    masked = {(mask.table, mask.column) for mask in (*first.masks, *first.above)}
    return bool(masked & awaited) or any(table in lost for table, _ in awaited)


def _before_moving(first: Step, second: Step) -> bool:
    """TRUE where `second` moves rows that `first` might meet a second time, or half done."""
    if not second.moves or second.restriction is None:
        return False
    masks_here = first.action is Action.ANONYMIZE and first.table == second.table
    return masks_here or first.table == second.restriction.move_to


def _reads_what_is_set(plan: Plan, reader: Step, setter: Step) -> bool:
    """TRUE where a condition of `reader` names a column that `setter` sets to restrict."""
    if setter.restriction is None or reader is setter:
        return False
    changed = {(setter.table, name) for name, _ in setter.restriction.values}
    conditions = (reader.where, reader.when, *(found for _, found in reader.unless))
    return any(
        (path.table, path.column) in changed
        for condition in conditions
        if condition is not None
        for path in columns_of(condition)
    )


_FIRST = (Action.REMEMBER, Action.DELETE, Action.RESTRICT, Action.ANONYMIZE)


def _deleted_first(plan: Plan, waiting: list[Step], step: Step) -> bool:
    """TRUE where rows would better be deleted before others are masked: of the step's table, or
    users of what it masks when nothing else uses it. Restricting comes between the two.
    """
    if any(
        other.table == step.table and _FIRST.index(other.action) < _FIRST.index(step.action)
        for other in waiting
    ):
        return True
    if step.action is not Action.ANONYMIZE:
        return False
    users: set[str] = set()
    for group in step.mask_groups:
        if group.up:
            passed = {hop.target for way in group.ways for hop in way}
            users |= {found.table for table in passed for found in plan.users_of(table)}
    return any(users & set(plan.lost_tables(other)) for other in waiting if other is not step)


def _erases_evidence(plan: Plan, eraser: Step, reader: Step) -> bool:
    """True where `eraser` takes rows or masks columns that `reader`'s clocks read."""
    if eraser.rule == reader.rule and eraser.table == reader.table:
        return False
    lost = set(plan.lost_tables(eraser))
    masked = {(mask.table, mask.column) for mask in (*eraser.masks, *eraser.above)}
    evidence = set(_evidence(plan, reader))
    if any(table in lost for table, _ in evidence):
        return True
    return bool(masked & (evidence | set(_own_evidence(plan, reader))))


def _own_evidence(plan: Plan, step: Step) -> Iterator[tuple[str, str]]:
    """Columns of the rows themselves that say when the step, and floors that may stop it, are due."""
    deadlines = [step.deadline, step.early]
    clocks = [step.clock]
    for floor in plan.floors:
        if floor.table in (step.table, *plan.lost_tables(step)):
            clocks.append(floor.clock)
            deadlines.append(floor.deadline)
    columns = [it for clock in clocks if clock for it in (*clock.columns, *clock.requires)]
    paths = [column.path for column in columns if column.event is None]
    paths += [deadline.by for deadline in deadlines if deadline and deadline.by]
    paths += [step.younger.born.path] if step.younger else []
    yield from ((path.table, path.column) for path in paths)


def _evidence(plan: Plan, step: Step) -> Iterator[tuple[str, str]]:
    """Columns of other rows that the step's clock, and the floors that may stop it, read."""
    tables = {step.table, *plan.lost_tables(step)}
    clocks = [step.clock] if step.clock else []
    clocks += [
        floor.clock for floor in plan.floors if floor.table in tables and floor.clock is not None
    ]
    for clock in clocks:
        # what is written down before it goes need not be read first
        if clock.remembered is not None and step.action is not Action.REMEMBER:
            clock = replace(clock, columns=(clock.remembered,))
        for path in clock.evidence():
            for hop in path.hops:
                for column in hop.reference.columns:
                    yield hop.reference.table, column
            yield path.table, path.column


def _awaited(plan: Plan, step: Step) -> Iterator[tuple[str, str]]:
    """Columns of other rows that `step` reads as this run leaves them: conditions, and blocks."""
    for condition in (step.where, step.when, *(found for _, found in step.unless)):
        if condition is not None:
            for path in columns_of(condition):
                if not path.is_own:
                    yield path.table, path.column
    for table in plan.taken_tables(step):
        for reference in plan.referring(table, "block"):
            if reference.table != step.table:
                yield from ((reference.table, column) for column in reference.referring_columns)
