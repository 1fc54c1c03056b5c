"""When rows fall due: one scan of a table that finds each row's first instant under each step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from retention.databases.dialects.dialect import Dialect
from retention.databases.sql import Expression, Row, Truth, all_of, row_of
from retention.databases.statements.predicates import Predicates
from retention.databases.statements.stops import Stop
from retention.planning.plan import Action, Plan, Step

FirstDue = tuple[tuple[int | None, ...], int]


class Unstopped(Predicates):
    """The decisions of a plan with nothing in the way: its clocks, conditions and masks alone."""

    def __init__(self, plan: Plan, dialect: Dialect) -> None:
        super().__init__(replace(plan.unheld(), floors=()), dialect)

    def at(self, instant: datetime, step: Step) -> Unstopped:
        """The decisions at another instant, where it matters: required values must lie before it."""
        if not _requires(step):
            return self
        return Unstopped(replace(self.plan, as_of=instant), self.dialect)

    def stops_of(self, step: Step, row: Row) -> list[Stop]:
        """Nothing stops a row here."""
        return []


def first_due_query(
    plan: Plan,
    dialect: Dialect,
    table: str,
    series: Sequence[Sequence[Step]],
    instants: Sequence[datetime],
) -> sa.Select[Any]:
    """How many rows of `table` share the same first instants, one column for each of `series`.

    Each of `series` is one step of the table as it stands at every one of `instants`, earliest
    first; the column holds the number of the first one at which the row is due, or NULL.
    """
    unstopped = Unstopped(plan, dialect)
    row = row_of(plan.schema.tables[table])
    columns = [
        _first_due(unstopped, steps, row, instants).label(f"due_{number}")
        for number, steps in enumerate(series)
    ]
    found = sa.select(*columns).select_from(row).subquery("found")
    return sa.select(*found.c, sa.func.count()).group_by(*found.c)


def count_first_due(
    connection: sa.Connection,
    plan: Plan,
    dialect: Dialect,
    table: str,
    series: Sequence[Sequence[Step]],
    instants: Sequence[datetime],
) -> list[FirstDue]:
    """The first instants and how many rows share them."""
    query = first_due_query(plan, dialect, table, series, instants)
    once: dict[str, Any] = {"compiled_cache": None}
    return first_dues(connection.execute(query, execution_options=once))


def first_dues(rows: Iterable[Sequence[Any]]) -> list[FirstDue]:
    """What `first_due_query` found."""
    return [
        (tuple(None if item is None else int(item) for item in instants), int(count))
        for *instants, count in rows
    ]


def _first_due(
    unstopped: Unstopped, steps: Sequence[Step], row: Row, instants: Sequence[datetime]
) -> Expression:
    """The number of the first step that takes the row; NULL where none does."""
    applies, first = first_due(unstopped, steps, row, instants)
    return first if applies is None else sa.case((applies, first), else_=sa.null())


def first_due(
    unstopped: Unstopped, steps: Sequence[Step], row: Row, instants: Sequence[datetime]
) -> tuple[Truth | None, Expression]:
    """Whether the steps speak of the row and have work on it, looked at once; the first, by clock."""
    step = steps[0]
    applies = unstopped.conditions.selects(row, step.where)
    if step.action is Action.ANONYMIZE:
        applies = all_of(applies, unstopped.unmasked(step, row))
    tests = [
        (number, unstopped.at(instants[number], step).doomed(_clock_only(steps[number]), row))
        for number in _changing(steps)
    ]
    if step.younger is None:
        first = _searched(tests)
    else:
        first = sa.case(*((test, _number(at)) for at, test in tests), else_=sa.null())
    return applies, first


def _changing(steps: Sequence[Step]) -> Iterator[int]:
    """Where the line moves: a condition without a clock holds now or not at all."""
    known: object = None
    for number, step in enumerate(steps):
        requires = number if _requires(step) else None
        lines = (step.deadline, step.younger, step.when, requires)
        if lines != known:
            known = lines
            yield number


def _requires(step: Step) -> bool:
    """TRUE where the clock asks for values that may still lie ahead."""
    return step.clock is not None and bool(step.clock.requires)


def _clock_only(step: Step) -> Step:
    alone = replace(step, action=Action.DELETE, where=None, unless=(), masks=(), early=None)
    return replace(alone, unit=None)


def _searched(tests: Sequence[tuple[int, Truth]]) -> Expression:
    """A search by halves: a row that is due at one instant is due at all later ones."""

    def between(low: int, high: int) -> Expression:
        if low == high:
            return _number(tests[low][0]) if low < len(tests) else sa.null()
        middle = (low + high) // 2
        return sa.case((tests[middle][1], between(low, middle)), else_=between(middle + 1, high))

    return between(0, len(tests))


def _number(number: int) -> Expression:
    return sa.literal_column(str(number), sa.Integer)
