"""The rows that would go with rows that are due, followed down from plain rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from retention.databases.statements.recounting import PlainRows, RowKey
from retention.planning.paths import Hop
from retention.planning.plan import Plan

Keys = set[RowKey]
Place = tuple[str, RowKey]
Parents = dict[Place, list[Place]]


def parents_below(plan: Plan, rows: PlainRows, table: str, keys: Keys) -> Parents:
    """Every row that goes with one of these, down every `delete` reference, with its parents."""
    found: Parents = {}
    seen: set[Place] = {(table, key) for key in keys}
    waiting = [(table, keys)]
    while waiting:
        here, some = waiting.pop()
        for reference in plan.referring(here, "delete"):
            child = reference.table
            if not plan.schema.tables[child].key:
                continue
            pairs = rows.ends(here, some, (Hop(reference, down=True),)) if some else []
            for parent, key in pairs:
                found.setdefault((child, key), []).append((here, parent))
            new = {key for _, key in pairs if (child, key) not in seen}
            seen |= {(child, key) for key in new}
            if new:
                waiting.append((child, new))
    return found


def kept_by_rows_below(parents: Parents, stopped: Callable[[str, Keys], Keys], table: str) -> Keys:
    """The rows of `table` with which a stopped row would go, however far below it is."""
    tables: dict[str, Keys] = {}
    for child, key in parents:
        tables.setdefault(child, set()).add(key)
    waiting = [(child, key) for child, keys in tables.items() for key in stopped(child, keys)]
    kept = set(_above(parents, waiting))
    waiting = list(kept)
    while waiting:
        waiting = [place for place in _above(parents, waiting) if place not in kept]
        kept |= set(waiting)
    return {key for name, key in kept if name == table}


def _above(parents: Parents, places: Iterable[Place]) -> list[Place]:
    return list(dict.fromkeys(above for place in places for above in parents.get(place, ())))
