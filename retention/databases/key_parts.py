"""A key of several columns as one text: parts joined by `|`, in a part `~~` for ~ and `~|` for |."""

from __future__ import annotations

import re
from collections.abc import Sequence

NO_PART = "~0"
"""Stands for NULL, which a key of an SQLite table may have."""

_PART = re.compile(r"(?:~.|[^~|])*", re.DOTALL)
_MARKED = re.compile(r"~(.)", re.DOTALL)


def joined_parts(parts: Sequence[object]) -> str:
    """The parts of a row's key in one text, which no other key has; a single part as it is."""
    if len(parts) == 1:
        return str(parts[0])
    return "|".join(
        NO_PART if part is None else str(part).replace("~", "~~").replace("|", "~|")
        for part in parts
    )


def parted(text: str, count: int) -> list[str]:
    """The `count` parts of such a text; NULL comes back as `~0`, which no row is found by."""
    if count == 1:
        return [text]
    found, place = list[str](), 0
    while place <= len(text):
        part = _PART.match(text, place)
        assert part is not None
        found.append(part[0] if part[0] == NO_PART else _MARKED.sub(r"\1", part[0]))
        place = part.end() + 1
    return found
