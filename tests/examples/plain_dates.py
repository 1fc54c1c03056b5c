"""Dates as a person counts them on a calendar: what the oracles of the examples share."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo


def plus(day: date, *, years: int = 0, months: int = 0, days: int = 0) -> date:
    """Months first, clamped to the end of the month, then days."""
    count = day.year * 12 + day.month - 1 + years * 12 + months
    year, month = divmod(count, 12)
    last = (date(year + month // 11, (month + 1) % 12 + 1, 1) - timedelta(days=1)).day
    return date(year, month + 1, min(day.day, last)) + timedelta(days=days)


def due_after(day: date, **period: int) -> date:
    """The morning on which an event on `day` is past its period: the day itself does not count."""
    return plus(day, **period) + timedelta(days=1)


def then(morning: date, **period: int) -> date:
    """A further period from the morning on which the one before ended."""
    return plus(morning, **period)


def year_end(day: date) -> date:
    """The first morning after the calendar year of `day`."""
    return date(day.year + 1, 1, 1)


def rolled(morning: date, country: str) -> date:
    """The morning after the next working day, where the last day is none."""
    last = morning - timedelta(days=1)
    while last.weekday() >= 5 or last in holidays(country, last.year):
        last += timedelta(days=1)
    return last + timedelta(days=1)


def easter(year: int) -> date:
    """Easter Sunday, by the rule of Meeus, Jones and Butcher."""
    a, (b, c) = year % 19, divmod(year, 100)
    (d, e), (i, k) = divmod(b, 4), divmod(c, 4)
    g = (b - (b + 8) // 25 + 1) // 3
    h = (19 * a + b - d - g + 15) % 30
    rest = (32 + 2 * e + 2 * i - h - k) % 7
    m = (a + 11 * h + 22 * rest) // 451
    month, day = divmod(h + rest - 7 * m + 114, 31)
    return date(year, month, day + 1)


def holidays(country: str, year: int) -> set[date]:
    """Public holidays as the two acts list them, with the three eves of the Swedish one."""
    moving = {"NO": (-3, -2, 0, 1, 39, 49, 50), "SE": (-2, 0, 1, 39, 49)}[country]
    fixed = {
        "NO": ((1, 1), (5, 1), (5, 17), (12, 25), (12, 26)),
        "SE": ((1, 1), (1, 6), (5, 1), (6, 6), (12, 24), (12, 25), (12, 26), (12, 31)),
    }[country]
    found = {easter(year) + timedelta(days=shift) for shift in moving}
    found |= {date(year, month, day) for month, day in fixed}
    if country == "SE":
        found |= {_weekday_from(date(year, 6, 19), 4), _weekday_from(date(year, 6, 20), 5)}
        found |= {_weekday_from(date(year, 10, 31), 5)}
    return found


def _weekday_from(day: date, weekday: int) -> date:
    return day + timedelta(days=(weekday - day.weekday()) % 7)


def local_day(value: object, zone: str) -> date | None:
    """The day a stored value falls on in `zone`; None for no date, junk, before 1990 and far away.

    A bare day is that day; a time without an offset is UTC.
    """
    text = str(value or "").strip()
    try:
        if len(text) == 10:
            found = date.fromisoformat(text)
        else:
            moment = datetime.fromisoformat(text)
            aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            found = aware.astimezone(ZoneInfo(zone)).date()
    except ValueError:
        return None
    return found if 1990 <= found.year < 9000 else None
