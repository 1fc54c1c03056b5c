"""Remembering: a derived start is written into a column before the evidence for it goes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from retention.planning.clocks import TYPED, UNITS, Clock, ClockColumn, ClockFault, ClockForm
from retention.planning.paths import ColumnPath, resolve
from retention.planning.plan import Action, Plan, Step
from retention.planning.schema import ColumnKind, Schema
from retention.policies.rule import Limits, Rule
from retention.policies.starting_point import EarliestOf, LatestOf


def remembering(schema: Schema, rule: Rule, clock: Clock) -> Clock:
    """The clock that also reads what was written into `remember_in`.

    Raises ClockFault where the column cannot hold what the clock's columns hold, PathFault where
    there is no such column.
    """
    if rule.remember_in is None:
        return clock
    if not isinstance(rule.start, LatestOf | EarliestOf):
        raise ClockFault("remember_in is for latest_of and earliest_of")
    path = resolve(schema, rule.table, rule.remember_in, children=False)
    forms = {column.form for column in clock.columns}
    if not path.is_own or path.table != rule.table:
        raise ClockFault(f'"{rule.remember_in}" is not a column of "{rule.table}"')
    if path in [column.path for column in clock.columns] or path.column in rule.anonymize:
        raise ClockFault(
            f'"{path.column}" is read or masked by this rule; name a column of its own'
        )
    if len(forms) > 1 or any(column.offsets for column in clock.columns):
        raise ClockFault("remember_in needs columns that all store times alike, without offsets")
    (form,) = forms
    _check_column(schema, path, form)
    column = replace(clock.columns[0], path=path, missing=(), event=None)
    return replace(clock, columns=(*clock.columns, column), remembered=column)


def _check_column(schema: Schema, path: ColumnPath, form: ClockForm) -> None:
    table = schema.tables[path.table]
    column = table.columns[path.column]
    untyped = TYPED if schema.dialect == "sqlite" else ()
    fits = {
        ClockForm.TEXT: (ColumnKind.TEXT, *untyped),
        **{known: (kind,) for kind, known in TYPED.items()},
        **dict.fromkeys(UNITS, (ColumnKind.INTEGER, ColumnKind.DECIMAL)),
    }[form]
    if column.kind not in fits:
        raise ClockFault(
            f'"{column.name}" is {column.type_text}; the columns of the clock are stored as {form}'
        )
    if column.generated or not column.nullable or column.name in table.key:
        raise ClockFault(f'"{column.name}" must be a plain column that may be NULL')


def remember_step(rule: Rule, clock: Clock, limits: Limits) -> Step | None:
    """Writes the start down for rows that lose evidence tonight; None where none can."""
    if clock.remembered is None:
        return None
    name = clock.remembered.path.column
    reason = f"{clock.text} into {name}, before what it is read from goes"
    return Step(rule.name, Action.REMEMBER, rule.table, None, (), clock, None, reason, limits)


def losing(plan: Plan, step: Step) -> Iterator[tuple[ClockColumn, Step]]:
    """Child columns that the step's clock reads, each with a step that takes or masks them."""
    assert step.clock is not None
    for column in step.clock.columns:
        place = (column.path.table, column.path.column)
        for other in plan.steps:
            if not column.path.reads_children or other.rule == step.rule:
                continue
            masked = {(mask.table, mask.column) for mask in other.masks}
            if column.path.table in plan.lost_tables(other) or place in masked:
                yield column, other
