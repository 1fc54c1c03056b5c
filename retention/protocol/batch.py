"""One batch: lock, decide and take, intent, marker, commit, outcome. In this order, always."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from retention.databases.erasing.erase import Eraser
from retention.databases.erasing.restricting import changed_columns
from retention.databases.erasing.windows import Window
from retention.databases.faults import ConnectionLost, database_faults
from retention.databases.key_parts import joined_parts
from retention.databases.reading import roll_back
from retention.databases.state import Move, forget_rows, move_marker, read_marker, rename_rows
from retention.databases.taking import Taken
from retention.errors import Busy, DatabaseFailure, Refused, RetentionError
from retention.ledger.entry import Intent, Kind, month_of
from retention.ledger.files import sealed_digest
from retention.ledger.keys import KeyFolder
from retention.ledger.tokens import tokens_of
from retention.planning.plan import Step
from retention.protocol import points
from retention.protocol.opening import Clock, Opened
from retention.protocol.row_files import RowFiles

ATTEMPTS = 5
DEADLINE = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Work:
    """What a batch needs besides its window: the step, who runs it, the keys for tokens.

    `tokens`: keep tokens of the rows in the ledger. `forget`: our own tables speak of rows that the
    step may take; what they say goes with the rows. `files`: rows that the step takes own some.
    """

    step: Step
    eraser: Eraser
    tokens: bool
    forget: bool
    run_id: str
    as_of: datetime
    keys: KeyFolder
    now: Clock
    files: RowFiles | None = None


class PastLimit(Refused):
    """More rows are due in the window than a limit leaves to take; they stay."""


def run_batch(
    opened: Opened, work: Work, window: Window, most: int | None, room: int | None = None
) -> Taken:
    """Take the due rows of one window, in the ledger before they are gone.

    A deadlock, a serialization failure or a lock time-out tries the whole batch again, with jitter.
    Raises DatabaseFailure after the last attempt, Busy where another runner moved the marker,
    PastLimit where more rows of the step's own table would go than there is `room` for.
    """
    for attempt in range(ATTEMPTS):
        try:
            return _attempt(opened, work, window, most, room)
        except DatabaseFailure as failure:
            if not failure.transient or attempt == ATTEMPTS - 1:
                raise
            time.sleep(random.uniform(0.02, 0.1) * 2**attempt)
    raise AssertionError("unreachable")


def _attempt(
    opened: Opened, work: Work, window: Window, most: int | None, room: int | None
) -> Taken:
    connection, ledger = opened.connection, opened.ledger
    sequence = opened.next_sequence
    intent_written = False
    what = f"a batch of {work.step.name}"
    try:
        with database_faults(what, opened.database.name), connection.begin() as transaction:
            points.reached(points.BEGUN)
            check_marker(opened)
            begun = time.monotonic()
            taken = work.eraser.take(connection, window, most)
            taken.seconds = time.monotonic() - begun
            if room is not None and taken.own_rows(work.step) > room:
                raise PastLimit(f"{work.step.name}: a limit allows {room} rows more")
            if work.forget:
                forget(opened, work.step, taken)
            points.reached(points.TAKEN)
            if not taken.rows:
                transaction.rollback()
                return taken
            at = work.now()
            intent = batch_intent(opened, work, taken, sequence, at)
            sealed = None
            if work.files is not None and (named := work.files.named(opened, taken)):
                sealed = work.files.seal(named, at, opened.database_id)
                count, digest = work.files.count(named), sealed_digest(sealed)
                intent = replace(intent, files=count, sealed_sha256=digest)
            entry = ledger.append_intent(intent, tokens_for(opened, work, taken, at), at, sealed)
            intent_written = True
            points.reached(points.INTENT)
            complete = None if opened.reapplying else sequence
            move = Move(opened.sequence, sequence, complete, entry.hash)
            if not move_marker(connection, ledger.ledger_id, move, work.now()):
                raise moved(opened)
            points.reached(points.MARKED)
        points.reached(points.COMMITTED)
    except ConnectionLost:
        # whether the COMMIT took place is for the marker to say, at the start of the next run
        raise
    except RetentionError:
        # SQLite leaves a transaction open whose COMMIT a reader was in the way of
        with database_faults("rolling back", opened.database.name):
            roll_back(connection)
        if intent_written:
            ledger.close(sequence, opened.database_id, Kind.NOT_COMMITTED, work.now())
        raise
    ledger.close(sequence, opened.database_id, Kind.COMMITTED, work.now())
    opened.moved_to(sequence)
    points.reached(points.CLOSED)
    if work.files is not None:
        work.files.committed(opened, entry, sealed)
    return taken


def forget(opened: Opened, step: Step, taken: Taken) -> None:
    """What our own tables say of rows goes with the rows, or along with those that were moved."""
    for table in taken.erased:
        forget_rows(opened.connection, table, _key_texts(taken, table))
    if step.moves and step.restriction is not None:
        keys = _key_texts(taken, step.table)
        rename_rows(opened.connection, step.table, step.restriction.move_to, keys)


def _key_texts(taken: Taken, table: str) -> list[str]:
    return [joined_parts(key) for key in taken.keys.get(table, ())]


def check_marker(opened: Opened) -> None:
    """The marker's row is locked first: a hold placed meanwhile waits, and so does a second runner."""
    marker = read_marker(opened.connection, opened.ledger.ledger_id, lock=True)
    if marker is None or marker.sequence != opened.sequence:
        raise moved(opened)


def moved(opened: Opened) -> Busy:
    """Another runner has the database."""
    return Busy(f"{opened.database.name}: another run moved the marker; this batch was not done")


def batch_intent(opened: Opened, work: Work, taken: Taken, sequence: int, at: datetime) -> Intent:
    """What the ledger says of a batch before it commits."""
    counts: dict[str, int] = {}
    for prefix, found in (
        ("", taken.erased),
        ("detached ", taken.detached),
        ("masked ", taken.anonymized),
        ("restricted ", taken.restricted),
        ("remembered ", taken.remembered),
        ("due ", taken.due),
    ):
        counts |= {f"{prefix}{table}": count for table, count in found.items()}
    masks = (*work.step.masks, *work.step.above)
    columns = tuple(f"{mask.table}.{mask.column}" for mask in masks)
    columns += tuple(changed_columns(work.step))
    return Intent(
        opened.database_id,
        sequence,
        work.run_id,
        work.step.rule,
        str(work.step.action),
        work.step.table,
        columns,
        counts,
        None,
        work.as_of,
        at + DEADLINE,
    )


def tokens_for(
    opened: Opened, work: Work, taken: Taken, at: datetime
) -> Mapping[str, tuple[int, bytes]]:
    """The tokens of the rows whose keys were noted: width and bytes, by table."""
    if not taken.keys or not work.tokens:
        return {}
    month = month_of(at)
    master = work.keys.key(month)
    found = {}
    for table, rows in taken.keys.items():
        made = tokens_of(rows.keys, rows.guards, master, month, opened.database_id, table)
        found[table] = (made.width, made.blob)
    return found
