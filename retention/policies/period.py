"""Lengths of time as people and statutes write them: `"3 years"`, `"P3Y6M"`, `"72 hours"`."""

from __future__ import annotations

import difflib
import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta

MOST_YEARS = 9999
_MOST_MONTHS = MOST_YEARS * 12
_MOST_DAYS = date.max.toordinal()
_MOST_DIGITS = 8

_UNITS = {"year": ("months", 12), "month": ("months", 1), "week": ("days", 7), "day": ("days", 1)}
_UNIT_WORDS = [f"{unit}{ending}" for unit in (*_UNITS, "hour") for ending in ("s", "")]
_WORDS = [*_UNIT_WORDS, "immediately", "forever"]
_MIXED = "hours are elapsed time and days end at midnight, so one period cannot have both"

_PART = r"([0-9]+)\s*([^\W\d_]+)"
_PARTS = re.compile(rf"{_PART}(?:(?:\s*,\s*|\s*)(?:and\s+)?{_PART})*")
_LOOKS_ISO = re.compile(r"p(?:[^a-z]|t?$|t[^a-z])")
_ISO = re.compile(
    r"p(?:([0-9]+)y)?(?:([0-9]+)m)?(?:([0-9]+)w)?(?:([0-9]+)d)?"
    r"(t(?:([0-9]+)h)?(?:([0-9]+)m)?(?:([0-9]+)s)?)?"
)
_NEGATIVE = re.compile(r"(?:^|[\sa-z])[-−]\s*[p0-9]")
_FRACTION = re.compile(r"[0-9][.,][0-9]|\.[0-9]|[½¼¾]")


@dataclass(frozen=True, slots=True)
class Period:
    """A length of time.

    Either calendar time (`months`, then `days`; weeks are seven days), or elapsed time (`hours`,
    which a clock change neither lengthens nor shortens; 0 is "immediately"), or `forever`.
    Raises ValueError where the parts are negative, mixed, or longer than 9999 years.
    """

    months: int = 0
    days: int = 0
    hours: int | None = None
    forever: bool = False

    def __post_init__(self) -> None:
        hours = self.hours or 0
        if min(self.months, self.days, hours) < 0:
            raise ValueError("a period cannot be negative")
        if (self.hours is not None or self.forever) and (self.months or self.days):
            raise ValueError("hours and forever cannot be added to months or days")
        if self.forever and self.hours is not None:
            raise ValueError("forever has no hours")
        if self.months > _MOST_MONTHS or self.days > _MOST_DAYS or hours > _MOST_DAYS * 24:
            raise ValueError(f'longer than {MOST_YEARS} years; write "forever"')

    @property
    def elapsed(self) -> bool:
        """Counted in hours from the instant itself, not in days that end at midnight."""
        return self.hours is not None

    @property
    def immediately(self) -> bool:
        """Over at the very instant it starts."""
        return self.hours == 0

    def added_to(self, day: date) -> date:
        """`day` plus months (one count, clamped once to the end of the month), then days.

        Reg. 1182/71 art. 3(2)(c). Raises OverflowError beyond the year 9999, and ValueError for
        hours and forever, which are not counted in days.
        """
        if self.elapsed or self.forever:
            raise ValueError(f'"{self}" is not counted in days')
        return add_months(day, self.months) + timedelta(days=self.days)

    def __str__(self) -> str:
        """Plain words that `parse_period` reads back as the same period."""
        if self.forever:
            return "forever"
        if self.hours is not None:
            return _amount(self.hours, "hour") if self.hours else "immediately"
        years, months = divmod(self.months, 12)
        parts = [(years, "year"), (months, "month"), (self.days, "day")]
        return " ".join(_amount(count, unit) for count, unit in parts if count) or "0 days"


IMMEDIATELY = Period(hours=0)
FOREVER = Period(forever=True)


