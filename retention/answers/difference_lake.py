"""What another policy would mean in rows of a lake table: by the newest version of the table."""

from __future__ import annotations

from datetime import datetime

from retention.answers.difference import Compared, File, compared_by
from retention.databases.statements.comparing import Pattern, patterns, steps_on
from retention.databases.statements.lake_texts import taken_text
from retention.execution.lake import lake_schema_of
from retention.lake.table import LakeTable
from retention.planning.lake import lake_plan
from retention.planning.plan import Plan
from retention.planning.schema import HeldRows


def planned_in_lake(
    table: LakeTable, held: tuple[HeldRows, ...], file: File, as_of: datetime
) -> Plan:
    """The plan of one of the two policies over the table; PolicyError with every fault."""
    schema = lake_schema_of(table, file.policy, held)
    return lake_plan(file.policy, schema, as_of, file.name)


def compared_in_lake(table: LakeTable, old: Plan, new: Plan) -> Compared:
    """The rows of the table, sorted by both plans in one scan; LakeFailure where it fails."""

    def count(name: str) -> list[Pattern]:
        return patterns(table.rows(taken_text(old, new, name)), len(steps_on(old, name)))

    return compared_by(count, table.address, old, new)
