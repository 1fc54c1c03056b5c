"""One entry of the ledger, and the chain that ties it to the one before. Pure: no I/O, no clock."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TypeAlias, TypeVar

from retention.errors import IntegrityError

JSON: TypeAlias = bool | int | str | list["JSON"] | dict[str, "JSON"] | None

GENESIS = "0" * 64
"""What the first entry names as its previous hash."""

MOST_FAULTS = 20
"""A ledger rewritten from end to end must not fill the memory with sentences."""

POLICY_FIELD = "policy_sha256"
"""Where the body of `run_started` names the policy in force; its text must be in the ledger."""


class Kind(StrEnum):
    """What an entry tells."""

    CREATED = "created"
    ENROLLED = "enrolled"
    RETIRED = "retired"
    RUN_STARTED = "run_started"
    INTENT = "intent"
    COMMITTED = "committed"
    NOT_COMMITTED = "not_committed"
    SETTLED = "settled"
    RULE_REFUSED = "rule_refused"
    RULE_FAILED = "rule_failed"
    RUN_FINISHED = "run_finished"
    HOLD_PLACED = "hold_placed"
    HOLD_RELEASED = "hold_released"
    RESTRICTION_LIFTED = "restriction_lifted"
    GAP = "gap"
    RECOUNT = "recount"
    KEYS_DESTROYED = "keys_destroyed"
    COPIES_LISTED = "copies_listed"
    COPIES_EXPIRING = "copies_expiring"
    PURGE_OPENED = "purge_opened"
    PURGE_MOVED = "purge_moved"
    EVENTS_RECORDED = "events_recorded"
    REAPPLIED = "reapplied"
    FILES_INTENT = "files_intent"
    FILES_DONE = "files_done"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the ledger; `number` counts from 1, `hash` covers everything else in it."""

    number: int
    at: datetime
    kind: str
    run_id: str | None
    database_id: str | None
    body: Mapping[str, JSON]
    previous: str
    hash: str


def stamp(at: datetime) -> str:
    """`2026-11-22T02:00:00.000000Z`: UTC to the microsecond; ValueError for a naive time."""
    if at.tzinfo is None:
        raise ValueError("the ledger takes no time without a zone")
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def read_stamp(text: str) -> datetime:
    """The time `stamp` wrote; ValueError for any other way of writing it."""
    at = datetime.fromisoformat(text)
    if stamp(at) != text:
        raise ValueError("not a time as the ledger writes it")
    return at


def month_of(at: datetime) -> str:
    """`2026-11`: the month (UTC) whose key makes the tokens of an intent written at `at`."""
    return stamp(at)[:7]


