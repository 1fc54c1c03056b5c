"""The unit of one row: how many rows it has, and which of them it waits for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import sqlalchemy as sa

from retention.databases.keys import Key, key_columns, key_of
from retention.databases.sql import all_of
from retention.databases.statements.one_row import OneRow
from retention.databases.statements.one_row_asking import Place

MOST_MEMBERS = 20


@dataclass(frozen=True, slots=True)
class WaitingUnit:
    """A unit's rows, and the keys and outcomes of others in it that are not ready, lowest keys first.

    At most `MOST_MEMBERS` of those are listed; `waiting` counts all.
    """

    rows: int
    waiting: int
    members: tuple[tuple[Key, str], ...]


def waiting_unit(row: OneRow, place: Place, index: int) -> WaitingUnit:
    """The unit of the row at `place` under the step at `index`."""
    step = row.plan.steps[index]
    predicates = row.sets.predicates(index)
    member, table = row.row(step.table), row.plan.schema.tables[step.table]
    asked = f"asked_{len(row.statements)}"
    inside = all_of(
        predicates.selected(step, member),
        predicates.units.share_with(step, member, asked, partial(row.at, place)),
        row.sets.alive(index)(step.table, member),
    )
    waits = sa.and_(inside, sa.not_(predicates.ready(step, member)), sa.not_(row.at(place, member)))
    keys = key_columns(row.dialect, table, member, None, as_text=False)[:-1]
    query: sa.Select[Any] = sa.select(*keys, predicates.outcome(step, member)).where(waits)
    listed = query.order_by(*(member.c[name] for name in table.key)).limit(MOST_MEMBERS)
    found = tuple((key_of(table, line[:-1]), str(line[-1])) for line in row.ask(listed))
    return WaitingUnit(
        row.count(row.counting(member, inside)), row.count(row.counting(member, waits)), found
    )
