"""References that the policy declares: their columns, what refers to nothing, how keys compare."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace

from retention.planning.paths import PathFault, did_you_mean, known_table
from retention.planning.schema import (
    Column,
    ColumnKind,
    Discriminator,
    Pairing,
    Reference,
    Schema,
    Table,
)
from retention.policies.policy import PolymorphicTargets, ReferenceDecision

_NUMBERS = (ColumnKind.INTEGER, ColumnKind.DECIMAL, ColumnKind.FLOAT)
_ENUM = "ENUM"


def split_label(label: str) -> tuple[str, tuple[str, ...]]:
    """Table and columns of `a.x`, of `a.x, y` and of `a.x, a.y`; PathFault for two tables."""
    first, *others = (part.strip() for part in label.split(","))
    table, _, column = first.rpartition(".")
    columns = [column]
    for other in others:
        place, _, column = other.rpartition(".")
        if place not in ("", table):
            raise PathFault(f'"{label}" names columns of two tables')
        columns.append(column)
    return table, tuple(columns)


def flat_label(label: str) -> str:
    """The label as a Reference spells it."""
    try:
        table, columns = split_label(label)
    except PathFault:
        return label
    return f"{table}.{','.join(columns)}"


def declared_references(
    schema: Schema, label: str, decision: ReferenceDecision
) -> Iterator[Reference]:
    """What `label` refers to: one table, or one for each value of a column. Raises PathFault."""
    if decision.to is None:
        return
    if isinstance(decision.to, str):
        yield _reference(schema, label, decision.to)
        return
    table = known_table(schema, split_label(label)[0])
    values: dict[str, list[str]] = {}
    for value, to in decision.to.tables:
        values.setdefault(flat_label(to), []).append(value)
    for to, named in values.items():
        by = _discriminator(schema, table, decision.to, named)
        yield replace(_reference(schema, label, to), by=by)


def _discriminator(
    schema: Schema, table: Table, targets: PolymorphicTargets, values: list[str]
) -> Discriminator:
    column = _column(table, targets.by)
    if column.kind is ColumnKind.INTEGER:
        for value in values:
            if not value.removeprefix("-").isdecimal():
                place = f"{table.name}.{column.name}"
                raise PathFault(f'"{place}" is a whole number, and "{value}" is none')
        return Discriminator(column.name, tuple(map(int, values)), plain=True)
    # an enum of PostgreSQL refuses to be compared with a name that it does not have
    listed = schema.dialect == "postgresql" and column.type_text == _ENUM
    plain = column.kind is ColumnKind.TEXT and not listed
    return Discriminator(column.name, tuple(values), plain)


def _reference(schema: Schema, label: str, to: str) -> Reference:
    table, columns = _resolved(schema, label)
    parent, parent_columns = _resolved(schema, to)
    if len(columns) != len(parent_columns):
        raise PathFault(f'"{label}" and "{to}" name different numbers of columns')
    pairing = tuple(
        _pairing(schema, table, own, parent, other)
        for own, other in zip(columns, parent_columns, strict=True)
    )
    return Reference(
        table.name,
        tuple(column.name for column in columns),
        parent.name,
        tuple(column.name for column in parent_columns),
        declared=False,
        pairing=pairing,
        shared=may_be_shared(parent, {column.name for column in parent_columns}),
    )


def may_be_shared(parent: Table, columns: Collection[str]) -> bool:
    """TRUE where several rows of `parent` may have the same values in `columns`."""
    keys = [set(key) for key in (parent.primary_key, *parent.unique) if key]
    return not any(key <= set(columns) for key in keys)


def _resolved(schema: Schema, label: str) -> tuple[Table, list[Column]]:
    place, names = split_label(label)
    table = known_table(schema, place)
    return table, [_column(table, name) for name in names]


def _column(table: Table, name: str) -> Column:
    if name not in table.columns:
        cure = did_you_mean(name, table.columns)
        raise PathFault(f'table "{table.name}" has no column "{name}"{cure}')
    return table.columns[name]


def _pairing(schema: Schema, table: Table, own: Column, parent: Table, other: Column) -> Pairing:
    kinds = {own.kind, other.kind}
    text, whole = "", False
    if len(kinds) == 2 and not kinds <= {*_NUMBERS} and ColumnKind.OTHER not in kinds:
        number = (kinds - {ColumnKind.TEXT}).pop()
        if ColumnKind.TEXT not in kinds or number not in (ColumnKind.INTEGER, ColumnKind.UUID):
            raise PathFault(
                f'"{table.name}.{own.name}" is {own.type_text} and "{parent.name}.{other.name}" is '
                f"{other.type_text}: their keys cannot be compared"
            )
        text = "child" if own.kind is ColumnKind.TEXT else "parent"
        counted = other if text == "child" else own
        whole = number is ColumnKind.INTEGER and "UNSIGNED" not in counted.type_text.upper()
    collations = ("", "")
    if not text and other.collation and own.collation != other.collation:
        collations = (own.collation if schema.dialect == "mysql" else "", other.collation)
        if schema.dialect == "postgresql" and not own.collation:
            collations = ("", "")
    return Pairing(nothing_in(schema, own), text, whole, collations)


def nothing_in(schema: Schema, column: Column) -> tuple[str | int, ...]:
    """`''` and 0 refer to no row, whatever rows there are; SQLite holds either in any column."""
    # an enum of PostgreSQL refuses to be compared with a name that it does not have
    if schema.dialect == "postgresql" and column.type_text == _ENUM:
        return ()
    if column.kind is ColumnKind.TEXT:
        return ("",)
    if schema.dialect == "sqlite" and column.kind in (*_NUMBERS, ColumnKind.OTHER):
        return (0, "")
    return (0,) if column.kind in _NUMBERS else ()
