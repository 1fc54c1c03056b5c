"""What a command has not imported when it ends; each in a process of its own."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import typer

from retention.cli.app import app

DRIVERS = {"psycopg", "pymysql"}
DATABASE = DRIVERS | {"sqlalchemy", "sqlglot", "retention.databases", "retention.ledger.store"}
POLICY = {"pydantic", "croniter", "dateutil", "holidays", "cryptography", "jinja2", "rich"}

POLICY_TEXT = """
timezone = "UTC"
[databases.shop]
url = "sqlite:///shop.db"
[ledger]
url = "sqlite:///ledger.db"
[rules.visits]
table = "visits"
start = "at"
delete_after = "90 days"
"""

ONE = """
import sys
from retention.cli.app import main
try:
    main()
finally:
    import json
    sys.stderr.write("\\n" + json.dumps(sorted(sys.modules)))
"""

EVERY_HELP = """
import json, sys
from typer.main import get_command
from retention.cli.app import app

root = get_command(app)
root.main(["--help"], standalone_mode=False)
for word, below in root.commands.items():
    root.main([word, "--help"], standalone_mode=False)
    for second in getattr(below, "commands", {}):
        root.main([word, second, "--help"], standalone_mode=False)
sys.stderr.write("\\n" + json.dumps(sorted(sys.modules)))
"""


def imported(program: str, *arguments: str, folder: Path) -> set[str]:
    """The modules in `sys.modules` when the program has ended."""
    command = [sys.executable, "-c", program, *arguments]
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=os.environ)
    modules = set(json.loads(ended.stderr.splitlines()[-1]))
    assert "retention.cli.app" in modules
    return modules


def test_the_list_of_commands_imports_typer_and_little_else(tmp_path: Path) -> None:
    """`retention --help` knows neither a policy nor a database."""
    assert not imported(ONE, "--help", folder=tmp_path) & (DATABASE | POLICY)


def test_the_help_of_every_command_imports_no_database(tmp_path: Path) -> None:
    """Neither `--help` of a command or a group nor `--version` imports SQLAlchemy or a driver."""
    # Typer itself imports Pydantic for a command, so that one is not ours to leave out
    unwanted = DATABASE | POLICY - {"pydantic"}
    assert not imported(EVERY_HELP, folder=tmp_path) & unwanted
    assert not imported(ONE, "--version", folder=tmp_path) & unwanted


def every_command(group: typer.Typer) -> Iterator[Callable[..., object]]:
    """The functions of the commands, those of groups below included."""
    yield from (found.callback for found in group.registered_commands if found.callback)
    for below in group.registered_groups:
        assert below.typer_instance is not None
        yield from every_command(below.typer_instance)


def test_no_command_has_its_annotations_as_texts() -> None:
    """Typer evaluates each of them at every start, of whatever command."""
    commands = list(every_command(app))
    assert len(commands) > 30
    late = {
        f"{command.__module__}.{command.__name__}"
        for command in commands
        if any(isinstance(found, str) for found in command.__annotations__.values())
    }
    assert not late


def test_a_faulty_policy_is_told_without_a_database(tmp_path: Path) -> None:
    """`check` parses the file before it imports what reads the tables."""
    (tmp_path / "policies.toml").write_text('timezone = "Nowhere/Such"', encoding="utf-8")
    assert not imported(ONE, "check", folder=tmp_path) & DATABASE


@pytest.mark.parametrize("command", ["check", "plan"])
def test_only_the_driver_of_a_database_in_the_policy_is_imported(
    command: str, tmp_path: Path
) -> None:
    """A policy over SQLite imports no driver of the other engines."""
    with closing(sqlite3.connect(tmp_path / "shop.db")) as database:
        database.execute("CREATE TABLE visits (id INTEGER PRIMARY KEY, at TEXT)")
    (tmp_path / "policies.toml").write_text(
        POLICY_TEXT,
        encoding="utf-8",
    )
    found = imported(ONE, command, folder=tmp_path)
    assert "sqlalchemy" in found
    assert not found & DRIVERS


@pytest.mark.parametrize("words", [["--version"], ["plan", "--config", "none.toml"]])
def test_python_m_retention_is_the_command(tmp_path: Path, words: list[str]) -> None:
    """The same words, answers and exit code."""
    module = [sys.executable, "-m", "retention", *words]
    command = [sys.executable, "-c", "from retention.cli.app import main; main()", *words]
    first, second = (
        subprocess.run(it, cwd=tmp_path, capture_output=True, text=True) for it in (module, command)
    )
    assert (first.returncode, first.stdout) == (second.returncode, second.stdout)
    assert first.stdout or "none.toml" in first.stderr
