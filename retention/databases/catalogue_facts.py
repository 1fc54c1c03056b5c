"""What the inspector does not tell of tables, asked of each engine's catalogue."""

from __future__ import annotations

import re
from collections.abc import Iterable

import sqlalchemy as sa

from retention.databases.partitions import mariadb_parting, postgresql_parting
from retention.databases.reflected_columns import ColumnFacts
from retention.planning.schema import Check, TableKind, Trigger
from retention.planning.triggers import written_by


class CatalogueFacts:
    """What the inspector does not tell, asked of the catalogue in one go."""

    def __init__(self) -> None:
        self.kinds: dict[str, TableKind] = {}
        self.triggers: dict[str, list[Trigger]] = {}
        self.obstacles: dict[str, str] = {}
        self.without_rowid: set[str] = set()
        self.unique: dict[str, list[tuple[str, ...]]] = {}
        self.expressions: dict[str, list[str]] = {}
        self.checks: dict[str, list[Check]] = {}
        self.columns: dict[tuple[str, str], ColumnFacts] = {}
        self.parted_by: dict[str, str] = {}

    def trigger(self, table: str, name: str, events: Iterable[str], body: str) -> None:
        """Note a trigger of the table; one name for several events is one trigger."""
        found = self.triggers.setdefault(table, [])
        known = next((other for other in found if other.name == name), None)
        if known is not None:
            found.remove(known)
            events = {*events, *known.events}
        found.append(Trigger(name, frozenset(events), written_by(body)))

    def of(self, table: str, column: str) -> ColumnFacts:
        """What the catalogue knows of a column; nothing where it was not asked."""
        return self.columns.get((table, column), ColumnFacts())


def catalogue_facts(connection: sa.Connection, dialect: str, schema: str | None) -> CatalogueFacts:
    """Kinds, triggers, obstacles and unique keys of the tables of a schema."""
    facts = CatalogueFacts()
    {"postgresql": _postgresql, "mysql": _mariadb, "sqlite": _sqlite}[dialect](
        connection, schema, facts
    )
    return facts


def declared_types(
    connection: sa.Connection, dialect: str, schema: str | None
) -> dict[tuple[str, str], str]:
    """The type of each column as the database names it, for types that SQLAlchemy does not know."""
    if dialect == "sqlite":
        return {}
    query = sa.text(_TYPES[dialect])
    values = {"schema": schema} if dialect == "postgresql" else {}
    return {(table, column): name for table, column, name in connection.execute(query, values)}


_TYPES = {
    "postgresql": (
        "SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod) FROM pg_attribute a"
        " JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = :schema AND a.attnum > 0 AND NOT a.attisdropped"
    ),
    "mysql": (
        "SELECT table_name, column_name, data_type FROM information_schema.columns"
        " WHERE table_schema = DATABASE()"
    ),
}


_POSTGRESQL_EVENTS = {"INSERT": 4, "DELETE": 8, "UPDATE": 16}
_EVENT = re.compile(r"\b(INSERT|UPDATE|DELETE)\b(?:\s+OF\b.*?)?\s+ON\b", re.IGNORECASE | re.DOTALL)


def _postgresql(connection: sa.Connection, schema: str | None, facts: CatalogueFacts) -> None:
    query = sa.text(
        "SELECT c.relname, c.relkind, c.relrowsecurity AND row_security_active(c.oid),"
        " EXISTS (SELECT 1 FROM pg_inherits i WHERE i.inhparent = c.oid)"
        " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = :schema AND c.relkind IN ('r', 'p', 'f')"
    )
    for name, kind, security, inherited in connection.execute(query, {"schema": schema}):
        if kind == "p":
            facts.kinds[name] = TableKind.PARTITIONED
        elif inherited:
            facts.obstacles[name] = (
                "has tables that inherit from it, whose rows it shows as its own; name those tables"
            )
        if kind == "f":
            facts.obstacles[name] = "is a foreign table; enroll the database it lives in"
        if security:
            facts.obstacles[name] = (
                "has row-level security, which may hide rows from us; run as a role with BYPASSRLS"
            )
    triggers = sa.text(
        "SELECT c.relname, t.tgname, CAST(t.tgtype AS integer), p.prosrc FROM pg_trigger t"
        " JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace"
        " JOIN pg_proc p ON p.oid = t.tgfoid"
        " WHERE n.nspname = :schema AND NOT t.tgisinternal AND t.tgenabled <> 'D'"
        " ORDER BY t.tgname"
    )
    for name, trigger, bits, body in connection.execute(triggers, {"schema": schema}):
        events = [event for event, bit in _POSTGRESQL_EVENTS.items() if bits & bit]
        facts.trigger(name, trigger, events, body)
    facts.parted_by |= postgresql_parting(connection, schema)
    _postgresql_columns(connection, schema, facts)


