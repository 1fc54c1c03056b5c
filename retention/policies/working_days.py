"""Working days, on which a period may end that may not end on a weekend or public holiday."""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache

_SATURDAY = 5


def next_working_day(day: date, country: str | None, listed: frozenset[date] | None) -> date:
    """`day`, or the first day after it that is no Saturday, Sunday or public holiday.

    Holidays are those in `listed`, or else those of `country`. Raises ValueError where the
    holidays of the country are not known. Reg. 1182/71 art. 3(4).
    """
    while day.weekday() >= _SATURDAY or _is_holiday(day, country, listed):
        day += timedelta(days=1)
    return day


def _is_holiday(day: date, country: str | None, listed: frozenset[date] | None) -> bool:
    if listed is not None:
        return day in listed
    return country is not None and day in public_holidays(country, day.year)


@lru_cache(maxsize=1024)
def public_holidays(country: str, year: int) -> frozenset[date]:
    """The public holidays of `country` ("NO", or "US-CA" with a part of it) in `year`.

    With the days the law on periods treats as holidays: the three eves in Sweden (lag 1930:173
    § 2), 5 June and 24 and 31 December in Denmark. Raises ValueError for an unknown country.
    """
    # Slow to import, and most policies never roll.
    from holidays import country_holidays

    nation, _, part = country.partition("-")
    try:
        known = country_holidays(nation, subdiv=part or None, years=year)
    except NotImplementedError:
        raise ValueError(f'the public holidays of "{country}" are not known') from None
    return frozenset(known) | _treated_as_holidays(nation, year)


def _treated_as_holidays(nation: str, year: int) -> frozenset[date]:
    eves = frozenset({date(year, 12, 24), date(year, 12, 31)})
    if nation == "DK":
        return eves | {date(year, 6, 5)}
    if nation == "SE":
        return eves | {_midsummer_eve(year)}
    return frozenset()


def _midsummer_eve(year: int) -> date:
    """The Friday from 19 to 25 June (lag 1989:253 places midsummer day on the Saturday after)."""
    earliest = date(year, 6, 19)
    return earliest + timedelta(days=(4 - earliest.weekday()) % 7)
