"""The deferred purge: from "gone from the database" to "gone from the last copy". Pure.

Each erasure opens one obligation for each set of backups. It is waiting while a copy may bring rows
back, expired when a complete listing has none, and confirmed when a second one, half a day or more
later, has none either: a copy that was being written during the first may have appeared since.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from retention.backups.copy import Erasure, Inventory, LastCopy, Proof, last_copy_gone

GRACE = timedelta(days=2)
"""How long past its time a copy may still be listed: a tool that clears up daily has run by then."""

APART = timedelta(hours=12)
"""How far the two listings that confirm must be apart."""


class State(StrEnum):
    """Where a deferred purge stands."""

    WAITING = "waiting"
    EXPIRED = "expired"
    CONFIRMED = "confirmed"
    OVERDUE = "overdue"
    NEVER = "never"

    @property
    def is_alarm(self) -> bool:
        """TRUE where a person has to act (exit code 5)."""
        return self in (State.OVERDUE, State.NEVER)


@dataclass(frozen=True, slots=True)
class Obligation:
    """What one erasure still owes in one set of backups.

    It speaks of everything that left the database up to `erasure`; `intent` is the entry of the
    last batch of it. `forecast` is when the last copy that may hold the rows should be gone (None:
    not known), `first_clean` the time of the first complete listing without such a copy.
    """

    backups: str
    erasure: Erasure
    run_id: str
    intent: int = 0
    number: int = 0
    state: State = State.WAITING
    forecast: datetime | None = None
    first_clean: datetime | None = None
    proof: Proof | None = None
    why: str = ""

    @property
    def open(self) -> bool:
        """TRUE until it is confirmed."""
        return self.state is not State.CONFIRMED


def advanced(duty: Obligation, inventory: Inventory, as_of: datetime) -> Obligation:
    """The obligation after a listing; one that is not complete never brings it nearer its end."""
    if not inventory.complete:
        return _unseen(duty, as_of, inventory.why_incomplete)
    last = last_copy_gone(duty.erasure, inventory)
    return _holding(duty, last, as_of) if last.dirty else _clear(duty, last, inventory.observed_at)


def by_declaration(duty: Obligation, until: datetime | None, as_of: datetime) -> Obligation:
    """The obligation where nobody lists copies, and one goes by what is declared of them."""
    if until is None:
        return replace(duty, state=State.NEVER, forecast=None, why="declared to be kept for ever")
    if as_of < until:
        return replace(duty, state=State.WAITING, forecast=until, why="declared, not listed")
    if not duty.open:
        return duty
    return replace(
        duty,
        state=State.CONFIRMED,
        forecast=until,
        first_clean=until,
        proof=Proof.DECLARED,
        why="the declared time is over; nobody looked",
    )


def unwatched(duty: Obligation, as_of: datetime) -> Obligation:
    """The obligation where its set of backups is no longer in the policy."""
    if not duty.open:
        return duty
    return _unseen(duty, as_of, "its set of backups is no longer in the policy")


def _unseen(duty: Obligation, as_of: datetime, why: str) -> Obligation:
    late = duty.forecast is not None and as_of >= duty.forecast + GRACE
    if late and duty.state in (State.WAITING, State.EXPIRED):
        return replace(duty, state=State.OVERDUE, why=why)
    return duty


def _holding(duty: Obligation, last: LastCopy, as_of: datetime) -> Obligation:
    count = len(last.dirty)
    why = f"{count} {'copy' if count == 1 else 'copies'} may bring rows back"
    if not duty.open:
        why = f"{why}: confirmed gone before, and here again"
    state = State.WAITING
    if last.gone_at is None:
        state, why = State.NEVER, f"{why}, and nobody knows when they go"
    elif as_of >= last.gone_at + GRACE:
        state, why = State.OVERDUE, f"{why}, and should be gone"
    return replace(duty, state=state, forecast=last.gone_at, first_clean=None, proof=None, why=why)


def _clear(duty: Obligation, last: LastCopy, seen: datetime) -> Obligation:
    if not duty.open:
        return duty
    if duty.first_clean is None:
        return replace(
            duty,
            state=State.EXPIRED,
            first_clean=seen,
            forecast=duty.forecast or seen,
            proof=last.proof,
            why="no copy that may bring rows back was listed; a second listing confirms it",
        )
    if seen - duty.first_clean < APART:
        return replace(duty, state=State.EXPIRED)
    return replace(
        duty, state=State.CONFIRMED, proof=last.proof, why="two complete listings had no such copy"
    )
