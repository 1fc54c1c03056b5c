"""The words that carry a marker into a backup tool: `retention:DATABASE-ID:BATCH`. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

_TOKEN = re.compile(
    r"retention:([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}):([0-9]{1,18})(?![0-9])"
)


def token(database_id: str, complete_to: int) -> str:
    """The word for restic --tag, pgBackRest --annotation, borg --comment; no comma, no space."""
    return f"retention:{database_id}:{complete_to}"


def markers_in(texts: Iterable[str]) -> dict[str, int]:
    """The batches that tags or comments name, by database id; the lowest where one is named twice."""
    found: dict[str, int] = {}
    for text in texts:
        for database_id, batch in _TOKEN.findall(text):
            found[database_id] = min(int(batch), found.get(database_id, int(batch)))
    return found
