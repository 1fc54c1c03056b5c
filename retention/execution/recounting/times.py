"""Stored text as a start, and a clock over such starts: the calendar walked forwards. Pure.

A run compares columns with one constant, the cutoff. Here every value is read on its own and
`due_at` says when its row is due: two directions of one calendar, which must agree.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from enum import Enum
from functools import cached_property
from typing import Generic, TypeVar
from zoneinfo import ZoneInfo

from retention.databases.statements.early_rows import WIDEST_OFFSET
from retention.planning.clocks import UNITS, Choice, Clock, ClockColumn, ClockForm
from retention.policies.calendar import OutsideFinancialYears, Term, local_day

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ISO = re.compile(
    r"(?P<day>\d{4}-\d{2}-\d{2})"
    r"(?:[ T](?P<clock>\d{2}:\d{2})(?P<seconds>:\d{2})?(?P<fraction>[.,]\d{1,9})?"
    r"(?: ?(?P<offset>Z|[+-]\d{2}(?::?\d{2})?))?)?",
    re.ASCII,
)
_BEYOND = re.compile(r"infinity|\d{5,}-\d\d-\d\d(?!.*BC$).*", re.ASCII)
_DAY = timedelta(days=1)
_FARTHEST_EAST = timedelta(hours=14)
_FARTHEST = timedelta(days=200 * 365)
NEVER = datetime.max.replace(tzinfo=UTC)
"""A time past the year 9999, such as PostgreSQL's infinity: its row is never due."""


class Mark(Enum):
    """What a stored value says where it is no time."""

    MISSING = "missing"
    UNDECIDABLE = "undecidable"


Start = Mark | date | datetime


@dataclass(frozen=True, slots=True)
class Readings:
    """What a clock reads for one row: the values of each column, and of each required one.

    `began`: whether the purpose of each column ever began (only `after_all` asks).
    """

    columns: tuple[Sequence[Start], ...]
    requires: tuple[Sequence[Start], ...] = ()
    began: tuple[bool, ...] = ()


def start_of(text: str | None, column: ClockColumn) -> Start:
    """The start that a stored value stands for."""
    if text is None:
        return Mark.MISSING
    if _is_blank(text):
        return Mark.MISSING
    found = _epoch(text, column) if column.form in UNITS else _iso(text, column)
    if isinstance(found, Mark):
        return found
    if _declared_missing(text, found, column):
        return Mark.MISSING
    day = found.date() if isinstance(found, datetime) else found
    return Mark.UNDECIDABLE if day < column.earliest_plausible else found


def _is_blank(text: str) -> bool:
    return not text.strip(" ") or text.startswith("0000-00-00")


def _epoch(text: str, column: ClockColumn) -> Start:
    try:
        number = Decimal(text)
        if not number.is_finite():
            return Mark.UNDECIDABLE
        if number <= 0:
            return Mark.MISSING
        return _EPOCH + timedelta(microseconds=int(number * 1_000_000 / UNITS[column.form]))
    except InvalidOperation:
        return Mark.UNDECIDABLE
    except OverflowError:
        return NEVER


def _iso(text: str, column: ClockColumn) -> Start:
    if column.form is not ClockForm.TEXT and _BEYOND.fullmatch(text):
        return NEVER
    found = _ISO.fullmatch(text)
    if found is None:
        return Mark.UNDECIDABLE
    offset = found["offset"]
    try:
        if found["clock"] is None:
            return date.fromisoformat(found["day"])
        wall = datetime.fromisoformat(f"{found['day']}T{found['clock']}{found['seconds'] or ':00'}")
    except ValueError:
        return Mark.UNDECIDABLE
    if found["fraction"]:
        wall = wall.replace(microsecond=int(found["fraction"][1:7].ljust(6, "0")))
    try:
        return _placed(wall, offset, _zone_of(column))
    except OverflowError:
        return NEVER if wall.year > 5000 else Mark.UNDECIDABLE


def _zone_of(column: ClockColumn) -> str:
    """Where a text without an offset counts: an instant is shown to us in UTC."""
    return "UTC" if column.form is ClockForm.TIMESTAMPTZ else column.stored_in


