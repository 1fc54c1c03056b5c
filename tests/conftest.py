"""One fixture, every real database: `database_url` runs a test on all three engines."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import servers
from project import Project

os.environ["COLUMNS"] = "100"


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """The URL of a PostgreSQL that lives as long as the tests run."""
    with servers.postgresql() as url:
        yield url


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[str]:
    """The URL of a MariaDB that lives as long as the tests run."""
    if not servers.mariadb_available():
        if os.environ.get("RETENTION_REQUIRE_ENGINES"):
            pytest.fail(servers.MARIADB_HINT)
        pytest.skip(servers.MARIADB_HINT)
    with servers.mariadb() as url:
        yield url


def _url(engine: str, request: pytest.FixtureRequest, folder: Path) -> Iterator[str]:
    if engine == "sqlite":
        path = folder / "data.db"
        path.touch()
        yield f"sqlite:///{path}"
        return
    with servers.fresh_database(request.getfixturevalue(f"{engine}_server")) as url:
        yield url


@pytest.fixture(params=servers.ENGINES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database, on each engine in turn."""
    yield from _url(request.param, request, tmp_path)


@pytest.fixture(params=("postgresql", "mariadb"))
def server_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database on each server engine in turn."""
    yield from _url(request.param, request, tmp_path)


@pytest.fixture
def project(database_url: str, tmp_path: Path) -> Project:
    """A folder with a policy over an empty database, on each engine in turn."""
    return Project(tmp_path, database_url)


@pytest.fixture
def server_project(server_url: str, tmp_path: Path) -> Project:
    """A folder with a policy over an empty database, on each server engine in turn."""
    return Project(tmp_path, server_url)