def plain(value: object) -> JSON:
    """A copy in dicts, lists, texts, whole numbers, truth values and None; else TypeError."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, Mapping):
        return {_name(name): plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    raise TypeError(f"a ledger entry cannot carry a {type(value).__name__}")


def _name(name: object) -> str:
    if not isinstance(name, str):
        raise TypeError(f"a ledger entry's fields are named by text, not {type(name).__name__}")
    return name


def render(value: object) -> str:
    """The one canonical JSON text of a value: sorted names, no spaces; TypeError for a float."""
    return json.dumps(plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def canonical(
    number: int,
    at: datetime,
    kind: str,
    run_id: str | None,
    database_id: str | None,
    body: Mapping[str, JSON],
) -> bytes:
    """The bytes an entry's hash covers, beside the previous hash.

    TypeError for a float or a value JSON does not have; ValueError for a naive time or text that
    is not Unicode.
    """
    fields = {
        "number": number,
        "at": stamp(at),
        "kind": kind,
        "run_id": run_id,
        "database_id": database_id,
        "body": body,
    }
    return render(fields).encode()


def chained(
    previous: str,
    number: int,
    at: datetime,
    kind: str,
    run_id: str | None,
    database_id: str | None,
    body: Mapping[str, JSON],
) -> Entry:
    """The entry that follows the one whose hash is `previous`; errors as `canonical`."""
    content = canonical(number, at, kind, run_id, database_id, body)
    own = hashlib.sha256(previous.encode() + content).hexdigest()
    return Entry(number, at.astimezone(UTC), str(kind), run_id, database_id, body, previous, own)


def verify(entries: Iterable[Entry], head: str | None = None) -> list[str]:
    """What is wrong with a whole chain, a sentence each (at most twenty); empty: nothing.

    `head` is the hash the last entry must have: without it a missing tail does not show.
    """
    faults: list[str] = []
    number, previous = 0, GENESIS
    for entry in entries:
        faults.extend(_faults_of(entry, number, previous))
        if len(faults) >= MOST_FAULTS:
            return [*faults[:MOST_FAULTS], f"checking stopped at entry {entry.number}"]
        number, previous = entry.number, entry.hash
    if head is not None and head != previous:
        faults.append(
            f"the ledger ends at entry {number}, but its head is another one: "
            "the tail is missing or the head was changed"
        )
    return faults


def _faults_of(entry: Entry, number: int, previous: str) -> Iterator[str]:
    if entry.number > number + 1:
        yield _missing(number + 1, entry.number - 1)
    elif entry.number <= number:
        yield f"entry {entry.number} stands after entry {number}: the order was changed"
    elif entry.previous != previous:
        yield f"entry {entry.number}: its previous hash is not the hash of entry {number}"
    if not _is_intact(entry):
        yield f"entry {entry.number}: its content does not match its hash"


def _missing(first: int, last: int) -> str:
    if first == last:
        return f"entry {first} is missing"
    return f"entries {first} to {last} are missing"


def _is_intact(entry: Entry) -> bool:
    try:
        again = chained(
            entry.previous,
            entry.number,
            entry.at,
            entry.kind,
            entry.run_id,
            entry.database_id,
            entry.body,
        )
    except (TypeError, ValueError):
        return False
    return again.hash == entry.hash


@dataclass(frozen=True, slots=True)
class Intent:
    """A batch about to commit: written while its transaction is open, before its marker moves.

    `sequence` counts the database's batches from 1; `counts` are rows by table; `token_digest` is
    what `token_digest()` gives for the batch's tokens, None without tokens; after `deadline` the
    batch may no longer commit. `sealed_sha256` is the digest of the sealed paths of the rows' files.
    `version`: of a lake table, the one that the batch is decided on. `aside`: the table in which the
    rows of a whole partition stand until it is dropped (MariaDB).
    """

    database_id: str
    sequence: int
    run_id: str
    rule: str
    action: str
    table: str
    columns: tuple[str, ...]
    counts: Mapping[str, int]
    token_digest: str | None
    as_of: datetime
    deadline: datetime
    files: int = 0
    sealed_sha256: str | None = None
    version: int | None = None
    aside: str | None = None

    def to_body(self) -> dict[str, JSON]:
        """The intent as the body of an entry."""
        owned = {"files": self.files, "sealed_sha256": self.sealed_sha256} if self.files else {}
        optional: dict[str, JSON] = {"version": self.version, "aside": self.aside}
        return {
            **owned,
            **{name: value for name, value in optional.items() if value is not None},
            "database_id": self.database_id,
            "sequence": self.sequence,
            "run_id": self.run_id,
            "rule": self.rule,
            "action": self.action,
            "table": self.table,
            "columns": list(self.columns),
            "counts": dict(self.counts),
            "token_digest": self.token_digest,
            "as_of": stamp(self.as_of),
            "deadline": stamp(self.deadline),
        }

    @classmethod
    def from_body(cls, body: Mapping[str, JSON]) -> Intent:
        """The intent an entry carries; IntegrityError if it does not carry one."""
        try:
            digest = body["token_digest"]
            return cls(
                database_id=_as(str, body["database_id"]),
                sequence=_as(int, body["sequence"]),
                run_id=_as(str, body["run_id"]),
                rule=_as(str, body["rule"]),
                action=_as(str, body["action"]),
                table=_as(str, body["table"]),
                columns=tuple(_as(str, column) for column in _as(list, body["columns"])),
                counts={table: _as(int, n) for table, n in _as(dict, body["counts"]).items()},
                token_digest=None if digest is None else _as(str, digest),
                as_of=read_stamp(_as(str, body["as_of"])),
                deadline=read_stamp(_as(str, body["deadline"])),
                files=_as(int, body.get("files", 0)),
                sealed_sha256=_text(body.get("sealed_sha256")),
                version=None if body.get("version") is None else _as(int, body["version"]),
                aside=_text(body.get("aside")),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise IntegrityError(
                "An intent in the ledger cannot be read; nothing was changed. "
                "Find out where with `retention ledger verify`."
            ) from error


def _text(value: object) -> str | None:
    return None if value is None else _as(str, value)


T = TypeVar("T")


def _as(kind: type[T], value: object) -> T:
    if not isinstance(value, kind):
        raise TypeError(f"not a {kind.__name__}")
    return value


def token_digest(tokens: Mapping[str, tuple[int, bytes]]) -> str | None:
    """SHA-256 (hex) over a batch's tokens, {table: (width in bytes, tokens)}; None for none."""
    if not tokens:
        return None
    parts = {
        table: [width, hashlib.sha256(blob).hexdigest()] for table, (width, blob) in tokens.items()
    }
    return hashlib.sha256(render(parts).encode()).hexdigest()
