"""When a row is due: worked cases, and properties against a calendar written the slow way."""

from __future__ import annotations

import csv
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from dateutil.relativedelta import relativedelta
from hypothesis import assume, example, given
from hypothesis import strategies as st

from retention.policies.calendar import (
    CountedFrom,
    Cutoff,
    FinancialYears,
    OutsideFinancialYears,
    Stage,
    Term,
    age_cutoff,
    local_day,
    local_midnight,
)
from retention.policies.period import Period, parse_period

OSLO = ZoneInfo("Europe/Oslo")
SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)

# ── Worked cases ──────────────────────────────────────────────────────────────────────────────

CASES_FILE = Path(__file__).parents[3] / "shared" / "data" / "calendar_cases.csv"
CASES = (
    list(csv.DictReader(CASES_FILE.read_text(encoding="utf-8").splitlines()))
    if CASES_FILE.exists()
    else []
)
COUNTED_FROM = {
    "event": CountedFrom.EVENT,
    "exact": CountedFrom.EVENT,
    "event+roll": CountedFrom.EVENT,
    "max": CountedFrom.EVENT,
    "end_of_month": CountedFrom.MONTH,
    "end_of_quarter": CountedFrom.QUARTER,
    "end_of_calendar_year": CountedFrom.YEAR,
    "end_of_financial_year": CountedFrom.FINANCIAL_YEAR,
    "end_of_calendar_year_of_fy_end": CountedFrom.YEAR_OF_FINANCIAL_YEAR_END,
}


def parse_start(text: str) -> datetime | date:
    return datetime.fromisoformat(text) if "T" in text else date.fromisoformat(text)


def years_ending(day: str) -> FinancialYears:
    if day == "02-last":
        return FinancialYears.starting("03-01")
    following = date.fromisoformat(f"2001-{day}") + DAY
    return FinancialYears.starting(f"{following:%m-%d}")


def params_of(case: dict[str, str]) -> dict[str, str]:
    pairs = (part.strip().partition("=") for part in case["params"].split(";"))
    return {key: value for key, _, value in pairs if key}


def terms_of(case: dict[str, str]) -> list[Term]:
    """The case's own term, then those of the other floors it names."""
    params = params_of(case)
    holidays = None
    if case["anchor"] == "event+roll":
        days = filter(None, params["hol"].split(","))
        holidays = frozenset(date.fromisoformat(day) for day in days)
    others = [params[key].split(":") for key in ("other", "other2") if key in params]
    return [
        Term(
            (Stage(parse_period(period), COUNTED_FROM[anchor], holidays=holidays),),
            ZoneInfo(case["zone"]),
            years_ending(params.get("fye", "12-31")),
        )
        for anchor, period in [(case["anchor"], case["period"]), *others]
    ]


def before(start: datetime | date, line: Cutoff | None) -> bool:
    """The comparison a database makes."""
    if line is None:
        return False
    return start < line.instant if isinstance(start, datetime) else start < line.day


@pytest.mark.skipif(not CASES, reason="shared/data/calendar_cases.csv is not beside the repository")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case["case_id"])
def test_a_worked_case_is_due_when_the_law_says(case: dict[str, str]) -> None:
    """Every worked case is due at its instant, and the cutoffs turn at that same instant."""
    start, terms = parse_start(case["start"]), terms_of(case)
    dues = [term.due_at(start) for term in terms]
    hold = params_of(case).get("hold_until")
    due = max([*dues, datetime.fromisoformat(hold)] if hold else dues)
    assert due == datetime.fromisoformat(case["first_deletable_utc"])
    assert due.astimezone(terms[0].zone).isoformat() == case["first_deletable_local"]
    for term, own in zip(terms, dues, strict=True):
        assert not before(start, term.cutoff(own - SECOND))
        assert before(start, term.cutoff(own))


