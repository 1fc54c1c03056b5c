"""Copies that a program of the user's lists: one JSON object a line, and a last one that ends it.

{"id": "2026-11-22", "start": "2026-11-22T01:00:00Z", "expires_at": "2026-12-27T00:00:00Z"}
{"complete": true, "copies": 1}
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from retention.backups.copy import BackupCopy, Position
from retention.backups.pgbackrest import read_lsn
from retention.backups.token import markers_in
from retention.backups.tools import ListingFailed, answer, evidence, instant

_TIMES = ("start", "finished", "expires_at", "held_until")
_KEYS = frozenset(("id", "databases", "marker", "position", "depends_on", *_TIMES))
Ids = Mapping[str, frozenset[str]]


def listed(words: Sequence[str], environment: Mapping[str, str], ids: Ids) -> list[BackupCopy]:
    """The copies a program lists; `ids` has the ids of each database by its name in the policy."""
    return parsed(answer(words, environment), ids)


def parsed(text: str, ids: Ids) -> list[BackupCopy]:
    """The copies in what the program printed; ListingFailed unless its last line counts them."""
    copies: list[BackupCopy] = []
    ended = False
    for number, line in enumerate(text.splitlines(), 1):
        try:
            found = json.loads(line)
            if ended or not isinstance(found, dict):
                raise ValueError("not one object a line")
            if "complete" in found:
                ended = _ends(found, len(copies))
            else:
                copies.append(_copy(found, ids))
        except (ValueError, KeyError, TypeError, AttributeError) as fault:
            raise ListingFailed(f"line {number} of the command is of no known form") from fault
    if not ended:
        raise ListingFailed('the command did not end with {"complete": true, "copies": …}')
    return copies


def _ends(found: dict[str, Any], count: int) -> bool:
    if found != {"complete": True, "copies": count}:
        raise ValueError("the end does not count the copies")
    return True


def _copy(found: dict[str, Any], ids: Ids) -> BackupCopy:
    if set(found) - _KEYS or not isinstance(found["id"], str) or not found["id"]:
        raise ValueError("unknown keys")
    names, depends_on = found.get("databases"), found.get("depends_on", [])
    if not isinstance(depends_on, list) or not all(isinstance(item, str) for item in depends_on):
        raise ValueError("depends_on is a list of ids")
    start = _time(found, "start")
    return BackupCopy(
        found["id"],
        "physical",
        start,
        _time(found, "finished") or start,
        databases=None if names is None else frozenset().union(*(ids[name] for name in names)),
        markers=markers_in([str(found["marker"])]) if "marker" in found else {},
        one_snapshot=True,
        position=_position(found.get("position")),
        depends_on=tuple(depends_on),
        expires_at=_time(found, "expires_at"),
        held_until=_time(found, "held_until"),
        evidence=evidence(sorted(found.items(), key=lambda item: item[0])),
    )


def _time(found: dict[str, Any], key: str) -> datetime | None:
    return None if found.get(key) is None else instant(found[key])


def _position(found: dict[str, Any] | None) -> Position | None:
    if found is None:
        return None
    return Position(str(found["system"]), int(found["timeline"]), read_lsn(found["lsn"]))
