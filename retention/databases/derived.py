"""What repeats rows in a database: full-text indexes (SQLite), materialized views (PostgreSQL)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

import sqlalchemy as sa

from retention.planning.schema import Derived, Table, TableKind

_VIRTUAL = re.compile(r"\bUSING\s+(\w+)\s*(?:\((.*)\))?", re.IGNORECASE | re.DOTALL)
_OPTION = r"(?<![\w])%s\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|\[([^\]]*)\]|(\w+))"
_TELLS_PARTS = (3, 37)
_VIEWS = sa.text(
    "WITH RECURSIVE reads (reader, kind, source) AS ("
    " SELECT v.oid, v.relkind, d.refobjid FROM pg_class v JOIN pg_rewrite r ON r.ev_class = v.oid"
    " JOIN pg_depend d ON d.objid = r.oid AND d.classid = 'pg_rewrite'::regclass"
    " AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> v.oid"
    " WHERE v.relkind IN ('v', 'm')"
    "), below (view, source) AS ("
    " SELECT reader, source FROM reads WHERE kind = 'm'"
    " UNION SELECT b.view, r.source FROM below b JOIN reads r ON r.reader = b.source)"
    " SELECT n.nspname, c.relname, m.nspname, v.relname FROM below b"
    " JOIN pg_class c ON c.oid = b.source JOIN pg_namespace n ON n.oid = c.relnamespace"
    " JOIN pg_class v ON v.oid = b.view JOIN pg_namespace m ON m.oid = v.relnamespace"
    " WHERE c.relkind IN ('r', 'p') ORDER BY 1, 2, 3, 4"
)


def with_derived(
    connection: sa.Connection, dialect: str, tables: Mapping[str, Table], default: str | None
) -> dict[str, Table]:
    """The tables, each with what repeats its rows; what only repeats others is no table to rule."""
    if dialect == "sqlite":
        return _full_text(connection, tables)
    return _materialized(connection, tables, default) if dialect == "postgresql" else dict(tables)


def _materialized(
    connection: sa.Connection, tables: Mapping[str, Table], default: str | None
) -> dict[str, Table]:
    found = dict(tables)
    for schema, table, view_schema, view in connection.execute(_VIEWS):
        name = table if schema == default else f"{schema}.{table}"
        if name in found:
            shown = view if view_schema == default else f"{view_schema}.{view}"
            found[name] = _with(found[name], Derived(shown))
    return found


def _full_text(connection: sa.Connection, tables: Mapping[str, Table]) -> dict[str, Table]:
    query = sa.text("SELECT name, sql FROM sqlite_master WHERE sql LIKE 'CREATE VIRTUAL TABLE%'")
    virtual = {name: str(sql) for name, sql in connection.execute(query) if name in tables}
    found = _without_parts(connection, tables, list(virtual))
    for name, sql in virtual.items():
        made = _VIRTUAL.search(sql)
        options = made[2] or "" if made else ""
        content = _option(options, "content")
        if made is None or not made[1].lower().startswith("fts") or content not in found:
            continue
        index = Derived(
            name, made[1].lower(), tuple(found[name].columns), _option(options, "content_rowid")
        )
        found[content] = _with(found[content], index)
        found[name] = replace(
            found[name],
            kind=TableKind.DERIVED,
            obstacle=f'is a full-text index over "{content}"; name that table',
        )
    return found


def _without_parts(
    connection: sa.Connection, tables: Mapping[str, Table], virtual: list[str]
) -> dict[str, Table]:
    """Tables in which a virtual table keeps what it holds are not to be changed by themselves."""
    found = dict(tables)
    if (connection.dialect.server_version_info or ()) < _TELLS_PARTS:
        return found
    query = sa.text("SELECT name FROM pragma_table_list WHERE type = 'shadow'")
    for (name,) in connection.execute(query):
        whole = max((it for it in virtual if name.startswith(f"{it}_")), key=len, default=None)
        if name in found and whole is not None:
            found[name] = replace(
                found[name],
                kind=TableKind.DERIVED,
                obstacle=f'is a part of the virtual table "{whole}", not to be changed by itself',
            )
    return found


def _option(options: str, name: str) -> str:
    match = re.search(_OPTION % name, options, re.IGNORECASE)
    return next((group for group in match.groups() if group), "") if match else ""


def _with(table: Table, derived: Derived) -> Table:
    return replace(table, derived=(*table.derived, derived))