@pytest.mark.parametrize(
    ("start", "periods", "counted_from", "zone", "due"),
    [
        ("2025-01-31T10:00+01:00", ["1 month"], "event", "Europe/Oslo", "2025-03-01T00:00+01:00"),
        ("2025-02-28T12:00+01:00", ["3 years"], "event", "Europe/Oslo", "2028-02-29T00:00+01:00"),
        ("2025-01-30T12:00+01:00", ["P1M1D"], "event", "Europe/Oslo", "2025-03-02T00:00+01:00"),
        ("2025-05-05T00:00+02:00", ["1 day"], "event", "Europe/Oslo", "2025-05-07T00:00+02:00"),
        ("2025-05-05T08:00+02:00", ["0 days"], "event", "Europe/Oslo", "2025-05-06T00:00+02:00"),
        ("2025-05-05", ["0 days"], "event", "Europe/Oslo", "2025-05-06T00:00+02:00"),
        ("2025-05-05T08:00+02:00", ["PT0S"], "event", "Europe/Oslo", "2025-05-05T08:00+02:00"),
        ("2025-05-05", ["immediately"], "event", "Europe/Oslo", "2025-05-06T00:00+02:00"),
        ("2025-03-28T10:00+01:00", ["72 hours"], "event", "Europe/Oslo", "2025-03-31T11:00+02:00"),
        ("2025-12-31T23:30Z", ["3 years"], "event", "Asia/Shanghai", "2029-01-02T00:00+08:00"),
        ("2018-11-02T12:00-03:00", ["1 day"], "event", "America/Sao_Paulo", "2018-11-04T03:00Z"),
        ("2025-10-24T12:00Z", ["1 day"], "event", "Atlantic/Azores", "2025-10-26T00:00Z"),
        ("2024-04-23T12:00+02:00", ["2 days"], "event", "Africa/Cairo", "2024-04-25T22:00Z"),
        ("2025-02-10", ["1 month"], "end of month", "Europe/Oslo", "2025-04-01T00:00+02:00"),
        ("2019-01-31", ["5 years"], "end of two-month term", "UTC", "2024-03-01T00:00Z"),
        ("2025-12-31", ["0 days"], "end of two-month term", "UTC", "2026-01-01T00:00Z"),
        ("2025-05-20", ["1 year"], "end of quarter", "UTC", "2026-07-01T00:00Z"),
        (
            "2024-12-31T23:30+01:00",
            ["8 years"],
            "end of year",
            "Europe/Berlin",
            "2032-12-31T23:00Z",
        ),
        ("2024-05-05", ["P3Y6M"], "end of financial year", "UTC", "2028-07-01T00:00Z"),
        ("2025-05-05", ["immediately"], "end of year", "UTC", "2026-01-01T00:00Z"),
        ("2025-05-05", ["72 hours"], "end of month", "UTC", "2025-06-04T00:00Z"),
        # A later period begins at the midnight the earlier one ends, and that day counts.
        ("2022-01-30", ["1 month", "1 month"], "event", "UTC", "2022-04-01T00:00Z"),
        ("2021-05-05", ["3 years", "30 days"], "event", "UTC", "2024-06-05T00:00Z"),
        ("2021-05-05", ["3 years", "72 hours"], "event", "UTC", "2024-05-09T00:00Z"),
        ("2021-05-05", ["5 years", "1 month"], "end of year", "UTC", "2027-02-01T00:00Z"),
        # The day on which hours are over is an event's day, which is not counted.
        ("2025-05-05T20:00Z", ["72 hours", "1 day"], "event", "UTC", "2025-05-10T00:00Z"),
        ("2025-01-29T20:00Z", ["24 hours", "1 month"], "event", "UTC", "2025-03-01T00:00Z"),
        ("2025-01-29", ["24 hours", "1 month"], "event", "UTC", "2025-03-01T00:00Z"),
        ("2025-05-05", ["immediately", "1 day"], "event", "UTC", "2025-05-08T00:00Z"),
        ("2025-05-05T20:00Z", ["2 hours", "3 hours"], "event", "UTC", "2025-05-06T01:00Z"),
    ],
)
def test_a_case_written_here_is_due_when_the_law_says(
    start: str, periods: list[str], counted_from: str, zone: str, due: str
) -> None:
    """Clamping, clock changes, units and later periods, each worked out by hand."""
    first, *later = (parse_period(period) for period in periods)
    stages = (Stage(first, CountedFrom(counted_from)), *(Stage(period) for period in later))
    term, begun = Term(stages, ZoneInfo(zone)), parse_start(start)
    assert term.due_at(begun) == datetime.fromisoformat(due)
    assert not before(begun, term.cutoff(datetime.fromisoformat(due) - SECOND))
    assert before(begun, term.cutoff(datetime.fromisoformat(due)))


