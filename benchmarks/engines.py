"""Real databases to measure on: an SQLite file, the PostgreSQL and the MariaDB of the tests."""

from __future__ import annotations

import os
import resource
import shutil
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import make_url

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import servers

ENGINES = servers.ENGINES


class Engine:
    """One engine: makes databases, copies them, runs statements in them."""

    def __init__(self, name: str, folder: Path, server: str = "") -> None:
        self.name = name
        self.folder = folder
        self.server = server

    @contextmanager
    def database(self, template: str = "") -> Iterator[str]:
        """The URL of a new database, empty or a copy of `template`; dropped afterwards."""
        name = f"b_{uuid.uuid4().hex[:12]}"
        if self.name == "sqlite":
            path = self.folder / f"{name}.db"
            shutil.copyfile(_file(template), path) if template else path.touch()
            yield f"sqlite:///{path}"
            for file in self.folder.glob(f"{name}.db*"):
                file.unlink()
            return
        self._admin(f"CREATE DATABASE {name}{self._as(template)}")
        url = make_url(self.server).set(database=name).render_as_string(hide_password=False)
        if template and self.name == "mariadb":
            self._copy_tables(template, url)
        try:
            yield url
        finally:
            force = " WITH (FORCE)" if self.name == "postgresql" else ""
            self._admin(f"DROP DATABASE {name}{force}")

    def run(self, url: str, *statements: str) -> int:
        """Run statements, each committed by itself; the rows that the last one touched."""
        engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
        count = 0
        with engine.connect() as connection:
            if self.name == "sqlite":
                connection.exec_driver_sql("PRAGMA secure_delete = ON")
            for statement in statements:
                count = connection.exec_driver_sql(self._escaped(statement)).rowcount
        engine.dispose()
        return count

    def value(self, url: str, query: str) -> int:
        """The first number of the single row that a query gives."""
        engine = sa.create_engine(url)
        with engine.connect() as connection:
            found = int(connection.exec_driver_sql(query).scalar_one())
        engine.dispose()
        return found

    def version(self) -> str:
        """What the server says it is."""
        with self.database() as url:
            engine = sa.create_engine(url)
            with engine.connect():
                pass
            found = engine.dialect.server_version_info
            engine.dispose()
        return f"{self.name} {'.'.join(map(str, found or ()))}"

    def cpu(self) -> float:
        """Seconds of processor time that the server, this process and its children have used."""
        own = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        used = sum(found.ru_utime + found.ru_stime for found in own)
        return used + (_server_cpu(self._pid()) if self.server else 0.0)

    def logged(self, url: str) -> float:
        """MB that the server has written to its write-ahead log (PostgreSQL); 0 where not known."""
        if self.name != "postgresql":
            return 0.0
        return self.value(url, "SELECT pg_current_wal_insert_lsn() - '0/0'") / 2**20

    def _pid(self) -> int:
        query = {"postgresql": "SHOW data_directory", "mariadb": "SELECT @@pid_file"}[self.name]
        engine = sa.create_engine(self.server)
        with engine.connect() as connection:
            path = Path(str(connection.exec_driver_sql(query).scalar_one()))
        engine.dispose()
        file = path / "postmaster.pid" if self.name == "postgresql" else path
        return int(file.read_text().split()[0])

    def settle(self, url: str) -> None:
        """Statistics, and pages on disk, as after a quiet day."""
        if self.name == "postgresql":
            self.run(url, "VACUUM ANALYZE", "CHECKPOINT")
        elif self.name == "sqlite":
            self.run(url, "ANALYZE")

    def _as(self, template: str) -> str:
        if self.name == "postgresql" and template:
            return f" TEMPLATE {make_url(template).database} STRATEGY file_copy"
        return ""

    def _escaped(self, statement: str) -> str:
        """As the driver wants it: those of the servers read `%` as a place for a value."""
        return statement if self.name == "sqlite" else statement.replace("%", "%%")

    def _admin(self, statement: str) -> None:
        self.run(self.server, statement)

    def _copy_tables(self, template: str, url: str) -> None:
        source = make_url(template).database
        engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql("SET foreign_key_checks = 0, unique_checks = 0")
            names = connection.exec_driver_sql(
                f"SELECT table_name FROM information_schema.tables WHERE table_schema = '{source}'"
            )
            for (name,) in names.fetchall():
                made = connection.exec_driver_sql(f"SHOW CREATE TABLE {source}.{name}").one()[1]
                connection.exec_driver_sql(self._escaped(made))
                connection.exec_driver_sql(f"INSERT INTO {name} SELECT * FROM {source}.{name}")
        engine.dispose()


@contextmanager
def running(name: str, folder: Path) -> Iterator[Engine]:
    """The engine, its server up for as long as it is measured."""
    if name == "sqlite":
        yield Engine(name, folder)
        return
    with {"postgresql": servers.postgresql, "mariadb": servers.mariadb}[name]() as url:
        yield Engine(name, folder, url)


def _server_cpu(pid: int) -> float:
    """Seconds of a server and its processes, also of those that have ended (Linux)."""
    ticks = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            own, rest = int(path.parent.name), path.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if own == pid or int(rest[1]) == pid:
            ticks += sum(map(int, rest[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def _file(url: str) -> str:
    return str(make_url(url).database)
