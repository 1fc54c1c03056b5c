"""How many rows go in one transaction because they belong together: the largest piece of a step."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Any

import sqlalchemy as sa

from retention.databases.sql import Row, joined, row_of
from retention.databases.statements.gone import GoneSets
from retention.databases.statements.units import in_a_unit
from retention.planning.groups import largest_group
from retention.planning.plan import Step
from retention.planning.schema import Reference

BATCH = 2_000
"""Rows of a batch to begin with: a piece of no more is nothing to speak of."""
FOLLOWED = 1_000_000
"""Beyond this many rows pieces are not told apart; all of them together are the answer."""


def largest_piece(connection: sa.Connection, sets: GoneSets, index: int) -> int:
    """No piece or unit that the step takes has more rows than this; 0 where none is over `BATCH`.

    The rows of a piece are those of every table that leave with it, of a unit its members. Two rows
    that are due themselves and take a third one along count as one piece.
    """
    step = sets.plan.steps[index]
    in_circles = bool(sets.plan.gone_with(step).circles)
    if not in_circles and step.unit is None:
        return 0
    names = sets.plan.taken_tables(step) if in_circles else (step.table,)
    total = sum(_count(connection, sets, index, name) for name in names)
    if not BATCH < total <= FOLLOWED:
        return total if total > FOLLOWED else 0
    found = (_of_pieces if in_circles else _of_units)(connection, sets, index, step)
    return found if found > BATCH else 0


def _count(connection: sa.Connection, sets: GoneSets, index: int, table: str) -> int:
    query: sa.Select[Any] = sa.select(sa.func.count()).select_from(sets.set_of(index, table))
    return int(connection.execute(query).scalar_one())


def _of_pieces(connection: sa.Connection, sets: GoneSets, index: int, step: Step) -> int:
    """Rows joined by the references along which they go."""
    ways = [way for found in sets.plan.gone_with(step).taken.values() for way in found]
    taken = sets.plan.taken_tables(step)
    return largest_group(
        pair
        for way in ways
        if way.parent in taken
        for pair in _pairs(connection, sets, way, among=index)
    )


def _of_units(connection: sa.Connection, sets: GoneSets, index: int, step: Step) -> int:
    """Members joined by equal values, or by the reference, through rows that are no members too."""
    assert step.unit is not None
    row = row_of(sets.plan.schema.tables[step.table])
    gone = sets.among(index, step.table, row)
    if step.unit.reference is not None:
        if step.where is None:
            return largest_group(_pairs(connection, sets, step.unit.reference, among=index))
        keys = [row.c[name] for name in sets.plan.schema.tables[step.table].identity]
        members = connection.execute(sa.select(*keys).where(gone))
        counted = {(step.table, *member) for member in members}
        return largest_group(_pairs(connection, sets, step.unit.reference, among=None), counted)
    size: sa.Select[Any] = sa.select(sa.func.count().label("size")).select_from(row)
    sizes = size.where(in_a_unit(step.unit, row), gone).group_by(row.c[step.unit.column]).subquery()
    return int(connection.execute(sa.select(sa.func.max(sizes.c.size))).scalar_one() or 0)


def _pairs(
    connection: sa.Connection, sets: GoneSets, reference: Reference, *, among: int | None
) -> Iterator[tuple[Hashable, Hashable]]:
    """Rows and what they refer to, by table and key; `among`: only rows that step takes."""
    child = row_of(sets.plan.schema.tables[reference.table]).alias()
    parent = row_of(sets.plan.schema.tables[reference.parent]).alias()
    ends: tuple[tuple[str, Row], ...] = ((reference.table, child), (reference.parent, parent))
    tables = sets.plan.schema.tables
    columns = [row.c[name] for table, row in ends for name in tables[table].identity]
    query = sa.select(*columns).select_from(child.join(parent, joined(reference, child, parent)))
    if among is not None:
        query = query.where(*(sets.among(among, table, row) for table, row in ends))
    width = len(tables[reference.table].identity)
    for line in connection.execute(query):
        yield (reference.table, *line[:width]), (reference.parent, *line[width:])
