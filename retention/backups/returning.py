"""What a restore of one copy would bring back, counted from the ledger; never who."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from retention.backups.copy import BackupCopy, Erasure, Verdict, judge
from retention.backups.erased import Batch, batches
from retention.backups.purge import Obligation
from retention.ledger.store import Ledger


@dataclass(frozen=True, slots=True)
class Returning:
    """Rows of one table that one rule took, and that a restore would bring back.

    `done` is "erased" or "masked", `since` and `until` the first and last time it happened.
    """

    database_id: str
    rule: str
    done: str
    table: str
    rows: int
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Held:
    """One copy against all that ever left: what it would bring back, and the first reason why.

    `first` is the first batch that it does not have; with None it is clean by `verdict`.
    """

    copy: BackupCopy
    returning: tuple[Returning, ...]
    first: Batch | None
    verdict: Verdict | None


class Erased:
    """All that left the databases of a ledger, each batch with the best place in the log known."""

    def __init__(self, ledger: Ledger, duties: Iterable[Obligation]) -> None:
        placed = [duty for duty in duties if duty.erasure.position is not None]
        self._batches = [(batch, _placed(batch, placed)) for batch in batches(ledger)]

    def held_by(self, copy: BackupCopy, ids: frozenset[str]) -> Held:
        """What a copy of databases with these ids would bring back."""
        found: dict[tuple[str, str, str, str], Returning] = {}
        first: Batch | None = None
        verdict: Verdict | None = None
        for batch, erasure in self._batches:
            if erasure.database_id not in ids:
                continue
            said = judge(copy, erasure)
            if said.clean:
                verdict = verdict if first else said
                continue
            if first is None:
                first, verdict = batch, said
            for part in _parts(batch):
                key = (part.database_id, part.rule, part.done, part.table)
                found[key] = _added(found.get(key), part)
        return Held(copy, tuple(found.values()), first, verdict)


def _placed(batch: Batch, duties: Iterable[Obligation]) -> Erasure:
    """The batch with the place in the log of the first obligation that speaks of it."""
    erasure = batch.erasure
    for duty in duties:
        same = duty.erasure.database_id == erasure.database_id
        if same and duty.erasure.sequence >= erasure.sequence:
            return replace(erasure, position=duty.erasure.position)
    return erasure


def _parts(batch: Batch) -> Iterator[Returning]:
    intent = batch.intent
    for done, table, rows in batch.gone():
        if rows:
            yield Returning(intent.database_id, intent.rule, done, table, rows, batch.at, batch.at)


def _added(known: Returning | None, part: Returning) -> Returning:
    if known is None:
        return part
    return replace(
        known,
        rows=known.rows + part.rows,
        since=min(known.since, part.since),
        until=max(known.until, part.until),
    )
