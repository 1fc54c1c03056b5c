"""Tables of a size and a shape, made by the engine itself; the same rows every time.

The clock of row `i` lies `days(i)` days before the night: scattered over two years, so that half
are due after one; or in the order of the keys, so that only the oldest rows are (an ordinary night).
"""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.engines import Engine

NIGHT = "2026-01-01"
DAYS = 365
SPAN = 730
_SCATTER = 7_919  # a prime, so that neighbours lie far apart


@dataclass(frozen=True, slots=True)
class Shape:
    """What a table of events looks like: `share` of its rows are due, in thousandths."""

    rows: int
    index: bool = False
    uuid: bool = False
    children: int = 0
    share: int = 500
    partitioned: bool = False

    @property
    def tables(self) -> tuple[str, ...]:
        """The events, then their children, level by level."""
        return ("events", "parts", "remarks")[: self.children + 1]


_KEYS = {
    "sqlite": {False: "INTEGER PRIMARY KEY", True: "TEXT PRIMARY KEY NOT NULL"},
    "postgresql": {False: "bigint PRIMARY KEY", True: "uuid PRIMARY KEY"},
    "mariadb": {False: "BIGINT PRIMARY KEY", True: "CHAR(36) PRIMARY KEY"},
}
_TIMES = {"sqlite": "TEXT", "postgresql": "timestamptz", "mariadb": "DATETIME"}
_NUMBERS = {
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows}) ",
    "postgresql": "",
    "mariadb": "",
}
_FROM = {
    "sqlite": "n",
    "postgresql": "generate_series(CAST(1 AS bigint), {rows}) AS n(i)",
    "mariadb": "(SELECT seq AS i FROM seq_1_to_{rows}) n",
}


def build(engine: Engine, url: str, shape: Shape) -> None:
    """Make the tables and fill them."""
    name = engine.name
    key = _KEYS[name][shape.uuid]
    # files that an application works on beside the night have a write-ahead log
    statements = ["PRAGMA journal_mode = WAL"] if name == "sqlite" else []
    statements += [_events(name, key, shape)]
    statements += [f"{_insert(name, shape, 'events', 'id, at, email, note')} {_rows(name, shape)}"]
    for level, table in enumerate(shape.tables[1:], start=1):
        parent = shape.tables[level - 1]
        kind = key.split()[0]
        statements += [
            f"CREATE TABLE {table} (id {key}, parent_id {kind} NOT NULL, note VARCHAR(100),"
            f" FOREIGN KEY (parent_id) REFERENCES {parent} (id))",
            f"{_insert(name, shape, table, 'id, parent_id, note')} {_children(name, shape)}",
            f"CREATE INDEX {table}_parent ON {table} (parent_id)",
        ]
    if shape.index:
        statements.append("CREATE INDEX events_at ON events (at)")
    engine.run(url, *statements)
    engine.settle(url)


def days(shape: Shape) -> str:
    """How many days before the night row `i` was made, as SQL over whole numbers."""
    if shape.share == 500:
        return f"((i * {_SCATTER}) % {SPAN})"
    due = max(1, shape.rows * shape.share // 1_000)
    return f"(CASE WHEN i <= {due} THEN {DAYS + 1} ELSE {DAYS - 1} - i * 300 / {shape.rows} END)"


def _events(name: str, key: str, shape: Shape) -> str:
    columns = f"id {key}, at {_TIMES[name]} NOT NULL, email VARCHAR(60), note VARCHAR(200)"
    if not shape.partitioned:
        return f"CREATE TABLE events ({columns})"
    kind = key.split()[0]
    columns = columns.replace(key, f"{kind} NOT NULL") + ", PRIMARY KEY (id, at)"
    line = "2025-01-01"
    if name == "postgresql":
        return (
            f"CREATE TABLE events ({columns}) PARTITION BY RANGE (at);"
            f"CREATE TABLE events_old PARTITION OF events FOR VALUES FROM (MINVALUE) TO ('{line}');"
            f"CREATE TABLE events_new PARTITION OF events FOR VALUES FROM ('{line}') TO (MAXVALUE)"
        )
    return (
        f"CREATE TABLE events ({columns}) PARTITION BY RANGE COLUMNS (at)"
        f" (PARTITION events_old VALUES LESS THAN ('{line}'),"
        " PARTITION events_new VALUES LESS THAN (MAXVALUE))"
    )


def _insert(name: str, shape: Shape, table: str, columns: str) -> str:
    return f"INSERT INTO {table} ({columns}) {_NUMBERS[name].format(rows=shape.rows)}"


def _rows(name: str, shape: Shape) -> str:
    past = days(shape)
    at = {
        "sqlite": f"datetime('{NIGHT}', '-' || {past} || ' days')",
        "postgresql": f"timestamptz '{NIGHT} 00:00+00' - {past} * interval '1 day'",
        "mariadb": f"TIMESTAMP('{NIGHT}') - INTERVAL {past} DAY",
    }[name]
    pair = {
        "mariadb": ("CONCAT('p', i, '@example.org')", "REPEAT('x', 120)"),
        "postgresql": ("'p' || i || '@example.org'", "repeat('x', 120)"),
        "sqlite": ("'p' || i || '@example.org'", "printf('%.120c', 'x')"),
    }[name]
    return f"SELECT {_key(name, shape, 'i')}, {at}, {', '.join(pair)} FROM {_source(name, shape)}"


def _children(name: str, shape: Shape) -> str:
    parent = f"1 + (i * {_SCATTER}) % {shape.rows}"
    own, other = _key(name, shape, "i"), _key(name, shape, f"({parent})")
    return f"SELECT {own}, {other}, 'a line' FROM {_source(name, shape)}"


def _source(name: str, shape: Shape) -> str:
    return _FROM[name].format(rows=shape.rows)


def _key(name: str, shape: Shape, number: str) -> str:
    """The number itself, or a UUID that follows from it but not in its order."""
    if not shape.uuid:
        return number
    if name == "postgresql":
        return f"md5(({number})::text)::uuid"
    if name == "mariadb":
        digest = f"MD5({number})"
        parts = ((1, 8), (9, 4), (13, 4), (17, 4), (21, 12))
        return f"CONCAT_WS('-', {', '.join(f'SUBSTR({digest}, {a}, {b})' for a, b in parts)})"
    # SQLite has no digest of its own: an odd multiplier scatters the numbers as well
    return f"printf('%08x-%08x', ({number}) * 2654435761 % 4294967296, {number})"
