"""Which servers are spoken to: those whose statements the batches are made of."""

from __future__ import annotations

from retention.errors import UsageError

OLDEST = {"SQLite": (3, 35), "PostgreSQL": (14,), "MariaDB": (10, 6)}
"""The first versions that have all of it, such as RETURNING and PostgreSQL's walk by heap pages."""


def require_supported(
    database: str, backend: str, version: tuple[int, ...], *, is_mariadb: bool = False
) -> None:
    """Raises UsageError for a server that is too old or not one of the three.

    `backend` is SQLAlchemy's name of its dialect, `version` what the server says it is.
    """
    name = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}.get(backend, "MariaDB")
    told = ".".join(map(str, version))
    if name == "MariaDB" and not is_mariadb:
        raise UsageError(f"{database}: MySQL {told} is not supported, {_WANTED}")
    if version < OLDEST[name]:
        raise UsageError(f"{database}: {name} {told} is too old, {_WANTED}")


def unknown_server(database: str) -> UsageError:
    """For a server that speaks the protocol of PostgreSQL or MariaDB and does not say it is one."""
    return UsageError(
        f"{database}: this server does not say that it is a PostgreSQL or MariaDB, {_WANTED}"
    )


_WANTED = "nothing was done. Use {}".format(
    ", ".join(f"{name} {'.'.join(map(str, version))}" for name, version in OLDEST.items())
    + " or later"
)
