"""Guards as numbers: however many are read at once, each is what it is alone."""

from __future__ import annotations

from array import array
from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from retention.planning.row_guards import (
    NO_GUARD,
    guard_of_text,
    guard_time,
    guards_since_2000,
    sealed_guard,
    sealed_guards,
)

ZONES = st.sampled_from([None, UTC, timezone(timedelta(hours=5, minutes=30))])
TIMES = st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30), timezones=ZONES)
TEXTS = st.one_of(
    st.none(),
    TIMES.map(str),
    TIMES.map(datetime.isoformat),
    st.dates().map(str),
    st.sampled_from(["", "infinity", "0044-03-15 00:00:00 BC", "10000-01-01 00:00:00", "soon"]),
)


@given(st.lists(TEXTS))
def test_guards_read_at_once_are_those_read_one_by_one(texts: list[str | None]) -> None:
    """Whatever they are mixed with: a naive time, one with a zone, a date, nothing, a word."""
    assert list(sealed_guards(texts)) == [sealed_guard(guard_of_text(text)) for text in texts]


@given(TIMES)
def test_a_guard_comes_back_as_the_time_it_was(time: datetime) -> None:
    """In UTC, to the microsecond; one without a zone is taken as UTC."""
    aware = time.replace(tzinfo=UTC) if time.tzinfo is None else time
    assert guard_time(sealed_guard(time)) == aware


@given(st.lists(st.datetimes(min_value=datetime(1, 1, 1))))
def test_microseconds_since_2000_are_the_same_guards(times: list[datetime]) -> None:
    """A server that counts from 2000 tells the numbers that the texts would give."""
    since = array(
        "q", [(time - datetime(2000, 1, 1)) // timedelta(microseconds=1) for time in times]
    )
    assert list(guards_since_2000(since)) == [sealed_guard(time) for time in times]


@given(st.lists(st.integers(min_value=-(2**63), max_value=2**63 - 1)))
def test_times_that_no_calendar_of_ours_has_are_no_guard(since: list[int]) -> None:
    """Infinity, years before 1 or after 9999: as when their text is read."""
    assert list(guards_since_2000(array("q", since))) == [_guard(at) for at in since]


def _guard(since: int) -> int:
    try:
        return sealed_guard(datetime(2000, 1, 1) + timedelta(microseconds=since))
    except OverflowError:
        return NO_GUARD
