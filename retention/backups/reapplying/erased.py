"""What the ledger says was erased or masked after a backup: batches, by rule, action and table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from retention.backups.erased import committed
from retention.ledger.entry import Entry, Intent, Kind, month_of
from retention.ledger.store import Ledger

DELETE, ANONYMIZE = "delete", "anonymize"
_WORDS = {"detached", "masked", "restricted", "remembered", "due"}


@dataclass(frozen=True, slots=True)
class Erased:
    """What one rule did to one table under one policy (the hash of its text)."""

    rule: str
    action: str
    table: str
    policy_sha256: str


@dataclass(frozen=True, slots=True)
class Batch:
    """A committed batch: the number and month of its intent, and how many rows of the table."""

    number: int
    month: str
    rows: int
    has_tokens: bool


Erasures = dict[Erased, list[Batch]]


def erasures_since(ledger: Ledger, database_id: str, sequence: int) -> Erasures:
    """Every committed batch of the database after `sequence`, oldest first."""
    found: Erasures = {}
    policies = _policies(ledger)
    for entry in committed_since(ledger, database_id, sequence):
        intent = Intent.from_body(entry.body)
        for action, table, rows in done_to(intent):
            group = Erased(intent.rule, action, table, policies.get(intent.run_id, ""))
            batch = Batch(entry.number, month_of(entry.at), rows, intent.token_digest is not None)
            found.setdefault(group, []).append(batch)
    return found


def committed_since(ledger: Ledger, database_id: str, sequence: int) -> Iterator[Entry]:
    """The intents of the database's committed batches after `sequence`, oldest first."""
    start = ledger.entry_at(database_id, sequence)
    found = committed(ledger, start.number if start else 0)
    return (begun for begun, _ in found if begun.database_id == database_id)


def _policies(ledger: Ledger) -> dict[str, str]:
    """The policy's hash by run."""
    return {
        entry.run_id: str(entry.body.get("policy_sha256", ""))
        for entry in ledger.entries(kinds={Kind.RUN_STARTED})
        if entry.run_id
    }


def done_to(intent: Intent) -> Iterator[tuple[str, str, int]]:
    """(action, table, rows): rows that left, and the rule's own rows that were masked.

    Rows masked along with others are masked again along with them.
    """
    for name, rows in intent.counts.items():
        word, space, _ = name.partition(" ")
        if rows and not (space and word in _WORDS):
            yield DELETE, name, rows
    own = intent.counts.get(f"due {intent.table}", 0) or intent.counts.get(
        f"masked {intent.table}", 0
    )
    if intent.action == ANONYMIZE and own:
        yield ANONYMIZE, intent.table, own
