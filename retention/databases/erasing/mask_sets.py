"""MariaDB and SQLite: columns of the rows that are set down, and of those they lead to, are masked."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import sqlalchemy as sa

from retention.databases.erasing.changing import changed
from retention.databases.erasing.cte_rows import under
from retention.databases.erasing.joining import joined_along
from retention.databases.erasing.locking import lock_rows
from retention.databases.erasing.noting import note_keys
from retention.databases.erasing.unused_sets import UnusedSets
from retention.databases.sql import Row, Truth, row_of
from retention.databases.statements.predicates import Predicates
from retention.databases.taking import Taken
from retention.planning.masked_columns import ColumnMask, MaskGroup
from retention.planning.plan import Step


class MaskSets:
    """The masks of one step. `is_doomed`: TRUE for a row in `doomed`; `in_hand`: the same, bounded."""

    def __init__(
        self,
        predicates: Predicates,
        step: Step,
        doomed: sa.TableClause,
        is_doomed: Callable[[Row], Truth],
        in_hand: Callable[[Row], Truth],
        unused: UnusedSets,
        *,
        keys: bool,
    ) -> None:
        self.predicates = predicates
        self.plan = predicates.plan
        self.dialect = predicates.dialect
        self.step = step
        self.doomed = doomed
        self._is_doomed = is_doomed
        self._in_hand = in_hand
        self.unused = unused
        self.keys = keys

    def write(self, connection: sa.Connection, taken: Taken) -> None:
        """Mask the batch's rows and what they lead to, then what its deletions leave to nobody."""
        self._mask(connection, taken)
        self._mask_unused(connection, taken)

    def lock(self, connection: sa.Connection) -> None:
        """Lock the rows below the batch's rows that are masked with them."""
        for group in self.step.mask_groups:
            if not group.up and group.ways != ((),):
                row = row_of(self.plan.schema.tables[group.table])
                lock_rows(connection, row, self._reached(connection, group, row))

    def _mask(self, connection: sa.Connection, taken: Taken) -> None:
        for group in reversed(self.step.mask_groups):
            table = self.plan.schema.tables[group.table]
            row = row_of(table)
            own = group.ways == ((),)
            reached = self._reached(connection, group, row)
            condition = sa.and_(reached, self.predicates.any_to_mask(group.masks, row))
            if self.keys and table.key and not own:
                note_keys(connection, self.plan, self.dialect, (row, table), condition, taken)
            self._update(connection, row, condition, group.masks, taken)

    def _update(
        self,
        connection: sa.Connection,
        row: sa.TableClause,
        condition: Truth,
        masks: Sequence[ColumnMask],
        taken: Taken,
    ) -> None:
        values, name = self.predicates.new_values(masks, row), masks[0].table
        count = changed(connection, sa.update(row).where(condition).values(values))
        if count:
            taken.anonymized[name] = taken.anonymized.get(name, 0) + count

    def _mask_unused(self, connection: sa.Connection, taken: Taken) -> None:
        """Mask what the deletion leaves to anonymized rows alone, or to nobody."""
        for use, masks in self.plan.last_masks(self.step):
            table = self.plan.schema.tables[use.table]
            row = row_of(table)
            if self.dialect.locks_rows:
                lock_rows(connection, row, self.unused.leaving.loses_user(use, row))
            left = self.unused.leaving.left_anonymous(use, row, self.step.rule)
            condition = sa.and_(left, self.predicates.any_to_mask(masks, row))
            if self.keys and table.key:
                note_keys(connection, self.plan, self.dialect, (row, table), condition, taken)
            self._update(connection, row, condition, masks, taken)

    def _reached(self, connection: sa.Connection, group: MaskGroup, row: Row) -> Truth:
        """The doomed rows lead to the row; one that may be shared is locked, and not used else."""
        if group.up:
            freed = self.predicates.freed(self.step, self._is_doomed)
            reached = freed.reached(group, row, self._is_doomed)
            if self.dialect.locks_rows:
                lock_rows(connection, row, reached)
            return sa.and_(reached, freed.only(group, row))
        (way,) = group.ways
        if not way:
            return self._in_hand(row)
        joins = self.dialect.joins_to_update
        along = joined_along(self.plan, row, way, self.doomed) if joins else None
        return under(self.plan, row, way, self.doomed) if along is None else along
