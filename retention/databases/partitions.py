"""Partitions: by what rows are parted; what they declare belongs to the table they are parts of."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import sqlalchemy as sa

from retention.planning.schema import Reference, Table

_STRENGTH = ("CASCADE", "SET NULL", "SET DEFAULT", "RESTRICT", "NO ACTION")


@dataclass(frozen=True, slots=True)
class Partition:
    """A part of the table `whole`; `leaf`: it holds rows itself; `foreign`: elsewhere."""

    whole: str
    leaf: bool
    foreign: bool


# in an order-preserving function of a column MariaDB still sees which parts a comparison can reach
_PARTED = re.compile(
    r"(?:(?:to_days|to_seconds|unix_timestamp|year)\()?`([^`]+)`\)?(?:,|$)", re.IGNORECASE
)


def postgresql_parting(connection: sa.Connection, schema: str | None) -> dict[str, str]:
    """By table the column whose ranges tell its partitions apart, the first of several."""
    query = sa.text(
        "SELECT c.relname, a.attname FROM pg_partitioned_table p"
        " JOIN pg_class c ON c.oid = p.partrelid JOIN pg_namespace n ON n.oid = c.relnamespace"
        " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = p.partattrs[0]"
        " WHERE p.partstrat = 'r' AND n.nspname = :schema"
    )
    return {row.relname: row.attname for row in connection.execute(query, {"schema": schema})}


def mariadb_parting(connection: sa.Connection) -> dict[str, str]:
    """As `postgresql_parting`."""
    query = sa.text(
        "SELECT DISTINCT table_name, partition_expression FROM information_schema.partitions"
        " WHERE table_schema = DATABASE() AND partition_method IN ('RANGE', 'RANGE COLUMNS')"
    )
    found = ((name, _PARTED.match(text or "")) for name, text in connection.execute(query))
    return {table: column[1] for table, column in found if column}


def partitions_of(connection: sa.Connection, default: str | None) -> dict[str, Partition]:
    """Every partition, however deep, by its name as policies write it."""
    query = sa.text(
        "SELECT n.nspname, c.relname, w.nspname, r.relname, c.relkind <> 'p', c.relkind = 'f'"
        " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " JOIN pg_class r ON r.oid = pg_partition_root(c.oid)"
        " JOIN pg_namespace w ON w.oid = r.relnamespace"
        " WHERE c.relispartition AND c.relkind IN ('r', 'p', 'f') ORDER BY 1, 2"
    )

    def named(schema: str, name: str) -> str:
        return name if schema == default else f"{schema}.{name}"

    return {
        named(schema, name): Partition(named(whole_schema, whole), bool(leaf), bool(foreign))
        for schema, name, whole_schema, whole, leaf, foreign in connection.execute(query)
    }


def folded_tables(
    tables: Mapping[str, Table], partitions: Mapping[str, Partition]
) -> dict[str, Table]:
    """The tables without partitions; their triggers and obstacles are those of the whole table."""
    found = {name: table for name, table in tables.items() if name not in partitions}
    leaves: dict[str, list[Table]] = {}
    for name, partition in partitions.items():
        part, whole = tables.get(name), found.get(partition.whole)
        if part is None or whole is None:
            continue
        triggers = tuple(dict.fromkeys((*whole.triggers, *part.triggers)))
        found[partition.whole] = replace(whole, triggers=triggers)
        if partition.leaf:
            leaves.setdefault(partition.whole, []).append(part)
        if partition.foreign:
            obstacle = f'has a partition "{name}" that is a foreign table; detach it'
            found[partition.whole] = replace(found[partition.whole], obstacle=obstacle)
    for name, parts in leaves.items():
        found[name] = replace(found[name], indexes=_indexes_of(found[name], parts))
    return found


def _indexes_of(whole: Table, parts: list[Table]) -> tuple[tuple[str, ...], ...]:
    """Its own indexes, and those that every part has."""
    common = set.intersection(*({*it.indexes, *it.unique, it.primary_key} for it in parts))
    return tuple(dict.fromkeys((*whole.indexes, *sorted(common - {()}))))


def folded_references(
    references: Iterable[Reference], partitions: Mapping[str, Partition]
) -> list[Reference]:
    """Each reference once, between whole tables; `partial` where parts are without it.

    Parts that declare different actions count as the one that acts most.
    """
    leaves: dict[str, set[str]] = {}
    for name, partition in partitions.items():
        if partition.leaf:
            leaves.setdefault(partition.whole, set()).add(name)
    declared: dict[tuple[object, ...], list[Reference]] = {}
    for found in references:
        whole = replace(
            found, table=_whole(found.table, partitions), parent=_whole(found.parent, partitions)
        )
        key = (whole.table, whole.columns, whole.parent, whole.parent_columns)
        declared.setdefault(key, []).append(found)
    return [_folded(same, partitions, leaves) for same in declared.values()]


def _folded(
    same: list[Reference], partitions: Mapping[str, Partition], leaves: Mapping[str, set[str]]
) -> Reference:
    table = _whole(same[0].table, partitions)
    holders = {found.table for found in same}
    strongest = min(same, key=lambda found: _STRENGTH.index(found.on_delete))
    return replace(
        strongest,
        table=table,
        parent=_whole(strongest.parent, partitions),
        partial=table not in holders and not leaves.get(table, set()) <= holders,
    )


def _whole(name: str, partitions: Mapping[str, Partition]) -> str:
    return partitions[name].whole if name in partitions else name
