"""Rules over lake tables, shown and carried out: the same counts, limits and results as for rows."""

from __future__ import annotations

import time
from collections.abc import Iterator

from retention.databases.statements.lake_texts import (
    count_text,
    doomed_text,
    kept_text,
    masks_text,
    outcomes_text,
    sample_text,
)
from retention.errors import LakeFailure
from retention.execution.accounts import StepCount, StepResult, step_count
from retention.execution.executor import Orders
from retention.execution.limits import Ruling, refused_rules, why_refused
from retention.lake.table import LakeTable
from retention.planning.clocks import is_local_time, shape_of
from retention.planning.lake import lake_schema, sampled_columns
from retention.planning.plan import Action, Plan, Step
from retention.planning.schema import ColumnKind, ColumnSample, HeldRows, Schema
from retention.planning.values import ValueKind, kind_of_column
from retention.policies.policy import Policy
from retention.protocol.lake_batch import LakeWork, OpenedLake, rehearse, run_lake_batch

_SAMPLE = 1_000


def lake_schema_of(table: LakeTable, policy: Policy, held: tuple[HeldRows, ...] = ()) -> Schema:
    """The table's columns, with what a sample tells of those that clocks read; `held`: its holds."""
    found = table.schema()
    samples = {name: _sample(table, name) for name in sampled_columns(policy, found)}
    return lake_schema(found, samples, held)


def _sample(table: LakeTable, name: str) -> ColumnSample:
    shapes: dict[str, int] = {}
    local = 0
    for (value,) in table.rows(sample_text(name, _SAMPLE)):
        shape = shape_of(value)
        shapes[shape] = shapes.get(shape, 0) + 1
        local += is_local_time(value)
    return ColumnSample(shapes, local)


def sample_lake(table: LakeTable) -> dict[str, ValueKind]:
    """The text columns whose first values have a form that speaks of a person."""
    kinds = {}
    for name, column in table.schema().columns.items():
        if column.kind is ColumnKind.TEXT:
            values = [str(value) for (value,) in table.rows(sample_text(name, _SAMPLE)) if value]
            kind = kind_of_column(values)
            if kind is not None:
                kinds[name] = kind
    return kinds


def count_lake(table: LakeTable, plan: Plan) -> list[StepCount]:
    """One count per step of the plan, of the version that the table stands at. Writes nothing."""
    if not plan.steps:
        return []
    indexes, query = outcomes_text(plan, table.address)
    outcomes: dict[int, dict[str, int]] = {index: {} for index in indexes}
    total = 0
    for *found, rows in table.rows(query):
        total += rows
        for index, outcome in zip(indexes, found, strict=True):
            if outcome is not None:
                outcomes[index][outcome] = outcomes[index].get(outcome, 0) + rows
    return [step_count(plan.steps[index], outcomes[index], total, ()) for index in indexes]


def kept_in_lake(table: LakeTable, plan: Plan) -> dict[str, int]:
    """For each rule with a floor, the rows it keeps now."""
    return {floor.rule: table.count(kept_text(plan, floor)) for floor in plan.floors}


def in_one_commit(count: StepCount, ruling: Ruling) -> Ruling:
    """A ruling for what can only be taken whole: a portion of it is refused."""
    if ruling.most is None:
        return ruling
    return Ruling(
        refused=f"rules.{count.step.rule} would {count.step.action} {count.due:,} rows of "
        f'"{count.step.table}", and its limit lets it take {ruling.most:,}; a lake table is changed '
        "in one commit, so no portion can be taken. Nothing was changed. If this is right, allow it "
        f"once with `retention run --allow {count.step.rule}={count.due}`"
    )


def execute_lake(
    opened: OpenedLake,
    plan: Plan,
    counts: list[StepCount],
    rulings: list[Ruling],
    orders: Orders,
    results: list[StepResult],
) -> None:
    """Every step that no limit refused, in the order of the plan; `results` grows as it goes."""
    refused = refused_rules(zip(counts, rulings, strict=True))
    reduced = plan.without(refused)
    for count, ruling in zip(counts, rulings, strict=True):
        result = StepResult(count, refused=ruling.refused)
        results.append(result)
        if count.step.rule in refused:
            result.refused = why_refused(ruling)
        elif count.due and not orders.watch.stopping():
            _carry_out(opened, reduced, result, orders)


def _carry_out(opened: OpenedLake, plan: Plan, result: StepResult, orders: Orders) -> None:
    step = result.count.step
    started = time.monotonic()
    try:
        result.done = run_lake_batch(opened, _work(plan, step, orders))
        result.batches = 1 if result.done else 0
        orders.watch.advanced(step, result.done, result.count.due)
    except LakeFailure as failure:
        result.failed = str(failure)
    result.seconds = time.monotonic() - started


def rehearsed(table: LakeTable, plan: Plan) -> Iterator[tuple[Step, str]]:
    """The steps that the library below cannot carry out, found on an empty table of the same form."""
    for step in plan.steps:
        try:
            rehearse(table, step, doomed_text(plan, step), _values(plan, step))
        except LakeFailure:
            yield (
                step,
                f"deltalake cannot {step.action} by these conditions and masks: write them with "
                "plain comparisons, in, between, like, is null and simple functions",
            )


def _values(plan: Plan, step: Step) -> dict[str, str]:
    return masks_text(plan, step) if step.action is Action.ANONYMIZE else {}


def _work(plan: Plan, step: Step, orders: Orders) -> LakeWork:
    predicate = doomed_text(plan, step)
    values = _values(plan, step)
    run_id, now = orders.run_id, orders.now
    return LakeWork(step, predicate, count_text(predicate), values, run_id, plan.as_of, now)
