"""What becomes of a row, as SQL: the one place where the rules' precedence is written.

`Outcomes.outcome` sorts every row for the preview; `doomed` is the same decision as a condition, for
the statement that acts. Both are built from the same parts, so a preview cannot promise other rows
than a run takes. The preview passes an `alive` that leaves out what earlier steps take.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import sqlalchemy as sa

from retention.databases.dialects.dialect import Dialect
from retention.databases.sql import (
    Expression,
    Row,
    Truth,
    all_of,
    any_of,
    is_true,
)
from retention.databases.statements.condition_sql import Left
from retention.databases.statements.freed import Freed
from retention.databases.statements.mask_sql import kept_columns
from retention.databases.statements.remember_sql import RememberSql
from retention.databases.statements.rows import Alive, all_alive
from retention.databases.statements.stopping import Stopping
from retention.databases.statements.stops import Stop
from retention.databases.statements.units import Naming
from retention.planning.masked_columns import ColumnMask
from retention.planning.plan import Action, Plan, Step


class Predicates(Stopping):
    """The decisions of one plan, for one engine, over rows of its tables."""

    def __init__(
        self,
        plan: Plan,
        dialect: Dialect,
        alive: Alive = all_alive,
        taken: Callable[[Step, Row], Truth] | None = None,
        masked: Callable[[ColumnMask, Row], Truth] | None = None,
        naming: Naming | None = None,
        left: Left | None = None,
    ) -> None:
        super().__init__(plan, dialect, alive, masked, naming, left)
        self.taken = taken or (lambda step, row: is_true(self.doomed(step, row)))
        self.remembering = RememberSql(plan, dialect, self.taken)

    def doomed(self, step: Step, row: Row) -> Truth:
        """TRUE for the rows the step takes, as one condition that an index can serve."""
        if step.action is Action.REMEMBER:
            return self.remembering.due(step, row)
        return self._unstopped(step, row, self.stops_of(step, row))

    def doomed_alone(self, step: Step, row: Row) -> Truth:
        """TRUE for the rows the step would take if none had to wait for others of its unit."""
        return self._unstopped(step, row, self.own_stops_of(step, row))

    def _unstopped(self, step: Step, row: Row, stops: list[Stop]) -> Truth:
        parts: list[Expression | None] = [self.selected(step, row)]
        parts.append(self._reached(step, row))
        parts += [sa.not_(stop) for _, _, stop in stops]
        if step.action is Action.ANONYMIZE:
            parts.append(self.unmasked(step, row))
        if step.action is Action.RESTRICT:
            parts.append(self.unrestricted(step, row))
        return all_of(*parts)

    def remembered(self, step: Step, row: Row) -> dict[str, Expression]:
        """What an UPDATE sets to write the start down."""
        assert step.clock is not None
        assert step.clock.remembered is not None
        kept = kept_columns(self.plan.schema.tables[step.table], row)
        return {**kept, step.clock.remembered.path.column: self.remembering.value(step, row)}

    # -- clocks -----------------------------------------------------------------------------------

    def _reached(self, step: Step, row: Row) -> Truth:
        if step.when is not None:
            return self.conditions.holds(row, step.when)
        found: list[Truth] = []
        if step.clock is not None and step.deadline is not None:
            found.append(self._by_deadline(step.clock, row, step.deadline))
        stopped = partial(self._stopped_by_protection, step, row)
        if step.clock is not None and step.early is not None:
            found.append(all_of(self._by_deadline(step.clock, row, step.early), stopped()))
        if step.early_when is not None:
            found.append(all_of(self.conditions.holds(row, step.early_when), stopped()))
        return found[0] if len(found) == 1 else any_of(*found)

    def _stopped_by_protection(self, step: Step, row: Row) -> Truth:
        """TRUE where floors with named columns stop the deletion of the row, or of its unit."""

        def stopped(member: Row) -> Truth:
            return any_of(*(stop for _, _, stop in self._protecting_stops(step.table, member)))

        if step.unit is None or not any(floor.protects for floor in self.plan.floors):
            return stopped(row)
        return any_of(stopped(row), self.units.share_with(step, row, "protected", stopped))

    # -- units --------------------------------------------------------------------------------------

    def waits(self, step: Step, row: Row) -> Truth:
        """TRUE where another member of the row's unit is not due yet, or is stopped."""
        return self.units.share_with(
            step, row, "waiting", lambda member: sa.not_(self.ready(step, member))
        )

    def ready(self, step: Step, row: Row) -> Truth:
        """TRUE for a member of a unit whose time has come, and which nothing stops."""
        stops, leaving = list[Truth](), list[Truth]()
        for kind, _, stop in self.own_stops_of(step, row):
            (leaving if kind in ("deleted", "anonymized") else stops).append(is_true(stop))
        if step.action is Action.ANONYMIZE:
            stops.append(self.wholly_protected(step, row))
        due = all_of(is_true(self._reached(step, row)), *map(sa.not_, stops))
        return is_true(any_of(due, *leaving))

    # -- what stops a row -------------------------------------------------------------------------

    def stops_of(self, step: Step, row: Row) -> list[Stop]:
        """Everything that stops this step for the row: (kind, name, condition)."""
        found = self.own_stops_of(step, row)
        return found if step.unit is None else [*found, ("waits", "", self.waits(step, row))]

    def own_stops_of(self, step: Step, row: Row) -> list[Stop]:
        """What stops the step for the row itself, whatever it shares a unit with."""
        if step.action is Action.DELETE:
            found = self.stops(step.table, row, step)
        elif step.action is Action.ANONYMIZE:
            found = self._held(step.table, row) + self._taken_instead(step, row)
            found += self.unsafe(self.plan.files_masked(step), row)
        else:
            found = self._restriction_stops(step, row)
        found += [
            ("unless", name, self.conditions.stops(row, condition))
            for name, condition in step.unless
        ]
        return found

    # -- masks and the columns that floors protect ------------------------------------------------

    def _taken_instead(self, step: Step, row: Row) -> list[Stop]:
        """A row that a delete step still to come takes is not masked as well."""
        later = self.plan.steps[self.plan.steps.index(step) + 1 :]
        others = [
            other for other in later if other.table == step.table and other.action is Action.DELETE
        ]
        return [("deleted", other.rule, self.taken(other, row)) for other in others]

    # -- restricting ------------------------------------------------------------------------------

    def _restriction_stops(self, step: Step, row: Row) -> list[Stop]:
        hold, lifted = self.hold_on(step.table, row), self.lifted(step, row)
        found: list[Stop] = [] if hold is None else [("held", "", hold)]
        found += self._taken_instead(step, row)
        found += [
            ("anonymized", other.rule, self._wholly_masked(other, row))
            for other in self.plan.steps
            if other.table == step.table and other.action is Action.ANONYMIZE
        ]
        return found if lifted is None else [*found, ("unless", "restriction lifted", lifted)]

    def _wholly_masked(self, step: Step, row: Row) -> Truth:
        """TRUE where the step has masked the row, or will tonight, and no floor keeps a column."""
        stops = [sa.not_(stop) for _, _, stop in self.stops_of(step, row)]
        reached = is_true(self._reached(step, row))
        left: list[Truth] = []
        for mask in step.masks:
            protected = None if mask.hops else self.protected(mask, row)
            if protected is not None:
                table = self.plan.schema.tables[mask.table]
                column = table.columns[mask.column]
                differs = self.masks.differs(row, table, column, mask.mask)
                left.append(all_of(protected, is_true(differs)))
        return all_of(self.selected(step, row), reached, *stops, sa.not_(any_of(*left)))

    def _protecting_stops(self, table: str, row: Row) -> Iterator[Stop]:
        """Floors with named columns that stop a deletion of this row, its own or its children's."""
        for floor in self.plan.floors_on(table):
            if floor.protects:
                yield "kept", floor.rule, self.holding(floor, row)
        for decision in ("delete", "block"):
            for reference in self.plan.referring(table, decision):
                for floor in self.plan.floors_on(reference.table):
                    if floor.protects:
                        holding = partial(self.holding, floor)
                        yield "kept", floor.rule, self.reach.referring(row, reference, holding)
        named = {floor.rule for floor in self.plan.floors if floor.protects}
        for reference in self.plan.referring(table, "delete"):
            if self.plan.circle_of(reference.table):
                below = self.stops_along(reference, row)
                yield from (stop for stop in below if stop[0] == "kept" and stop[1] in named)

    def unmasked(self, step: Step, row: Row) -> Truth:
        """TRUE where the row, a child row or a row that only it uses has work left."""
        found: list[Truth] = []
        for group in step.mask_groups:
            needed = partial(self.any_to_mask, group.masks)
            if group.up:
                freed = self.freed(step)
                found.append(freed.first_to_reach(group, row, needed))
            else:
                found += [self.reach.exists(row, way, needed) for way in group.ways]
        for reference in step.removals:
            free = partial(self.may_go, reference.table)
            found.append(self.reach.referring(row, reference, free))
        return is_true(any_of(*found))

    def may_go(self, table: str, row: Row) -> Truth:
        """TRUE for a child row that nothing keeps from going once its owner is masked."""
        return all_of(*(sa.not_(stop) for _, _, stop in self._child_stops(table, row)))

    def freed(self, step: Step, taken: Callable[[Row], Truth] | None = None) -> Freed:
        """Rows that only rows anonymized by the step's rule use; `taken` now, or earlier."""

        def anonymized(row: Row) -> Truth:
            done = self._anonymized(step, row)
            return done if taken is None else any_of(done, taken(row))

        return Freed(self.plan, self.reach, step, anonymized, self.may_go)

    def _anonymized(self, step: Step, row: Row) -> Truth:
        """TRUE where the step has nothing left to mask in a row it takes, or the row is to go."""
        deleted, stops = list[Truth](), list[Truth]()
        for kind, _, stop in self.stops_of(step, row):
            (deleted if kind == "deleted" else stops).append(stop)
        fixed = sa.not_(is_true(self.any_to_mask(self.masks_at(step, ()), row)))
        parts = (self.selected(step, row), is_true(self._reached(step, row)), fixed)
        return any_of(all_of(*parts, *(sa.not_(stop) for stop in stops)), *deleted)
