"""PostgreSQL: the rows of other tables that a batch decides by or takes, locked before it decides.

A statement that waits for a lock looks again at the locked row alone: whatever else it reads is of
the moment it began. So what it may have to wait for is locked by statements of their own, level by
level, and the next one sees what was committed meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import sqlalchemy as sa

from retention.databases.erasing.alone import asks_more_of
from retention.databases.erasing.system_columns import OURS, with_system_columns
from retention.databases.erasing.windows import Window
from retention.databases.sql import Row, Truth, any_of, row_of
from retention.databases.statements.rows import Reach, all_alive
from retention.planning.paths import Hop, turned
from retention.planning.plan import Plan, Step

Way = tuple[Hop, ...]


class BatchLocks:
    """The locks of one step's batches on rows of other tables."""

    def __init__(self, plan: Plan, step: Step, *, reads_others: bool) -> None:
        self.plan = plan
        self.step = step
        self.reads_others = reads_others
        self.table = plan.schema.tables[step.table]
        self._reach = Reach(plan.schema, all_alive)
        self._down = self._ways_down()

    def on_companions(self, window: Window) -> Iterator[sa.Select[Any]]:
        """Locks what goes with rows of the window that this transaction has locked, parents first."""
        for name, ways in self._down.items():
            if name != self.step.table and asks_more_of(
                self.plan, name, reads_others=self.reads_others
            ):
                yield self._locking(name, ways, window)
        if not self.reads_others:
            return
        for name, ways in self._changed().items():
            yield self._locking(name, ways, window)

    def on_used(self, window: Window) -> Iterator[sa.Select[Any]]:
        """Locks the rows that rows of the window, locked by this transaction, refer to in the end.

        A row that someone starts to use meanwhile waits for the batch, or is seen by its decision.
        """
        ways = dict(self._down)
        for group in self.step.mask_groups:
            if group.up:
                yield self._locking(group.table, list(group.ways), window)
        for use in self.plan.last_uses(self.step):
            ways[use.table] = [
                (*way, Hop(reference, down=False))
                for reference in use.by
                for way in ways[reference.table]
            ]
            yield self._locking(use.table, ways[use.table], window)
        for use, _ in self.plan.last_masks(self.step):
            up = [Hop(reference, down=False) for reference in use.by]
            led = [(*way, hop) for hop in up for way in ways[hop.reference.table]]
            yield self._locking(use.table, led, window)

    def _changed(self) -> dict[str, list[Way]]:
        """The ways to rows that are detached from a row of the step's, or masked with it."""
        found: dict[str, list[Way]] = {}
        for reference in self.plan.gone_with(self.step).detached:
            down = Hop(reference, down=True)
            ways = [(*way, down) for way in self._down.get(reference.parent, [])]
            found.setdefault(reference.table, []).extend(ways)
        for group in self.step.mask_groups:
            if not group.up and group.ways != ((),):
                found.setdefault(group.table, []).extend(group.ways)
        return found

    def _ways_down(self) -> dict[str, list[Way]]:
        """The ways along which rows go with a row of the step's, by the table where they end."""
        ways: dict[str, list[Way]] = {self.step.table: [()]}
        for name, references in self.plan.gone_with(self.step).taken.items():
            removed = [found for found in self.step.removals if found.table == name]
            ways[name] = [
                (*way, Hop(reference, down=True))
                for reference in (*references, *removed)
                for way in ways[reference.parent]
            ]
        return ways

    def _locking(self, name: str, ways: list[Way], window: Window) -> sa.Select[Any]:
        table = self.plan.schema.tables[name]
        row, in_batch = row_of(table), self._in_batch(window)
        reached = any_of(*(self._reach.exists(row, turned(way), in_batch) for way in ways))
        found: sa.Select[Any] = sa.select(sa.literal_column("1").label("one")).select_from(row)
        found = found.where(reached).order_by(*(row.c[key] for key in table.key))
        return sa.select(sa.func.count()).select_from(found.with_for_update(of=row).subquery())

    def _in_batch(self, window: Window) -> Callable[[Row], Truth]:
        own, key = with_system_columns(row_of(self.table)), self.table.identity
        locked = sa.select(*(own.c[name] for name in key)).where(
            window.holds(own), own.c["xmax"] == sa.literal_column(OURS)
        )
        return lambda row: sa.tuple_(*(row.c[name] for name in key)).in_(locked)
