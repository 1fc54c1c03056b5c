"""Rows that lose their last user: one condition for the preview and for every way of erasing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import sqlalchemy as sa

from retention.databases.dialects.dialect import Dialect
from retention.databases.sql import Row, Truth, all_of, any_of, is_true, joined_from_any
from retention.databases.statements.predicates import Predicates
from retention.databases.statements.rows import Alive, all_alive
from retention.databases.statements.stand_ins import stands_in
from retention.databases.statements.units import Naming
from retention.planning.plan import Action, Plan
from retention.planning.schema import Table
from retention.planning.unused import LastUse


def within(row: Row, columns: Sequence[str], rows: Row, names: Sequence[str]) -> Truth:
    """The row's columns are those of one of `rows`; an IN where there is one, for the index."""
    if len(columns) == 1:
        return row.c[columns[0]].in_(sa.select(rows.c[names[0]]))
    same = [row.c[own] == rows.c[other] for own, other in zip(columns, names, strict=True)]
    found: sa.Select[Any] = sa.select(sa.literal_column("1")).select_from(rows).where(*same)
    return sa.exists(found.correlate_except(rows))


class Leaving:
    """The rows that go, as sets by table; the unused ones are added as they become known.

    `before` leaves out what went earlier. Conditions are read as the tables will be afterwards: one
    over child rows finds none of those that go. `taken` tells which rows go of a table in which
    nothing tells one row from another. `naming` makes a set of a query.
    """

    def __init__(
        self,
        plan: Plan,
        dialect: Dialect,
        sets: Mapping[str, Row],
        taken: Callable[[str, Row], Truth],
        before: Alive = all_alive,
        naming: Naming | None = None,
    ) -> None:
        self.plan = plan
        self.dialect = dialect
        self.taken = taken
        self.before = before
        self._naming = naming
        self._sets: dict[str, list[Row]] = {table: [rows] for table, rows in sets.items()}
        self.after = self._afterwards()

    def add(self, table: str, rows: Row) -> None:
        """Rows of `table` that go as well."""
        self._sets.setdefault(table, []).append(rows)
        # sets made so far know nothing of them
        self.after = self._afterwards()

    def _afterwards(self) -> Predicates:
        if self._naming is None:
            return Predicates(self.plan, self.dialect, self._stays)
        naming = partial(self._named, self._naming, sum(map(len, self._sets.values())))
        return Predicates(self.plan, self.dialect, self._stays, naming=naming)

    @staticmethod
    def _named(
        naming: Naming, known: int, name: str, table: Table, query: sa.Select[Any]
    ) -> sa.CTE:
        return naming(f"{name}_left_{known}", table, query)

    def goes(self, table: str, row: Row) -> Truth | None:
        """TRUE for a row of `table` that goes; None where none does."""
        sets = self._sets.get(table, [])
        if not sets:
            return None
        identity = self.plan.schema.tables[table].identity
        if not identity:
            return is_true(self.taken(table, row))
        return any_of(*(within(row, identity, rows, identity) for rows in sets))

    def loses_user(self, use: LastUse, row: Row) -> Truth:
        """TRUE for a row of `use.table` to which one of the gone rows refers."""
        return any_of(
            *(
                joined_from_any(reference, row, rows)
                for reference in use.by
                for rows in self._sets.get(reference.table, [])
            )
        )

    def goes_unused(self, use: LastUse, row: Row) -> Truth:
        """TRUE for a row that loses its last user with them, where nothing else keeps it."""
        return all_of(
            self.loses_user(use, row),
            self._stays(use.table, row),
            sa.not_(self._used(use.table, row)),
            *self._free(use.table, row),
        )

    def left_anonymous(self, use: LastUse, row: Row, rule: str) -> Truth:
        """TRUE for a row that loses a user with them, and is left to rows `rule` anonymized."""
        steps = (step for step in self.plan.steps if step.rule == rule)
        masking = next((step for step in steps if step.action is Action.ANONYMIZE), None)
        free = sa.not_(self._used(use.table, row))
        for group in masking.mask_groups if masking else ():
            if masking and group.up and group.table == use.table:
                free = self.after.freed(masking).only(group, row)
        return all_of(self.loses_user(use, row), self.before(use.table, row), free)

    def _used(self, table: str, row: Row) -> Truth:
        """TRUE while a row that stays refers to the row, or where it stands for all who left."""
        users = self.plan.users_of(table)
        found = [self.after.reach.referring(row, user, lambda _: None) for user in users]
        standing = [is_true(stands) for _, stands in stands_in(self.plan, table, row)]
        return any_of(*found, *standing)

    def _free(self, table: str, row: Row) -> list[Truth]:
        """No hold, no floor, and no `unless` of a rule that selects the row, keeps it."""
        stops = [self.after.hold_on(table, row)]
        stops += [self.after.holding(floor, row) for floor in self.plan.floors_on(table)]
        stops += [stop for _, _, stop in self.after.own_unless(table, row)]
        return [sa.not_(stop) for stop in stops if stop is not None]

    def _stays(self, table: str, row: Row) -> Truth | None:
        goes, earlier = self.goes(table, row), self.before(table, row)
        return earlier if goes is None else all_of(earlier, sa.not_(goes))
