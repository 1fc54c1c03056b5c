"""A batch of a whole partition on MariaDB: lock, decide, set aside, intent, marker, drop, outcome.

DDL commits by itself there, so the marker says which way an interrupted batch goes: where it stands
at the batch, the rows set aside are dropped, else they are put back (protocol/leftovers.py). The
ledger says that the batch committed once they are gone, and so does the marker's `complete_to`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace

from retention.databases.database import Connection
from retention.databases.erasing.aside_partitions import AsideEraser
from retention.databases.erasing.asides import (
    Aside,
    drop_aside,
    exchange,
    locked,
    make_aside,
    new_aside,
    put_back,
)
from retention.databases.erasing.erase import Eraser
from retention.databases.erasing.whole_partitions import WholePartition
from retention.databases.erasing.windows import Window
from retention.databases.faults import ConnectionLost, database_faults
from retention.databases.state import Move, complete_marker, move_marker
from retention.databases.taking import Taken
from retention.errors import DatabaseFailure, RetentionError
from retention.ledger.entry import Kind
from retention.protocol import points
from retention.protocol.batch import Work, batch_intent, check_marker, forget, moved, tokens_for
from retention.protocol.opening import Opened


class LeftAside(ConnectionLost):
    """Rows stand aside; the next run drops them or puts them back, and no batch runs before."""


def sets_aside(eraser: Eraser, window: Window) -> bool:
    """TRUE for a whole partition on MariaDB."""
    return isinstance(eraser, AsideEraser) and isinstance(window, WholePartition)


def run_aside_batch(opened: Opened, work: Work, window: Window, room: int | None = None) -> Taken:
    """Take all rows of a partition, or none: then they go in batches.

    None where others are at work in the table, where a hold or a request lies on rows of it, where
    the account may not, and while a reapply is under way.
    """
    assert isinstance(work.eraser, AsideEraser)
    assert isinstance(window, WholePartition)
    if opened.reapplying:
        return Taken()
    sequence, name = opened.next_sequence, opened.database.name
    aside = new_aside(opened.ledger.ledger_id, sequence, work.step.table, window.name)
    points.reached(points.BEGUN)
    with ExitStack() as stack:
        try:
            beside = stack.enter_context(opened.database.connected())
            with database_faults("making a table beside", name), beside.begin():
                make_aside(beside, aside)
        except DatabaseFailure:
            _drop_unmade(opened, aside)
            return Taken()
        points.reached(points.MADE)
        taken = _Batch(opened, work, work.eraser, aside, beside, room).set_aside()
    if not taken.rows:
        _empty(opened, aside)
        return taken
    points.reached(points.UNLOCKED)
    _drop(opened, aside)
    opened.ledger.close(sequence, opened.database_id, Kind.COMMITTED, work.now())
    opened.moved_to(sequence)
    points.reached(points.CLOSED)
    return taken


@dataclass(slots=True)
class _Batch:
    """One batch; `beside` holds the tables' locks, the working connection the marker's."""

    opened: Opened
    work: Work
    eraser: AsideEraser
    aside: Aside
    beside: Connection
    room: int | None
    intent_written: bool = False

    def set_aside(self) -> Taken:
        """Up to the marker. Nothing where a row stays, or where the database refuses a statement:
        the rows are back then, or LeftAside.
        """
        opened, work = self.opened, self.work
        try:
            with (
                database_faults(f"a batch of {work.step.name}", opened.database.name),
                opened.connection.begin() as transaction,
            ):
                check_marker(opened)
                if self.eraser.is_held(opened.connection):
                    return Taken()
                with self.beside.begin(), locked(self.beside, self.aside) as got:
                    taken = self._taken() if got else Taken()
                    if taken.rows:
                        self._marked(taken, transaction.commit)
                    return taken
        except ConnectionLost:
            raise
        except RetentionError as error:
            if self.intent_written:
                sequence, at = self.aside.sequence, work.now()
                opened.ledger.close(sequence, opened.database_id, Kind.NOT_COMMITTED, at)
            if isinstance(error, DatabaseFailure):
                return Taken()
            _empty(opened, self.aside)
            raise

    def _taken(self) -> Taken:
        """Decide and set aside; nothing where a row stays, or where MariaDB cannot exchange."""
        points.reached(points.LOCKED)
        rows = self.eraser.decided(self.beside, self.aside)
        if not rows or (self.room is not None and rows > self.room):
            return Taken()
        try:
            with database_faults("setting a partition aside", self.opened.database.name):
                exchange(self.beside, self.aside)
        except ConnectionLost:
            raise
        except DatabaseFailure:
            return Taken()
        try:
            with database_faults("reading keys", self.opened.database.name):
                return self.eraser.noted(self.beside, self.aside, rows)
        except DatabaseFailure as failure:
            self._back(failure)
            raise

    def _marked(self, taken: Taken, commit: Callable[[], None]) -> None:
        """Intent, marker, commit: from here on the rows are as good as gone."""
        opened, work, aside = self.opened, self.work, self.aside
        try:
            with database_faults(f"a batch of {work.step.name}", opened.database.name):
                if work.forget:
                    forget(opened, work.step, taken)
                points.reached(points.TAKEN)
                at = work.now()
                intent = batch_intent(opened, work, taken, aside.sequence, at)
                tokens = tokens_for(opened, work, taken, at)
                entry = opened.ledger.append_intent(replace(intent, aside=aside.name), tokens, at)
                self.intent_written = True
                points.reached(points.INTENT)
                # complete once they are gone: a copy made meanwhile holds them
                move = Move(opened.sequence, aside.sequence, None, entry.hash)
                if not move_marker(opened.connection, opened.ledger.ledger_id, move, work.now()):
                    raise moved(opened)
                points.reached(points.MARKED)
                commit()
                points.reached(points.COMMITTED)
        except ConnectionLost:
            raise
        except RetentionError as error:
            self._back(error)
            raise

    def _back(self, error: RetentionError) -> None:
        """Before anybody misses the rows."""
        try:
            with database_faults("putting rows back", self.opened.database.name):
                exchange(self.beside, self.aside)
        except DatabaseFailure:
            raise LeftAside(
                f"{error}. The rows of a partition of {self.aside.table} stand in {self.aside.name} "
                "and could not be put back; the next run does that"
            ) from error


def _drop_unmade(opened: Opened, aside: Aside) -> None:
    """What there is of a table that could not be made; where that fails, the next run does it."""
    with (
        suppress(DatabaseFailure),
        database_faults("dropping an empty table", opened.database.name),
        opened.connection.begin(),
    ):
        drop_aside(opened.connection, aside)


def _empty(opened: Opened, aside: Aside) -> None:
    """The table beside is gone, and no row with it."""
    try:
        with database_faults("dropping an empty table", opened.database.name):
            put_back(opened.connection, aside)
    except ConnectionLost:
        raise
    except DatabaseFailure as failure:
        raise LeftAside(f"{failure}; the next run does it") from failure


def _drop(opened: Opened, aside: Aside) -> None:
    """The rows are gone, and the marker says so."""
    connection, name = opened.connection, opened.database.name
    try:
        with database_faults("dropping rows set aside", name), connection.begin():
            drop_aside(connection, aside)
            points.reached(points.DROPPED)
            complete_marker(connection, opened.ledger.ledger_id, aside.sequence)
    except ConnectionLost:
        raise
    except DatabaseFailure as failure:
        raise LeftAside(
            f"{name}: the rows of a partition of {aside.table} stand in {aside.name}, which could "
            "not be dropped; the next run does that"
        ) from failure
