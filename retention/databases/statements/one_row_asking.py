"""One row, and the rows around it, as conditions; every statement asked is kept as text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.types import NullType

from retention.databases.dialects.dialect import Dialect
from retention.databases.keys import Key
from retention.databases.sql import Expression, Row, Truth, all_of, any_of, row_of
from retention.databases.statements.circles import Circle
from retention.databases.statements.condition_sql import ConditionSql
from retention.databases.statements.gone import GoneSets
from retention.databases.statements.kept_sets import KeptSets
from retention.databases.statements.rows import Reach, all_alive
from retention.planning.circles import circle_of
from retention.planning.paths import Hop, turned
from retention.planning.plan import Plan
from retention.planning.schema import Reference, Table, Value


@dataclass(frozen=True, slots=True)
class Place:
    """The row asked for (`hops` empty), or the row of `table` from which `hops` lead to it."""

    table: str
    hops: tuple[Hop, ...] = ()


class RowAsking:
    """Questions about one row under one plan; `statements` are those that were asked.

    Without a `connection` they are asked in the way of a class below.
    """

    def __init__(
        self,
        connection: sa.Connection | None,
        dialect: Dialect,
        plan: Plan,
        table: Table,
        key: Key | tuple[Value, ...],
    ) -> None:
        self.connection = connection
        self.dialect = dialect
        self.plan = plan
        self.table = table
        kept = None
        if connection is not None and dialect.repeats_sets:
            kept = KeptSets(connection, dialect, self._told)
        self.sets = GoneSets(plan, dialect, kept)
        self.reach = Reach(plan.schema, all_alive)
        self.conditions = ConditionSql(dialect, plan.schema, all_alive)
        self.statements: list[str] = []
        self._key = [
            sa.bindparam(f"key_{number}", value, type_=NullType())
            for number, value in enumerate(key, start=1)
        ]

    def row(self, table: str) -> sa.TableClause:
        return row_of(self.plan.schema.tables[table])

    def _has_key(self, row: Row) -> Truth:
        pairs = zip(self.table.key, self._key, strict=True)
        return sa.and_(*(row.c[name] == value for name, value in pairs))

    def at(self, place: Place, row: Row) -> Truth:
        return self.reach.exists(row, place.hops, self._has_key)

    def ways(self, table: str) -> dict[str, list[tuple[Hop, ...]]]:
        """Every way down the `delete` references from a row of `table`, by where it ends.

        A way that comes back to a table it has passed ends there: what lies further is in `goes`.
        """
        ways: dict[str, list[tuple[Hop, ...]]] = {}
        waiting: list[tuple[Hop, ...]] = [()]
        while waiting:
            way = waiting.pop(0)
            here = way[-1].target if way else table
            ways.setdefault(here, []).append(way)
            if here in (table, *(hop.target for hop in way[:-1])) and way:
                continue
            waiting += [(*way, Hop(found, True)) for found in self.plan.referring(here, "delete")]
        return ways

    def led_to(self, place: Place, ways: Sequence[tuple[Hop, ...]], row: Row) -> Truth:
        """TRUE for a row at the end of one of the ways down from the row at `place`."""
        return any_of(
            *(
                self.reach.exists(row, turned(way), lambda owner: self.at(place, owner))
                for way in ways
            )
        )

    def reached(
        self, place: Place, ways: dict[str, list[tuple[Hop, ...]]], table: str, row: Row
    ) -> Truth:
        """TRUE for the row at `place`, and for a row of `table` that lies below it."""
        if self.plan.companions(place.table).circles:
            return self.goes(place, table, row)
        return self.led_to(place, ways.get(table, []), row)

    def under(
        self,
        place: Place,
        reference: Reference,
        ways: dict[str, list[tuple[Hop, ...]]],
        row: Row,
    ) -> Truth:
        """TRUE for a row that refers along `reference` to the row at `place` or its companions."""

        def parent(other: Row) -> Truth:
            return self.reached(place, ways, reference.parent, other)

        return self.reach.exists(row, (Hop(reference, down=False),), parent)

    def goes(self, place: Place, table: str, row: Row) -> Truth:
        """TRUE for the row at `place`, and for a row of `table` that goes when it goes."""
        return self.goes_with(place.table, partial(self.at, place), table, row)

    def goes_by(self, place: Place, reference: Reference, row: Row) -> Truth:
        """TRUE where the row's parent goes when the row at `place` goes: the last of them."""
        return self._with_last(reference, row, partial(self.goes, place, reference.parent))

    def goes_with(self, name: str, first: Callable[[Row], Truth], table: str, row: Row) -> Truth:
        """TRUE for a row of `table` that goes with rows of `name` that are `first`, or is one."""
        tables = circle_of(self.plan.companions(name).circles, table)
        if not tables:
            return any_of(*self._entering(name, first, table, row, ()))
        circle = Circle(self.plan, tables)
        found = []
        for here in tables:
            start = self.row(here)
            enters = any_of(*self._entering(name, first, here, start, tables))
            found.append(circle.rows(here, start, enters))
        return circle.within(table, row, circle.downwards(found))

    def _entering(
        self,
        name: str,
        first: Callable[[Row], Truth],
        table: str,
        row: Row,
        circle: tuple[str, ...],
    ) -> Iterator[Truth]:
        """Why a row goes: it is one of the first, or goes with a parent in no table of `circle`."""
        if table == name:
            yield first(row)
        for reference in self.plan.companions(name).taken.get(table, ()):
            if reference.parent not in circle:
                parent = partial(self.goes_with, name, first, reference.parent)
                yield self._with_last(reference, row, parent)

    def _with_last(self, reference: Reference, row: Row, goes: Callable[[Row], Truth]) -> Truth:
        up = (Hop(reference, down=False),)
        found = self.reach.exists(row, up, goes)
        if not reference.shared:
            return found
        return sa.and_(
            found, sa.not_(self.reach.exists(row, up, lambda other: sa.not_(goes(other))))
        )

    def counting(self, row: Row, *conditions: Truth | None) -> sa.Select[Any]:
        return sa.select(sa.func.count()).select_from(row).where(all_of(*conditions))

    def count(self, query: sa.Select[Any]) -> int:
        return int(self.ask(query)[0][0])

    def _told(self, name: str, query: sa.Select[Any]) -> None:
        assert self.connection is not None
        filled = _text(query, self.connection)
        self.statements.append(f"CREATE TEMP TABLE {name} AS {filled}")

    def ask(self, query: sa.Select[Any]) -> Sequence[Any]:
        assert self.connection is not None
        self.statements.append(_text(query, self.connection))
        return self.connection.execute(query).fetchall()


def flag(condition: Expression) -> Expression:
    return sa.case((condition, sa.literal_column("1")), else_=sa.literal_column("0"))


def _text(query: sa.Select[Any], connection: sa.Connection) -> str:
    """The statement with the values it binds; the key stays `:key_1`, for the reader to fill in."""
    renderer: Any = type(connection.dialect)
    compiled = query.compile(dialect=renderer(paramstyle="named"))
    values = compiled.params

    def shown(found: re.Match[str]) -> str:
        name = found[1]
        if name not in values or name.startswith("key_"):
            return found[0]
        value = values[name]
        return str(value) if isinstance(value, int) else "'" + str(value).replace("'", "''") + "'"

    return re.sub(r"(?<![:\w]):(\w+)", shown, str(compiled)) + ";"
