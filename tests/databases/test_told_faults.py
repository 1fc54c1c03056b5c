"""What a person is told of an error of the driver."""

from __future__ import annotations

import sqlite3

import pytest
import sqlalchemy as sa

from retention.databases.faults import database_faults
from retention.errors import DatabaseFailure


def test_a_statement_that_nests_too_deep_for_sqlite_is_told_as_such() -> None:
    """SQLITE_ERROR alone says nothing; what was done is rolled back, and no value is shown."""
    fault = sqlite3.OperationalError("parser stack overflow")
    fault.sqlite_errorname = "SQLITE_ERROR"
    with pytest.raises(DatabaseFailure) as told, database_faults("counting", "main"):
        raise sa.exc.OperationalError("SELECT 'me@example.org'", {}, fault)
    assert str(told.value) == (
        "main: counting failed (SQLITE_ERROR, a statement nests deeper than this SQLite can read); "
        "it was rolled back"
    )
    assert told.value.sqlstate == "SQLITE_ERROR"
