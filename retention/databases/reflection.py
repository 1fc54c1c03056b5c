"""What stands in a database: tables, keys, references, samples of clock columns."""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy import types

from retention.databases.catalogue_facts import CatalogueFacts, catalogue_facts, declared_types
from retention.databases.derived import with_derived
from retention.databases.partitions import folded_references, folded_tables, partitions_of
from retention.databases.reflected_columns import column_of
from retention.databases.reflected_indexes import ordered, partly_unique, plainly_unique, served
from retention.databases.sql import place_of_detached, row_of
from retention.databases.state import ASIDE
from retention.planning.clocks import is_local_time, shape_of
from retention.planning.detaching import value_faults
from retention.planning.schema import (
    ColumnKind,
    ColumnSample,
    Pairing,
    Reference,
    Schema,
    Table,
    TableKind,
)

OURS = ("retention_marker", "retention_hold", "retention_event", "retention_restriction")
SAMPLE_ROWS = 1_000


def reflect(connection: sa.Connection) -> Schema:
    """Tables, views and references of the database; ours are left out."""
    inspector = sa.inspect(connection)
    dialect = "mysql" if connection.dialect.name == "mariadb" else connection.dialect.name
    default = inspector.default_schema_name if dialect == "postgresql" else None
    tables: dict[str, Table] = {}
    references: list[Reference] = []
    partitions = partitions_of(connection, default) if dialect == "postgresql" else {}
    for schema in _schemas(inspector, dialect, default):
        prefix = "" if schema == default or schema is None else f"{schema}."
        for table in _tables(connection, inspector, dialect, schema, prefix):
            tables[table.name] = table
        references += _references(connection, inspector, dialect, schema, default)
    tables = with_derived(connection, dialect, folded_tables(tables, partitions), default)
    known = [name for name in OURS if name in tables]
    for name in (*known, *(name for name in tables if name.startswith(ASIDE))):
        del tables[name]
    references = folded_references(references, partitions)
    kept = tuple(
        under_its_collation(found, tables, dialect)
        for found in references
        if found.table in tables and found.parent in tables
    )
    whole = {name: partition.whole for name, partition in partitions.items()}
    return Schema(dialect, tables, kept, enrolled="retention_hold" in known, partitions=whole)


def _schemas(inspector: sa.Inspector, dialect: str, default: str | None) -> list[str | None]:
    if dialect != "postgresql":
        return [None]
    names = [
        name
        for name in inspector.get_schema_names()
        if name != "information_schema" and not name.startswith("pg_")
    ]
    return sorted(names, key=lambda name: name != default)


@dataclass(frozen=True, slots=True)
class _Found:
    """What one schema of the database says of its tables, each fact by the table's name."""

    dialect: str
    schema: str | None
    prefix: str
    columns: Any
    declared: Mapping[tuple[str, str], str]
    keys: Any
    unique: Any
    indexes: Any
    views: set[str]
    facts: CatalogueFacts


def _tables(
    connection: sa.Connection,
    inspector: sa.Inspector,
    dialect: str,
    schema: str | None,
    prefix: str,
) -> Iterator[Table]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Did not recognize type", sa.exc.SAWarning)
        columns: Any = inspector.get_multi_columns(
            schema=schema, kind=sa.engine.reflection.ObjectKind.ANY
        )
    views = {*inspector.get_view_names(schema=schema)}
    if dialect == "postgresql":
        views |= {*inspector.get_materialized_view_names(schema=schema)}
    found = _Found(
        dialect,
        schema,
        prefix,
        columns,
        _unknown_types(connection, dialect, schema, columns),
        inspector.get_multi_pk_constraint(schema=schema),
        inspector.get_multi_unique_constraints(schema=schema),
        inspector.get_multi_indexes(schema=schema),
        views,
        catalogue_facts(connection, dialect, schema),
    )
    for _, name in columns:
        yield _table(found, name)


def _table(found: _Found, name: str) -> Table:
    at, facts, dialect = (found.schema, name), found.facts, found.dialect
    kind = TableKind.VIEW if name in found.views else facts.kinds.get(name, TableKind.TABLE)
    columns, listed = found.columns[at], found.indexes.get(at, [])
    uniques = [tuple(item["column_names"]) for item in found.unique.get(at, [])]
    uniques += [tuple(item["column_names"]) for item in listed if plainly_unique(item)]
    uniques += facts.unique.get(name, [])
    names = [item["name"] for item in columns]
    key = tuple(found.keys.get(at, {}).get("constrained_columns") or ())
    return Table(
        found.prefix + name,
        {
            item["name"]: column_of(
                item,
                dialect,
                facts.of(name, item["name"]),
                found.declared.get((name, item["name"]), ""),
            )
            for item in columns
        },
        key,
        kind,
        found.schema if dialect == "postgresql" else None,
        name,
        tuple(dict.fromkeys(uniques)),
        tuple(filter(None, map(served, listed))),
        tuple(facts.triggers.get(name, ())),
        _address(dialect, kind, name, {*names}, facts),
        facts.obstacles.get(name, ""),
        partly_unique(listed, facts.expressions.get(name, []), names),
        tuple(facts.checks.get(name, ())),
        frozenset(columns[0] for columns in (key, *uniques, *map(ordered, listed)) if columns),
        parted_by=facts.parted_by.get(name),
    )