# ── The slow calendar ─────────────────────────────────────────────────────────────────────────


def slow_midnight(day: date, zone: ZoneInfo) -> datetime:
    """The first quarter of an hour at which clocks in the zone have reached the day."""
    wall = datetime(day.year, day.month, day.day)
    instant = wall.replace(tzinfo=UTC) - timedelta(hours=16)
    while instant.astimezone(zone).replace(tzinfo=None) < wall:
        instant += timedelta(minutes=15)
    return instant


def starts_unit(day: date, unit: CountedFrom, years: FinancialYears) -> bool:
    """Whether the unit begins on `day`; a year in which a financial year ends, by its months."""
    if unit is CountedFrom.FINANCIAL_YEAR:
        listed = years.first_days
        return day in listed if listed else (day.month, day.day) == (years.month, years.day)
    months = {
        CountedFrom.MONTH: range(1, 13),
        CountedFrom.TWO_MONTH_TERM: (1, 3, 5, 7, 9, 11),
        CountedFrom.QUARTER: (1, 4, 7, 10),
        CountedFrom.YEAR: (1,),
    }
    return day.day == 1 and day.month in months[unit]


def slow_first_after(day: date, unit: CountedFrom, years: FinancialYears) -> date:
    """Day by day until another unit begins."""
    if unit is CountedFrom.YEAR_OF_FINANCIAL_YEAR_END:
        last = slow_first_after(day, CountedFrom.FINANCIAL_YEAR, years) - DAY
        return slow_first_after(last, CountedFrom.YEAR, years)
    day += DAY
    while not starts_unit(day, unit, years):
        day += DAY
    return day


def slow_due(term: Term, start: datetime | date) -> datetime:
    """The rules of the calendar, read aloud."""
    if isinstance(start, datetime):
        instant, day = start, start.astimezone(term.zone).date()
    else:
        instant, day = slow_midnight(start + DAY, term.zone), start
    counts_from = None
    for stage in term.stages:
        if stage.counted_from is not CountedFrom.EVENT:
            counts_from = slow_first_after(day, stage.counted_from, term.financial_years)
        if stage.period.hours is not None:
            if stage.counted_from is not CountedFrom.EVENT:
                instant = slow_midnight(counts_from, term.zone)
            instant += timedelta(hours=stage.period.hours)
            day, counts_from = instant.astimezone(term.zone).date(), None
            continue
        length = relativedelta(months=stage.period.months, days=stage.period.days)
        last = counts_from + length - DAY if counts_from else day + length
        if stage.holidays is not None:
            while last.isoweekday() in (6, 7) or last in stage.holidays:
                last += DAY
        day, counts_from = last, last + DAY
        instant = slow_midnight(counts_from, term.zone)
    return instant


# ── Properties ────────────────────────────────────────────────────────────────────────────────

