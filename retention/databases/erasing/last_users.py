"""PostgreSQL: rows that lose their last user in a batch, locked first, then taken with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import sqlalchemy as sa

from retention.databases.erasing.system_columns import OURS, with_system_columns
from retention.databases.erasing.windows import Window
from retention.databases.sql import Row, Truth, any_of, row_of
from retention.databases.statements.rows import Reach, all_alive
from retention.databases.statements.unused import Leaving
from retention.databases.taking import set_columns
from retention.planning.paths import Hop, turned
from retention.planning.plan import Plan, Step
from retention.planning.unused import LastUse

Way = tuple[Hop, ...]


def locks_on_used(plan: Plan, step: Step, window: Window) -> Iterator[sa.Select[Any]]:
    """Locks the rows that rows of the window, locked by this transaction, refer to in the end.

    A row that someone starts to use meanwhile waits for the batch, or is seen by its decision.
    """
    ways = _ways_down(plan, step)
    reach = Reach(plan.schema, all_alive)
    own = with_system_columns(row_of(plan.schema.tables[step.table]))
    key = plan.schema.tables[step.table].identity
    locked = sa.select(*(own.c[name] for name in key)).where(
        window.holds(own), own.c["xmax"] == sa.literal_column(OURS)
    )

    def in_batch(row: Row) -> Truth:
        return sa.tuple_(*(row.c[name] for name in key)).in_(locked)

    for group in step.mask_groups:
        if group.up:
            yield _locking(plan, reach, group.table, list(group.ways), in_batch)
    for use in plan.last_uses(step):
        ways[use.table] = [
            (*way, Hop(reference, down=False))
            for reference in use.by
            for way in ways[reference.table]
        ]
        yield _locking(plan, reach, use.table, ways[use.table], in_batch)
    for use, _ in plan.last_masks(step):
        up = [Hop(reference, down=False) for reference in use.by]
        led = [(*way, hop) for hop in up for way in ways[hop.reference.table]]
        yield _locking(plan, reach, use.table, led, in_batch)


def _locking(
    plan: Plan, reach: Reach, name: str, ways: list[Way], in_batch: Callable[[Row], Truth]
) -> sa.Select[Any]:
    table = plan.schema.tables[name]
    row = row_of(table)
    reached = any_of(*(reach.exists(row, turned(way), in_batch) for way in ways))
    query: sa.Select[Any] = sa.select(sa.literal_column("1")).select_from(row).where(reached)
    return query.order_by(*(row.c[key] for key in table.key)).with_for_update(of=row)


def _ways_down(plan: Plan, step: Step) -> dict[str, list[Way]]:
    """The ways along which rows go with a row of the step's, by the table where they end."""
    ways: dict[str, list[Way]] = {step.table: [()]}
    for name, references in plan.gone_with(step).taken.items():
        removed = [found for found in step.removals if found.table == name]
        ways[name] = [
            (*way, Hop(reference, down=True))
            for reference in (*references, *removed)
            for way in ways[reference.parent]
        ]
    return ways


def unused_deletions(plan: Plan, step: Step, leaving: Leaving) -> Iterator[tuple[LastUse, sa.CTE]]:
    """One DELETE for each table whose rows may lose their last user, users first."""
    for index, use in enumerate(plan.last_uses(step), start=1):
        table = plan.schema.tables[use.table]
        row = with_system_columns(row_of(table))
        found = (
            sa.delete(row)
            .where(row.c["xmax"] == sa.literal_column(OURS), leaving.goes_unused(use, row))
            .returning(*(row.c[name] for name in set_columns(plan, table)))
            .cte(f"unused_{index}")
        )
        leaving.add(use.table, found)
        yield use, found
