"""Columns whose names SQLite takes for the words TRUE and FALSE of its own statements."""

from __future__ import annotations

from collections.abc import Iterator

from retention.planning.plan import Plan
from retention.planning.references import Fault

_WORDS = frozenset({"true", "false"})


def word_faults(plan: Plan) -> Iterator[Fault]:
    """Rules on SQLite over tables with such a column, or that references lead to one."""
    if plan.schema.dialect != "sqlite":
        return
    found = [(step.rule, step.table) for step in plan.steps]
    found += [(floor.rule, floor.table) for floor in plan.floors]
    for rule, table in dict.fromkeys(found):
        for name in sorted(_connected(plan, table)):
            words = [it for it in plan.schema.tables[name].columns if it.lower() in _WORDS]
            for word in words:
                yield (
                    ("rules", rule, "table"),
                    f'SQLite takes the column "{word}" of "{name}" for the word of that name, and '
                    "would decide by its values; rename it",
                )


def _connected(plan: Plan, table: str) -> set[str]:
    """The tables to which references lead from this one, up or down, however far."""
    found, more = set[str](), {table}
    while more:
        found |= more
        ends = ((it.table, it.parent) for it in plan.schema.references)
        more = {name for pair in ends if found & {*pair} for name in pair} - found
    return found