ZONES = st.sampled_from(
    [
        "Europe/Oslo",
        "Asia/Shanghai",
        "America/Sao_Paulo",
        "Pacific/Apia",
        "Africa/Cairo",
        "Atlantic/Azores",
        "UTC",
    ]
).map(ZoneInfo)
EARLIEST, LATEST = datetime(1995, 1, 1), datetime(2035, 12, 31)
INSTANTS = st.datetimes(EARLIEST, LATEST, timezones=st.just(UTC))
DATES = st.dates(EARLIEST.date(), LATEST.date())
STARTS = st.one_of(INSTANTS, DATES)
ELAPSED = st.builds(Period, hours=st.integers(0, 2000))
COUNTED = st.builds(Period, months=st.integers(0, 150), days=st.integers(0, 400))
HOLIDAYS = st.one_of(st.none(), st.frozensets(DATES, max_size=20))
STAGES = st.builds(
    Stage,
    period=st.one_of(ELAPSED, COUNTED, COUNTED),
    counted_from=st.one_of(st.just(CountedFrom.EVENT), st.sampled_from(CountedFrom)),
    holidays=HOLIDAYS,
)
FIRST_DAYS = st.dates(date(2001, 1, 1), date(2001, 12, 31)).map(lambda day: f"{day:%m-%d}")
YEARLY = st.one_of(st.just("01-01"), st.just("03-01"), FIRST_DAYS).map(FinancialYears.starting)
TERMS = st.builds(
    Term,
    st.lists(STAGES, min_size=1, max_size=3).map(tuple),
    ZONES,
    YEARLY,
)


@st.composite
def listed_years(draw: st.DrawFn) -> FinancialYears:
    days = [draw(st.dates(date(2000, 1, 1), date(2010, 12, 31)))]
    for _ in range(draw(st.integers(1, 12))):
        days.append(days[-1] + timedelta(days=draw(st.integers(1, 540))))
    return FinancialYears.listed(tuple(days))


LISTED_TERMS = st.builds(
    Term, st.lists(STAGES, min_size=1, max_size=3).map(tuple), ZONES, listed_years()
)


@given(TERMS, STARTS)
def test_due_at_agrees_with_the_slow_calendar(term: Term, start: datetime | date) -> None:
    """For any term and start, the instant is the one found by walking day by day."""
    assert term.due_at(start) == slow_due(term, start)


@given(TERMS, STARTS, INSTANTS)
def test_a_start_is_before_the_cutoff_exactly_when_it_is_due(
    term: Term, start: datetime | date, as_of: datetime
) -> None:
    """One comparison with a constant decides what the calendar decides."""
    due = term.due_at(start)
    assert due is not None
    assert before(start, term.cutoff(as_of)) == (due <= as_of.replace(microsecond=0))


@given(TERMS, STARTS, st.sampled_from([-86400, -3600, -1, 0, 1, 3600, 86400]))
def test_the_cutoff_turns_at_the_instant_a_start_is_due(
    term: Term, start: datetime | date, seconds: int
) -> None:
    """Close to the instant itself, too, the constant and the calendar agree."""
    due = term.due_at(start)
    assert due is not None
    as_of = due.replace(microsecond=0) + timedelta(seconds=seconds)
    assert before(start, term.cutoff(as_of)) == (due <= as_of)


@given(LISTED_TERMS, STARTS, INSTANTS)
def test_listed_years_decide_exactly_the_starts_between_two_lines(
    term: Term, start: datetime | date, as_of: datetime
) -> None:
    """Between the lines cutoff and calendar agree; outside them the calendar refuses to guess."""
    lines = term.decidable()
    if lines and (before(start, lines[0]) or not before(start, lines[1])):
        with pytest.raises(OutsideFinancialYears):
            term.due_at(start)
        return
    due = term.due_at(start)
    assert due == slow_due(term, start)
    for moment in (as_of.replace(microsecond=0), due.replace(microsecond=0), due - SECOND):
        cut = moment.replace(microsecond=0)
        assert before(start, term.cutoff(cut)) == (due <= cut)


@given(TERMS, st.lists(INSTANTS, min_size=2, max_size=6))
def test_a_later_start_is_never_due_earlier(term: Term, starts: list[datetime]) -> None:
    """Due instants and cutoffs run the same way as starts and instants do."""
    dues = [term.due_at(start) for start in sorted(starts)]
    assert all(earlier <= later for earlier, later in pairwise(dues))
    lines = [line for line in map(term.cutoff, sorted(starts)) if line]
    assert all(
        earlier.instant <= later.instant and earlier.day <= later.day
        for earlier, later in pairwise(lines)
    )


