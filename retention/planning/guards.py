"""Which column tells that a number was given again to another row, and where none is named. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from retention.planning.plan import Action, Plan
from retention.planning.references import Fault
from retention.planning.schema import ColumnKind, Table

_MADE = re.compile(r"creat|insert|regist|signed_up|joined|opened|placed|request|opprett|skapad")
_DATES = (ColumnKind.DATE, ColumnKind.TIMESTAMP, ColumnKind.TIMESTAMPTZ)


def guard_for(table: Table, candidates: Collection[str]) -> str | None:
    """The first of these columns that looks set once, when a row is made; None where none does."""
    found = (name for name in candidates if _MADE.search(name.casefold()))
    return next((name for name in found if table.columns[name].kind in _DATES), None)


def missing_guards(plan: Plan) -> Iterator[Fault]:
    """Steps whose rows have a number that a restored database may give again, and no guard."""
    masked = {
        (mask.table, mask.column) for step in plan.steps for mask in (*step.masks, *step.above)
    }
    for step in plan.steps:
        table = plan.schema.tables[step.table]
        acts = step.action in (Action.DELETE, Action.ANONYMIZE)
        if not acts or not _numbered(table) or plan.guard_of(step.table):
            continue
        columns = [name for name in table.columns if (table.name, name) not in masked]
        if guard := guard_for(table, columns):
            yield (
                ("rules", step.rule),
                f'a restored database may give the numbers of erased rows of "{table.name}" again, and '
                f"nothing tells such a row from the old one: `backups reapply` would list it for a "
                f'person; write guard = "{guard}" if that is set once, when the row is made',
            )


def _numbered(table: Table) -> bool:
    keys = [table.columns[name] for name in table.key]
    return len(keys) == 1 and keys[0].kind is ColumnKind.INTEGER
