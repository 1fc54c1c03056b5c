"""URL and secret -> engine. Never prints a password."""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError
from sqlalchemy.pool import NullPool

from retention.errors import UsageError

_REFERENCE = re.compile(r"\$\{([^}]*)\}")
_DRIVERS = {
    "postgresql": ("postgresql+psycopg", "psycopg", "postgresql"),
    "postgres": ("postgresql+psycopg", "psycopg", "postgresql"),
    "mysql": ("mysql+pymysql", "pymysql", "mariadb"),
    "mariadb": ("mysql+pymysql", "pymysql", "mariadb"),
}


def expand(text: str, name: str) -> str:
    """`text` with `${NAME}`, `${NAME:-default}` and `${file:/path}` filled in.

    `name` says whose URL it is. Raises UsageError where a variable or file is not there; a value is
    never shown.
    """

    def value(found: re.Match[str]) -> str:
        inside = found.group(1)
        if inside.startswith("file:"):
            return _from_file(inside.removeprefix("file:"), name)
        variable, has_default, default = inside.partition(":-")
        if variable in os.environ:
            return os.environ[variable]
        if has_default:
            return default
        raise UsageError(f"{name}: the environment variable {variable} is not set")

    return _REFERENCE.sub(value, text)


def _from_file(path: str, name: str) -> str:
    credentials = os.environ.get("CREDENTIALS_DIRECTORY")
    place = Path(path)
    if not place.is_absolute() and credentials:
        place = Path(credentials) / path
    try:
        return place.read_text(encoding="utf-8").strip()
    except OSError as fault:
        raise UsageError(f"{name}: the secret file {place} cannot be read") from fault


def engine_for(url: str, name: str, folder: Path) -> sa.Engine:
    """An engine for the URL written in the policy; relative SQLite files lie beside the policy.

    Connections are not pooled: a run holds the one it works on. Raises UsageError.
    """
    parsed = _parsed(expand(url, name), name)
    if parsed.get_backend_name() == "sqlite":
        return _sqlite(parsed, folder)
    backend = parsed.get_backend_name()
    if backend not in _DRIVERS:
        raise UsageError(
            f'{name}: "{backend}" is no database this program speaks; '
            "write sqlite, postgresql or mariadb"
        )
    # one name for both ways to write it, which statements ask for
    named = parsed.drivername.replace("mariadb", "mysql", 1)
    driver, module, extra = _DRIVERS.get(parsed.drivername, (named, "", backend))
    try:
        return sa.create_engine(
            parsed.set(drivername=driver),
            poolclass=NullPool,
            hide_parameters=True,
            **_options(parsed),
        )
    except ModuleNotFoundError as fault:
        raise UsageError(
            f"{name}: the driver {module or fault.name} is not installed; "
            f"pip install 'retention[{extra or parsed.get_backend_name()}]'"
        ) from fault
    except (NoSuchModuleError, ArgumentError) as fault:
        raise UsageError(
            f'{name}: "{parsed.drivername}" is no database this program speaks; '
            "write sqlite, postgresql or mariadb"
        ) from fault


def shown(url: str) -> str:
    """The URL as written, its password masked."""
    try:
        return make_url(url).render_as_string(hide_password=True).split("?")[0]
    except ArgumentError:
        return "(a URL that cannot be read)"


def holds_no_secret(url: str, harmless: Collection[str]) -> bool:
    """TRUE where the URL surely holds no password; its query may have the `harmless` keys only."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        return False
    return not parsed.password and set(parsed.query) <= set(harmless)


def sqlite_file(engine: sa.Engine) -> Path | None:
    """The file behind an SQLite engine; None for every other engine."""
    if engine.dialect.name != "sqlite" or not engine.url.database:
        return None
    return Path(engine.url.database)


def _parsed(url: str, name: str) -> URL:
    try:
        return make_url(url)
    except (ArgumentError, ValueError) as fault:
        raise UsageError(
            f"{name}: the URL cannot be read; write for example sqlite:///shop.db or "
            "postgresql://user@host/database"
        ) from fault


def _options(url: URL) -> dict[str, Any]:
    if url.get_backend_name() == "postgresql":
        return {"connect_args": {"application_name": "retention", "prepare_threshold": None}}
    return {}


def _sqlite(url: URL, folder: Path) -> sa.Engine:
    if not url.database or url.database == ":memory:":
        raise UsageError("an SQLite database is a file: write sqlite:///path/to/file.db")
    place = Path(url.database)
    if not place.is_absolute():
        place = folder / place
    return sa.create_engine(
        url.set(database=str(place)),
        poolclass=NullPool,
        hide_parameters=True,
        connect_args={"isolation_level": None, "timeout": 5.0},
    )
