"""Schedules: what is a fault, when each occurrence comes, and that a run serves it exactly once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retention.policies.schedules import check_schedule
from retention.scheduler.due import (
    GRACE,
    RuleTiming,
    decide,
    next_due,
    occurrences,
    previous_due,
    slot_served,
)

OSLO = ZoneInfo("Europe/Oslo")
NIGHTLY = "30 2 * * *"
MINUTE = timedelta(minutes=1)
# Days on which the clocks change, and one zone in which they never do.
TURNS = [
    ("Europe/Oslo", datetime(2026, 3, 29)),
    ("Europe/Oslo", datetime(2026, 10, 25)),
    ("America/Sao_Paulo", datetime(2018, 11, 4)),
    ("America/Sao_Paulo", datetime(2019, 2, 17)),
    ("Asia/Shanghai", datetime(1986, 5, 4)),
    ("Asia/Shanghai", datetime(1991, 9, 15)),
    ("Pacific/Apia", datetime(2011, 12, 30)),
    ("Pacific/Apia", datetime(2012, 4, 1)),
    ("UTC", datetime(2028, 2, 29)),
]


def oslo(text: str) -> datetime:
    """An instant from local time in Oslo."""
    return datetime.fromisoformat(text).replace(tzinfo=OSLO).astimezone(UTC)


@dataclass(frozen=True)
class Cron:
    """A schedule as sets of values, so that a test can match it without croniter."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int] | None
    months: frozenset[int] | None
    weekdays: frozenset[int] | None

    def text(self) -> str:
        """The five fields, as lists."""
        fields = (self.minutes, self.hours, self.days, self.months, self.weekdays)
        return " ".join("*" if f is None else ",".join(map(str, sorted(f))) for f in fields)

    def matches(self, wall: datetime) -> bool:
        """Whether the schedule names this wall time; either day field will do."""
        by_day = self.days is None or wall.day in self.days
        by_weekday = self.weekdays is None or wall.isoweekday() % 7 in self.weekdays
        restricted = self.days is not None and self.weekdays is not None
        return (
            wall.minute in self.minutes
            and wall.hour in self.hours
            and (self.months is None or wall.month in self.months)
            and (by_day or by_weekday if restricted else by_day and by_weekday)
        )

    def minute_by_minute(
        self, zone: ZoneInfo, after: datetime, until: datetime
    ) -> Iterator[datetime]:
        """The occurrences, found by looking at every minute that really comes."""
        now = after.replace(second=0, microsecond=0)
        before = now.astimezone(zone).replace(tzinfo=None)
        while (now := now + MINUTE) <= until:
            local = now.astimezone(zone)
            wall = local.replace(tzinfo=None, fold=0)
            skipped = range(1, (wall - before) // MINUTE)
            in_gap = any(self.matches(before + minutes * MINUTE) for minutes in skipped)
            if in_gap or (local.fold == 0 and self.matches(wall)):
                yield now
            before = wall


def values(low: int, high: int, least: int, most: int) -> st.SearchStrategy[frozenset[int]]:
    """Some values of a field."""
    return st.frozensets(st.integers(low, high), min_size=least, max_size=most)


CRONS = st.builds(
    Cron,
    minutes=values(0, 59, 1, 4) | st.just(frozenset({0, 15, 30, 45})),
    hours=values(0, 23, 1, 4) | values(0, 3, 1, 4) | st.just(frozenset(range(24))),
    days=st.none() | values(1, 28, 8, 25),
    months=st.none() | values(1, 12, 8, 12),
    weekdays=st.none() | values(0, 6, 2, 6),
)
DAYS = st.sampled_from(TURNS) | st.tuples(
    st.sampled_from([zone for zone, _ in TURNS]),
    st.datetimes(datetime(1990, 1, 1), datetime(2040, 1, 1)).map(
        lambda moment: moment.replace(hour=0, minute=0, second=0, microsecond=0)
    ),
)
MOMENTS = st.timedeltas(timedelta(days=-1), timedelta(days=2))


@pytest.mark.parametrize(
    "expression",
    [
        "30 2 * * *",
        "*/15 * * * *",
        "0 */6 * * *",
        "0 3 29 2 *",
        "0 1 1,15 jan-mar mon",
        "0 0 L * *",
    ],
)
def test_a_schedule_that_cron_knows_has_no_fault(expression: str) -> None:
    """Lists, ranges, steps, names and the last day of the month are accepted."""
    assert check_schedule(expression) is None


@pytest.mark.parametrize(
    ("expression", "hint"),
    [
        ("", "has 0 fields"),
        ("30 2", "minute, hour, day of month"),
        ("30 2 * * * *", "seconds and years are not supported"),
        ("@daily", 'write "0 0 * * *"'),
        ("02:30", 'write "30 2 * * *"'),
        ("0 3 30 2 *", "names a day that none of its months has"),
        ("0 3 31 4,6,9,11 *", "names a day that none of its months has"),
        ("0 3 30 2 mon", "names a day that none of its months has"),
        ("0 3 1 * mon#5", "names a day that none of its months has"),
        ("0 24 * * *", "midnight is hour 0"),
        ("2 30 * * *", 'the minute comes first: "30 2 * * *"'),
        ("60 2 * * *", 'minute "60"'),
        ("*/90 * * * *", "steps further than its 60 values"),
        ("0 2 0 * *", 'day of month "0"'),
        ("0 2 * 0 *", 'month "0"'),
        ("0 2 1-1 * *", 'write "1"'),
        ("R 2 * * *", "drawn by lot"),
        ("0 H(1-3) * * *", "drawn by lot"),
        ("30\u00a02 * * *", "plain spaces"),
        ("0 2 * * someday", "sun to sat"),
    ],
)
def test_a_fault_says_what_would_be_right(expression: str, hint: str) -> None:
    """Every common slip is refused with a sentence that leads out of it."""
    assert hint in (check_schedule(expression) or "")


@settings(deadline=None)
@given(st.text() | st.lists(st.text("0123456789*/-,LW#? monjan"), min_size=5).map(" ".join))
def test_any_text_is_judged_and_what_passes_comes_round(expression: str) -> None:
    """No text makes the check itself fail, and a schedule without fault has a next occurrence."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    if check_schedule(expression) is None:
        assert next_due(expression, OSLO, start) > start


def test_the_repeated_hour_of_autumn_counts_once() -> None:
    """02:30 comes twice on 25 October 2026 in Oslo; only the first is an occurrence."""
    found = list(occurrences(NIGHTLY, OSLO, oslo("2026-10-24 12:00"), oslo("2026-10-26 12:00")))
    assert found == [
        datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
        datetime(2026, 10, 26, 1, 30, tzinfo=UTC),
    ]


def test_the_skipped_hour_of_spring_counts_once_after_the_gap() -> None:
    """02:30 does not exist on 29 March 2026 in Oslo; 03:00 is the first instant after it."""
    found = list(occurrences(NIGHTLY, OSLO, oslo("2026-03-28 12:00"), oslo("2026-03-30 12:00")))
    assert found == [oslo("2026-03-29 03:00"), oslo("2026-03-30 02:30")]


def test_a_date_that_never_was_counts_at_the_first_instant_after_it() -> None:
    """Samoa had no 30 December 2011; its night is served when the 31st begins."""
    apia = ZoneInfo("Pacific/Apia")
    start, end = datetime(2011, 12, 29, 20, tzinfo=UTC), datetime(2011, 12, 31, tzinfo=UTC)
    walls = [slot.astimezone(apia) for slot in occurrences(NIGHTLY, apia, start, end)]
    assert [f"{wall:%d %H:%M}" for wall in walls] == ["31 00:00", "31 02:30"]


@pytest.mark.parametrize(
    ("expression", "day", "count"),
    [
        ("*/15 * * * *", "2026-10-25", 96),
        ("*/15 * * * *", "2026-03-29", 92),
        ("0 */6 * * *", "2026-10-25", 4),
        ("0 */6 * * *", "2026-03-29", 4),
        ("0 2,3 * * *", "2026-03-29", 1),
    ],
)
def test_several_times_a_day_each_count_once(expression: str, day: str, count: int) -> None:
    """A day has as many occurrences as it has different wall times, however long it is."""
    before = oslo(f"{day} 00:00") - timedelta(seconds=1)
    assert len(list(occurrences(expression, OSLO, before, oslo(f"{day} 23:59")))) == count


def test_an_instant_without_zone_is_refused() -> None:
    """A naive time would silently be read in the machine's own zone."""
    with pytest.raises(ValueError, match="no time zone"):
        next_due(NIGHTLY, OSLO, datetime(2026, 1, 1))


@settings(deadline=None)
@given(CRONS, DAYS, MOMENTS)
def test_occurrences_are_those_found_minute_by_minute(
    cron: Cron, place: tuple[str, datetime], moment: timedelta
) -> None:
    """Over any clock change, the occurrences are those seen by watching every minute."""
    zone, start = ZoneInfo(place[0]), place[1].replace(tzinfo=UTC) + moment
    until = start + timedelta(days=2)
    expected = list(cron.minute_by_minute(zone, start, until))
    assert list(occurrences(cron.text(), zone, start, until)) == expected


@settings(deadline=None)
@given(CRONS, DAYS, MOMENTS)
def test_previous_and_next_are_the_neighbours_of_an_instant(
    cron: Cron, place: tuple[str, datetime], moment: timedelta
) -> None:
    """The previous occurrence may be the instant itself, the next one is later; none is between."""
    zone, at = ZoneInfo(place[0]), place[1].replace(tzinfo=UTC) + moment
    before, after = previous_due(cron.text(), zone, at), next_due(cron.text(), zone, at)
    assert before <= at < after
    start = before - timedelta(seconds=1)
    assert list(occurrences(cron.text(), zone, start, after)) == [before, after]


@settings(deadline=None)
@given(CRONS, DAYS, MOMENTS, st.lists(st.integers(0, 4 * 86_400), min_size=1, max_size=12))
def test_every_occurrence_is_served_exactly_once(
    cron: Cron, place: tuple[str, datetime], moment: timedelta, offsets: list[int]
) -> None:
    """Whenever runs start, each occurrence falls to one run: none is lost, none comes again."""
    zone, first_run = ZoneInfo(place[0]), place[1].replace(tzinfo=UTC) + moment
    runs = [first_run + timedelta(seconds=offset) for offset in sorted(offsets)]
    start, end = _reach(cron, zone, first_run), _reach(cron, zone, runs[-1])
    waiting = list(cron.minute_by_minute(zone, start, end))
    last_run = first_run
    for run_at in runs:
        decision = decide(RuleTiming("support", cron.text(), last_run), zone, run_at)
        served = [slot for slot in waiting if slot <= _reach(cron, zone, run_at)]
        assert decision.due == bool(served)
        if served:
            assert (decision.scheduled_for, decision.missed) == (served[-1], len(served) - 1)
            last_run = run_at
        waiting = waiting[len(served) :]
    assert waiting == []


def _reach(cron: Cron, zone: ZoneInfo, run_at: datetime) -> datetime:
    """How far ahead a run reaches: to the next occurrence if that is near, else to itself."""
    last, following = previous_due(cron.text(), zone, run_at), next_due(cron.text(), zone, run_at)
    ahead = following - run_at
    return following if ahead <= GRACE and 2 * ahead <= following - last else run_at


@pytest.mark.parametrize("cron", ["0 * * * *", "*/15 * * * *", "0 */2 * * *"])
def test_a_frequent_schedule_keeps_all_its_runs(cron: str) -> None:
    """A run on time counts for its own occurrence, not for the next one within the hour."""
    at = oslo("2026-11-21 12:00")
    following = next_due(cron, OSLO, at)
    decision = decide(RuleTiming("support", cron, at), OSLO, following)
    assert decision.due
    assert decision.missed == 0


def test_a_rule_without_schedule_is_due_on_every_run() -> None:
    """No schedule means every run, and there is nothing to miss or to wait for."""
    decision = decide(
        RuleTiming("support", None, oslo("2026-11-21 02:30")), OSLO, oslo("2026-11-22")
    )
    assert (decision.due, decision.scheduled_for, decision.missed) == (True, None, 0)
    assert decision.next_run is None
    assert decision.reason == "due: no schedule of its own, so on every run"


def test_a_rule_that_never_ran_is_due() -> None:
    """A new rule does not wait for its first night; nothing was missed before it existed."""
    decision = decide(RuleTiming("support", NIGHTLY, None), OSLO, oslo("2026-11-22 12:00"))
    assert (decision.due, decision.missed, decision.reason) == (True, 0, "due: never run before")
    assert decision.scheduled_for == oslo("2026-11-22 02:30")
    assert decision.next_run == oslo("2026-11-23 02:30")


def test_a_run_on_time_says_what_it_was_scheduled_for() -> None:
    """The ordinary night: on time, nothing missed, the next one a day later."""
    last = oslo("2026-11-21 02:30")
    decision = decide(RuleTiming("support", NIGHTLY, last), OSLO, oslo("2026-11-22 02:31"))
    assert decision.reason == "due: scheduled for 02:30 on 2026-11-22 Europe/Oslo"
    assert (decision.due, decision.missed, decision.late_by) == (True, 0, MINUTE)
    assert decision.next_run == oslo("2026-11-23 02:30")


def test_a_run_within_the_grace_is_early_and_counts() -> None:
    """A crontab line an hour ahead of the schedule serves that night, and is not late."""
    last = oslo("2026-11-21 01:30")
    decision = decide(RuleTiming("support", NIGHTLY, last), OSLO, oslo("2026-11-22 01:30"))
    assert (decision.due, decision.late_by) == (True, timedelta())
    assert decision.scheduled_for == oslo("2026-11-22 02:30")
    assert decision.next_run == oslo("2026-11-23 02:30")


def test_an_early_run_is_not_repeated_at_the_real_time() -> None:
    """What ran at 01:30 for 02:30 does not run again at 02:30."""
    last = oslo("2026-11-22 01:30")
    decision = decide(RuleTiming("support", NIGHTLY, last), OSLO, oslo("2026-11-22 02:30"))
    assert (decision.due, decision.scheduled_for, decision.missed) == (False, None, 0)
    assert decision.reason == "not due before 02:30 on 2026-11-23 Europe/Oslo"
    assert decision.next_run == oslo("2026-11-23 02:30")


def test_more_than_the_grace_ahead_is_not_due() -> None:
    """One second earlier than the grace, the night's run has not come."""
    last, as_of = oslo("2026-11-21 02:30"), oslo("2026-11-22 01:29:59")
    assert not decide(RuleTiming("support", NIGHTLY, last), OSLO, as_of).due


def test_missed_nights_are_caught_up_once() -> None:
    """After four days off, one run serves the last night and says that three were missed."""
    last, as_of = oslo("2026-11-18 02:30"), oslo("2026-11-22 09:30")
    decision = decide(RuleTiming("support", NIGHTLY, last), OSLO, as_of)
    assert (decision.missed, decision.late_by) == (3, timedelta(hours=7))
    assert decision.reason == "due: 3 nights missed, caught up once"
    again = decide(RuleTiming("support", NIGHTLY, as_of), OSLO, as_of + MINUTE)
    assert not again.due


@pytest.mark.parametrize(
    ("schedule", "last", "reason"),
    [
        (NIGHTLY, "2026-11-20 02:30", "due: 1 night missed, caught up once"),
        ("0 12 * * *", "2026-11-19 12:00", "due: 2 days missed, caught up once"),
        ("0 */6 * * *", "2026-11-21 06:00", "due: 4 times missed, caught up once"),
    ],
)
def test_what_was_missed_is_counted_in_its_own_unit(schedule: str, last: str, reason: str) -> None:
    """Nights, days, or times where there are several in a day."""
    timing = RuleTiming("support", schedule, oslo(last))
    assert decide(timing, OSLO, oslo("2026-11-22 12:00")).reason == reason


def test_a_clock_set_back_makes_nothing_due_twice() -> None:
    """If the last run lies ahead of now, the rule waits for the night after that run."""
    last = oslo("2026-11-25 02:30")
    decision = decide(RuleTiming("support", NIGHTLY, last), OSLO, oslo("2026-11-22 02:30"))
    assert (decision.due, decision.next_run) == (False, oslo("2026-11-26 02:30"))


@pytest.mark.parametrize(
    ("run_at", "slot"),
    [
        ("2026-11-22 01:29", "2026-11-21 02:30"),
        ("2026-11-22 01:30", "2026-11-22 02:30"),
        ("2026-11-22 23:00", "2026-11-22 02:30"),
    ],
)
def test_a_run_serves_the_last_occurrence_up_to_the_grace_ahead(run_at: str, slot: str) -> None:
    """The boundary of the grace belongs to the coming night."""
    assert slot_served(NIGHTLY, OSLO, oslo(run_at)) == oslo(slot)
