"""What a rule masks, and the child rows that go then, found along the references."""

from __future__ import annotations

from retention.planning.clocks import ClockFault
from retention.planning.mask_fitting import fitted
from retention.planning.masked_columns import ColumnMask
from retention.planning.paths import PathFault, resolve, resolve_table
from retention.planning.schema import Reference, Schema
from retention.policies.removal import Removal
from retention.policies.rule import Rule

Found = tuple[tuple[ColumnMask, ...], tuple[Reference, ...], list[str]]


def masks_of(schema: Schema, rule: Rule) -> Found:
    """The columns to mask, the references along which child rows go, and the faults in both."""
    masks, removals, faults = list[ColumnMask](), list[Reference](), list[str]()
    for name, mask in rule.anonymize.items():
        try:
            if isinstance(mask, Removal):
                removals.append(_removal(schema, rule.table, name))
            else:
                path = resolve(schema, rule.table, name, children=True)
                held = fitted(schema, path, mask, rule)
                masks.append(ColumnMask(path.hops, path.table, path.column, held))
        except (PathFault, ClockFault) as fault:
            faults.append(str(fault))
    return tuple(masks), tuple(removals), faults


def _removal(schema: Schema, table: str, name: str) -> Reference:
    hops = resolve_table(schema, table, name.removesuffix(".*"), children=True)
    if len(hops) == 1 and hops[0].down and hops[0].target != table:
        return hops[0].reference
    raise PathFault(f'"{name}": only child rows of another table can go')
