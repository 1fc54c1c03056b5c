"""The dry run: counts what a Plan would do. Writes nothing; a role that may only read suffices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from retention.databases.database import Connection, Database
from retention.databases.erasing.walker import walk_of
from retention.databases.faults import database_faults
from retention.databases.reading import reading
from retention.databases.statements.clock_ranges import ClockRange, early_range, is_within_reach
from retention.databases.statements.counting import (
    any_running,
    count_after,
    count_also,
    count_early,
    count_up_to,
)
from retention.databases.statements.counting_files import count_files
from retention.databases.statements.gone import GoneSets
from retention.databases.statements.kept_sets import gone_sets
from retention.databases.statements.pieces import largest_piece
from retention.databases.statements.plainly_due import file_version
from retention.databases.statements.table_scan import Scanned, TableScan
from retention.databases.statistics import rows_about
from retention.execution.accounts import Also, StepCount, step_count
from retention.execution.limits import rows_wanted
from retention.planning.plan import Floor, Plan, Step

MOST_COUNTED = 1_000_000
"""Rows of a table up to which those that are not due are counted, too, unless all are asked for."""


def preview(
    database: Database,
    connection: Connection,
    plan: Plan,
    *,
    full: bool = False,
    files: bool = False,
) -> list[StepCount]:
    """One count per step of the plan, in the order in which they would run.

    What is due is always counted. `full`: so is, in tables however large, what is not. `files`:
    so are those that rows on their way out name, which a run need not know.
    """
    return preview_with_floors(database, connection, plan, (), full=full, files=files)[0]


def preview_with_floors(
    database: Database,
    connection: Connection,
    plan: Plan,
    floors: Sequence[Floor],
    *,
    full: bool = False,
    files: bool = False,
) -> tuple[list[StepCount], dict[str, int]]:
    """As `preview`; and for each rule of `floors` the rows it keeps, by the same scans."""
    names = dict.fromkeys([*(it.table for it in plan.steps), *(it.table for it in floors)])
    counting = database_faults("counting", database.name)
    with counting, reading(connection), gone_sets(connection, plan, database.dialect) as sets:
        tallies: dict[str, _Tally] = {}
        for name in names:
            here = [it for it in floors if it.table == name]
            tallies[name] = found = _tally(connection, sets, name, here, full)
            # later scans need no look at rows that nothing was found to take
            sets.idle |= {at for at, it in found.scanned.outcomes.items() if not it.get("due")}
        counts = [
            _count(connection, sets, index, tallies[step.table], files=files)
            for index, step in enumerate(plan.steps)
        ]
    kept: dict[str, int] = {}
    for tally in tallies.values():
        for rule, rows in tally.kept:
            kept[rule] = kept.get(rule, 0) + rows
    return counts, kept


@dataclass(frozen=True, slots=True)
class _Tally:
    """Of one table what a scan found, the rows that floors keep, and about how many rows it has where
    they were not counted.
    """

    scanned: Scanned
    kept: list[tuple[str, int]]
    about: int | None = None


def _tally(
    connection: Connection, sets: GoneSets, table: str, floors: list[Floor], full: bool
) -> _Tally:
    plan = sets.plan
    steps = {index: step for index, step in enumerate(plan.steps) if step.table == table}
    ranges = _ranges(sets, steps)
    early, about = None, None
    if steps and not full and len(ranges) == len(steps):
        about = rows_about(connection, plan.schema.tables[table])
        if about is not None and about > MOST_COUNTED:
            early = count_early(connection, sets, table, ranges)
            if not floors:
                return _Tally(early, [], about)
    scan = TableScan(sets, table, list(steps) if early is None else (), floors)
    scanned = scan.scanned(connection)
    kept = list(zip((floor.rule for floor in floors), scanned.kept, strict=True))
    return _Tally(scanned, kept) if early is None else _Tally(early, kept, about)


def _ranges(sets: GoneSets, steps: dict[int, Step]) -> dict[int, ClockRange]:
    """What may be counted instead of whole tables: the rows before the line of a step.

    Without an index on every clock, or partitions by it, the table is scanned anyway, and one scan
    sorts all its rows. But to see that a text is a time costs as much as the scan, so that it is
    asked of few.
    """
    found = {index: early_range(sets.plan, sets.dialect, step) for index, step in steps.items()}
    ranges = {index: early for index, early in found.items() if early is not None}
    if sets.dialect.dates_are_text and len({early.clock for early in ranges.values()}) == 1:
        return ranges
    return {
        it: early for it, early in ranges.items() if is_within_reach(sets.plan, steps[it], early)
    }


def _count(
    connection: Connection, sets: GoneSets, index: int, tally: _Tally, *, files: bool
) -> StepCount:
    step, scanned = sets.plan.steps[index], tally.scanned
    outcomes = scanned.outcomes[index]
    if not outcomes.get("due"):
        return step_count(step, outcomes, scanned.rows, (), about=tally.about)
    found = count_also(connection, sets, index)
    also = tuple(Also(*item) for item in found if item[2])
    rows = scanned.rows if tally.about is None else tally.about
    walk = walk_of(connection, sets.plan, sets.dialect, step, rows)
    counted = step_count(step, outcomes, scanned.rows, also, walk, tally.about)
    seen = file_version(connection) if index in scanned.plain else None
    counted = replace(counted, largest=largest_piece(connection, sets, index), plain_while=seen)
    if files and (sets.plan.files_gone(step) or sets.plan.files_masked(step)):
        counted = replace(counted, owned=count_files(connection, sets, index))
    if tally.about is None:
        return counted
    return _enough(connection, sets, index, counted, sum(outcomes.values()))


def _enough(
    connection: Connection, sets: GoneSets, index: int, count: StepCount, known: int
) -> StepCount:
    """As much of what was not counted as the limits have to know; `known` rows start early."""
    early = early_range(sets.plan, sets.dialect, count.step)
    assert early is not None
    table, wanted = count.step.table, rows_wanted(count)
    rows = known
    if rows < wanted:
        rows += count_after(connection, sets, table, early, wanted - known)
    if rows < wanted:
        # of those that start early some may be none of the rule's
        rows = count_up_to(connection, sets, table, wanted)
    other = not count.stopped and any_running(connection, sets, index, early)
    return replace(count, rows=rows, running=int(other))


def keeping_only(plan: Plan) -> list[Floor]:
    """The floors of rules that do nothing but keep."""
    acting = {step.rule for step in plan.steps}
    return [floor for floor in plan.floors if floor.rule not in acting]
