"""Units (`together`): rows of one table that are due together and go in one transaction."""

from __future__ import annotations

from dataclasses import dataclass

from retention.planning.declared import nothing_in
from retention.planning.paths import PathFault, did_you_mean
from retention.planning.schema import ColumnKind, Reference, Schema, Table
from retention.policies.rule import Rule

_NEVER_EQUAL = (ColumnKind.JSON, ColumnKind.ARRAY)


@dataclass(frozen=True, slots=True)
class Unit:
    """What joins rows: `reference`, to the same table and as far as it leads; else equal values.

    `nothing`: values of `column` that join no rows, besides NULL.
    """

    column: str
    reference: Reference | None = None
    nothing: tuple[str | int, ...] = ()


def unit_of(schema: Schema, rule: Rule, table: Table) -> Unit | None:
    """The rule's unit; None without one. Raises PathFault where rows cannot be joined so."""
    name = rule.together
    if name is None:
        return None
    if name not in table.columns:
        cure = did_you_mean(name, table.columns)
        raise PathFault(f'table "{table.name}" has no column "{name}"{cure}')
    if not table.key:
        raise PathFault(
            f'"{table.name}" has no primary key, so its rows cannot be told apart; add one'
        )
    found = [reference for reference in schema.of(table.name) if _joins(reference, name)]
    if len(found) > 1:
        raise PathFault(
            f'"{name}" refers to "{table.name}" in {len(found)} ways '
            f"({', '.join(sorted(reference.label for reference in found))}); keep one of them"
        )
    if found:
        return Unit(name, found[0])
    column = table.columns[name]
    if column.kind in _NEVER_EQUAL:
        raise PathFault(
            f'"{name}" is {column.type_text}: its values cannot be compared; name another column'
        )
    if (name,) in (table.primary_key, *table.unique):
        raise PathFault(
            f'"{name}" is different in every row, so it joins none; name another column'
        )
    return Unit(name, None, nothing_in(schema, column))


def _joins(reference: Reference, name: str) -> bool:
    """TRUE for a reference of the table to itself in which the column says which row is meant."""
    if reference.parent != reference.table:
        return False
    pairs = zip(reference.columns, reference.parent_columns, strict=True)
    return any(own == name != other for own, other in pairs)
