"""Who is back: rows of today that a token of an erasure names, found again in bounded memory.

Tokens of whole numbers are opened and looked up by the key's index, so that the work grows with
what was erased and not with the table. All other tokens can only be recognised: the table is read
in the order of its key, and each row's token looked for among at most `AT_ONCE` of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice

from retention.backups.reapplying.erased import Batch
from retention.backups.reapplying.key_sets import Seen
from retention.databases.erasing.named_rows import NamedRow, RowReader
from retention.databases.faults import database_faults
from retention.ledger.keys import KeyFolder, KeyLost
from retention.ledger.tokens import hashed_tokens, is_sealed, open_blocks, split
from retention.planning.row_guards import guard_time
from retention.planning.schema import Table
from retention.protocol.opening import Opened

CHUNK = 1_000
AT_ONCE = 1_000_000
"""Hashed tokens kept in memory at a time, about 100 bytes each."""


@dataclass(slots=True)
class Chunk:
    """Rows that tokens name: surely the `same`, `unsure` without a guard, or `other` rows.

    An `other` row has a key that was erased and another guard: the key was issued again.
    """

    same: list[NamedRow] = field(default_factory=list)
    unsure: list[NamedRow] = field(default_factory=list)
    other: list[NamedRow] = field(default_factory=list)


class Returned:
    """Looks the tokens of one table up in the database; `seen` rows are not told again.

    `untold`: rows that no token names any more, by the reason.
    """

    def __init__(
        self, opened: Opened, keys: KeyFolder, table: Table, guard: str | None, seen: Seen
    ) -> None:
        self.opened = opened
        self.keys = keys
        self.table = table
        self.reader = RowReader(opened.database.dialect, table, guard)
        self.seen = seen
        self.untold: Counter[str] = Counter()

    def chunks(self, batches: Iterable[Batch]) -> Iterator[Chunk]:
        """What is there of the rows that these batches took, some thousand at a time."""
        hashed: list[Batch] = []
        for batch in batches:
            tokens = self._opened(batch, hashed)
            while some := list(islice(tokens, CHUNK)):
                yield self._told(self._numbered(some))
        yield from self._recognised(hashed)

    def _opened(self, batch: Batch, hashed: list[Batch]) -> Iterator[tuple[int, int]]:
        """The sealed tokens of a batch; one with hashed tokens is set aside."""
        blob = self._blob(batch)
        if blob is None:
            why = "its tokens were dropped" if batch.has_tokens else "no tokens were kept"
            self.untold[why] += batch.rows
            return iter(())
        place = (batch.month, self.opened.database_id, self.table.name)
        try:
            master = self.keys.key(batch.month, create=False)
            if is_sealed(blob, master, *place):
                return open_blocks(blob, master, *place)
            hashed.append(batch)
        except KeyLost:
            self.untold[f"the key of {batch.month} is gone"] += batch.rows
        return iter(())

    def _numbered(self, tokens: Sequence[tuple[int, int]]) -> Chunk:
        with database_faults("looking rows up", self.opened.database.name):
            rows = self.reader.numbered(self.opened.connection, [key for key, _ in tokens])
        there = {row.key[0]: row for row in rows}
        chunk = Chunk()
        for key, sealed in tokens if there else ():
            row = there.get(key)
            if row is None:
                continue
            guard = guard_time(sealed)
            if guard is None:
                chunk.unsure.append(row)
            elif guard == aware(row.guard):
                chunk.same.append(row)
            else:
                chunk.other.append(row)
        return chunk

    def _recognised(self, batches: Sequence[Batch]) -> Iterator[Chunk]:
        """Read the table once for every million tokens."""
        known: dict[str, set[bytes]] = {}
        count = 0
        for batch in batches:
            blob = self._blob(batch)
            if blob is None:
                continue
            tokens = known.setdefault(batch.month, set())
            tokens.update(split(blob))
            count += batch.rows
            if count >= AT_ONCE:
                yield from self._scan(known)
                known, count = {}, 0
        if known:
            yield from self._scan(known)

    def _scan(self, known: dict[str, set[bytes]]) -> Iterator[Chunk]:
        low = None
        while True:
            with database_faults("reading keys", self.opened.database.name):
                rows = self.reader.after(self.opened.connection, low, CHUNK)
            if not rows:
                return
            chunk = Chunk()
            for month, tokens in known.items():
                self._match(rows, month, tokens, chunk)
            yield self._told(chunk)
            low = rows[-1].raw

    def _match(
        self, rows: Sequence[NamedRow], month: str, tokens: set[bytes], chunk: Chunk
    ) -> None:
        master = self.keys.key(month, create=False)
        place = (month, self.opened.database_id, self.table.name)
        keys = [row.key for row in rows]
        guards = [row.guard for row in rows]
        for row, token in zip(rows, hashed_tokens(keys, guards, master, *place), strict=True):
            if token in tokens:
                (chunk.unsure if row.guard is None else chunk.same).append(row)
        without = hashed_tokens(keys, [None] * len(keys), master, *place)
        for row, token in zip(rows, without, strict=True):
            if row.guard is not None and token in tokens:
                chunk.unsure.append(row)

    def _told(self, chunk: Chunk) -> Chunk:
        """Each row once, whichever of its tokens came first."""
        seen = self.seen
        return Chunk(
            [row for row in chunk.same if seen.same.add(row.key)],
            [row for row in chunk.unsure if seen.unsure.add(row.key)],
            [row for row in chunk.other if seen.other.add(row.key)],
        )

    def _blob(self, batch: Batch) -> bytes | None:
        found = self.opened.ledger.tokens_of(batch.number).get(self.table.name)
        return None if found is None else found[1]


def aware(guard: datetime | None) -> datetime | None:
    """The guard as it comes out of a token: one without a zone is UTC."""
    return guard.replace(tzinfo=UTC) if guard is not None and guard.tzinfo is None else guard