def _postgresql_columns(
    connection: sa.Connection, schema: str | None, facts: CatalogueFacts
) -> None:
    """Types as SQL names them, the lengths of domains, CHECK constraints."""
    columns = sa.text(
        "SELECT c.relname, a.attname, t.typname, CASE WHEN t.typtypmod > 4 AND t.typbasetype IN"
        " (CAST('varchar' AS regtype), CAST('bpchar' AS regtype)) THEN t.typtypmod - 4 END"
        " FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid"
        " JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_type t ON t.oid = a.atttypid"
        " WHERE n.nspname = :schema AND a.attnum > 0 AND NOT a.attisdropped AND t.typtype = 'd'"
    )
    for table, column, name, length in connection.execute(columns, {"schema": schema}):
        facts.columns[(table, column)] = ColumnFacts(name, length)
    checks = sa.text(
        "SELECT c.relname, k.conname, pg_get_expr(k.conbin, k.conrelid)"
        " FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid"
        " JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = :schema AND k.contype = 'c' ORDER BY k.conname"
    )
    for table, name, text in connection.execute(checks, {"schema": schema}):
        facts.checks.setdefault(table, []).append(Check(name, text))


def _mariadb(connection: sa.Connection, schema: str | None, facts: CatalogueFacts) -> None:
    tables = sa.text(
        "SELECT table_name, engine, table_type, create_options FROM information_schema.tables"
        " WHERE table_schema = DATABASE()"
    )
    for name, engine, kind, options in connection.execute(tables):
        if "partitioned" in str(options or "").lower().split():
            facts.kinds[name] = TableKind.PARTITIONED
        if engine is not None and str(engine).lower() not in ("innodb", "rocksdb"):
            facts.obstacles[name] = (
                f"uses the {engine} engine, which has no transactions; ALTER TABLE … ENGINE=InnoDB"
            )
        if kind == "SYSTEM VERSIONED":
            facts.obstacles[name] = (
                "is system-versioned: a DELETE would keep the row in its history; "
                "drop system versioning first"
            )
    triggers = sa.text(
        "SELECT event_object_table, trigger_name, event_manipulation, action_statement"
        " FROM information_schema.triggers"
        " WHERE trigger_schema = DATABASE() ORDER BY trigger_name"
    )
    for table, name, event, body in connection.execute(triggers):
        facts.trigger(table, name, [event], body)
    facts.parted_by |= mariadb_parting(connection)
    _mariadb_columns(connection, facts)


def _mariadb_columns(connection: sa.Connection, facts: CatalogueFacts) -> None:
    """Types the inspector does not know, ON UPDATE, collations, CHECK constraints."""
    checks = sa.text(
        "SELECT table_name, constraint_name, check_clause FROM information_schema.check_constraints"
        " WHERE constraint_schema = DATABASE() ORDER BY constraint_name"
    )
    documents: set[tuple[str, str]] = set()
    for table, name, text in connection.execute(checks):
        if text == f"json_valid(`{name}`)":
            documents.add((table, name))
        else:
            facts.checks.setdefault(table, []).append(Check(name, text))
    columns = sa.text(
        "SELECT table_name, column_name, data_type, extra, collation_name,"
        " IF(data_type = 'tinytext', 255, NULL)"
        " FROM information_schema.columns WHERE table_schema = DATABASE()"
    )
    for table, column, name, extra, collation, length in connection.execute(columns):
        kind = "json" if (table, column) in documents else str(name)
        renews = "on update" in str(extra).lower()
        found = ColumnFacts(kind, length, renews, str(collation or ""))
        facts.columns[(table, column)] = found


def _sqlite(connection: sa.Connection, schema: str | None, facts: CatalogueFacts) -> None:
    query = sa.text("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY name")
    for kind, name, table, sql in connection.execute(query):
        if kind == "trigger":
            head, *body = re.split(r"\bBEGIN\b", str(sql), maxsplit=1, flags=re.IGNORECASE)
            events = [found.upper() for found in _EVENT.findall(head)]
            facts.trigger(table, name, events, " ".join(body))
        elif kind == "table":
            text = str(sql or "").upper()
            if text.rstrip().rstrip(";").endswith("WITHOUT ROWID") or "WITHOUT ROWID" in text[-40:]:
                facts.without_rowid.add(name)
            if text.startswith("CREATE VIRTUAL TABLE"):
                facts.obstacles[name] = "is a virtual table; name the table behind it"
        elif kind == "index" and str(sql or "").upper().startswith("CREATE UNIQUE"):
            facts.expressions.setdefault(table, []).append(str(sql).partition("(")[2])
    _sqlite_unique(connection, facts)
    for table in sa.inspect(connection).get_table_names():
        found = sa.inspect(connection).get_check_constraints(table)
        facts.checks[table] = [Check(str(it["name"] or ""), str(it["sqltext"])) for it in found]


def _sqlite_unique(connection: sa.Connection, facts: CatalogueFacts) -> None:
    """UNIQUE constraints, the inline ones that the inspector overlooks too."""
    query = sa.text(
        "SELECT m.name, l.name, i.name, i.coll FROM sqlite_master m"
        " JOIN pragma_index_list(m.name) l JOIN pragma_index_xinfo(l.name) i"
        " WHERE m.type = 'table' AND l.\"unique\" = 1 AND l.partial = 0 AND i.key = 1"
        " ORDER BY 1, 2, i.seqno"
    )
    found: dict[tuple[str, str], list[str | None]] = {}
    for table, index, column, collation in connection.execute(query):
        found.setdefault((table, index), []).append(column)
        if column is not None and collation != "BINARY":
            facts.columns[(table, column)] = ColumnFacts(collation=collation)
    for (table, _), columns in found.items():
        known = tuple(name for name in columns if name is not None)
        if len(known) == len(columns):
            facts.unique.setdefault(table, []).append(known)
