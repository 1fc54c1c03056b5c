"""Units (`together`), judged anew: which rows wait for others of their thread or case file."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from retention.databases.statements.recounting import PlainRows, RowKey
from retention.databases.statements.recounting_units import agreeing, alike
from retention.planning.paths import Hop
from retention.planning.schema import Reference
from retention.planning.units import Unit

Keys = set[RowKey]
Sieve = Callable[[Keys], Keys]


def members_of(rows: PlainRows, table: str, unit: Unit, keys: Iterable[RowKey]) -> Keys:
    """The rows, and all rows of the table that share a unit with one of them."""
    found = set(keys)
    if unit.reference is None:
        return found | alike(rows, table, unit, found)
    waiting = set(found)
    while waiting:
        beside = {
            key
            for down in (False, True)
            for _, key in rows.ends(table, waiting, (Hop(unit.reference, down),))
        }
        waiting = beside - found
        found |= waiting
    return found


def sharing(rows: PlainRows, table: str, unit: Unit, keys: Keys, test: Sieve) -> Keys:
    """Those of the rows that share a unit with a row that passes `test`."""
    passed = test(members_of(rows, table, unit, keys))
    return members_of(rows, table, unit, passed) & keys if passed else set()


def referred_from_outside(
    rows: PlainRows, reference: Reference, unit: Unit, keys: Keys, selected: Sieve
) -> Keys:
    """Those of the rows that a row refers to which is no member of their unit."""
    pairs = rows.ends(reference.parent, keys, (Hop(reference, down=True),))
    inside = selected({child for _, child in pairs})
    if unit.reference is None:
        same = agreeing(rows, reference, unit, keys)
        return {key for key, child in pairs if child not in inside or (key, child) not in same}
    if unit.reference != reference:
        return {key for key, _ in pairs}
    return {key for key, child in pairs if child not in inside}
