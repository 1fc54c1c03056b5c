"""`check` warns of backups that could not be listed here, of empty patterns, and of missing guards."""

from __future__ import annotations

from pathlib import Path

import pytest
from forks import command
from project import Outcome, Project

RULE = """
[rules.customers]
table = "customers"
start = "closed_at"
delete_after = "1 year"
"""
CUSTOMERS = (
    "create table customers (id integer primary key, closed_at timestamp, created_at timestamp)"
)


@pytest.fixture
def shop(tmp_path: Path) -> Project:
    """One table, one rule, no backups yet."""
    project = Project(tmp_path, f"sqlite:///{tmp_path / 'data.db'}")
    project.sql(CUSTOMERS)
    return project


def backups(kind: str, more: str) -> str:
    """A set of the policy."""
    return f'\n[backups.store]\ndatabase = "main"\nkind = "{kind}"\nkeep = "9 days"\n{more}\n'


def checked(project: Project) -> Outcome:
    """`check` where PATH is the project's folder bin."""
    words = ["check", "--config", str(project.config)]
    return Outcome(*command(words, project.folder, {"PATH": str(project.folder / "bin")}))


def program(folder: Path, name: str, text: str) -> None:
    """A program on PATH."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("restic", 'repository = "x"'),
        ("borg", 'repository = "x"'),
        ("pgbackrest", 'stanza = "x"'),
        ("command", 'command = ["list-copies", "--all"]'),
    ],
)
def test_a_tool_that_is_missing_or_broken_is_a_warning(
    shop: Project, tmp_path: Path, kind: str, more: str
) -> None:
    """Said by check, before the first night finds out; a tool that answers is not spoken of."""
    name = "list-copies" if kind == "command" else kind
    shop.policy(RULE + backups(kind, more))
    missing = checked(shop)
    assert missing.code == 0
    assert f"there is no program {name}" in missing.err
    assert "policies.toml:" in missing.err
    program(tmp_path / "bin", name, "exit 3")
    broken = checked(shop)
    assert ("exit code 3" in broken.err) == (kind != "command"), "a command is never run by check"
    program(tmp_path / "bin", name, "echo 1.2.3")
    assert "backups.store" not in checked(shop).err


def test_borg_2_is_told_from_borg(shop: Project, tmp_path: Path) -> None:
    """Its commands are others, so that no listing would come."""
    shop.policy(RULE + backups("borg", 'repository = "x"'))
    program(tmp_path / "bin", "borg", "echo borg2 2.0.0b25")
    assert "borg 2, whose listings are not read" in checked(shop).err
    program(tmp_path / "bin", "borg", "echo borg 1.4.5")
    assert "backups.store" not in checked(shop).err


def test_a_pattern_of_copies_that_finds_nothing_is_a_warning(shop: Project, tmp_path: Path) -> None:
    """No such folder, an empty one, and at last a copy."""
    shop.policy(RULE + backups("files", 'path = "copies/shop-*.db"'))
    assert "there is no folder" in shop.run("check").err
    (tmp_path / "copies").mkdir()
    assert "no file fits it" in shop.run("check").err
    (tmp_path / "copies" / "shop-1.db").touch()
    assert "backups.store" not in shop.run("check").err


def test_a_rule_over_files_that_finds_nothing_is_a_warning(shop: Project, tmp_path: Path) -> None:
    """No such folder, one without a match, and at last a file."""
    rule = '\n[rules.logs]\nfiles = "var/*.log"\nstart = "modified"\ndelete_after = "30 days"\n'
    shop.policy(RULE + rule)
    assert "cannot be opened" in shop.run("check").err
    (tmp_path / "var").mkdir()
    assert "matches no file" in shop.run("check").err
    (tmp_path / "var" / "a.log").touch()
    assert "rules.logs" not in shop.run("check").err


def test_a_guard_is_proposed_where_numbers_may_be_given_again(shop: Project) -> None:
    """Where copies exist and a column looks like one; not where a guard is, nor for a masked column."""
    declared = '\n[backups.cloud]\ndatabase = "main"\nkind = "declared"\nkeep = "9 days"\n'
    shop.policy(RULE)
    assert "guard" not in shop.run("check").err
    shop.policy(RULE + declared)
    assert 'write guard = "created_at"' in shop.run("check").err
    shop.policy(RULE + 'guard = "created_at"\n' + declared)
    assert "guard" not in shop.run("check").err
    masked = 'anonymize_after = "6 months"\n[rules.customers.anonymize]\ncreated_at = "null"\n'
    shop.policy(RULE + masked + declared)
    assert "guard" not in shop.run("check").err
    shop.sql("drop table customers", CUSTOMERS.replace("integer primary", "varchar(36) primary"))
    shop.policy(RULE + declared)
    assert "guard" not in shop.run("check").err
