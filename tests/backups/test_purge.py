"""A deferred purge comes to its end by two complete listings, and by nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retention.backups.copy import BackupCopy, Erasure, Inventory, Proof
from retention.backups.purge import (
    APART,
    GRACE,
    Obligation,
    State,
    advanced,
    by_declaration,
    unwatched,
)

ERASED_AT = datetime(2026, 1, 10, 2, tzinfo=UTC)
DAY = timedelta(days=1)
EXPIRES = ERASED_AT + 30 * DAY
ERASURE = Erasure("db", 1, ERASED_AT)
OPENED = Obligation("nightly", ERASURE, "run", forecast=EXPIRES)
OLD = BackupCopy("old", "logical", ERASED_AT - DAY, ERASED_AT - DAY, expires_at=EXPIRES)
NEW = BackupCopy("new", "logical", ERASED_AT + DAY, ERASED_AT + DAY, expires_at=EXPIRES + 2 * DAY)


def listing(at: datetime, *copies: BackupCopy, complete: bool = True) -> Inventory:
    """What a tool told at that time."""
    return Inventory(copies, complete, at, "" if complete else "the tool failed")


def lived(*listings: Inventory, duty: Obligation = OPENED) -> Obligation:
    """The obligation after listing upon listing."""
    for found in listings:
        duty = advanced(duty, found, found.observed_at)
    return duty


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(1, 30), st.sampled_from(["dirty", "clean", "failed"]))))
def test_only_two_complete_clean_listings_confirm(story: list[tuple[int, str]]) -> None:
    """Against the definition read off the history: clean then, clean now, never dirty in between."""
    at, duty, history = ERASED_AT, OPENED, []
    confirmed = False
    for hours, what in story:
        at += timedelta(hours=hours)
        copies = (OLD, NEW) if what == "dirty" else (NEW,)
        duty = advanced(duty, listing(at, *copies, complete=what != "failed"), at)
        history.append((at, what))
        if what != "failed":
            since = [when for when, told in history if told == "dirty"]
            clean = [
                when
                for when, told in history
                if told == "clean" and (not since or when > since[-1])
            ]
            confirmed = bool(clean) and clean[-1] - clean[0] >= APART
        assert (duty.state is State.CONFIRMED) is confirmed


def test_it_waits_as_long_as_a_copy_may_bring_rows_back() -> None:
    """The forecast is the copy's own end, or that of the copy which needs it."""
    duty = lived(listing(ERASED_AT, OLD))
    assert (duty.state, duty.forecast) == (State.WAITING, EXPIRES)
    longer = BackupCopy(
        "incr", "physical", ERASED_AT + DAY, None, depends_on=("old",), expires_at=EXPIRES + DAY
    )
    assert lived(listing(ERASED_AT, OLD, longer)).forecast == EXPIRES + DAY


def test_a_copy_that_outlives_its_time_is_overdue_after_two_days() -> None:
    """A tool that clears up once a day is given that day; what is still there then is told."""
    assert lived(listing(EXPIRES + GRACE - timedelta(seconds=1), OLD)).state is State.WAITING
    late = lived(listing(EXPIRES + GRACE, OLD))
    assert late.state is State.OVERDUE
    assert late.state.is_alarm


def test_a_copy_without_a_known_end_is_never() -> None:
    """Nobody can promise what nobody knows."""
    duty = lived(listing(ERASED_AT, BackupCopy("x", "logical", None, None)))
    assert (duty.state, duty.forecast) == (State.NEVER, None)


def test_a_failing_listing_leaves_it_where_it_was_and_lets_it_become_overdue() -> None:
    """What nobody can see is not gone."""
    seen = lived(listing(EXPIRES, NEW))
    assert seen.state is State.EXPIRED
    assert lived(listing(EXPIRES + DAY, complete=False), duty=seen) == seen
    late = lived(listing(EXPIRES + GRACE, complete=False), duty=seen)
    assert late.state is State.OVERDUE
    assert lived(listing(EXPIRES + GRACE + DAY, NEW), duty=late).state is State.CONFIRMED


def test_a_copy_that_comes_back_opens_it_again() -> None:
    """A confirmed purge is not history while an old copy can be found in a drawer."""
    done = lived(listing(EXPIRES, NEW), listing(EXPIRES + DAY, NEW))
    assert (done.state, done.first_clean, done.proof) == (State.CONFIRMED, EXPIRES, Proof.CLOCK)
    again = lived(listing(EXPIRES + 4 * DAY, NEW, OLD), duty=done)
    assert again.state is State.OVERDUE
    assert "here again" in again.why


def test_a_declared_window_ends_by_its_calendar_alone() -> None:
    """Nobody looked, and the proof says so."""
    waiting = by_declaration(OPENED, EXPIRES, EXPIRES - timedelta(seconds=1))
    assert (waiting.state, waiting.forecast) == (State.WAITING, EXPIRES)
    over = by_declaration(waiting, EXPIRES, EXPIRES)
    assert (over.state, over.proof, over.first_clean) == (State.CONFIRMED, Proof.DECLARED, EXPIRES)
    assert by_declaration(OPENED, None, EXPIRES).state is State.NEVER


@pytest.mark.parametrize(("late", "state"), [(DAY, State.WAITING), (GRACE, State.OVERDUE)])
def test_a_set_that_left_the_policy_closes_nothing(late: timedelta, state: State) -> None:
    """Who stops looking has not shown that anything is gone."""
    assert unwatched(OPENED, EXPIRES + late).state is state