@given(TERMS, INSTANTS)
def test_the_cutoff_of_a_term_in_days_is_the_midnight_of_its_day(
    term: Term, as_of: datetime
) -> None:
    """A date and a time of that date fall on the same side of the line."""
    first = term.stages[0]
    assume(first.period.hours is None or first.counted_from is not CountedFrom.EVENT)
    line = term.cutoff(as_of)
    assert line is not None
    assert line.instant == slow_midnight(line.day, term.zone)


@given(ZONES, INSTANTS)
@example(ZoneInfo("America/St_Johns"), datetime(2010, 11, 7, 3, 0, tzinfo=UTC))
@example(ZoneInfo("Pacific/Apia"), datetime(2011, 12, 30, 9, 59, 59, tzinfo=UTC))
def test_every_instant_lies_in_the_day_it_is_said_to_lie_in(
    zone: ZoneInfo, instant: datetime
) -> None:
    """A day reaches from its first midnight until that of the next."""
    day = local_day(instant, zone)
    assert local_midnight(day, zone) <= instant < local_midnight(day + DAY, zone)


@given(DATES, st.integers(0, 30), INSTANTS, ZONES)
def test_who_is_born_on_or_after_the_age_cutoff_is_still_younger(
    born: date, years: int, as_of: datetime, zone: ZoneInfo
) -> None:
    """The cutoff agrees with asking each person whether the birthday has begun."""
    leap_day = (born.month, born.day) == (2, 29)
    birthday = born + relativedelta(years=years)
    if leap_day and birthday.day == 28:
        birthday += DAY
    still_younger = as_of < slow_midnight(birthday, zone)
    assert (born >= age_cutoff(as_of, years, zone)) == still_younger


# ── Clocks ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("zone", "day", "instant"),
    [
        ("Europe/Oslo", date(2025, 3, 30), "2025-03-29T23:00Z"),
        ("America/Sao_Paulo", date(2018, 11, 4), "2018-11-04T03:00Z"),
        ("Africa/Cairo", date(2024, 4, 26), "2024-04-25T22:00Z"),
        # Clocks went from 23:30 to 00:30, so that the day began in the middle of the gap.
        ("America/Toronto", date(1919, 3, 31), "1919-03-31T04:30Z"),
        ("Atlantic/Azores", date(2025, 10, 26), "2025-10-26T00:00Z"),
        ("America/St_Johns", date(2010, 11, 7), "2010-11-07T02:30Z"),
        ("Pacific/Apia", date(2011, 12, 30), "2011-12-30T10:00Z"),
        ("Pacific/Apia", date(2011, 12, 31), "2011-12-30T10:00Z"),
        ("Asia/Shanghai", date.min, "0001-01-01T00:00Z"),
    ],
)
def test_a_day_begins_at_its_first_instant(zone: str, day: date, instant: str) -> None:
    """Midnight, or the first instant after a gap, or the first of two midnights."""
    assert local_midnight(day, ZoneInfo(zone)) == datetime.fromisoformat(instant)


def test_a_day_goes_on_where_clocks_go_back_over_midnight() -> None:
    """St John's, 2010: at 00:01 it was 23:01 again, but the new day had begun."""
    instant = datetime(2010, 11, 7, 3, 0, tzinfo=UTC)
    zone = ZoneInfo("America/St_Johns")
    assert instant.astimezone(zone).date() == date(2010, 11, 6)
    assert local_day(instant, zone) == date(2010, 11, 7)


@pytest.mark.parametrize("day", [date(2011, 12, 29), date(2011, 12, 30)])
def test_a_day_that_a_zone_skipped_is_passed_over(day: date) -> None:
    """In Samoa 30 December 2011 never was: the day before it ended where the 31st began."""
    term = Term((Stage(Period()),), ZoneInfo("Pacific/Apia"))
    due = term.due_at(day)
    assert due == datetime(2011, 12, 30, 10, 0, tzinfo=UTC)
    assert before(day, term.cutoff(due))
    assert not before(day, term.cutoff(due - SECOND))


