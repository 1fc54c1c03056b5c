"""Columns whose names SQLite takes for the words TRUE and FALSE of its own statements."""

from __future__ import annotations

from collections.abc import Iterator

from retention.planning.plan import Plan
from retention.planning.references import Fault

_WORDS = frozenset({"true", "false"})


def word_faults(plan: Plan) -> Iterator[Fault]:
    """Rules on SQLite over tables with such a column, or beside one by a reference."""
    if plan.schema.dialect != "sqlite":
        return
    found = [(step.rule, step.table) for step in plan.steps]
    found += [(floor.rule, floor.table) for floor in plan.floors]
    for rule, table in dict.fromkeys(found):
        along = {table, *plan.companions(table).taken}
        near = {
            name
            for reference in plan.schema.references
            if along & {reference.table, reference.parent}
            for name in (reference.table, reference.parent)
        }
        for name in sorted(along | near):
            words = [it for it in plan.schema.tables[name].columns if it.lower() in _WORDS]
            for word in words:
                yield (
                    ("rules", rule, "table"),
                    f'SQLite takes the column "{word}" of "{name}" for the word of that name, and '
                    "would decide by its values; rename it",
                )
