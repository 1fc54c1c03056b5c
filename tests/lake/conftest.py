"""A policy over lake tables, beside an empty SQLite database: the engine has nothing to do with it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from project import Project

sys.path.append(str(Path(__file__).parents[1] / "protocol"))
sys.path.append(str(Path(__file__).parents[1] / "oracle"))


@pytest.fixture
def lake(tmp_path: Path) -> Project:
    """A folder with an enrolled, empty SQLite database, to write rules over lake tables for."""
    (tmp_path / "data.db").touch()
    project = Project(tmp_path, f"sqlite:///{tmp_path / 'data.db'}")
    project.policy("")
    project.enroll()
    return project