# ── Limits of the calendar ────────────────────────────────────────────────────────────────────


def test_a_start_without_a_zone_is_refused() -> None:
    """A naive datetime names no instant, so it is a mistake of the caller."""
    term = Term((Stage(Period(days=1)),), OSLO)
    with pytest.raises(TypeError, match="no zone"):
        term.due_at(datetime(2025, 1, 1))
    with pytest.raises(TypeError, match="no zone"):
        term.cutoff(datetime(2025, 1, 1))
    with pytest.raises(TypeError, match="no zone"):
        age_cutoff(datetime(2025, 1, 1), 13, OSLO)


def test_a_term_has_a_period() -> None:
    """A term without any stage would make every row due at its start."""
    with pytest.raises(ValueError, match="at least one"):
        Term((), OSLO)


@pytest.mark.parametrize("periods", [["forever"], ["3 years", "forever"], ["72 hours", "forever"]])
def test_forever_is_never_due(periods: list[str]) -> None:
    """A term with "forever" in it has no end and no cutoff."""
    term = Term(tuple(Stage(parse_period(period)) for period in periods), OSLO)
    assert term.due_at(date(1990, 1, 1)) is None
    assert term.cutoff(datetime(9999, 12, 30, tzinfo=UTC)) is None
    assert term.decidable() is None


@pytest.mark.parametrize(
    ("start", "period"),
    [
        (date(9999, 12, 31), "0 days"),
        (date(9999, 12, 31), "immediately"),
        (date(9000, 1, 1), "9999 years"),
        (date(9000, 1, 1), "3000000 days"),
        (datetime(9999, 12, 31, 23, 59, tzinfo=UTC), "0 days"),
        (datetime(9999, 12, 31, 23, 59, tzinfo=UTC), "80000000 hours"),
    ],
)
def test_an_end_beyond_the_year_9999_is_never_reached(start: datetime | date, period: str) -> None:
    """ "Until 9999" is a date like any other, and no period added to it crashes."""
    term = Term((Stage(parse_period(period)),), ZoneInfo("Asia/Shanghai"))
    assert term.due_at(start) is None
    assert not before(start, term.cutoff(datetime(2025, 1, 1, tzinfo=UTC)))


@pytest.mark.parametrize("period", ["9999 years", "80000000 hours"])
def test_a_term_longer_than_history_has_no_cutoff(period: str) -> None:
    """Where no start can be due, there is no line to draw."""
    term = Term((Stage(parse_period(period)),), OSLO)
    assert term.cutoff(datetime(2025, 1, 1, tzinfo=UTC)) is None


def test_the_first_day_of_the_calendar_is_due() -> None:
    """The oldest date there is does not crash, east or west of Greenwich."""
    for zone in ("Asia/Shanghai", "America/New_York"):
        term = Term((Stage(Period(days=1)),), ZoneInfo(zone))
        for start in (date.min, datetime.min.replace(tzinfo=UTC)):
            due = term.due_at(start)
            assert due is not None
            assert before(start, term.cutoff(datetime(2025, 1, 1, tzinfo=UTC)))


def test_elapsed_time_is_cut_to_whole_seconds_and_includes_its_last_microsecond() -> None:
    """A start exactly 72 hours before the second is due, one microsecond later is not."""
    term = Term((Stage(Period(hours=72)),), OSLO)
    line = term.cutoff(datetime(2025, 5, 5, 12, 0, 0, 999_999, tzinfo=UTC))
    assert line == Cutoff(datetime(2025, 5, 2, 12, 0, 0, 1, tzinfo=UTC), date(2025, 5, 2))


# ── Financial years ───────────────────────────────────────────────────────────────────────────

YEAR, YEAR_IT_ENDS_IN = "end of financial year", "end of the year the financial year ends in"


