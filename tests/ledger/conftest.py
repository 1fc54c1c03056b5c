"""A fresh ledger on every engine that is at hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

from retention.ledger.entry import Intent
from retention.ledger.store import Ledger, open_ledger

NIGHT = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)


@pytest.fixture
def ledger_url(database_url: str, tmp_path: Path) -> str:
    """The URL of an empty place for a ledger, on each engine in turn."""
    if database_url.startswith("sqlite"):
        return f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    return database_url


@pytest.fixture
def engine(ledger_url: str) -> Iterator[Engine]:
    """An engine on an empty place for a ledger."""
    engine = sa.create_engine(ledger_url)
    yield engine
    engine.dispose()


@pytest.fixture
def ledger(engine: Engine) -> Ledger:
    """A new ledger with its first entry."""
    return open_ledger(engine, create=True, at=NIGHT)


@pytest.fixture
def sqlite_ledger(tmp_path: Path) -> Iterator[Ledger]:
    """A new ledger in a SQLite file."""
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    yield open_ledger(engine, create=True, at=NIGHT)
    engine.dispose()


def _intent(sequence: int, database_id: str = "shop", run_id: str = "run-1") -> Intent:
    """A plausible batch of three rows and their children."""
    return Intent(
        database_id=database_id,
        sequence=sequence,
        run_id=run_id,
        rule="customers",
        action="delete",
        table="customers",
        columns=(),
        counts={"customers": 3, "orders": 7},
        token_digest=None,
        as_of=NIGHT,
        deadline=NIGHT.replace(minute=5),
    )


@pytest.fixture
def make_intent() -> Callable[..., Intent]:
    """`make_intent(sequence, database_id="shop", run_id="run-1")`: a plausible batch."""
    return _intent
