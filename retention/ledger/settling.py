"""Do the ledger and a database's marker tell the same story? Pure: decides, changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from retention.ledger.entry import Intent, Kind


@dataclass(frozen=True, slots=True)
class MarkerState:
    """The marker in the database: the last batch it committed, and the hash of its intent.

    `sequence` 0 with `ledger_head` "" means that nothing was done yet; `complete_to` is smaller
    than `sequence` while a reapply is on its way.
    """

    ledger_id: str
    database_id: str
    sequence: int
    complete_to: int
    ledger_head: str


@dataclass(frozen=True, slots=True)
class LedgerState:
    """What the ledger knows of one database; at most one intent is open.

    `hash_of(sequence)` is the hash of the entry that carried that batch, None if it knows none.
    """

    ledger_id: str
    database_id: str
    last_closed: int
    open: Intent | None
    hash_of: Callable[[int], str | None]


class Outcome(StrEnum):
    """How marker and ledger stand to each other."""

    GO_ON = "go on"
    NEVER_COMMITTED = "never committed"
    COMMITTED = "committed"
    WENT_BACK = "went back"
    LEDGER_BEHIND = "ledger behind"
    FORKED = "forked"
    MISSING = "missing"


_SOUND = frozenset({Outcome.GO_ON, Outcome.NEVER_COMMITTED, Outcome.COMMITTED})


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome, in a word and in a sentence.

    `closing` is the kind to close the open intent with, None where there is none or its fate is
    not known. `text` says DATABASE where `named` puts the name a person gave it.
    """

    outcome: Outcome
    text: str
    closing: Kind | None = None

    @property
    def must_stop(self) -> bool:
        """True where no batch may run before a person has acted (exit code 4)."""
        return self.outcome not in _SOUND

    def named(self, database: str) -> str:
        """The sentence with the database's name in it."""
        return self.text.replace("DATABASE", database)


def settle(marker: MarkerState | None, ledger: LedgerState) -> Verdict:
    """Compare the marker, read under its lock, with the ledger."""
    if marker is None:
        return _missing(ledger)
    if (marker.ledger_id, marker.database_id) != (ledger.ledger_id, ledger.database_id):
        return _forked("the marker of DATABASE belongs to another ledger or another database")
    if ledger.open is not None and marker.sequence == ledger.open.sequence:
        return _at_the_open_intent(marker, ledger)
    if marker.sequence > ledger.last_closed:
        return _ledger_behind(marker.sequence, ledger.last_closed)
    return _at_or_before_the_last(marker, ledger)


def _at_the_open_intent(marker: MarkerState, ledger: LedgerState) -> Verdict:
    if not _same_hash(marker, ledger):
        return _forked(f"DATABASE and the ledger each have another batch {marker.sequence}")
    # rows that were set aside are gone with their table, and the marker is complete after that
    assert ledger.open is not None
    if marker.complete_to < marker.sequence and ledger.open.aside is None:
        return _unfinished(Kind.COMMITTED)
    text = f"Batch {marker.sequence} of DATABASE committed; its outcome is now in the ledger."
    return Verdict(Outcome.COMMITTED, text, Kind.COMMITTED)


def _at_or_before_the_last(marker: MarkerState, ledger: LedgerState) -> Verdict:
    behind = marker.sequence < ledger.last_closed
    # After a gap the ledger may not know an older batch at all: then it only went back.
    unknown_before_a_gap = behind and ledger.hash_of(marker.sequence) is None
    if not unknown_before_a_gap and not _same_hash(marker, ledger):
        return _forked(f"DATABASE and the ledger each have another batch {marker.sequence}")
    if behind:
        return _went_back(marker.sequence)
    closing = None if ledger.open is None else Kind.NOT_COMMITTED
    if marker.complete_to < marker.sequence:
        return _unfinished(closing)
    if ledger.open is None:
        return Verdict(Outcome.GO_ON, "Ledger and marker agree.")
    text = f"Batch {ledger.open.sequence} of DATABASE never committed; its tokens are dropped."
    return Verdict(Outcome.NEVER_COMMITTED, text, closing)


def _same_hash(marker: MarkerState, ledger: LedgerState) -> bool:
    expected = ledger.hash_of(marker.sequence) if marker.sequence else ""
    return marker.ledger_head == expected


def _went_back(sequence: int) -> Verdict:
    return Verdict(
        Outcome.WENT_BACK,
        f"The database DATABASE went back before batch {sequence + 1} (a restore, a crash without "
        "durable commits, or a failover): rows that were erased are in it again. Nothing was "
        "changed. Erase them again with `retention backups reapply DATABASE`.",
    )


def _unfinished(closing: Kind | None) -> Verdict:
    return Verdict(
        Outcome.WENT_BACK,
        "The reapply of DATABASE has not finished: rows that were erased may be in it again. "
        "Nothing was changed. Finish it with `retention backups reapply DATABASE`.",
        closing,
    )


def _ledger_behind(marker: int, last_closed: int) -> Verdict:
    return Verdict(
        Outcome.LEDGER_BEHIND,
        f"The database DATABASE carries batch {marker}, but the ledger ends at batch "
        f"{last_closed}: the ledger was lost or rolled back. Nothing was changed. Bring the newest "
        "copy of the ledger back, or write the gap down with `retention ledger rejoin --by NAME`.",
    )


def _forked(what: str) -> Verdict:
    return Verdict(
        Outcome.FORKED,
        f"Ledger and database are not a pair: {what}. Nothing was changed. Use the ledger this "
        "database was last erased under, or write the gap down with "
        "`retention ledger rejoin --by NAME`.",
    )


def _missing(ledger: LedgerState) -> Verdict:
    if ledger.last_closed:
        return Verdict(
            Outcome.MISSING,
            "The database DATABASE has no marker any more: it was restored from before its "
            "enrolment, or its marker was deleted. Nothing was changed. Erase again who is back with "
            "`retention backups reapply DATABASE`.",
        )
    return Verdict(
        Outcome.MISSING,
        "The database DATABASE has no marker of this ledger: it was never enrolled, was restored "
        "from before that, or its marker was deleted. Nothing was changed. "
        "Enrol it with `retention enroll DATABASE`.",
    )
