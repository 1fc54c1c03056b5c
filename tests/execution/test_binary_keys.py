"""Rows whose key is a string of bytes, as binary UUIDs are: named exactly, whatever the bytes."""

from __future__ import annotations

import pytest
from project import Project

AT = "2026-06-01"
KEYS = ("ff01feff", "ff02feff", "61626364", "fffffffe", "ffffffff")
TYPES = {"sqlite": "BLOB", "postgresql": "BYTEA", "mysql": "BINARY(4)"}
RULES = """
[rules.accounts]
table = "accounts"
start = {start}
delete_after = "0 days"
"""


def _literal(project: Project, key: str) -> str:
    return f"'\\x{key}'" if project.dialect == "postgresql" else f"x'{key}'"


@pytest.fixture
def accounts(project: Project) -> Project:
    """Five accounts whose keys no text could hold."""
    kind = TYPES[project.dialect]
    project.sql(
        f"CREATE TABLE accounts (id {kind} NOT NULL PRIMARY KEY, closed DATE, made TIMESTAMP)"
    )
    for key in KEYS:
        value = _literal(project, key)
        project.sql(f"INSERT INTO accounts VALUES ({value}, '2020-01-01', '2019-01-01 00:00:00')")
    project.policy(RULES.format(start='"closed"'))
    project.enroll()
    return project


def _left(project: Project) -> list[str]:
    return sorted(bytes(key).hex() for (key,) in project.rows("SELECT id FROM accounts"))


def test_rows_with_binary_keys_go_with_tokens(accounts: Project) -> None:
    """Every row goes, and each has a token of its own."""
    assert accounts.night(AT)["accounts delete"]["erased"] == len(KEYS)
    assert _left(accounts) == []


def test_an_event_is_of_one_row_alone(accounts: Project) -> None:
    """What happened to one account starts no other's clock, however alike their bytes are as text."""
    accounts.policy(RULES.format(start='{ event = "account_closed" }'))
    said = accounts.run(
        "event",
        "record",
        "account_closed",
        "--table",
        "accounts",
        "--key",
        "ffffffff",
        "--at",
        "2020-01-01",
    )
    assert said.code == 0, said.err
    assert accounts.night(AT)["accounts delete"]["erased"] == 1
    assert _left(accounts) == sorted(set(KEYS) - {"ffffffff"})


def test_a_hold_is_on_one_row_alone(accounts: Project) -> None:
    """A hold on one account holds no other."""
    said = accounts.run("hold", "add", "accounts", "ff01feff", "--reason", "claim")
    assert said.code == 0, said.err
    assert accounts.night(AT)["accounts delete"]["erased"] == len(KEYS) - 1
    assert _left(accounts) == ["ff01feff"]
