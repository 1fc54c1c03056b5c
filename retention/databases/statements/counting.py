"""The preview's numbers: what an index finds before a line, and what goes along."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from retention.databases.sql import Row, Truth, all_of, bind, is_true, row_of
from retention.databases.statements.clock_ranges import ClockRange
from retention.databases.statements.gone import GoneSets
from retention.databases.statements.table_scan import Scanned, TableScan
from retention.planning.plan import Action

_AFTER_THE_LINE = ("running", "not started", "undecidable")


def outcome_query(sets: GoneSets, table: str, indexes: Sequence[int]) -> sa.Select[Any]:
    """One scan that sorts every row of `table` under each of these steps, in words."""
    plan = sets.plan
    row = row_of(plan.schema.tables[table])
    columns = [
        sets.predicates(index).outcome(plan.steps[index], row).label(f"step_{index}")
        for index in indexes
    ]
    sorted_rows = sa.select(*columns).select_from(row).subquery("sorted")
    return sa.select(*sorted_rows.c, sa.func.count()).group_by(*sorted_rows.c)


def count_early(
    connection: sa.Connection, sets: GoneSets, table: str, ranges: Mapping[int, ClockRange]
) -> Scanned:
    """For each step what becomes of the rows before its line, by the index on its clock.

    Rows whose period runs, or whose clock has not started or cannot be read, are in no count.
    """
    found = Scanned({}, [], 0)
    for clock in {early.clock: None for early in ranges.values()}:
        alike = {index: early for index, early in ranges.items() if early.clock == clock}
        widest = max(alike.values(), key=lambda early: early.line.instant)
        scanned = TableScan(sets, table, list(alike), within=widest).scanned(connection)
        # of the others rows may lie beyond what was scanned
        plain = {index for index in scanned.plain if alike[index].line == widest.line}
        outcomes = found.outcomes | scanned.outcomes
        found = Scanned(outcomes, [], 0, found.plain | plain)
    for counts in found.outcomes.values():
        for unknown in _AFTER_THE_LINE:
            counts.pop(unknown, None)
    return found


def count_after(
    connection: sa.Connection, sets: GoneSets, table: str, early: ClockRange, most: int
) -> int:
    """The rows of the table that lie after a range, counted up to `most`."""
    row = row_of(sets.plan.schema.tables[table])
    return _up_to(connection, _rows(row).where(early.lies_before(row)), most)


def count_up_to(connection: sa.Connection, sets: GoneSets, table: str, most: int) -> int:
    """The rows of the table, counted up to `most`."""
    return _up_to(connection, _rows(row_of(sets.plan.schema.tables[table])), most)


def _rows(row: Row) -> sa.Select[Any]:
    return sa.select(sa.literal_column("1").label("one")).select_from(row)


def _up_to(connection: sa.Connection, rows: sa.Select[Any], most: int) -> int:
    some = rows.limit(most).subquery()
    return int(connection.execute(sa.select(sa.func.count()).select_from(some)).scalar_one())


def any_running(connection: sa.Connection, sets: GoneSets, index: int, early: ClockRange) -> bool:
    """TRUE where the period of some row of the step has begun and is not over.

    Most such rows lie after the range, where no row that is due is in the way.
    """
    step = sets.plan.steps[index]
    row = row_of(sets.plan.schema.tables[step.table])
    running = (
        _rows(row).where(sets.predicates(index).outcome(step, row) == bind("running")).limit(1)
    )
    places = running.where(early.lies_before(row)), running
    return any(connection.execute(query).first() is not None for query in places)


def also_queries(sets: GoneSets, index: int) -> Iterator[tuple[str, str, sa.Select[Any]]]:
    """(table, action, count) for everything that goes along with the step's rows."""
    yield from _gone_along(sets, index)
    if sets.plan.steps[index].action is Action.ANONYMIZE:
        yield from _masked_along(sets, index)


def _gone_along(sets: GoneSets, index: int) -> Iterator[tuple[str, str, sa.Select[Any]]]:
    plan = sets.plan
    companions = plan.gone_with(plan.steps[index])
    for table in companions.taken:
        if table == plan.steps[index].table:
            yield table, "delete", _gone_with_own(sets, index)
            continue
        yield table, "delete", sets.number_of(index, table)
    for reference in companions.detached:
        row = row_of(plan.schema.tables[reference.table])
        stays: Truth = sa.true()
        if reference.table in plan.lost_tables(plan.steps[index]):
            stays = sa.not_(sets.among(index, reference.table, row))
        alive = sets.alive(index)(reference.table, row)
        detached = all_of(sets.with_parents(index, reference, row), stays, alive)
        yield reference.table, "detach", _count(row, detached)
    for table, found in sets.unused(index).items():
        yield table, "delete", sa.select(sa.func.count()).select_from(found)
    step = plan.steps[index]
    for use, masks in plan.last_masks(step):
        row = row_of(plan.schema.tables[use.table])
        needed = sets.predicates(index).any_to_mask(masks, row)
        left = sets.leaving(index).left_anonymous(use, row, step.rule)
        yield use.table, "anonymize", _count(row, all_of(left, needed))


def _gone_with_own(sets: GoneSets, index: int) -> sa.Select[Any]:
    """Rows of the step's own table that go with others of it and are not due themselves."""
    step = sets.plan.steps[index]
    row = row_of(sets.plan.schema.tables[step.table])
    due = is_true(sets.predicates(index).doomed(step, row))
    return _count(row, all_of(sets.among(index, step.table, row), sa.not_(due)))


def _masked_along(sets: GoneSets, index: int) -> Iterator[tuple[str, str, sa.Select[Any]]]:
    plan = sets.plan
    step = plan.steps[index]
    predicates = sets.predicates(index)
    for group in step.mask_groups:
        if group.ways == ((),):
            continue
        row = row_of(plan.schema.tables[group.table])
        needed = predicates.any_to_mask(group.masks, row)
        alive = predicates.alive(group.table, row)
        found = all_of(sets.masks(index, group, row), needed, alive)
        yield group.table, "anonymize", _count(row, found)


def count_also(connection: sa.Connection, sets: GoneSets, index: int) -> list[tuple[str, str, int]]:
    """What goes along with the step's rows: table, action, rows."""
    merged: dict[tuple[str, str], int] = {}
    asked = list(also_queries(sets, index))
    counts = _counted(connection, sets, [query for _, _, query in asked])
    for (table, action, _), count in zip(asked, counts, strict=True):
        merged[(table, action)] = merged.get((table, action), 0) + count
    return [(table, action, count) for (table, action), count in merged.items()]


def _counted(connection: sa.Connection, sets: GoneSets, queries: list[sa.Select[Any]]) -> list[int]:
    """The single number of each query; at once where the engine works out a named set only once.

    Each of fifty tables below one would else be planned with the conditions of all of them.
    """
    if sets.dialect.repeats_sets or not queries:
        return [int(connection.execute(query).scalar_one()) for query in queries]
    found = sa.select(*(query.scalar_subquery() for query in queries))
    return [int(count) for count in connection.execute(found).one()]


def _count(row: Row, condition: Truth) -> sa.Select[Any]:
    return sa.select(sa.func.count()).select_from(row).where(condition)
