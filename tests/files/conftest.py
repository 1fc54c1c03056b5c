"""A policy over files, on SQLite: where the files lie has nothing to do with the engine."""

from __future__ import annotations

from pathlib import Path

import pytest
from project import Project


@pytest.fixture
def place(tmp_path: Path) -> Project:
    """A folder with an empty SQLite database, to write rules over files for."""
    (tmp_path / "data.db").touch()
    return Project(tmp_path, f"sqlite:///{tmp_path / 'data.db'}")