def _address(
    dialect: str, kind: TableKind, name: str, columns: set[str], facts: CatalogueFacts
) -> str | None:
    if dialect == "postgresql" and kind is TableKind.TABLE:
        return "ctid"
    if dialect == "sqlite" and kind is TableKind.TABLE and name not in facts.without_rowid:
        return next((word for word in ("rowid", "_rowid_", "oid") if word not in columns), None)
    return None


def _unknown_types(
    connection: sa.Connection, dialect: str, schema: str | None, columns: Any
) -> dict[tuple[str, str], str]:
    """The declared type of the columns whose type SQLAlchemy does not know."""
    unknown = {
        (name, column["name"])
        for (_, name), found in columns.items()
        for column in found
        if isinstance(column["type"], types.NullType)
    }
    if not unknown:
        return {}
    found = declared_types(connection, dialect, schema)
    return {place: found[place] for place in unknown & set(found)}


def _references(
    connection: sa.Connection,
    inspector: sa.Inspector,
    dialect: str,
    schema: str | None,
    default: str | None,
) -> Iterator[Reference]:
    found = inspector.get_multi_foreign_keys(schema=schema)
    for (_, name), keys in found.items():
        for key in keys:
            other = key.get("referred_schema") if dialect == "postgresql" else None
            own = "" if schema == default or schema is None else f"{schema}."
            # the inspector leaves out the schema of a parent on the search path
            foreign = "" if other in (None, default) else f"{other}."
            # PostgreSQL may name the columns: SET NULL (author)
            action, _, cut = _on_delete(connection, dialect, name, key).partition(" (")
            columns = tuple(key["constrained_columns"])
            yield Reference(
                own + name,
                columns,
                foreign + str(key["referred_table"]),
                tuple(key["referred_columns"]),
                action.upper(),
                True,
                str(key.get("name") or ""),
                cut=_named_in(cut, columns),
            )


def _named_in(listed: str, columns: tuple[str, ...]) -> tuple[str, ...]:
    """The columns that a list of the catalogue names, quoted where they have to be."""
    names = re.findall(r'"(?:[^"]|"")*"|[^\s,()"]+', listed)
    plain = {name[1:-1].replace('""', '"') if name.startswith('"') else name for name in names}
    return tuple(name for name in columns if name in plain)


def _on_delete(connection: sa.Connection, dialect: str, table: str, key: Any) -> str:
    """What the database does to the referring rows when their parent is deleted."""
    if dialect == "sqlite":
        # the inspector reads the action from the text of the DDL, and not where a column declares it
        keys = connection.exec_driver_sql(
            'SELECT "table", "from", on_delete FROM pragma_foreign_key_list(?)', (table,)
        )
        own = (str(key["referred_table"]).lower(), str(key["constrained_columns"][0]).lower())
        for parent, column, action in keys:
            if (parent.lower(), column.lower()) == own:
                return str(action)
    return str(key.get("options", {}).get("ondelete") or "NO ACTION")


def under_its_collation(
    reference: Reference, tables: Mapping[str, Table], dialect: str
) -> Reference:
    """SQLite compares a foreign key under the collation of the column referred to."""
    named = [
        tables[reference.parent].columns[name].collation if dialect == "sqlite" else ""
        for name in reference.parent_columns
    ]
    if not any(named):
        return reference
    return replace(reference, pairing=tuple(Pairing(collations=("", name)) for name in named))


def without_place(connection: sa.Connection, schema: Schema) -> Iterator[Reference]:
    """Enforced references whose detached rows would refer to a row that is not there."""
    for reference in schema.references:
        column = schema.tables[reference.table].columns[reference.columns[0]]
        value = reference.detach_to
        if not reference.declared or value is None or any(value_faults(column, value)):
            continue
        parent = row_of(schema.tables[reference.parent])
        query = sa.select(sa.func.count()).select_from(parent)
        if not connection.execute(query.where(place_of_detached(reference, parent))).scalar():
            yield reference


def sample(
    connection: sa.Connection, schema: Schema, columns: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], ColumnSample]:
    """The shapes of up to a thousand values of each column that a clock reads."""
    samples: dict[tuple[str, str], ColumnSample] = {}
    for table_name, column_name in set(columns):
        table = schema.tables[table_name]
        column = table.columns[column_name]
        value = row_of(table).c[column_name]
        if schema.dialect != "sqlite" and column.kind in (
            ColumnKind.DATE,
            ColumnKind.TIMESTAMP,
            ColumnKind.TIMESTAMPTZ,
        ):
            continue
        query = sa.select(value).where(value.is_not(None)).limit(SAMPLE_ROWS)
        values = list(connection.execute(query).scalars())
        samples[(table_name, column_name)] = ColumnSample(
            Counter(shape_of(item) for item in values), sum(map(is_local_time, values))
        )
    return samples


def gaps(
    connection: sa.Connection, schema: Schema, columns: Iterable[tuple[str, str]]
) -> frozenset[tuple[str, str]]:
    """The columns that have no value in some of the first rows of their table."""
    found = set()
    for table, name in set(columns):
        value = row_of(schema.tables[table]).c[name]
        first = sa.select(value.label("value")).limit(SAMPLE_ROWS).subquery()
        query: sa.Select[Any] = sa.select(sa.func.count()).where(first.c.value.is_(None))
        if connection.execute(query).scalar_one():
            found.add((table, name))
    return frozenset(found)