@pytest.mark.parametrize(
    ("start", "first_day", "counted_from", "years", "due"),
    [
        (date(2024, 7, 1), "07-01", YEAR, 5, date(2030, 7, 1)),
        (date(2024, 6, 30), "07-01", YEAR, 5, date(2029, 7, 1)),
        (date(2023, 6, 1), "03-01", YEAR, 5, date(2029, 3, 1)),
        (date(2024, 5, 10), "01-01", YEAR_IT_ENDS_IN, 7, date(2032, 1, 1)),
        (date(2024, 5, 1), "05-01", YEAR_IT_ENDS_IN, 7, date(2033, 1, 1)),
    ],
)
def test_books_are_kept_from_the_end_of_their_financial_year(
    start: date, first_day: str, counted_from: str, years: int, due: date
) -> None:
    """Calendar years, broken years and years that end in February, in Norway and in Sweden."""
    stage = Stage(Period(months=12 * years), CountedFrom(counted_from))
    term = Term((stage,), OSLO, FinancialYears.starting(first_day))
    assert term.due_at(start) == local_midnight(due, OSLO)
    assert before(start, term.cutoff(local_midnight(due, OSLO)))
    assert not before(start, term.cutoff(local_midnight(due, OSLO) - SECOND))


MOVED = FinancialYears.listed((date(2022, 1, 1), date(2023, 1, 1), date(2023, 7, 1)))


def test_a_short_financial_year_ends_where_the_next_begins() -> None:
    """A moved year end counts from the end of the short year, not twelve months on."""
    term = Term((Stage(Period(months=60), CountedFrom.FINANCIAL_YEAR),), ZoneInfo("UTC"), MOVED)
    assert term.due_at(date(2022, 12, 31)) == datetime(2028, 1, 1, tzinfo=UTC)
    assert term.due_at(date(2023, 2, 1)) == datetime(2028, 7, 1, tzinfo=UTC)


@pytest.mark.parametrize("day", [date(2021, 12, 31), date(2023, 7, 1)])
def test_a_day_without_a_listed_year_is_a_fault(day: date) -> None:
    """A day before the list, or on its closing day, is refused with the span of the list."""
    term = Term((Stage(Period(), CountedFrom.FINANCIAL_YEAR),), OSLO, MOVED)
    with pytest.raises(OutsideFinancialYears, match="from 2022-01-01 until 2023-07-01"):
        term.due_at(day)
    assert issubclass(OutsideFinancialYears, ValueError)


def test_the_lines_of_decidable_starts_are_those_of_the_list() -> None:
    """A database can call starts outside the listed years undecidable."""
    term = Term((Stage(Period(), CountedFrom.FINANCIAL_YEAR),), ZoneInfo("UTC"), MOVED)
    assert MOVED.span() == (date(2022, 1, 1), date(2023, 7, 1))
    assert term.decidable() == (
        Cutoff(datetime(2022, 1, 1, tzinfo=UTC), date(2022, 1, 1)),
        Cutoff(datetime(2023, 7, 1, tzinfo=UTC), date(2023, 7, 1)),
    )
    assert Term((Stage(Period()),), OSLO, MOVED).decidable() is None
    assert FinancialYears().span() is None


def test_nothing_is_due_before_the_first_listed_year_nor_more_than_all_after_the_last() -> None:
    """The cutoff stays within the list, whatever the instant."""
    term = Term((Stage(Period(), CountedFrom.FINANCIAL_YEAR),), ZoneInfo("UTC"), MOVED)
    first, beyond = MOVED.span()
    assert term.cutoff(datetime(1999, 1, 1, tzinfo=UTC)).day == first
    assert term.cutoff(datetime(2099, 1, 1, tzinfo=UTC)).day == beyond


@pytest.mark.parametrize(
    "text", ["02-29", "02-30", "13-01", "7-1", "01/07", "W01-1", "", "2024-07-01", "--07-01"]
)
def test_a_year_starts_on_a_day_that_every_year_has(text: str) -> None:
    """A misspelt first day, and 29 February, are refused."""
    with pytest.raises(ValueError, match=r"02-29|month and day"):
        FinancialYears.starting(text)


