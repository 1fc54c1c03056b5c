"""A batch of a lake table: noted, committed with its marker, written down. One commit is one batch.

Delta keeps, for each program that writes, the number of its last transaction (`txn`), in the same
commit as the change. That is the marker: a killed run is settled by it, exactly, at the next one.
"""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from retention.errors import IntegrityError, LakeFailure
from retention.lake.changing import Commit, delete, update
from retention.lake.table import LakeTable, app_of
from retention.ledger.entry import Intent, Kind
from retention.ledger.settling import MarkerState, Outcome, settle
from retention.ledger.store import Ledger
from retention.planning.plan import Action, Step
from retention.protocol import points
from retention.protocol.batch import ATTEMPTS, DEADLINE
from retention.protocol.opening import Clock


@dataclass(slots=True)
class OpenedLake:
    """A lake table whose marker and ledger agree; `sequence` is the ledger's last batch."""

    table: LakeTable
    ledger: Ledger
    sequence: int
    notes: list[str]

    @property
    def app(self) -> str:
        """Under which name the marker stands in the table."""
        return app_of(self.ledger.ledger_id)


@dataclass(frozen=True, slots=True)
class LakeWork:
    """One step on a lake table: its predicate, what masked columns become, who runs it.

    `counting`: the query that counts the rows of the predicate.
    """

    step: Step
    predicate: str
    counting: str
    values: Mapping[str, str]
    run_id: str
    as_of: datetime
    now: Clock


def open_lake(table: LakeTable, ledger: Ledger, now: Clock) -> OpenedLake:
    """Settle what a killed run left open. Raises IntegrityError where the ledger is behind."""
    enroll_lake(table, ledger, now)
    app = app_of(ledger.ledger_id)
    marker = table.marker(app)
    state = ledger.state_of(table.id)
    head = table.entry_of(app, marker) or state.hash_of(marker) or ""
    verdict = settle(MarkerState(ledger.ledger_id, table.id, marker, marker, head), state)
    if verdict.outcome in (Outcome.LEDGER_BEHIND, Outcome.FORKED):
        raise IntegrityError(
            f"{table.address} carries batch {marker} of this ledger, but not as the ledger has it, "
            f"which ends at batch {state.last_closed}: the ledger was lost or rolled back. Nothing "
            "was changed. Bring the newest copy of the ledger back."
        )
    notes = []
    if verdict.closing is not None and state.open is not None:
        ledger.close(state.open.sequence, table.id, verdict.closing, now())
        notes.append(verdict.named(table.address))
    if verdict.outcome is Outcome.WENT_BACK:
        notes.append(
            f"{table.address} went back before batch {marker + 1}: an older copy of it was put in its "
            "place, and rows that were erased are in it again. The rules take them as they take all "
            "that is due; what went under rules that are no longer in the policy stays"
        )
    return OpenedLake(table, ledger, ledger.state_of(table.id).last_closed, notes)


def lake_lock(address: str) -> str:
    """Under which name of the key folder's locks one run at a time works on the table."""
    return f"lake-{hashlib.sha256(address.encode()).hexdigest()[:16]}"


def enroll_lake(table: LakeTable, ledger: Ledger, now: Clock) -> None:
    """The ledger learns the name of a table that it meets for the first time, or in a new place."""
    known = ledger.databases().get(table.id)
    if known != table.address:
        how = "enrolled" if known is None else "moved"
        body = {"name": table.address, "identity": table.id, "how": how}
        ledger.append(Kind.ENROLLED, now(), database_id=table.id, body=body)


def run_lake_batch(opened: OpenedLake, work: LakeWork) -> int:
    """Take every row of the step in one commit, in the ledger before they are gone; how many went.

    Where another writer changed the same rows, it is decided anew on what there is then. Raises
    LakeFailure after the last attempt.
    """
    for attempt in range(ATTEMPTS):
        try:
            return _attempt(opened, work)
        except LakeFailure as failure:
            if not failure.conflict or attempt == ATTEMPTS - 1:
                raise
            time.sleep(random.uniform(0.02, 0.1) * 2**attempt)
    raise AssertionError("unreachable")


def _attempt(opened: OpenedLake, work: LakeWork) -> int:
    table, ledger = opened.table, opened.ledger
    points.reached(points.BEGUN)
    table.refresh()
    rows = table.count(work.counting)
    points.reached(points.TAKEN)
    if not rows:
        return 0
    sequence = opened.sequence + 1
    at = work.now()
    entry = ledger.append_intent(_intent(table, work, rows, sequence, at), {}, at)
    points.reached(points.INTENT)
    try:
        commit = Commit(opened.app, sequence, entry.hash, work.step.rule)
        _change(table, work.predicate, work.values, commit)
    except LakeFailure:
        # a commit may have taken place though the library failed after it: the table tells
        table.refresh()
        if table.entry_of(opened.app, sequence) != entry.hash:
            ledger.close(sequence, table.id, Kind.NOT_COMMITTED, work.now())
            raise
    points.reached(points.COMMITTED)
    ledger.close(sequence, table.id, Kind.COMMITTED, work.now(), {"version": table.version})
    opened.sequence = sequence
    points.reached(points.CLOSED)
    return rows


def rehearse(table: LakeTable, step: Step, predicate: str, values: Mapping[str, str]) -> None:
    """The same change to an empty table of the same columns; LakeFailure where it cannot be made."""
    with table.rehearsal() as empty:
        _change(empty, predicate, values, Commit("retention:rehearsal", 1, "", step.rule))


def _change(table: LakeTable, predicate: str, values: Mapping[str, str], commit: Commit) -> None:
    """Delete the rows of the predicate, or set these columns of theirs, in one commit."""
    if values:
        update(table, values, predicate, commit)
    else:
        delete(table, predicate, commit)


def _intent(table: LakeTable, work: LakeWork, rows: int, sequence: int, at: datetime) -> Intent:
    step = work.step
    gone = "" if step.action is Action.DELETE else "masked "
    return Intent(
        table.id,
        sequence,
        work.run_id,
        step.rule,
        str(step.action),
        step.table,
        tuple(f"{step.table}.{name}" for name in work.values),
        {f"{gone}{step.table}": rows, f"due {step.table}": rows},
        None,
        work.as_of,
        at + DEADLINE,
        version=table.version,
    )
