"""Lengths of time, as people and statutes write them."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retention.policies.period import FOREVER, IMMEDIATELY, Period, add_months, parse_period

PERIODS = st.one_of(
    st.builds(Period, months=st.integers(0, 9999 * 12), days=st.integers(0, 3_000_000)),
    st.builds(Period, hours=st.integers(0, 10_000_000)),
    st.just(FOREVER),
)


@pytest.mark.parametrize(
    ("text", "period"),
    [
        ("3 years", Period(months=36)),
        ("1 year", Period(months=12)),
        ("9 years 6 months", Period(months=114)),
        ("9 years and 6 months", Period(months=114)),
        ("9 years, 6 months", Period(months=114)),
        ("9 years, 6 months, and 2 days", Period(months=114, days=2)),
        ("6 months 9 years", Period(months=114)),
        ("6 weeks", Period(days=42)),
        ("1 week 1 day", Period(days=8)),
        ("90 days", Period(days=90)),
        ("90days", Period(days=90)),
        ("  3\u00a0YEARS ", Period(months=36)),
        ("0 days", Period()),
        ("72 hours", Period(hours=72)),
        ("0 hours", IMMEDIATELY),
        ("immediately", IMMEDIATELY),
        ("Forever", FOREVER),
        ("P3Y6M", Period(months=42)),
        ("p3y6m", Period(months=42)),
        ("P2W", Period(days=14)),
        ("P1Y2W3D", Period(months=12, days=17)),
        ("P0D", Period()),
        ("PT72H", Period(hours=72)),
        ("PT0S", IMMEDIATELY),
        ("9999 years", Period(months=9999 * 12)),
        ("0000000003 years", Period(months=36)),
    ],
)
def test_a_period_is_read_from_words_and_from_iso_8601(text: str, period: Period) -> None:
    """Words in any case, with commas and "and", and ISO 8601 durations give the same periods."""
    assert parse_period(text) == period


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("-3 years", "cannot be negative"),
        ("3 years -1 day", "cannot be negative"),
        ("−3 years", "cannot be negative"),
        ("P-1D", "cannot be negative"),
        ("-P1D", "cannot be negative"),
        ("1.5 years", "whole numbers"),
        ("1,5 years", "whole numbers"),
        (".5 years", "whole numbers"),
        ("½ year", "whole numbers"),
        ("P0.5Y", "whole numbers"),
        ("P", "no amount"),
        ("PT", "no amount"),
        ("P1YT", "no amount"),
        ("P1D2", "ISO 8601"),
        ("P6M3Y", "ISO 8601"),
        ("P1DT2H", "cannot have both"),
        ("2 days 3 hours", "cannot have both"),
        ("PT30M", "smallest unit is an hour"),
        ("PT90S", "smallest unit is an hour"),
        ("10000 years", "forever"),
        ("P10000Y", "forever"),
        ("9999 years 1 month", "forever"),
        ("99999999 days", "forever"),
        ("99999999 hours", "forever"),
        ("9" * 5000 + " days", "forever"),
        ("90", "without its unit"),
        ("3 years 6", "without its unit"),
        ("", "empty"),
        ("  ", "empty"),
        ("3 yeras", 'did you mean "years"'),
        ("3 hors", 'did you mean "hours"'),
        ("forevr", 'did you mean "forever"'),
        ("immediatly", 'did you mean "immediately"'),
        ("3 fortnights", 'no "fortnights"; the units are'),
        ("three years", 'no "three"'),
        ("2 years 3 years", "years twice"),
        ("years", "write it as"),
        ("3 years + 2 days", "write it as"),
        ("and 3 years", "write it as"),
    ],
)
def test_what_is_no_period_is_refused_with_its_reason(text: str, why: str) -> None:
    """A malformed period is never guessed at: the sentence names it and says what is wrong."""
    with pytest.raises(ValueError, match="is not a period") as refusal:
        parse_period(text)
    assert why in str(refusal.value)
    assert f'"{text}"' in str(refusal.value)


@pytest.mark.parametrize(
    ("period", "text"),
    [
        (Period(months=42), "3 years 6 months"),
        (Period(months=12), "1 year"),
        (Period(months=1, days=1), "1 month 1 day"),
        (Period(days=90), "90 days"),
        (Period(days=14), "14 days"),
        (Period(), "0 days"),
        (Period(hours=1), "1 hour"),
        (Period(hours=72), "72 hours"),
        (IMMEDIATELY, "immediately"),
        (FOREVER, "forever"),
    ],
)
def test_a_period_is_printed_in_plain_words(period: Period, text: str) -> None:
    """What a report shows is what a person would have written."""
    assert str(period) == text


@given(PERIODS)
def test_printed_periods_are_read_back_unchanged(period: Period) -> None:
    """Printing and parsing are each other's inverse."""
    assert parse_period(str(period)) == period


@given(st.text(alphabet="pPtTyYmMwWdDhHsS0123456789 .,-andyearsmonth½", max_size=30))
def test_any_text_is_a_period_or_a_sentence(text: str) -> None:
    """Parsing ends in a period or in a ValueError, whatever was typed."""
    try:
        period = parse_period(text)
    except ValueError:
        return
    assert parse_period(str(period)) == period


def test_immediately_is_an_elapsed_period_of_no_length() -> None:
    """ "immediately" and "0 days" differ: that instant, and the end of that day."""
    assert parse_period("immediately").immediately
    assert parse_period("immediately").elapsed
    assert not parse_period("0 days").immediately
    assert not parse_period("0 days").elapsed


@pytest.mark.parametrize(
    "parts",
    [
        {"months": -1},
        {"days": -1},
        {"hours": -1},
        {"days": 1, "hours": 1},
        {"months": 1, "forever": True},
        {"hours": 0, "forever": True},
        {"months": 9999 * 12 + 1},
    ],
)
def test_a_period_that_cannot_be_is_never_made(parts: dict[str, int]) -> None:
    """The type holds no negative, mixed or endless length, however it is made."""
    with pytest.raises(ValueError, match=r"period|hours|forever"):
        Period(**parts)


@pytest.mark.parametrize(
    ("day", "period", "reached"),
    [
        (date(2025, 1, 31), Period(months=1), date(2025, 2, 28)),
        (date(2024, 2, 29), Period(months=12), date(2025, 2, 28)),
        (date(2025, 1, 30), Period(months=1, days=1), date(2025, 3, 1)),
        (date(2025, 1, 31), Period(months=14), date(2026, 3, 31)),
    ],
)
def test_months_are_added_in_one_count_and_clamped_once(
    day: date, period: Period, reached: date
) -> None:
    """Years and months are one count, clamped to the end of the month reached; then days."""
    assert period.added_to(day) == reached


def test_hours_and_forever_are_not_added_to_a_day() -> None:
    """Elapsed time belongs to an instant, so adding it to a day is refused."""
    for period in (Period(hours=72), FOREVER):
        with pytest.raises(ValueError, match="not counted in days"):
            period.added_to(date(2025, 1, 1))


@pytest.mark.parametrize("months", [-1, 9999 * 12])
def test_months_beyond_the_calendar_overflow(months: int) -> None:
    """Before year 1 and after year 9999 there is no day to give."""
    with pytest.raises(OverflowError):
        add_months(date(1, 1, 1), months)
