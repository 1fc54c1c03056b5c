"""Each example's page: what it says to try works, and the list of examples names it."""

from __future__ import annotations

import shlex
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from forks import command
from year import EXAMPLES

NAMES = sorted(found.parent.name for found in EXAMPLES.glob("*/policies.toml"))


def test_the_list_names_every_example() -> None:
    """No folder is forgotten on the page of all examples."""
    page = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    assert NAMES
    assert [name for name in NAMES if f"[{name}]({name})" not in page] == []


@pytest.mark.parametrize("name", NAMES)
def test_what_the_page_says_to_try_works(name: str, folder: Path) -> None:
    """Five commands, from the data to the promises, each ends with 0."""
    shutil.copytree(EXAMPLES / name, folder, dirs_exist_ok=True)
    page = (folder / "README.md").read_text(encoding="utf-8").partition("## Try it")[2]
    lines = [line.strip() for line in page.splitlines() if line.startswith("    ")]
    assert len(lines) == 5
    for line in lines:
        program, *words = shlex.split(line)
        if program == "python":
            subprocess.run([sys.executable, *words], cwd=folder, check=True)
        else:
            code, _, err = command(words, folder)
            assert code == 0, f"{line}: {err}"


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_makes_the_same_data(name: str, folder: Path) -> None:
    """Two files of one seed hold the same rows, those of another seed do not."""
    dumps = []
    for file, seed in (("a.db", "1"), ("b.db", "1"), ("c.db", "2")):
        made = [sys.executable, str(EXAMPLES / name / "make_data.py"), file, "--seed", seed]
        subprocess.run(made, cwd=folder, check=True)
        dumps.append(_dump(folder / file))
    assert dumps[0] == dumps[1]
    assert dumps[0] != dumps[2]


def _dump(file: Path) -> list[str]:
    return list(sqlite3.connect(file).iterdump())
