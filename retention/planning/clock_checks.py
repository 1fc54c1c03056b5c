"""What clocks read deserves a look: times without a zone, child rows without a value. For `check`."""

from __future__ import annotations

from collections.abc import Iterator

from retention.planning.clocks import Choice, Clock, ClockColumn
from retention.planning.plan import Plan
from retention.planning.references import Fault
from retention.planning.schema import ColumnKind
from retention.policies.policy import Policy

_NOTHING = ("empty", "zero")


def clock_remarks(policy: Policy, plan: Plan) -> Iterator[Fault]:
    """What `check` says of clocks; a plan does not repeat it every night."""
    yield from _local_times(policy, plan)
    yield from dict.fromkeys(_passed_over(plan))


def _clocks(plan: Plan) -> Iterator[tuple[str, Clock]]:
    yield from ((step.rule, step.clock) for step in plan.steps if step.clock is not None)
    yield from ((floor.rule, floor.clock) for floor in plan.floors if floor.clock is not None)


def _local_times(policy: Policy, plan: Plan) -> Iterator[Fault]:
    """Times without a zone that rules read as UTC because they do not say otherwise."""
    zone = policy.timezone.key
    if zone == "UTC":
        return
    named = dict.fromkeys(
        f"{column.path.table}.{column.path.column}"
        for rule, clock in _clocks(plan)
        if policy.rules[rule].stored_in is None
        for column in (*clock.columns, *clock.requires)
        if column.event is None and _is_local(plan, column)
    )
    if named:
        yield (
            ("timezone",),
            f"times without a zone are read as UTC: {', '.join(named)}; where they are local, write "
            f'stored_in = "{zone}" in the rules that read them, and where they are UTC, '
            'stored_in = "UTC"',
        )


def _is_local(plan: Plan, column: ClockColumn) -> bool:
    path = column.path
    if plan.schema.tables[path.table].columns[path.column].kind is ColumnKind.TIMESTAMP:
        return True
    sample = plan.schema.samples.get((path.table, path.column))
    return sample is not None and sample.local_times > 0


def _passed_over(plan: Plan) -> Iterator[Fault]:
    """Child rows without a value, which the latest of several dates passes over."""
    for rule, clock in _clocks(plan):
        for column in clock.columns if clock.choice is Choice.LATEST else ():
            path = column.path
            if column.event is not None or not path.reads_children:
                continue
            sample = plan.schema.samples.get((path.table, path.column))
            spelled = sample is not None and not set(_NOTHING).isdisjoint(sample.shapes)
            if spelled or (path.table, path.column) in plan.schema.gaps:
                yield (
                    ("rules", rule, "start"),
                    f'"{path.table}.{path.column}" is missing in some rows: these are passed over, '
                    "and the clock starts from the others; name the column in `requires`, or write "
                    "after_all, if the row must wait for them",
                )
