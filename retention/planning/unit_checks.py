"""Units (`together`) that a rule would take apart itself, or whose rows keep one another for ever."""

from __future__ import annotations

from collections.abc import Iterator

from retention.planning.plan import Action, Plan, Step
from retention.planning.references import Fault
from retention.planning.units import Unit


def unit_faults(plan: Plan) -> Iterator[Fault]:
    """Masks of what joins a unit, and rows of a unit that block or hold one another."""
    for step in plan.steps:
        if step.unit is None:
            continue
        for mask in step.masks:
            if (mask.table, mask.column) == (step.table, step.unit.column):
                yield (
                    ("rules", step.rule, "anonymize"),
                    f'"{mask.column}" joins the unit (together); masked, it would take it apart: '
                    "leave it as it is, or join by another column",
                )
        if step.takes_rows:
            yield from _unable_to_leave(plan, step, step.unit)


def unit_warnings(plan: Plan) -> Iterator[Fault]:
    """Masks of another rule that take units apart."""
    for step in plan.steps:
        for other in plan.steps:
            if step.unit is None or other.rule == step.rule:
                continue
            masked = {(mask.table, mask.column) for mask in other.masks}
            if (step.table, step.unit.column) in masked:
                yield (
                    ("rules", step.rule, "together"),
                    f'rules.{other.rule} masks "{step.unit.column}": from then on the row is in no '
                    "unit, or in one with all rows masked alike",
                )


def _unable_to_leave(plan: Plan, step: Step, unit: Unit) -> Iterator[Fault]:
    if unit.reference is not None:
        for found in plan.referring(step.table, "block"):
            if found.table == step.table and found != unit.reference:
                yield (
                    ("references", found.label),
                    f'"{found.label}" blocks rows of "{step.table}", which go together by '
                    f'{unit.column}: rows of one unit would wait for each other; write "detach", or '
                    f'"leave" where the database does not enforce it',
                )
    if step.action is not Action.DELETE:
        return
    if plan.circle_of(step.table):
        yield (
            ("rules", step.rule, "together"),
            f'rows of "{step.table}" already go with rows of "{step.table}", along a reference decided '
            '"delete"; write "block" there: rows that go together do not block one another',
        )
    if plan.schema.dialect != "mysql":
        return
    for found in plan.schema.of(step.table):
        table = plan.schema.tables[found.table]
        beside = [table.columns[name] for name in found.columns if name not in table.key]
        loose = any(column.nullable for column in beside)
        if found.parent == step.table and found.declared and not loose:
            yield (
                ("rules", step.rule, "together"),
                f'MariaDB lets no rows go at once that refer to each other along "{found.label}", '
                "unless that may be NULL; change the column",
            )
