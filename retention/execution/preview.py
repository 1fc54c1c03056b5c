"""The dry run: counts what a Plan would do. Writes nothing; a role that may only read suffices."""

from __future__ import annotations

from dataclasses import replace

from retention.databases.database import Connection, Database
from retention.databases.erasing.walker import walk_of
from retention.databases.faults import database_faults
from retention.databases.statements.counting import count_also, count_kept, count_outcomes
from retention.databases.statements.counting_files import count_files
from retention.databases.statements.kept_sets import gone_sets
from retention.databases.statements.pieces import largest_piece
from retention.execution.accounts import Also, StepCount, step_count
from retention.planning.plan import Plan


def preview(
    database: Database, connection: Connection, plan: Plan, *, files: bool = False
) -> list[StepCount]:
    """One count per step of the plan, in the order in which they would run.

    `files`: those that rows on their way out name are counted, too, which a run need not know.
    """
    with database_faults("counting", database.name), connection.begin():
        with gone_sets(connection, plan, database.dialect) as sets:
            outcomes, totals = count_outcomes(connection, sets)
            counts = []
            for index, step in enumerate(plan.steps):
                also: tuple[Also, ...] = ()
                walk, rows = None, totals[step.table]
                if outcomes[index].get("due"):
                    found = count_also(connection, sets, index)
                    also = tuple(Also(*item) for item in found if item[2])
                    walk = walk_of(connection, plan, database.dialect, step, rows)
                count = step_count(step, outcomes[index], rows, also, walk)
                if files and count.due and (plan.files_gone(step) or plan.files_masked(step)):
                    count = replace(count, owned=count_files(connection, sets, index))
                if count.due:
                    count = replace(count, largest=largest_piece(connection, sets, index))
                counts.append(count)
        return counts


def kept_by_floors(database: Database, connection: Connection, plan: Plan) -> dict[str, int]:
    """For each rule with a floor, the rows it keeps now."""
    with database_faults("counting", database.name), connection.begin():
        return {
            rule: count_kept(connection, plan, database.dialect, rule)
            for rule in dict.fromkeys(floor.rule for floor in plan.floors)
        }