def add_months(day: date, months: int) -> date:
    """`day` moved by `months` (back where negative), clamped once to the end of the month.

    Raises OverflowError outside the years 1 to 9999.
    """
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    if not 1 <= year <= MOST_YEARS:
        raise OverflowError(f"{day} moved by {months} months leaves the calendar")
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def parse_period(text: str) -> Period:
    """The period written as `text`, in words or as an ISO 8601 duration.

    Weeks may be mixed with other parts (ISO 8601-2). Raises ValueError with a sentence that says
    what is wrong: a negative, a fraction, a bare number, an unknown word, hours beside days.
    """
    words = " ".join(text.lower().split())
    try:
        return _parse(words)
    except ValueError as fault:
        raise ValueError(f'"{text}" is not a period: {fault}') from None


def _parse(words: str) -> Period:
    if words == "immediately":
        return IMMEDIATELY
    if words == "forever":
        return FOREVER
    if _NEGATIVE.search(words):
        raise ValueError("a period cannot be negative")
    if _FRACTION.search(words):
        raise ValueError('write whole numbers, such as "18 months" for a year and a half')
    return _parse_iso(words) if _LOOKS_ISO.match(words) else _parse_words(words)


def _parse_iso(words: str) -> Period:
    found = _ISO.fullmatch(words)
    if not found:
        raise ValueError('an ISO 8601 duration is written as "P3Y6M", "P2W", "P90D" or "PT72H"')
    years, months, weeks, days, time, hours, minutes, seconds = found.groups()
    if not any((years, months, weeks, days, time)) or time == "t":
        raise ValueError('there is no amount after the "P" or the "T"')
    if time and any((years, months, weeks, days)):
        raise ValueError(_MIXED)
    if _count(minutes) or _count(seconds):
        raise ValueError("the smallest unit is an hour")
    if time:
        return Period(hours=_count(hours))
    return Period(_count(years) * 12 + _count(months), _count(weeks) * 7 + _count(days))


def _parse_words(words: str) -> Period:
    if not _PARTS.fullmatch(words):
        raise ValueError(_unreadable(words))
    counts: dict[str, int] = {}
    for digits, word in re.findall(_PART, words):
        unit = word.removesuffix("s")
        if word not in _UNIT_WORDS:
            raise ValueError(_unknown(word))
        if unit in counts:
            raise ValueError(f"it names {unit}s twice")
        counts[unit] = _count(digits)
    if "hour" not in counts:
        return Period(_total(counts, "months"), _total(counts, "days"))
    if len(counts) > 1:
        raise ValueError(_MIXED)
    return Period(hours=counts["hour"])


def _total(counts: dict[str, int], part: str) -> int:
    return sum(counts.get(unit, 0) * size for unit, (of, size) in _UNITS.items() if of == part)


def _unreadable(words: str) -> str:
    if not words:
        return 'it is empty; write "90 days", "3 years 6 months", "immediately" or "forever"'
    unknown = [word for word in re.findall(r"[^\W\d_]+", words) if word not in (*_WORDS, "and")]
    if unknown:
        return _unknown(unknown[0])
    if re.search(r"[0-9]$", words):
        return 'a number stands without its unit; write "90 days" or "3 years"'
    return 'write it as "90 days", "3 years 6 months", "72 hours", "immediately" or "forever"'


def _unknown(word: str) -> str:
    near = difflib.get_close_matches(word, _WORDS, n=1)
    if near:
        return f'there is no "{word}"; did you mean "{near[0]}"?'
    return f'there is no "{word}"; the units are years, months, weeks, days and hours'


def _count(digits: str | None) -> int:
    significant = (digits or "").lstrip("0")
    if len(significant) > _MOST_DIGITS:
        raise ValueError(f'longer than {MOST_YEARS} years; write "forever"')
    return int(significant or "0")


def _amount(count: int, unit: str) -> str:
    return f"{count} {unit}" if count == 1 else f"{count} {unit}s"
