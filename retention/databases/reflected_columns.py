"""One column as the inspector tells it, with what only the engine's catalogue knows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Dialect, types
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.dialects.postgresql.base import PGDialect

from retention.planning.schema import Column, ColumnKind

_KINDS: tuple[tuple[type[types.TypeEngine[Any]], ColumnKind], ...] = (
    (types.Boolean, ColumnKind.BOOLEAN),
    (types.DateTime, ColumnKind.TIMESTAMP),
    (types.Date, ColumnKind.DATE),
    (types.Integer, ColumnKind.INTEGER),
    (types.Float, ColumnKind.FLOAT),
    (types.Numeric, ColumnKind.DECIMAL),
    (types.Uuid, ColumnKind.UUID),
    (types.JSON, ColumnKind.JSON),
    (postgresql.INET, ColumnKind.INET),
    (postgresql.CIDR, ColumnKind.INET),
    (types.ARRAY, ColumnKind.ARRAY),
    (types.LargeBinary, ColumnKind.BINARY),
    (types.Enum, ColumnKind.TEXT),
    (types.String, ColumnKind.TEXT),
)
_NAMED = {"inet4": ColumnKind.INET, "inet6": ColumnKind.INET, "json": ColumnKind.JSON}
_POSTGRESQL: Dialect = PGDialect()  # type: ignore[no-untyped-call]
_BITS = {"TINYINT": 8, "SMALLINT": 16, "MEDIUMINT": 24, "INTEGER": 32, "BIGINT": 64}


@dataclass(frozen=True, slots=True)
class ColumnFacts:
    """What the catalogue knows of a column: its type's name there, and more.

    `length` in characters; `renews_itself`: ON UPDATE CURRENT_TIMESTAMP; `collation`: of its text,
    on MariaDB, and on SQLite that of a unique key.
    """

    type_name: str = ""
    length: int | None = None
    renews_itself: bool = False
    collation: str = ""


def column_of(column: Any, dialect: str, facts: ColumnFacts, declared: str = "") -> Column:
    """The column as plans read it; `column` is the inspector's, `declared` a type it does not know."""
    type_ = column["type"]
    while isinstance(type_, postgresql.DOMAIN):
        type_ = type_.data_type
    kind = _kind(type_, facts)
    length = facts.length or getattr(type_, "length", None)
    return Column(
        column["name"],
        kind,
        declared or _type_text(type_, dialect if kind is ColumnKind.OTHER else ""),
        bool(column.get("nullable", True)),
        length if kind is ColumnKind.TEXT else None,
        bool(column.get("computed")),
        _choices(type_),
        _whole(type_, dialect),
        facts.renews_itself,
        facts.collation or _collation(column["type"]) or _collation(type_),
    )


def _kind(type_: types.TypeEngine[Any], facts: ColumnFacts) -> ColumnKind:
    if facts.type_name in _NAMED:
        return _NAMED[facts.type_name]
    # MariaDB keeps a TIMESTAMP as an instant, and shows it in the zone of the session: ours is UTC
    zoned = getattr(type_, "timezone", False) or isinstance(type_, mysql.TIMESTAMP)
    if isinstance(type_, types.DateTime) and zoned:
        return ColumnKind.TIMESTAMPTZ
    return next((kind for known, kind in _KINDS if isinstance(type_, known)), ColumnKind.OTHER)


def _collation(type_: types.TypeEngine[Any]) -> str:
    return getattr(type_, "collation", None) or ""


def _type_text(type_: types.TypeEngine[Any], dialect: str) -> str:
    if isinstance(type_, types.Enum):
        return "ENUM"
    if dialect == "postgresql" and not isinstance(type_, types.NullType):
        # whole, as a cast needs it: TIME(0) WITH TIME ZONE, BIT(3)
        return type_.compile(dialect=_POSTGRESQL)
    try:
        return f"{type_} UNSIGNED" if getattr(type_, "unsigned", False) else str(type_)
    except Exception:
        return type_.__class__.__name__


def _choices(type_: types.TypeEngine[Any]) -> tuple[str, ...]:
    if isinstance(type_, types.Enum):
        return tuple(type_.enums)
    return tuple(type_.values) if isinstance(type_, mysql.SET) else ()


def _whole(type_: types.TypeEngine[Any], dialect: str) -> tuple[int, int] | None:
    """The least and the greatest whole number; None where there is no telling, or no end."""
    unsigned = bool(getattr(type_, "unsigned", False))
    if isinstance(type_, types.Integer):
        name = "BIGINT" if dialect == "sqlite" else type_.__class__.__name__.upper()
        bits = _BITS.get(name, 32)
        return (0, 2**bits - 1) if unsigned else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    if isinstance(type_, types.Numeric) and not isinstance(type_, types.Float):
        if dialect == "sqlite" or type_.precision is None:
            return None
        most = 10 ** (type_.precision - (type_.scale or 0)) - 1
        return (0 if unsigned else -most), most
    return None
