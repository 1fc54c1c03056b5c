"""Houses of three databases, on each engine in turn."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import servers
from estate import House, databases


@pytest.fixture(params=servers.ENGINES)
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    """Three databases of one engine, their ledger an SQLite file."""
    server = None
    if request.param != "sqlite":
        server = request.getfixturevalue(f"{request.param}_server")
    with databases(request.param, server, tmp_path, 3) as urls:
        yield House(tmp_path, urls)
