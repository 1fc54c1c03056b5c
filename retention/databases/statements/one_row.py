"""What becomes of one row: what `explain` asks of the database.

The conditions are those of the preview (`GoneSets`, `Predicates`); nothing is decided here a second
time. No value of the row is selected but its times and its own key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

import sqlalchemy as sa

from retention.databases.dialects.dialect import key_text
from retention.databases.keys import Key, key_columns, keys_of
from retention.databases.sql import Expression, Row, Truth, all_of
from retention.databases.state import hold
from retention.databases.statements.one_row_asking import Place, flag
from retention.databases.statements.one_row_clocks import RowClocks
from retention.databases.statements.unused import Leaving
from retention.databases.taking import set_columns
from retention.planning.deadlines import Deadline
from retention.planning.paths import Hop
from retention.planning.plan import Action, Floor, Step
from retention.planning.schema import Reference

_ALL = Deadline((), "")
DEEPEST = 8


@dataclass(frozen=True, slots=True)
class Decided:
    """What becomes of the row under one step, and everything that stops it now."""

    selected: bool
    outcome: str | None
    stops: tuple[tuple[str, str], ...]


class OneRow(RowClocks):
    """Questions about one row: is it there, what becomes of it, what stops it, what goes along."""

    def find(self) -> tuple[Key, datetime | None] | None:
        """The row's key as the database spells it, and its guard; None where there is no row."""
        row = self.row(self.table.name)
        guard = self.plan.guard_of(self.table.name)
        columns = key_columns(self.dialect, self.table, row, guard, as_text=False)
        found = self.ask(sa.select(*columns).where(self._has_key(row)))
        return keys_of(self.table, found)[0] if found else None

    def exists(self, place: Place) -> bool:
        """TRUE where there is such a row."""
        row = self.row(place.table)
        query: sa.Select[Any] = sa.select(sa.func.count()).select_from(row)
        return bool(self.count(query.where(self.at(place, row))))

    def _leads_on(self, place: Place, passed: Sequence[Place]) -> bool:
        """TRUE where there is a row at `place` to which no shorter way has led."""
        row = self.row(place.table)
        before = [sa.not_(self.at(it, row)) for it in passed if it.table == place.table]
        query: sa.Select[Any] = sa.select(sa.func.count()).select_from(row)
        return bool(self.count(query.where(self.at(place, row), *before)))

    def ways_to(self, table: str) -> list[tuple[Hop, ...]]:
        """The ways from rows of `table` down to this row, shortest first; round a circle while they
        lead to rows not met before, up to `DEEPEST` steps.
        """
        if not self.plan.companions(table).circles:
            return self.ways(table).get(self.table.name, [])
        found: list[tuple[Hop, ...]] = []
        waiting: list[tuple[Hop, ...]] = [()]
        passed = [Place(self.table.name)]
        while waiting:
            way = waiting.pop(0)
            here = way[0].reference.parent if way else self.table.name
            found += [way] if here == table else []
            along = self.plan.companions(table).taken.get(here, ()) if len(way) < DEEPEST else ()
            longer = [(Hop(reference, down=True), *way) for reference in along]
            for it in longer:
                place = Place(it[0].reference.parent, it)
                if self._leads_on(place, passed):
                    passed.append(place)
                    waiting.append(it)
        return found

    def decided(self, place: Place, indexes: Sequence[int]) -> dict[int, Decided]:
        """For each of these steps what a night makes of the row, in one statement."""
        row = self.row(place.table)
        columns: list[Expression] = []
        stops: dict[int, list[tuple[str, str]]] = {}
        for index in indexes:
            step = self.plan.steps[index]
            predicates = self.sets.predicates(index)
            found = predicates.stops_of(step, row)
            stops[index] = [(kind, name) for kind, name, _ in found]
            columns += [
                flag(predicates.holding(_as_floor(step), row)).label(f"selected_{index}"),
                predicates.outcome(step, row).label(f"outcome_{index}"),
                *(
                    flag(stop).label(f"stop_{index}_{number}")
                    for number, (_, _, stop) in enumerate(found)
                ),
            ]
        if not columns:
            return {}
        answers = self.ask(sa.select(*columns).where(self.at(place, row)).limit(1))
        return self._decisions(stops, answers[0]) if answers else {}

    def _decisions(
        self, stops: dict[int, list[tuple[str, str]]], answer: Sequence[Any]
    ) -> dict[int, Decided]:
        decided, here = {}, 0
        for index, named in stops.items():
            flags = answer[here + 2 : here + 2 + len(named)]
            now = tuple(name for name, flag in zip(named, flags, strict=True) if flag)
            decided[index] = Decided(bool(answer[here]), answer[here + 1], now)
            here += 2 + len(named)
        return decided

    def keeps(self, place: Place, floor: Floor) -> tuple[bool, bool]:
        """Whether the floor speaks of the row, and whether it still keeps it."""
        predicates, row = self.sets.predicates(0), self.row(place.table)
        speaks = Floor(floor.rule, floor.table, floor.where, None, _ALL, (), floor.younger)
        flags = (flag(predicates.holding(found, row)) for found in (speaks, floor))
        answers = self.ask(sa.select(*flags).where(self.at(place, row)).limit(1))
        return (bool(answers[0][0]), bool(answers[0][1])) if answers else (False, False)

    def holds(self, place: Place) -> list[tuple[str, str]]:
        """(id, table) of every hold in force on the row and on rows that would go with it."""
        found: list[tuple[str, str]] = []
        ways = self.ways(place.table)
        for name in ways:
            if not self.plan.schema.tables[name].key or not self.plan.schema.enrolled:
                continue
            row = self.row(name)
            named = sa.and_(
                hold.c.released_at.is_(None),
                hold.c.table_name == name,
                hold.c.row_key == key_text(self.dialect, self.plan.schema.tables[name], row),
                self.reached(place, ways, name, row),
            )
            query = sa.select(hold.c.hold_id).where(named).order_by(hold.c.hold_id)
            found += [(str(hold_id), name) for (hold_id,) in self.ask(query)]
        return found

    def blockers(self, place: Place, index: int, label: str) -> int:
        """The rows that block along the reference of that name, less those gone by then."""
        ways = self.ways(place.table)
        total = 0
        for reference in self.plan.schema.references:
            if reference.label != label or reference.parent not in ways:
                continue
            row = self.row(reference.table)
            alive = self.sets.alive(index)(reference.table, row)
            total += self.count(self.counting(row, self.under(place, reference, ways, row), alive))
        return total

    def along(self, place: Place, step: Step) -> list[tuple[str, str, int]]:
        """(table, action, rows) of what goes, is detached or masked with the row."""
        if step.action is Action.ANONYMIZE:
            return [*self._masked_along(place, step), *self._removed_along(place, step)]
        companions = self.plan.companions(place.table)
        counts: dict[tuple[str, str], int] = {}
        for name in companions.taken:
            row = self.row(name)
            others = [sa.not_(self.at(place, row))] if name == place.table else []
            query = self.counting(row, self.goes(place, name, row), *others)
            counts[name, "delete"] = self.count(query)
        for name, count in self._unused_along(place, step):
            counts[name, "delete"] = counts.get((name, "delete"), 0) + count
        for reference in companions.detached:
            row = self.row(reference.table)
            goes = self.goes(place, reference.table, row)
            query = self.counting(row, self.goes_by(place, reference, row), sa.not_(goes))
            found = counts.get((reference.table, "detach"), 0) + self.count(query)
            counts[reference.table, "detach"] = found
        return [(table, action, count) for (table, action), count in counts.items() if count]

    def users(self) -> int:
        """How many rows use the row, of those that keep it from going unused."""
        place = Place(self.table.name)
        rows = [(found, self.row(found.table)) for found in self.plan.users_of(place.table)]
        return sum(
            self.count(self.counting(row, self.led_to(place, [(Hop(found, down=True),)], row)))
            for found, row in rows
        )

    def _unused_along(self, place: Place, step: Step) -> Iterator[tuple[str, int]]:
        """Rows that lose their last user with this row and what goes with it."""
        uses = self.plan.last_uses(step)
        if not uses:
            return
        goes = partial(self.goes, place)
        tables = dict.fromkeys((place.table, *self.plan.companions(place.table).taken))
        sets: dict[str, Row] = {name: self._set(name, partial(goes, name)) for name in tables}
        leaving = Leaving(self.plan, self.dialect, sets, goes)
        for use in uses:
            found = self._set(use.table, partial(leaving.goes_unused, use))
            leaving.add(use.table, found)
            yield use.table, self.count(sa.select(sa.func.count()).select_from(found))

    def _set(self, name: str, condition: Callable[[Row], Truth]) -> sa.CTE:
        row = self.row(name)
        columns = set_columns(self.plan, self.plan.schema.tables[name])
        query: sa.Select[Any] = sa.select(*(row.c[column] for column in columns)).select_from(row)
        return query.where(condition(row)).cte(f"leaving_{len(self.statements)}_{name}")

    def _masked_along(self, place: Place, step: Step) -> list[tuple[str, str, int]]:
        predicates = self.sets.predicates(0)
        found = []
        for group in step.mask_groups:
            if group.ways == ((),):
                continue
            row = self.row(group.table)
            led = self.led_to(place, group.ways, row)
            if group.up:
                freed = predicates.freed(step, partial(self.at, place))
                led = all_of(led, freed.only(group, row))
            count = self.count(self.counting(row, led, predicates.any_to_mask(group.masks, row)))
            found += [(group.table, "anonymize", count)] if count else []
        return found

    def _removed_along(self, place: Place, step: Step) -> list[tuple[str, str, int]]:
        predicates = self.sets.predicates(0)
        counts: dict[str, int] = {}
        for reference in step.removals:

            def going(child: Row, reference: Reference = reference) -> Truth:
                owner = (Hop(reference, down=False),)
                owned = self.reach.exists(child, owner, partial(self.at, place))
                return all_of(owned, predicates.may_go(reference.table, child))

            below = self.plan.companions(reference.table).taken
            for name in dict.fromkeys((reference.table, *below)):
                row = self.row(name)
                goes = self.goes_with(reference.table, going, name, row)
                counts[name] = counts.get(name, 0) + self.count(self.counting(row, goes))
        return [(name, "delete", count) for name, count in counts.items() if count]


def _as_floor(step: Step) -> Floor:
    """A floor without end over the rows the step speaks of: it holds where the rule selects."""
    return Floor(step.rule, step.table, step.where, None, _ALL, (), step.younger)