def _placed(wall: datetime, offset: str | None, stored_in: str) -> datetime | Mark:
    """A local time that came twice, or never, is read as the later instant: doubt keeps.

    An offset that no place on earth has says nothing.
    """
    if offset is None:
        if stored_in == "UTC":
            return wall.replace(tzinfo=UTC)
        zone = ZoneInfo(stored_in)
        return max(wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if offset == "Z":
        return wall.replace(tzinfo=UTC)
    digits = offset[1:].replace(":", "").ljust(4, "0")
    shift = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    if shift > _FARTHEST_EAST or int(digits[2:]) not in (0, 30, 45):
        return Mark.UNDECIDABLE
    return wall.replace(tzinfo=UTC) - (-shift if offset[0] == "-" else shift)


def _declared_missing(text: str, found: date | datetime, column: ClockColumn) -> bool:
    for extra in column.missing:
        if isinstance(extra, int):
            if column.form in UNITS and Decimal(text) == extra:
                return True
        elif text.startswith(extra) or _is_day(found, extra[:10], column.stored_in):
            return True
    return False


def _is_day(found: date | datetime, day: str, zone: str) -> bool:
    if not isinstance(found, datetime):
        return found.isoformat() == day
    if found == NEVER:
        return False
    return day in (found.date().isoformat(), found.astimezone(ZoneInfo(zone)).date().isoformat())


def counted(clock: Clock, readings: Readings, as_of: datetime, today: date) -> list[Start] | None:
    """The starts that count; None where the clock has none, or one that cannot be read."""
    for required in readings.requires:
        there = _there(required)
        if not there or any(_is_future(start, as_of, today) for start in there):
            return None
    columns: Sequence[Sequence[Start]] = readings.columns
    if clock.choice is Choice.ALL:
        columns = [found for found, began in zip(columns, readings.began, strict=True) if began]
        if any(start is Mark.MISSING for found in columns for start in found):
            return None
    elif clock.choice is Choice.FIRST:
        columns = [next((found for found in columns if _there(found)), ())]
    starts = [start for found in columns for start in _there(found)]
    return None if not starts or Mark.UNDECIDABLE in starts else starts


def _there(found: Sequence[Start]) -> list[Start]:
    return [start for start in found if start is not Mark.MISSING]


def _is_future(start: Start, as_of: datetime, today: date) -> bool:
    if isinstance(start, Mark):
        return True
    return start > as_of if isinstance(start, datetime) else start > today


T = TypeVar("T", date, datetime)


class _Bracket(Generic[T]):
    """Two starts that close in on the line between those that are over and those that are not."""

    def __init__(self, least: timedelta) -> None:
        self.least = least
        self.latest_over: T | None = None
        self.earliest_running: T | None = None

    def over(self, start: T, ask: Callable[[T], bool]) -> bool:
        """As `ask` says of the start, or of another one from which it follows."""
        if self.latest_over is not None and start <= self.latest_over:
            return True
        if self.earliest_running is not None and start >= self.earliest_running:
            return False
        found = ask(start)
        if found:
            self.latest_over = start
        else:
            self.earliest_running = start
        return found

    def close_in(self, late: T, ask: Callable[[T], bool]) -> None:
        """Ask until the two lie side by side; of a period that is longer than any, only once more.

        `late`: a start that runs, or else nothing is asked.
        """
        stride = _DAY
        while not self.over(late, ask) and stride < _FARTHEST and not self.over(late - stride, ask):
            stride *= 2
        low, high = self.latest_over, self.earliest_running
        while low is not None and high is not None and high - low > self.least:
            middle = low + (high - low) // 2
            low, high = (middle, high) if self.over(middle, ask) else (low, middle)


@dataclass(frozen=True, slots=True)
class Line:
    """A day and an instant (UTC): the period of each start from there on still runs."""

    day: date
    instant: datetime

    @property
    def text(self) -> str:
        """A day as text: what sorts after it is such a start, in whatever zone, or no time at all."""
        return max(self.day, (self.instant + WIDEST_OFFSET + _DAY).date()).isoformat()


class DueDates:
    """When starts are due under one term.

    A later start is never due earlier, so what lies before a start that is over is over, and the
    calendar is asked only between the latest such start and the earliest one that is not. Where
    financial years are listed, starts outside of them are never over, and each one is asked.
    """

    def __init__(self, term: Term, as_of: datetime) -> None:
        self.term = term
        self.as_of = as_of.replace(microsecond=0)
        self._is_listed = term.decidable() is not None
        self._days = _Bracket[date](_DAY)
        self._instants = _Bracket[datetime](timedelta(microseconds=1))

    @cached_property
    def surely_running(self) -> Line | None:
        """Where starts begin whose period still runs; None where that is not known."""
        if self._is_listed:
            return None
        late = self.as_of.astimezone(UTC) + 2 * _DAY
        self._instants.close_in(late, self._over)
        self._days.close_in(late.date(), self._over)
        day, instant = self._days.earliest_running, self._instants.earliest_running
        return None if day is None or instant is None else Line(day, instant)

    def over(self, start: Start) -> bool:
        """True where the period that began at `start` is over; in doubt it is not."""
        if isinstance(start, Mark) or start == NEVER:
            return False
        if self._is_listed:
            return self._over(start)
        if isinstance(start, datetime):
            return self._instants.over(start, self._over)
        return self._days.over(start, self._over)

    def _over(self, start: date | datetime) -> bool:
        try:
            due = self.term.due_at(start)
        except (OutsideFinancialYears, ValueError):
            return False
        return due is not None and due <= self.as_of

    def reached(self, clock: Clock, starts: Sequence[Start]) -> bool:
        """True where a row with these starts is due."""
        over = [self.over(start) for start in starts]
        return any(over) if clock.choice is Choice.EARLIEST else all(over)


def is_younger(born: Start, years: int, today: date, zone: ZoneInfo) -> bool:
    """True until the start of that birthday; born on 29 February, of 1 March where there is none."""
    if isinstance(born, Mark):
        return False
    day = local_day(born, zone) if isinstance(born, datetime) else born
    if day.year + years > date.max.year:
        return True
    try:
        return today < day.replace(year=day.year + years)
    except ValueError:
        return today < date(day.year + years, 3, 1)
