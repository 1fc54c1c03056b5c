"""Rows referred to that only anonymized rows use: what `"address.phone"` may mask."""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa

from retention.databases.sql import Row, Truth, all_of, any_of, is_true
from retention.databases.statements.rows import Reach
from retention.databases.statements.stand_ins import stands_in
from retention.planning.masked_columns import MaskGroup
from retention.planning.paths import Hop, turned
from retention.planning.plan import Plan, Step


class Freed:
    """Which rows above the step's rows are used by nothing but rows the same rule anonymized.

    `anonymized` says so of a row of the step's table. A row between the two is used by nothing else
    when its own users are all anonymized; a child row that goes with its owner does not count.
    """

    def __init__(
        self,
        plan: Plan,
        reach: Reach,
        step: Step,
        anonymized: Callable[[Row], Truth],
        may_go: Callable[[str, Row], Truth],
    ) -> None:
        self.plan = plan
        self.reach = reach
        self.step = step
        self.anonymized = anonymized
        self.may_go = may_go
        ways = [way for group in step.mask_groups if group.up for way in group.ways]
        self.between = {way[:size] for way in ways for size in range(1, len(way))}

    def only(self, group: MaskGroup, row: Row) -> Truth:
        """TRUE for a row of `group.table` that nothing else uses."""
        return self._free(group.table, row, max(map(len, group.ways)))

    def reached(self, group: MaskGroup, row: Row, test: Callable[[Row], Truth]) -> Truth:
        """TRUE for a row of `group.table` reached from a row of the step's that passes `test`."""
        return any_of(*(self.reach.exists(row, turned(way), test) for way in group.ways))

    def first_to_reach(self, group: MaskGroup, row: Row, needed: Callable[[Row], Truth]) -> Truth:
        """TRUE where the row reaches such a row that is `needed`, and no row with a lower key does.

        Of several anonymized rows one answers for what they share, so that it is counted once.
        """
        key = self.plan.schema.tables[self.step.table].identity

        def lower(other: Row) -> Truth:
            return sa.tuple_(*(other.c[name] for name in key)) < sa.tuple_(
                *(row.c[name] for name in key)
            )

        def test(target: Row) -> Truth:
            shared = self.reached(group, target, lower)
            return all_of(needed(target), self.only(group, target), sa.not_(shared))

        return any_of(*(self.reach.exists(row, way, test) for way in group.ways))

    def _free(self, table: str, row: Row, steps: int) -> Truth:
        """TRUE where every user of the row is spent, at most `steps - 1` steps from the rule's."""
        others = []
        for reference in self.plan.users_of(table):

            def other(user: Row, table: str = reference.table) -> Truth:
                return sa.not_(self._spent(table, user, steps - 1))

            others.append(self.reach.referring(row, reference, other))
        others += [is_true(standing) for _, standing in stands_in(self.plan, table, row)]
        return sa.not_(any_of(*others))

    def _spent(self, table: str, row: Row, steps: int) -> Truth:
        found = [self.anonymized(row)] if table == self.step.table else []
        for way in sorted(self.between, key=str):
            if way[-1].target == table and len(way) <= steps:
                found.append(self._spent_between(table, row, way))
        for reference in self.step.removals:
            if reference.table == table:
                owner = self.reach.exists(row, (Hop(reference, down=False),), self.anonymized)
                found.append(all_of(owner, self.may_go(table, row)))
        return is_true(any_of(*found))

    def _spent_between(self, table: str, row: Row, way: tuple[Hop, ...]) -> Truth:
        """TRUE for a row below an anonymized row, or one that only anonymized rows use."""
        led = self.reach.exists(row, turned(way), self.anonymized)
        if any(hop.down and hop.reference.shared for hop in way):
            led = all_of(led, sa.not_(self.reach.exists(row, turned(way), self._not_yet)))
        return led if way[-1].down else all_of(led, self._free(table, row, len(way)))

    def _not_yet(self, owner: Row) -> Truth:
        return sa.not_(is_true(self.anonymized(owner)))
