"""Rows and columns that floors with named columns protect, judged anew from plain rows."""

from __future__ import annotations

from collections.abc import Callable

from retention.databases.statements.recounting import PlainRows, RowKey
from retention.execution.recounting.below import kept_by_rows_below, parents_below
from retention.planning.masked_columns import ColumnMask
from retention.planning.paths import Hop
from retention.planning.plan import Floor, Plan

Keys = set[RowKey]
Keeping = Callable[[Floor, Keys], Keys]


def protected_from_deletion(
    plan: Plan, rows: PlainRows, keeping: Keeping, table: str, keys: Keys
) -> Keys:
    """Rows that a floor with named columns keeps: here, one reference below, or round a circle."""
    found: Keys = set()
    for floor in plan.floors:
        if not floor.protects:
            continue
        if floor.table == table:
            found |= keeping(floor, keys)
        for decision in ("delete", "block"):
            for reference in plan.referring(table, decision):
                if reference.table == floor.table:
                    pairs = rows.ends(table, keys, (Hop(reference, down=True),))
                    kept = keeping(floor, {child for _, child in pairs})
                    found |= {parent for parent, child in pairs if child in kept}
    return found | _protected_below(plan, rows, keeping, table, keys - found)


def _protected_below(plan: Plan, rows: PlainRows, keeping: Keeping, table: str, keys: Keys) -> Keys:
    """Rows above a row that such a floor keeps, however far, where references lead in a circle."""

    def kept_here(name: str, some: Keys) -> Keys:
        floors = (floor for floor in plan.floors_on(name) if floor.protects)
        return {key for floor in floors for key in keeping(floor, some)}

    found: Keys = set()
    for reference in plan.referring(table, "delete"):
        below = reference.table
        if plan.circle_of(below):
            pairs = rows.ends(table, keys, (Hop(reference, down=True),))
            children = {child for _, child in pairs}
            kept = kept_here(below, children)
            kept |= kept_by_rows_below(parents_below(plan, rows, below, children), kept_here, below)
            found |= {parent for parent, child in pairs if child in kept}
    return found


def protecting(plan: Plan, rows: PlainRows, keeping: Keeping, mask: ColumnMask, keys: Keys) -> Keys:
    """The rows in which a floor protects the column."""
    found: Keys = set()
    for floor in plan.floors:
        if not floor.protects and floor.table == mask.table:
            found |= keeping(floor, keys)
        for hops, column in floor.protects:
            target = hops[-1].target if hops else floor.table
            if (target, column) != (mask.table, mask.column):
                continue
            back = tuple(Hop(hop.reference, not hop.down) for hop in reversed(hops))
            pairs = rows.ends(mask.table, keys, back)
            owners = keeping(floor, {owner for _, owner in pairs})
            found |= {key for key, owner in pairs if owner in owners}
    return found
