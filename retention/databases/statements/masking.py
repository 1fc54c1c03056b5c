"""What a step masks: columns that still differ and that no floor protects."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import sqlalchemy as sa

from retention.databases.dialects.dialect import Dialect
from retention.databases.sql import Expression, Row, Truth, all_of, any_of, is_true
from retention.databases.statements.condition_sql import Left
from retention.databases.statements.facts import Facts
from retention.databases.statements.mask_sql import MaskSql, kept_columns
from retention.databases.statements.rows import Alive, all_alive
from retention.planning.masked_columns import ColumnMask
from retention.planning.paths import Hop, turned
from retention.planning.plan import Floor, Plan, Step
from retention.policies.masking.forms import Json, Null, Pseudonym


class Masking(Facts):
    """Masks and the floors that protect columns from them; `masked`: done earlier this night."""

    def __init__(
        self,
        plan: Plan,
        dialect: Dialect,
        alive: Alive = all_alive,
        masked: Callable[[ColumnMask, Row], Truth] | None = None,
        left: Left | None = None,
    ) -> None:
        super().__init__(plan, dialect, alive, left)
        self.masked = masked
        self.masks = MaskSql(dialect)

    def _differs(self, step: Step, row: Row) -> Truth:
        return any_of(*(self._is_left(mask, row) for mask in step.masks if not mask.hops))

    def _is_left(self, mask: ColumnMask, row: Row) -> Truth:
        """TRUE where this column of the row is not masked, nor will be by the steps before."""
        table = self.plan.schema.tables[mask.table]
        differs = self.masks.differs(row, table, table.columns[mask.column], mask.mask)
        if self.masked is None:
            return differs
        masked, protected = is_true(self.masked(mask, row)), self.protected(mask, row)
        return all_of(
            differs, sa.not_(masked) if protected is None else sa.or_(protected, sa.not_(masked))
        )

    def protected(self, mask: ColumnMask, row: Row) -> Truth | None:
        """TRUE while some floor protects the masked column of the row; None where none can."""
        found = [
            self._protecting(floor, mask.table, row, mask.column)
            for floor in self.plan.floors
            if self._covers(floor, mask)
        ]
        return any_of(*found) if found else None

    def floors_over(self, masks: Iterable[ColumnMask]) -> list[Floor]:
        """The floors that protect a column of theirs."""
        wanted = list(masks)
        return [it for it in self.plan.floors if any(self._covers(it, mask) for mask in wanted)]

    def _covers(self, floor: Floor, mask: ColumnMask) -> bool:
        if not floor.protects:
            return floor.table == mask.table
        return any(
            _target(floor, hops) == mask.table and column == mask.column
            for hops, column in floor.protects
        )

    def _protecting(self, floor: Floor, table: str, row: Row, column: str | None) -> Truth:
        """TRUE while the floor protects `column` (None: any column) of the row of `table`."""
        if not floor.protects:
            return self.holding(floor, row)
        ways = {
            hops
            for hops, name in floor.protects
            if _target(floor, hops) == table and column in (None, name)
        }
        return any_of(
            *(
                self.reach.exists(row, turned(hops), lambda owner: self.holding(floor, owner))
                for hops in sorted(ways, key=str)
            )
        )

    def wholly_protected(self, step: Step, row: Row) -> Truth:
        """TRUE while floors protect all that the step masks in the row itself."""
        found = [self.protected(mask, row) for mask in step.masks if not mask.hops]
        if not found or any(test is None for test in found):
            return sa.false()
        return all_of(*(is_true(test) for test in found if test is not None))

    def masks_at(self, step: Step, hops: tuple[Hop, ...]) -> list[ColumnMask]:
        """The step's masks for the rows at the end of `hops`."""
        return [mask for mask in step.masks if mask.hops == hops]

    def still_to_mask(self, mask: ColumnMask, row: Row) -> Truth:
        """TRUE where this column of the row is neither masked nor protected."""
        table = self.plan.schema.tables[mask.table]
        differs = self.masks.differs(row, table, table.columns[mask.column], mask.mask)
        protected = self.protected(mask, row)
        if protected is not None:
            differs = sa.and_(differs, sa.not_(protected))
        return differs if self.masked is None else sa.and_(differs, sa.not_(self.masked(mask, row)))

    def any_to_mask(self, masks: Sequence[ColumnMask], row: Row) -> Truth:
        """TRUE where one of the masks has work on the row, and neither hold nor request lies on it."""
        needed = any_of(*(self.still_to_mask(mask, row) for mask in masks))
        tests = (self.hold_on, self.requested_on) if masks else ()
        found = [stop for test in tests if (stop := test(masks[0].table, row)) is not None]
        return all_of(needed, *map(sa.not_, found)) if found else needed

    def new_values(self, masks: Sequence[ColumnMask], row: Row) -> dict[str, Expression]:
        """What an UPDATE sets: the mask, or the old value where NULL or protected."""
        values: dict[str, Expression] = {}
        for mask in masks:
            table = self.plan.schema.tables[mask.table]
            masked = self.masks.masked(row, table, table.columns[mask.column], mask.mask)
            changes = self._changes(mask, row)
            values[mask.column] = (
                masked if changes is None else sa.case((changes, masked), else_=row.c[mask.column])
            )
            values = {**kept_columns(table, row), **values}
        return values

    def _changes(self, mask: ColumnMask, row: Row) -> Truth | None:
        """TRUE where an UPDATE of the row sets the column's mask; None where it may do so always.

        What is masked already is masked once more: to the same value, and sooner than compared.
        """
        if self.protected(mask, row) is not None or self.masked is not None:
            return is_true(self.still_to_mask(mask, row))
        match mask.mask:
            case Null() | Pseudonym():
                return None
            case Json():
                return is_true(self.still_to_mask(mask, row))
        return row.c[mask.column].is_not(None)


def _target(floor: Floor, hops: tuple[Hop, ...]) -> str:
    return hops[-1].target if hops else floor.table
