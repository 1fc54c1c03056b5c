"""When a row is due. Pure: an instant goes in, an instant comes out.

The rules, on which Reg. (EEC) 1182/71 art. 3, BGB §§ 186-193, foreldelsesloven § 29 and
TBK art. 92 agree: the day of the event is not counted; the last day is that day plus the period;
the row is due from the midnight that follows. A period counted from the end of a unit starts on
the first day after the unit, and the row is due at the start of the day reached. Hours are elapsed
time. One instant serves both sides: a floor holds until just before it, a ceiling is due from it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from itertools import takewhile
from zoneinfo import ZoneInfo

from retention.policies.financial_years import FinancialYears, OutsideFinancialYears
from retention.policies.local_days import ONE_DAY, local_day, local_midnight
from retention.policies.period import Period, add_months
from retention.policies.working_days import next_working_day

__all__ = [
    "CountedFrom",
    "Cutoff",
    "FinancialYears",
    "OutsideFinancialYears",
    "Stage",
    "Term",
    "age_cutoff",
    "local_day",
    "local_midnight",
]

_MICROSECOND = timedelta(microseconds=1)


class CountedFrom(Enum):
    """Where a period starts: at the event, or at the end of the unit the event falls in."""

    EVENT = "event"
    MONTH = "end of month"
    TWO_MONTH_TERM = "end of two-month term"
    QUARTER = "end of quarter"
    YEAR = "end of year"
    FINANCIAL_YEAR = "end of financial year"
    YEAR_OF_FINANCIAL_YEAR_END = "end of the year the financial year ends in"

    @property
    def told(self) -> str:
        """As a sentence has it: `the end of the month`; "" for the event itself."""
        if self is CountedFrom.EVENT:
            return ""
        return f"the end of the {self.value.removeprefix('end of ').removeprefix('the ')}"


_MONTHS = {
    CountedFrom.MONTH: 1,
    CountedFrom.TWO_MONTH_TERM: 2,
    CountedFrom.QUARTER: 3,
    CountedFrom.YEAR: 12,
}


@dataclass(frozen=True, slots=True)
class Stage:
    """One period of a term.

    `roll` names the country on whose next working day an end on a weekend or public holiday falls
    (limitation and request deadlines); `holidays` gives these days instead. Hours never roll
    (Reg. 1182/71 art. 3(4)).
    """

    period: Period
    counted_from: CountedFrom = CountedFrom.EVENT
    roll: str | None = None
    holidays: frozenset[date] | None = None


@dataclass(frozen=True, slots=True)
class Cutoff:
    """A line through all starts: those before it are due (or, of a list of years, too early).

    A start with a time of day is compared with `instant` (UTC), a date alone with `day`.
    """

    instant: datetime
    day: date


@dataclass(frozen=True, slots=True)
class Term:
    """Periods one after the other, in the controller's zone, with its financial years.

    A later period begins at the midnight the earlier one ends, and that day counts; counted from
    the end of a unit, that of the earlier one's last day. After hours, the day on which they are
    over is an event's, and is not counted. Raises ValueError without a stage.
    """

    stages: tuple[Stage, ...]
    zone: ZoneInfo
    financial_years: FinancialYears = field(default_factory=FinancialYears)

    def __post_init__(self) -> None:
        if not self.stages:
            raise ValueError("a term has at least one period")

    def due_at(self, start: datetime | date) -> datetime | None:
        """The first instant (UTC) at which a row with that start is due; None: never.

        A date is a day in the zone; hours are counted from its end, which keeps longer in doubt.
        Never is for "forever" and for ends beyond the year 9999. Raises TypeError for a naive
        datetime, OutsideFinancialYears, and ValueError for a country without known holidays.
        """
        try:
            if not isinstance(start, datetime):
                return self._due(self.stages, start, local_midnight(start + ONE_DAY, self.zone))
            instant = _aware(start, "start")
            return self._due(self.stages, local_day(instant, self.zone), instant)
        except OverflowError:
            return None

    def cutoff(self, as_of: datetime) -> Cutoff | None:
        """The line before which every start is due at `as_of`; None where none can be.

        For every start that `decidable` admits, `due_at(start) <= as_of` where, and only where,
        it lies before the line. `as_of` is cut to whole seconds. Raises TypeError where it is
        naive, and ValueError for a country without known holidays.
        """
        as_of = _aware(as_of, "as_of").replace(microsecond=0)
        if self._forever():
            return None
        if not self._counted():
            return self._line(as_of + _MICROSECOND, date.min)
        first, beyond = self._decidable_days()

        def keeps(day: date) -> bool:
            due = None if day >= beyond else self._due_of_day(day)
            return due is None or due > as_of

        day = self._earliest(keeps, local_day(as_of, self.zone), first)
        return None if day == date.min else self._line(local_midnight(day, self.zone), day)

    def decidable(self) -> tuple[Cutoff, Cutoff] | None:
        """Two lines: starts before the first, or not before the second, have no financial year.

        None where every start has one: no stage counts financial years, or they are not listed.
        """
        if not self._needs_list() or self._forever():
            return None
        first, beyond = (
            self._line(local_midnight(day, self.zone), day) for day in self._decidable_days()
        )
        return (first, beyond) if first and beyond else None

    def _due(self, stages: tuple[Stage, ...], day: date, instant: datetime) -> datetime | None:
        """The end of `stages` for an event on `day` at `instant`."""
        is_event = True
        for stage in stages:
            period = stage.period
            if period.forever:
                return None
            if period.hours is None:
                day = self._last_day(stage, day, is_event)
                instant = local_midnight(day + ONE_DAY, self.zone)
                is_event = False
                continue
            if stage.counted_from is not CountedFrom.EVENT:
                instant = local_midnight(self._first_day_after(day, stage.counted_from), self.zone)
            instant += timedelta(hours=period.hours)
            day, is_event = local_day(instant, self.zone), True
        return instant

    def _last_day(self, stage: Stage, day: date, is_event: bool) -> date:
        """The last day of a stage that follows an event on `day`, or a stage that ended with it."""
        if stage.counted_from is not CountedFrom.EVENT:
            first = self._first_day_after(day, stage.counted_from)
            last = stage.period.added_to(first) - ONE_DAY
        elif is_event:
            last = stage.period.added_to(day)
        else:
            last = stage.period.added_to(day + ONE_DAY) - ONE_DAY
        if stage.roll is None and stage.holidays is None:
            return last
        return next_working_day(last, stage.roll, stage.holidays)

    def _first_day_after(self, day: date, unit: CountedFrom) -> date:
        """The first day after the unit that `day` falls in."""
        if unit is CountedFrom.FINANCIAL_YEAR:
            return self.financial_years.first_day_after(day)
        if unit is CountedFrom.YEAR_OF_FINANCIAL_YEAR_END:
            last = self.financial_years.first_day_after(day) - ONE_DAY
            return add_months(date(last.year, 1, 1), 12)
        months = _MONTHS[unit]
        first = date(day.year, (day.month - 1) // months * months + 1, 1)
        return add_months(first, months)

    def _due_of_day(self, day: date) -> datetime | None:
        """The end of the stages that count days, for an event on `day`."""
        try:
            return self._due(self._counted(), day, local_midnight(day, self.zone))
        except OverflowError:
            return None

    def _lead(self) -> tuple[Stage, ...]:
        """The hours at the beginning: they move a start before any day is counted."""
        return tuple(
            takewhile(
                lambda stage: stage.period.elapsed and stage.counted_from is CountedFrom.EVENT,
                self.stages,
            )
        )

    def _counted(self) -> tuple[Stage, ...]:
        """The stages after the lead; what they do depends on the day alone."""
        return self.stages[len(self._lead()) :]

    def _forever(self) -> bool:
        return any(stage.period.forever for stage in self.stages)

    def _line(self, instant: datetime, day: date) -> Cutoff | None:
        """The line at `instant` and `day`, moved back by the hours of the lead."""
        lead = self._lead()
        if not lead:
            return Cutoff(instant, day)
        try:
            instant -= timedelta(hours=sum(stage.period.hours or 0 for stage in lead))
            # A date alone starts at its end, so its day must be over by the last instant due.
            return Cutoff(instant, local_day(instant - _MICROSECOND, self.zone))
        except OverflowError:
            return None

    def _needs_list(self) -> bool:
        units = (CountedFrom.FINANCIAL_YEAR, CountedFrom.YEAR_OF_FINANCIAL_YEAR_END)
        return self.financial_years.span() is not None and any(
            stage.counted_from in units for stage in self.stages
        )

    def _decidable_days(self) -> tuple[date, date]:
        """The first event day with a financial year, and the first one beyond the listed years."""
        span = self.financial_years.span()
        if span is None or not self._needs_list():
            return date.min, date.max
        return (
            self._earliest(lambda day: self._side(day) >= 0, span[0], date.min),
            self._earliest(lambda day: self._side(day) > 0, span[1], date.min),
        )

    def _side(self, day: date) -> int:
        """-1, 0 or 1: an event on `day` comes before, within or after the listed years."""
        try:
            self._due_of_day(day)
        except OutsideFinancialYears as outside:
            return -1 if outside.before else 1
        return 0

    def _earliest(self, holds: Callable[[date], bool], known: date, floor: date) -> date:
        """The earliest day from `floor` on at which `holds`, true at `known` and ever after.

        Strides back from `known` by the term's length, then twice that, until it no longer holds;
        the day lies within the last stride.
        """
        low, high = floor.toordinal() - 1, known.toordinal()
        stride = self._length()
        while high - stride > low:
            if not holds(date.fromordinal(high - stride)):
                low = high - stride
                break
            high, stride = high - stride, stride * 2
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if holds(date.fromordinal(middle)) else (middle, high)
        return date.fromordinal(max(high, floor.toordinal()))

    def _length(self) -> int:
        """About as many days as the periods have together, at least one."""
        periods = [stage.period for stage in self._counted()]
        months = sum(period.months for period in periods)
        hours = sum(period.hours or 0 for period in periods)
        return months * 30 + sum(period.days for period in periods) + hours // 24 + 1


def age_cutoff(as_of: datetime, years: int, zone: ZoneInfo) -> date:
    """Who is born on or after this day is still younger than `years` at `as_of`.

    An age is reached at the start of the birthday in `zone`; born on 29 February, on 1 March of
    years without that day. Raises TypeError for a naive `as_of`, ValueError for negative years.
    """
    if years < 0:
        raise ValueError("an age cannot be negative")
    today = local_day(_aware(as_of, "as_of"), zone)
    try:
        return add_months(today, -12 * years) + ONE_DAY
    except OverflowError:
        return date.min


def _aware(instant: datetime, name: str) -> datetime:
    if instant.utcoffset() is None:
        raise TypeError(f"{name} has no zone: {instant.isoformat()} is no instant")
    return instant.astimezone(UTC)
