"""What left the databases, batch by batch, as the ledger tells it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import chain

from retention.backups.copy import Erasure
from retention.ledger.entry import Entry, Intent, Kind
from retention.ledger.store import Ledger

ERASING = frozenset({"delete", "anonymize"})
"""The actions after which a copy holds more than the database."""

_NOT_GONE = frozenset({"due", "restricted", "remembered", "detached"})


@dataclass(frozen=True, slots=True)
class Batch:
    """A committed batch that took or masked rows; `at` is when its commit was noted.

    Or one of a retired database that may have been committed; `at` is when that was noted.
    """

    number: int
    at: datetime
    intent: Intent

    @property
    def erasure(self) -> Erasure:
        """The batch as something a copy may bring back."""
        return Erasure(self.intent.database_id, self.intent.sequence, self.at)

    def gone(self) -> Iterator[tuple[str, str, int]]:
        """What a copy from before would bring back: word (erased, masked), table, rows."""
        for name, rows in self.intent.counts.items():
            prefix, space, table = name.partition(" ")
            if not space:
                yield "erased", name, rows
            elif prefix == "masked":
                yield "masked", table, rows
            elif prefix not in _NOT_GONE:
                yield "erased", name, rows


def batches(ledger: Ledger, after: int = 0) -> Iterator[Batch]:
    """Every batch that may be committed, whose intent stands after entry `after`, and that erased."""
    for begun, at in chain(committed(ledger, after), _doubtful(ledger, after)):
        batch = Batch(begun.number, at, Intent.from_body(begun.body))
        if batch.intent.action in ERASING and any(rows for _, _, rows in batch.gone()):
            yield batch


def committed(ledger: Ledger, after: int = 0) -> Iterator[tuple[Entry, datetime]]:
    """The intents after entry `after` whose batch was committed, and when that was noted."""
    waiting: dict[object, Entry] = {}
    kinds = {Kind.INTENT, Kind.COMMITTED, Kind.NOT_COMMITTED}
    for entry in ledger.entries(kinds=kinds, after=after):
        if entry.kind == Kind.INTENT:
            waiting[entry.number] = entry
            continue
        begun = waiting.pop(entry.body.get("intent"), None)
        if begun is not None and entry.kind == Kind.COMMITTED:
            yield begun, entry.at


def _doubtful(ledger: Ledger, after: int) -> Iterator[tuple[Entry, datetime]]:
    """The intents of retired databases that nobody can settle, and when leave was taken of them."""
    for entry in ledger.entries(kinds={Kind.RETIRED}):
        sequence, database_id = entry.body.get("unsettled"), entry.database_id or ""
        if not isinstance(sequence, int) or ledger.state_of(database_id).open is None:
            continue
        begun = ledger.entry_at(database_id, sequence)
        if begun is not None and begun.number > after:
            yield begun, entry.at


def last_of_each(found: Iterable[Batch]) -> dict[str, Batch]:
    """The last batch of each database, by its id."""
    return {batch.intent.database_id: batch for batch in found}
