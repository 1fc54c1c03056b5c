"""What the ledger proves about one row: entries whose tokens name it, and those that cannot say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from retention.answers.row_files import BatchFiles, files_of_batches
from retention.databases.keys import Key
from retention.ledger.entry import Entry, Intent, Kind, month_of
from retention.ledger.keys import KeyFolder, KeyLost
from retention.ledger.store import Ledger
from retention.ledger.tokens import is_sealed, match, open_tokens

_GUARDED = "its tokens carry a time that only the row itself could tell"
_CLOSED = (Kind.COMMITTED, Kind.NOT_COMMITTED)


@dataclass(frozen=True, slots=True)
class Proof:
    """One batch that took or masked the row: `done`: "erased", "anonymized" or "restricted".

    `files`: those of all its rows, where they named any.
    """

    number: int
    at: datetime
    run_id: str
    rule: str
    action: str
    done: str
    policy_sha256: str
    hash: str
    settled: bool
    files: BatchFiles | None = None


@dataclass(frozen=True, slots=True)
class Untold:
    """Batches of the table that may have held the row, and why nobody can say."""

    why: str
    done: str
    rule: str
    batches: int
    rows: int
    first: int
    last: int
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whom to look for: databases (ids) and table, the key, and the guard.

    `guard` is that of a row that is there; `guarded` says that rows of the table have one, which
    for a row that is gone nobody knows.
    """

    databases: frozenset[str]
    table: str
    key: Key
    there: bool
    guard: datetime | None = None
    guarded: bool = False

    def fits(self, guard: datetime | None) -> bool:
        """TRUE where a token with this guard is of the row: a key alone may be issued again."""
        return not self.there or guard is None or guard == _aware(self.guard)


def search(
    ledger: Ledger, keys: KeyFolder, wanted: Wanted
) -> tuple[tuple[Proof, ...], tuple[Untold, ...]]:
    """Every batch whose tokens name the row, and the batches of its table that cannot tell."""
    proofs: list[Proof] = []
    named: dict[int, int] = {}
    untold: dict[tuple[str, str, str], Untold] = {}
    for entry, intent, settled in _batches(ledger, wanted):
        done, rows = _done(intent, wanted.table)
        if not rows:
            continue
        why = _named(ledger, keys, wanted, entry, intent)
        if why is None:
            proofs.append(_proof(ledger, entry, intent, done, settled))
            named[entry.number] = intent.files
        elif why:
            group = (why, done, intent.rule)
            untold[group] = _added(untold.get(group), group, entry, rows)
    files = files_of_batches(ledger, named)
    told = (replace(proof, files=files.get(proof.number)) for proof in proofs)
    return tuple(told), tuple(untold.values())


def _batches(ledger: Ledger, wanted: Wanted) -> Iterator[tuple[Entry, Intent, bool]]:
    """Intents of the databases that committed, or that no run has settled yet (False)."""
    waiting: dict[int, Entry] = {}
    for entry in ledger.entries(kinds={Kind.INTENT, *_CLOSED}):
        if entry.database_id not in wanted.databases:
            continue
        if entry.kind == Kind.INTENT:
            waiting[entry.number] = entry
            continue
        number = entry.body.get("intent")
        begun = waiting.pop(number, None) if isinstance(number, int) else None
        if begun is not None and entry.kind == Kind.COMMITTED:
            yield begun, Intent.from_body(begun.body), True
    for entry in waiting.values():
        yield entry, Intent.from_body(entry.body), False


def _done(intent: Intent, table: str) -> tuple[str, int]:
    """What the batch did to rows of the table, and to how many."""
    if intent.counts.get(table):
        return "erased", intent.counts[table]
    if intent.counts.get(f"restricted {table}"):
        return "restricted", intent.counts[f"restricted {table}"]
    counts = (intent.counts.get(f"{word} {table}", 0) for word in ("due", "masked"))
    return "anonymized", max(counts)


def _named(
    ledger: Ledger, keys: KeyFolder, wanted: Wanted, entry: Entry, intent: Intent
) -> str | None:
    """None where the batch's tokens name the row, "" where they do not, else why nobody can say."""
    if intent.token_digest is None:
        return "tokens were not kept"
    kept = ledger.tokens_of(entry.number)
    if not kept:
        return "its tokens were dropped with their key"
    if wanted.table not in kept:
        return ""
    _, blob = kept[wanted.table]
    month = month_of(entry.at)
    place = (month, intent.database_id, wanted.table)
    try:
        master = keys.key(month, create=False)
        if is_sealed(blob, master, *place):
            opened = open_tokens(blob, master, *place)
            return (
                None if any(wanted.key == (key,) and wanted.fits(at) for key, at in opened) else ""
            )
        guards = (None, wanted.guard)
        if any(match(blob, [wanted.key] * len(guards), guards, master, *place)):
            return None
        return "" if wanted.there or not wanted.guarded else _GUARDED
    except KeyLost:
        return f"the key of {month} is gone"


def _aware(guard: datetime | None) -> datetime | None:
    return guard.replace(tzinfo=UTC) if guard is not None and guard.tzinfo is None else guard


def _proof(ledger: Ledger, entry: Entry, intent: Intent, done: str, settled: bool) -> Proof:
    started = next(iter(ledger.entries(intent.run_id, {Kind.RUN_STARTED})), None)
    sha = str(started.body.get("policy_sha256", "")) if started else ""
    return Proof(
        entry.number,
        entry.at,
        intent.run_id,
        intent.rule,
        intent.action,
        done,
        sha,
        entry.hash,
        settled,
    )


def _added(known: Untold | None, group: tuple[str, str, str], entry: Entry, rows: int) -> Untold:
    why, done, rule = group
    if known is None:
        number, at = entry.number, entry.at
        return Untold(why, done, rule, 1, rows, number, number, at, at)
    return Untold(
        why,
        done,
        rule,
        known.batches + 1,
        known.rows + rows,
        known.first,
        max(known.last, entry.number),
        known.since,
        max(known.until, entry.at),
    )