@pytest.mark.parametrize(
    ("days", "why"),
    [
        ((), "two or more"),
        ((date(2022, 1, 1),), "two or more"),
        ((date(2022, 1, 1), date(2022, 1, 1)), "in order"),
        ((date(2023, 1, 1), date(2022, 1, 1)), "in order"),
        ((date(2022, 1, 1), date(2024, 1, 1)), "18 months"),
    ],
)
def test_a_list_of_years_is_in_order_and_without_holes(days: tuple[date, ...], why: str) -> None:
    """A list that cannot be the first days of financial years is refused."""
    with pytest.raises(ValueError, match=why):
        FinancialYears.listed(days)


# ── Working days ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("country", "start", "due"),
    [
        # Christmas in Norway, then Friday 27 December.
        ("NO", date(2021, 12, 25), date(2024, 12, 28)),
        # Midsummer eve in Sweden is a Friday; Monday 22 June.
        ("SE", date(2023, 6, 19), date(2026, 6, 23)),
        # New year's eve 2025, new year's day, Friday 2 January.
        ("SE", date(2022, 12, 31), date(2026, 1, 3)),
        # Constitution day in Denmark, Friday 5 June 2026; Monday 8 June.
        ("DK", date(2023, 6, 5), date(2026, 6, 9)),
        # In Norway 5 June is a working day like others.
        ("NO", date(2023, 6, 5), date(2026, 6, 6)),
        # 2 January 2026, a Friday, is a holiday in Scotland alone.
        ("UK-SCT", date(2023, 1, 2), date(2026, 1, 6)),
        ("UK", date(2023, 1, 2), date(2026, 1, 3)),
    ],
)
def test_an_end_on_a_holiday_rolls_to_the_end_of_the_next_working_day(
    country: str, start: date, due: date
) -> None:
    """Three years on, the last day is a working day of the country."""
    term = Term((Stage(Period(months=36), roll=country),), OSLO)
    assert term.due_at(start) == local_midnight(due, OSLO)
    assert before(start, term.cutoff(local_midnight(due, OSLO)))
    assert not before(start, term.cutoff(local_midnight(due, OSLO) - SECOND))


def test_hours_do_not_roll() -> None:
    """72 hours that end on a Sunday are over on that Sunday."""
    term = Term((Stage(Period(hours=72), roll="NO"),), OSLO)
    start = datetime(2025, 5, 1, 12, 0, tzinfo=UTC)
    assert term.due_at(start) == datetime(2025, 5, 4, 12, 0, tzinfo=UTC)


def test_a_country_without_known_holidays_is_a_fault() -> None:
    """No holidays are ever guessed for a country the library does not know."""
    term = Term((Stage(Period(months=36), roll="EU"),), OSLO)
    with pytest.raises(ValueError, match='"EU" are not known'):
        term.due_at(date(2025, 5, 5))


# ── Ages ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("today", "cutoff"),
    [
        (date(2025, 5, 5), date(2012, 5, 6)),
        (date(2025, 2, 28), date(2012, 2, 29)),
        (date(2025, 3, 1), date(2012, 3, 2)),
        (date(2024, 2, 29), date(2011, 3, 1)),
    ],
)
def test_an_age_is_reached_at_the_start_of_the_birthday(today: date, cutoff: date) -> None:
    """Who turns 13 today is no longer younger; born on 29 February, not before 1 March."""
    assert age_cutoff(local_midnight(today, OSLO), 13, OSLO) == cutoff
    assert age_cutoff(local_midnight(today + DAY, OSLO) - SECOND, 13, OSLO) == cutoff


def test_an_age_is_a_length_of_life() -> None:
    """Negative years are refused; more years than the calendar has make everyone younger."""
    as_of = datetime(2025, 5, 5, tzinfo=UTC)
    assert age_cutoff(as_of, 3000, OSLO) == date.min
    with pytest.raises(ValueError, match="negative"):
        age_cutoff(as_of, -1, OSLO)
