"""What no order of deletions can do for rows that go with rows of their own table. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from retention.planning.circles import circle_of
from retention.planning.plan import Action, Plan, Step
from retention.planning.references import Fault
from retention.planning.schema import Reference


def circle_faults(plan: Plan) -> Iterator[Fault]:
    """Steps whose rows go with rows of their own table, where these cannot be followed or taken."""
    for step in plan.steps:
        companions = plan.gone_with(step)
        if not companions.circles:
            continue
        for name in (step.table, *companions.taken):
            table = plan.schema.tables[name]
            # PostgreSQL's address of a row is no column that a temporary table could have
            if not (table.identity if plan.schema.dialect == "sqlite" else table.key):
                yield (
                    ("rules", step.rule, "table"),
                    f'"{name}" has no primary key, so the rows that go with rows of '
                    f'"{companions.circles[0][0]}" cannot be followed through it; add a primary key',
                )
        if step.action is not Action.DELETE and step.table in companions.taken:
            yield (
                ("rules", step.rule, "anonymize"),
                f'rows of "{step.table}" that stay would go with child rows that the masking '
                'deletes; leave that ".*" out',
            )
        for reference in _inside(plan, step):
            yield from _unworkable(plan, reference)


def circle_warnings(plan: Plan) -> Iterator[Fault]:
    """References along which a row may block one that it goes with, so that neither ever goes."""
    alone = {step.table for step in plan.steps if step.takes_rows}
    for step in plan.steps:
        taken = plan.gone_with(step).taken
        for name in (step.table, *taken) if step.action is Action.DELETE else ():
            for reference in plan.referring(name, "block"):
                along = reference.table in taken
                if along and (reference.table == step.table or reference.table not in alone):
                    yield (
                        ("references", reference.label),
                        f'rows of "{reference.table}" go with rows of "{step.table}" under '
                        f"rules.{step.rule}; one that blocks a row it would go with, along "
                        f'"{reference.label}", keeps both for ever: write "delete" or "detach"',
                    )


def _inside(plan: Plan, step: Step) -> Iterator[Reference]:
    """References between two tables of one circle, along which rows go."""
    companions = plan.gone_with(step)
    for name, references in companions.taken.items():
        circle = circle_of(companions.circles, name)
        yield from (reference for reference in references if reference.parent in circle)


def _unworkable(plan: Plan, reference: Reference) -> Iterator[Fault]:
    path = ("references", reference.label)
    if reference.shared:
        yield (
            path,
            f'several rows of "{reference.parent}" may have the key that "{reference.label}" refers '
            "to, and rows that go in a circle would wait for the last of them for ever; make the key "
            'unique, or write "block" or "detach"',
        )
    columns = plan.schema.tables[reference.table].columns
    acts = reference.on_delete.upper() in ("SET NULL", "SET DEFAULT") and reference.declared
    filled = any(not columns[name].nullable for name in reference.columns)
    if plan.schema.dialect == "sqlite" and acts and filled:
        yield (
            path,
            f'SQLite would write NULL into "{reference.label}", which is NOT NULL, before the row '
            'itself can go; declare it ON DELETE NO ACTION, or write "block"',
        )
