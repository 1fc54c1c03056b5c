"""The benchmark in its smallest form: it runs, its ways agree on the rows, its table is whole."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize(
    ("engine", "names"),
    [
        ("sqlite", ("row tokens, clock indexed", "one level of children", "dry run", "start-up")),
        ("postgresql", ("random UUID keys", "a wholly due partition")),
        (
            "mariadb",
            ("delete, counts only, clock", "two levels of children", "a wholly due partition"),
        ),
    ],
)
def test_a_small_benchmark_measures_every_way(
    engine: str, names: tuple[str, ...], request: pytest.FixtureRequest
) -> None:
    """Nobody leaves a due row, and each line of the table has a ratio and batches."""
    environment = dict(os.environ)
    if engine != "sqlite":
        server = request.getfixturevalue(f"{engine}_server")
        environment[f"RETENTION_TEST_{engine.upper()}"] = server
    words = ["--rows", "2000", "--rounds", "1", "--engine", engine]
    words += [word for name in names for word in ("--only", name)]
    command = [sys.executable, "-m", "benchmarks", *words]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment)
    assert ended.returncode == 0, ended.stderr
    lines = [
        line.split("|") for line in ended.stdout.splitlines() if line.startswith(f"| {engine} ")
    ]
    assert lines
    for cells in lines:
        ratio, locks = cells[5].strip(" *"), cells[10]
        assert float(ratio) > 0
        assert "ms" in locks


def test_a_small_reapply_is_measured_and_leaves_nobody_back() -> None:
    """The benchmark itself counts what is left, and fails where it is not what was never erased."""
    command = [
        sys.executable,
        "-m",
        "benchmarks.reapply",
        "--tokens",
        "20000",
        "--engine",
        "sqlite",
    ]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=dict(os.environ))
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.count("| sqlite, ") == 2
