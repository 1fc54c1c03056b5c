"""What becomes of a row, as SQL: the one place where the rules' precedence is written.

`outcome` sorts every row for the preview; `doomed` is the same decision as a condition, for the
statement that acts. Both are built from the same parts, so a preview cannot promise other rows
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
    bind,
    is_true,
    row_of,
)
from retention.databases.statements.facts import Facts
from retention.databases.statements.mask_sql import MaskSql
from retention.databases.statements.rows import Alive, all_alive
from retention.planning.paths import Hop
from retention.planning.plan import Action, ColumnMask, Floor, Plan, Step

Stop = tuple[str, str, Truth]


class Predicates(Facts):
    """The decisions of one plan, for one engine, over rows of its tables."""

    def __init__(
        self,
        plan: Plan,
        dialect: Dialect,
        alive: Alive = all_alive,
        taken: Callable[[Step, Row], Truth] | None = None,
        masked: Callable[[ColumnMask, Row], Truth] | None = None,
    ) -> None:
        super().__init__(plan, dialect, alive)
        self.taken = taken or (lambda step, row: is_true(self.doomed(step, row)))
        self.masked = masked
        self.masks = MaskSql(dialect)

    def doomed(self, step: Step, row: Row) -> Truth:
        """TRUE for the rows the step takes, as one condition that an index can serve."""
        parts: list[Expression | None] = [self._selected(step, row)]
        parts.append(self._reached(step, row))
        parts += [sa.not_(stop) for _, _, stop in self.stops_of(step, row)]
        if step.action is Action.ANONYMIZE:
            parts.append(self.unmasked(step, row))
        if step.action is Action.RESTRICT:
            parts.append(self.unrestricted(step, row))
        return all_of(*parts)

    def outcome(self, step: Step, row: Row) -> Expression:
        """What becomes of the row under this step, as text; NULL where the rule does not apply."""
        whens: list[tuple[Truth, Expression]] = []
        selected = self._selected(step, row)
        if selected is not None:
            whens.append((sa.not_(selected), sa.null()))
        gone = self.alive(step.table, row)
        if gone is not None:
            whens.append((sa.not_(gone), sa.null()))
        whens.append((is_true(self._reached(step, row)), self._reached_outcome(step, row)))
        if step.clock is None:
            return sa.case(*whens, else_=bind("running"))
        if step.has_listed_years:
            whens.append((self._doubtful(step, row), bind("undecidable")))
        started = is_true(self._sql(step.clock).before(row, self.plan.now))
        whens.append((started, bind("running")))
        whens.append((self._doubtful(step, row), bind("undecidable")))
        return sa.case(*whens, else_=bind("not started"))

    def _reached_outcome(self, step: Step, row: Row) -> Expression:
        """What becomes of a row whose period is over: stopped by something, or due."""
        whens: list[tuple[Truth, Expression]] = [
            (stop, bind(f"{kind}:{name}")) for kind, name, stop in self.stops_of(step, row)
        ]
        if step.action is Action.ANONYMIZE:
            whens += self._masking_outcomes(step, row)
        if step.action is Action.RESTRICT:
            whens.append((sa.not_(self.unrestricted(step, row)), bind("restricted:")))
        return sa.case(*whens, else_=bind("due")) if whens else bind("due")

    def _masking_outcomes(self, step: Step, row: Row) -> Iterator[tuple[Truth, Expression]]:
        yield self.unmasked(step, row), bind("due")
        for floor in self.plan.floors:
            covers = any(self._covers(floor, mask) for mask in step.masks if not mask.hops)
            if covers:
                protected = self._protecting(floor, step.table, row, None)
                yield all_of(self._differs(step, row), protected), bind(f"kept:{floor.rule}")
        yield sa.true(), bind("done")

    def _differs(self, step: Step, row: Row) -> Truth:
        table = self.plan.schema.tables[step.table]
        return any_of(
            *(
                self.masks.differs(row, table, table.columns[mask.column], mask.mask)
                for mask in step.masks
                if not mask.hops
            )
        )

    # -- clocks -----------------------------------------------------------------------------------

    def _reached(self, step: Step, row: Row) -> Truth:
        if step.when is not None:
            return self.conditions.holds(row, step.when)
        found: list[Truth] = []
        if step.clock is not None and step.deadline is not None:
            found.append(self._by_deadline(step.clock, row, step.deadline))
        stopped = partial(self._stopped_by_protection, step.table, row)
        if step.clock is not None and step.early is not None:
            found.append(all_of(self._by_deadline(step.clock, row, step.early), stopped()))
        if step.early_when is not None:
            found.append(all_of(self.conditions.holds(row, step.early_when), stopped()))
        return found[0] if len(found) == 1 else any_of(*found)

    def _stopped_by_protection(self, table: str, row: Row) -> Truth:
        return any_of(*(stop for _, _, stop in self._protecting_stops(table, row)))

    # -- what stops a row -------------------------------------------------------------------------

    def stops_of(self, step: Step, row: Row) -> list[Stop]:
        """Everything that stops this step for the row: (kind, name, condition)."""
        if step.action is Action.DELETE:
            found = self.stops(step.table, row)
        elif step.action is Action.ANONYMIZE:
            found = self._held(step.table, row) + self._taken_instead(step, row)
        else:
            found = self._restriction_stops(step, row)
        found += [
            ("unless", name, self.conditions.stops(row, condition))
            for name, condition in step.unless
        ]
        return found

    def stops(self, table: str, row: Row) -> list[Stop]:
        """What keeps a row of `table` from leaving: holds, floors, blocks, its children's too."""
        found = self._held(table, row)
        found += [
            ("kept", floor.rule, self.holding(floor, row)) for floor in self.plan.floors_on(table)
        ]
        children: dict[tuple[str, str], list[Truth]] = {}
        for reference in self.plan.referring(table, "delete"):
            for kind, name in self._labels(reference.table):
                called = partial(self._stop_called, reference.table, kind, name)
                stopped = self.reach.referring(row, reference, called)
                children.setdefault((kind, name), []).append(stopped)
        found += [(kind, name, any_of(*tests)) for (kind, name), tests in children.items()]
        found += [
            ("blocked", reference.label, self.reach.referring(row, reference, lambda _: None))
            for reference in self.plan.referring(table, "block")
        ]
        return _grouped(found)

    def _child_stops(self, table: str, row: Row) -> list[Stop]:
        """Stops of a row that would go with its parent; the `unless` of its own rules count too."""
        found = self.stops(table, row)
        for step in self.plan.steps:
            if step.table != table or step.action is not Action.DELETE:
                continue
            selected = self._selected(step, row)
            found += [
                ("unless", name, all_of(selected, self.conditions.stops(row, condition)))
                for name, condition in step.unless
            ]
        return _grouped(found)

    def _labels(self, table: str) -> list[tuple[str, str]]:
        probe = row_of(self.plan.schema.tables[table]).alias()
        return [(kind, name) for kind, name, _ in self._child_stops(table, probe)]

    def _stop_called(self, table: str, kind: str, name: str, row: Row) -> Truth:
        return any_of(
            *(
                stop
                for found_kind, found_name, stop in self._child_stops(table, row)
                if (found_kind, found_name) == (kind, name)
            )
        )

    def _held(self, table: str, row: Row) -> list[Stop]:
        hold, requested = self.hold_on(table, row), self.requested_on(table, row)
        found: list[Stop] = [] if hold is None else [("held", "", hold)]
        return found if requested is None else [*found, ("restricted", "", requested)]

    # -- masks and the columns that floors protect ------------------------------------------------

    def _taken_instead(self, step: Step, row: Row) -> list[Stop]:
        """A row that a delete step still to come takes is not masked as well."""
        later = self.plan.steps[self.plan.steps.index(step) + 1 :]
        others = [
            other for other in later if other.table == step.table and other.action is Action.DELETE
        ]
        return [("deleted", other.rule, self.taken(other, row)) for other in others]

    # -- restricting ------------------------------------------------------------------------------

    def unrestricted(self, step: Step, row: Row) -> Truth:
        """TRUE where the step still has to put the row out of processing."""
        restriction = step.restriction
        assert restriction is not None
        if restriction.values:
            return any_of(
                *(row.c[name].is_distinct_from(bind(value)) for name, value in restriction.values)
            )
        if restriction.move_to or not self.plan.schema.enrolled:
            return sa.true()
        return sa.not_(self.entered(step, row))

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
        return all_of(self._selected(step, row), reached, *stops, sa.not_(any_of(*left)))

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

    def protected(self, mask: ColumnMask, row: Row) -> Truth | None:
        """TRUE while some floor protects the masked column of the row; None where none can."""
        found = [
            self._protecting(floor, mask.table, row, mask.column)
            for floor in self.plan.floors
            if self._covers(floor, mask)
        ]
        return any_of(*found) if found else None

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
                self.reach.exists(row, _reversed(hops), lambda owner: self.holding(floor, owner))
                for hops in sorted(ways, key=str)
            )
        )

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

    def any_to_mask(self, masks: list[ColumnMask], row: Row) -> Truth:
        """TRUE where one of the masks has work on the row, and no hold lies on it."""
        needed = any_of(*(self.still_to_mask(mask, row) for mask in masks))
        held = self._held(masks[0].table, row) if masks else []
        return all_of(needed, *(sa.not_(stop) for _, _, stop in held)) if held else needed

    def unmasked(self, step: Step, row: Row) -> Truth:
        """TRUE where the row, or a child row that stays, still has something to mask."""
        found: list[Truth] = []
        for hops in dict.fromkeys(mask.hops for mask in step.masks):
            needed = partial(self.any_to_mask, self.masks_at(step, hops))
            found.append(self.reach.exists(row, hops, needed))
        return is_true(any_of(*found))

    def new_values(self, masks: list[ColumnMask], row: Row) -> dict[str, Expression]:
        """What an UPDATE sets: the mask, or the old value where NULL or protected."""
        values: dict[str, Expression] = {}
        for mask in masks:
            table = self.plan.schema.tables[mask.table]
            masked = self.masks.masked(row, table, table.columns[mask.column], mask.mask)
            values[mask.column] = sa.case(
                (is_true(self.still_to_mask(mask, row)), masked), else_=row.c[mask.column]
            )
        return values


def _grouped(stops: list[Stop]) -> list[Stop]:
    """One stop a name; held first, then kept, then blocked, so that counts name the strongest."""
    rank = ("held", "restricted", "kept", "blocked", "unless")
    merged: dict[tuple[str, str], list[Truth]] = {}
    for kind, name, stop in stops:
        merged.setdefault((kind, name), []).append(stop)
    return [
        (kind, name, any_of(*tests))
        for (kind, name), tests in sorted(merged.items(), key=lambda item: rank.index(item[0][0]))
    ]


def _reversed(hops: tuple[Hop, ...]) -> tuple[Hop, ...]:
    return tuple(Hop(hop.reference, not hop.down) for hop in reversed(hops))


def _target(floor: Floor, hops: tuple[Hop, ...]) -> str:
    return hops[-1].target if hops else floor.table
