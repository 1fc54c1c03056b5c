"""Real databases that nobody here designed, one night each, against results computed elsewhere."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from forks import command

CASES = Path(__file__).resolve().parents[3] / "shared" / "cases"
HERE = Path(__file__).parent
needs_cases = pytest.mark.skipif(
    not CASES.is_dir(), reason="the case data lie outside the repository, and are not here"
)


def retention(folder: Path, url: str, *arguments: str) -> str:
    """Run a command over the case's policy; what it printed."""
    code, out, err = command(list(arguments), folder, {"CASE_URL": url})
    assert code == 0, err + out
    return out


def prepared(folder: Path, case: str) -> Path:
    """A folder with the case's policy."""
    (folder / "policies.toml").write_text((HERE / f"{case}.toml").read_text())
    return folder


def sqlite_answers(database: Path, case: Path) -> str:
    """What the case's own questions answer now."""
    query = (case / "expect.sql").read_text()
    command = ["sqlite3", str(database)]
    return subprocess.run(command, input=query, capture_output=True, text=True, check=True).stdout


@needs_cases
def test_chinook_ends_as_plain_sql_says_and_a_second_run_changes_nothing(tmp_path: Path) -> None:
    """Chinook on SQLite: invoices go, customers are masked by the clock as it was before the run."""
    case = CASES / "01_chinook"
    database = tmp_path / "chinook.db"
    subprocess.run(["bash", str(case / "load.sh"), str(database)], check=True)
    folder = prepared(tmp_path, "chinook")
    url = f"sqlite:///{database}"
    retention(folder, url, "enroll", "--all")
    retention(folder, url, "run", "--all", "--at", "2026-01-20T00:00:00Z")
    assert sqlite_answers(database, case) == (case / "expected.txt").read_text()
    again = retention(folder, url, "run", "--all", "--at", "2026-01-20T00:00:00Z", "--json")
    assert {(rule["due"], rule["left"]) for rule in json.loads(again)["rules"]} == {(0, 0)}
    assert sqlite_answers(database, case) == (case / "expected.txt").read_text()
