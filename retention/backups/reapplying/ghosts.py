"""The ghost probe: a table reloaded from a dump leaves the marker as it was, but not its rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from retention.backups.reapplying.erased import DELETE, done_to
from retention.backups.reapplying.returned import CHUNK, aware
from retention.databases.erasing.named_rows import NamedRow, RowReader
from retention.databases.faults import database_faults
from retention.errors import IntegrityError
from retention.ledger.entry import Intent, Kind, month_of
from retention.ledger.keys import KeyFolder, KeyLost
from retention.ledger.tokens import hashed_tokens, is_sealed, open_tokens, split
from retention.planning.plan import Plan
from retention.protocol.opening import Opened

SAMPLE = 2_000
"""Erased keys that are looked up per table; of tables with other keys, rows that are read."""
LOOKED_BACK = 1_000
"""Batches of the database, newest first, among which a table's sample is looked for."""


@dataclass(slots=True)
class _Sample:
    """The newest tokens of a table: numbers with their guard, or hashes by month."""

    numbers: dict[int, datetime] = field(default_factory=dict)
    hashes: dict[str, set[bytes]] = field(default_factory=dict)
    size: int = 0


def refuse_ghosts(opened: Opened, plan: Plan, keys: KeyFolder) -> None:
    """IntegrityError where a recently erased row is there again, by its key and its guard.

    Tables without a guard cannot be probed: their numbers may have been issued again.
    """
    for table, sample in _samples(opened, plan, keys).items():
        found = _found(opened, plan, keys, table, sample)
        if found:
            name = opened.database.name
            raise IntegrityError(
                f"{found:,} of {sample.size:,} recently erased rows of {table} are in {name} again: "
                "the table was reloaded from an older copy. Nothing was done. Erase them again with "
                f"`retention backups reapply {name}`."
            )


def _samples(opened: Opened, plan: Plan, keys: KeyFolder) -> dict[str, _Sample]:
    wanted = {
        name: _Sample()
        for name, table in plan.schema.tables.items()
        if table.key and plan.guard_of(name)
    }
    open_tables = set(wanted)
    for number, month, intent in _newest(opened):
        if not open_tables:
            break
        erased = {table for action, table, _ in done_to(intent) if action == DELETE}
        for table in erased & open_tables:
            blob = opened.ledger.tokens_of(number).get(table)
            if blob is not None:
                _add(wanted[table], blob[1], keys, (month, opened.database_id, table))
            if wanted[table].size >= SAMPLE:
                open_tables.discard(table)
    return {table: sample for table, sample in wanted.items() if sample.size}


def _newest(opened: Opened) -> Iterator[tuple[int, str, Intent]]:
    """Batches of the database, newest first; one that never committed has no tokens left."""
    for entry in opened.ledger.newest(Kind.INTENT, LOOKED_BACK, opened.database_id):
        intent = Intent.from_body(entry.body)
        if intent.token_digest is not None:
            yield entry.number, month_of(entry.at), intent


def _add(
    sample: _Sample,
    blob: bytes,
    keys: KeyFolder,
    place: tuple[str, str, str],
    most: int | None = SAMPLE,
) -> None:
    try:
        master = keys.key(place[0], create=False)
        if not is_sealed(blob, master, *place):
            tokens = set(split(blob))
            sample.hashes.setdefault(place[0], set()).update(tokens)
            sample.size += len(tokens)
            return
        for key, guard in open_tokens(blob, master, *place):
            if guard is not None and (most is None or sample.size < most):
                sample.numbers[key] = guard
                sample.size += 1
    except KeyLost:
        return


def _found(opened: Opened, plan: Plan, keys: KeyFolder, table: str, sample: _Sample) -> int:
    reader = RowReader(opened.database.dialect, plan.schema.tables[table], plan.guard_of(table))
    back: list[NamedRow] = []
    with database_faults("probing for erased rows", opened.database.name):
        numbers = sorted(sample.numbers)
        for start in range(0, len(numbers), CHUNK):
            there = reader.numbered(opened.connection, numbers[start : start + CHUNK])
            back += [row for row in there if sample.numbers[_number(row)] == aware(row.guard)]
        rows = reader.after(opened.connection, None, SAMPLE) if sample.hashes else []
    for month, tokens in sample.hashes.items():
        back += _named(opened, keys, table, month, tokens, rows)
    return len(_less_kept(opened, keys, table, back))


def _number(row: NamedRow) -> int:
    (number,) = row.key
    assert isinstance(number, int)
    return number


def _named(
    opened: Opened,
    keys: KeyFolder,
    table: str,
    month: str,
    tokens: set[bytes],
    rows: list[NamedRow],
) -> list[NamedRow]:
    """Those of the rows that hashed tokens of the month name, with their guard."""
    guarded = [row for row in rows if row.guard is not None]
    place = (keys.key(month, create=False), month, opened.database_id, table)
    found = hashed_tokens([row.key for row in guarded], [row.guard for row in guarded], *place)
    return [row for row, token in zip(guarded, found, strict=True) if token in tokens]


def _less_kept(opened: Opened, keys: KeyFolder, table: str, back: list[NamedRow]) -> list[NamedRow]:
    """Without the rows that a reapply left where they are, because something of today keeps them."""
    if not back:
        return back
    for entry in opened.ledger.entries(kinds={Kind.REAPPLIED}):
        blob = opened.ledger.tokens_of(entry.number).get(table)
        if entry.database_id != opened.database_id or blob is None:
            continue
        kept = _Sample()
        _add(kept, blob[1], keys, (month_of(entry.at), opened.database_id, table), most=None)
        for month, tokens in kept.hashes.items():
            named = _named(opened, keys, table, month, tokens, back)
            back = [row for row in back if row not in named]
        if kept.numbers:
            back = [row for row in back if kept.numbers.get(_number(row)) != aware(row.guard)]
    return back
