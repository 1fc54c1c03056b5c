"""Copies in a pgBackRest repository: full, differential and incremental, and the archived log."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from retention.backups.copy import BackupCopy, Position
from retention.backups.token import markers_in
from retention.backups.tools import CLEARING, ListingFailed, answer, evidence

_OK, _NO_BACKUP = 0, 2
_WARNING = re.compile(r"P\d\d +WARN: .*\n")
_SEGMENT_SIZES = tuple(1 << bits for bits in range(20, 31))

Json = dict[str, Any]


def listed(environment: Mapping[str, str], stanza: str) -> list[BackupCopy]:
    """Every backup of the stanza, and its log; ListingFailed where the listing is not whole."""
    words = ["pgbackrest", f"--stanza={stanza}", "--output=json", "--log-level-console=off", "info"]
    return parsed(answer(words, environment), stanza)


def parsed(text: str, stanza: str) -> list[BackupCopy]:
    """The backups of a stanza in what `pgbackrest info --output=json` printed.

    2.55 and later print warnings about their options on stdout, before the listing.
    """
    while warning := _WARNING.match(text):
        text = text[warning.end() :]
    try:
        (found,) = (item for item in json.loads(text) if item["name"] == stanza)
        codes = {found["status"]["code"], *(repo["status"]["code"] for repo in found["repo"])}
        if not codes <= {_OK, _NO_BACKUP}:
            raise ListingFailed(f"pgbackrest says of stanza {stanza}: {found['status']['message']}")
        systems = {_key(db): str(db["system-id"]) for db in found["db"]}
        copies = [_copy(backup, systems) for backup in found["backup"]]
        return _with_log(copies, found, systems)
    except (ValueError, KeyError, TypeError, AttributeError) as fault:
        raise ListingFailed(
            f"pgbackrest printed no listing of stanza {stanza} of a form that is known"
        ) from fault


def _key(database: Json) -> tuple[int, int]:
    return int(database["repo-key"]), int(database["id"])


def _copy(backup: Json, systems: Mapping[tuple[int, int], str]) -> BackupCopy:
    system = systems[_key(backup["database"])]
    timeline = int(backup["archive"]["start"][:8], 16)
    annotations = backup.get("annotation") or {}
    times = backup["timestamp"]
    return BackupCopy(
        str(backup["label"]),
        "physical",
        datetime.fromtimestamp(int(times["start"]), UTC),
        datetime.fromtimestamp(int(times["stop"]), UTC),
        markers=markers_in(map(str, annotations.values())),
        one_snapshot=True,
        position=Position(system, timeline, read_lsn(backup["lsn"]["start"])),
        depends_on=tuple(backup["reference"] or ()),
        readable=backup["error"] is False,
        evidence=evidence(json.dumps(backup, sort_keys=True)),
    )


def read_lsn(text: str) -> int:
    """The byte an LSN such as `0/2000028` names; ValueError for any other text."""
    high, _, low = text.partition("/")
    return (int(high, 16) << 32) + int(low, 16)


def _with_log(
    copies: list[BackupCopy], found: Json, systems: Mapping[tuple[int, int], str]
) -> list[BackupCopy]:
    """The copies with the log of each database: kept as long as the oldest of them needs it."""
    logs = []
    for archive in found["archive"]:
        first = archive["min"]
        if first is None:
            continue
        system = systems[_key(archive["database"])]
        log = BackupCopy(
            f"log {archive['id']} repo {archive['database']['repo-key']}",
            "log",
            None,
            None,
            one_snapshot=True,
            position=Position(system, int(first[:8], 16), _first_byte(first, found["backup"])),
            evidence=evidence(json.dumps(archive, sort_keys=True)),
        )
        users = [copy for copy in copies if copy.position and copy.position.system == system]
        if users:
            oldest = min(users, key=lambda copy: copy.finished or datetime.max.replace(tzinfo=UTC))
            copies[copies.index(oldest)] = replace(oldest, depends_on=(*oldest.depends_on, log.id))
            log = replace(log, finished=oldest.finished)
        logs.append(log)
    return [*copies, *logs]


def _first_byte(segment: str, backups: Sequence[Json]) -> int:
    """Where a segment begins, for the smallest size of segments that fits all that is known."""
    known = list(_places(backups))
    for size in _SEGMENT_SIZES:
        if all((lsn & 0xFFFFFFFF) // size == int(name[16:24], 16) for name, lsn in known):
            return (int(segment[8:16], 16) << 32) + int(segment[16:24], 16) * size
    raise ValueError("segments of no known size")


def _places(backups: Sequence[Json]) -> Iterator[tuple[str, int]]:
    for backup in backups:
        yield backup["archive"]["start"], read_lsn(backup["lsn"]["start"])


def remove(environment: Mapping[str, str], stanza: str, labels: Sequence[str]) -> None:
    """Expire backups; pgBackRest takes along what depends on them and the log nobody needs."""
    for label in labels:
        words = ["pgbackrest", f"--stanza={stanza}", f"--set={label}", "expire"]
        answer(words, environment, timeout=CLEARING)
