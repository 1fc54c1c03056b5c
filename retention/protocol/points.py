"""The named points of a batch, of rows or of files, so that a fault can be put at each of them."""

from __future__ import annotations

from collections.abc import Callable

BEGUN = "begun"
TAKEN = "taken"
INTENT = "intent"
MARKED = "marked"
COMMITTED = "committed"
CLOSED = "closed"
ALL = (BEGUN, TAKEN, INTENT, MARKED, COMMITTED, CLOSED)

ANNOUNCED = "announced"
REMOVED = "removed"
FILES_CLOSED = "files closed"
OF_FILES = (ANNOUNCED, REMOVED, FILES_CLOSED)


MADE = "made"
LOCKED = "locked"
UNLOCKED = "unlocked"
DROPPED = "dropped"
OF_PARTITIONS = (BEGUN, MADE, LOCKED, TAKEN, INTENT, MARKED, COMMITTED, UNLOCKED, DROPPED, CLOSED)


def _go_on(point: str) -> None:
    """Nothing happens at a point, except in tests that break the work there."""


reached: Callable[[str], None] = _go_on
