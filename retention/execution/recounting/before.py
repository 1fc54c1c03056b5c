"""What a recount compares with, asked before the first batch: dangling rows, and the highest keys."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from retention.databases.database import Database
from retention.databases.faults import database_faults
from retention.databases.statements.newest_keys import newest
from retention.databases.statements.recounting import PlainRows, RowKey
from retention.databases.statements.recounting_references import dangling
from retention.execution.accounts import StepCount
from retention.planning.plan import Plan, Step
from retention.planning.schema import Reference

References = tuple[Reference, ...]
"""References that are one to a person: the second is a copy of the first, for rows that were moved."""

MOST_VALUES = 100_000
_WHAT = "recounting"


@dataclass(slots=True)
class Before:
    """What was so before the first batch: dangling rows by value, and the highest keys."""

    dangling: dict[References, dict[RowKey, int]] = field(default_factory=dict)
    newest: dict[str, int | None] = field(default_factory=dict)

    def was_there(self, table: str, key: RowKey) -> bool:
        """False for a row that came while the run was at work, as far as its key tells."""
        newest = self.newest.get(table)
        return newest is None or not isinstance(key[0], int) or key[0] <= newest


@contextmanager
def connected(database: Database, plan: Plan) -> Iterator[PlainRows]:
    """The rows of the database, on a connection that may only read."""
    with database.connected(read_only=True) as connection, database_faults(_WHAT, database.name):
        rows = PlainRows(connection, plan.schema, database.dialect)
        rows.settle()
        yield rows


def look_before(database: Database, plan: Plan, counts: Sequence[StepCount]) -> Before:
    """What the recount will compare with; asked before the first batch."""
    before = Before()
    working = [count.step for count in counts if count.due]
    if not working:
        return before
    with connected(database, plan) as rows:
        for references in _references(plan, working):
            before.dangling[references] = dangling_rows(rows, references)
        for table in dict.fromkeys(table for step in working for table in _tables(plan, step)):
            with rows.snapshot():
                before.newest[table] = newest(rows, table)
    return before


def _tables(plan: Plan, step: Step) -> Iterator[str]:
    """The tables a step works on."""
    yield step.table
    yield from plan.lost_tables(step)
    yield from (mask.table for mask in step.masks)


def _references(plan: Plan, steps: Sequence[Step]) -> list[References]:
    """References into tables that lose rows; those that are left alone may dangle."""
    losing = {table for step in steps for table in plan.lost_tables(step)}
    alike: dict[object, list[Reference]] = {}
    for reference in plan.schema.references:
        label = reference.copied_from or reference.label
        alike.setdefault((label, reference.by), []).append(reference)
    return [
        tuple(found)
        for found in alike.values()
        if any(reference.parent in losing for reference in found)
        and plan.decisions.get(found[0]) != "leave"
    ]


def dangling_rows(rows: PlainRows, references: References) -> dict[RowKey, int]:
    """Rows that refer to nothing, by value, in all tables that hold the reference's rows."""
    found: dict[RowKey, int] = {}
    with rows.snapshot():
        for table in dict.fromkeys(reference.table for reference in references):
            ways = [reference for reference in references if reference.table == table]
            for value, count in dangling(rows, ways, MOST_VALUES).items():
                found[value] = found.get(value, 0) + count
    return found
