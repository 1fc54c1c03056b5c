"""When the controller's financial years begin: every year on one day, or as listed."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

from retention.policies.period import add_months

# Bokföringslagen 3 kap. 3 §, Companies Act 2006 s. 392(5): no financial year is longer.
_LONGEST_MONTHS = 18
_MONTH_AND_DAY = re.compile(r"[0-9]{2}-[0-9]{2}")


class OutsideFinancialYears(ValueError):
    """A day for which the list of financial years gives no year; it is a fault, not a guess."""

    def __init__(self, day: date, first: date, beyond: date) -> None:
        self.day = day
        self.before = day < first
        super().__init__(
            f"{day} is outside the listed financial years, which go from {first} until {beyond}; "
            "add the first days of the years that are missing to financial_year_starts"
        )


@dataclass(frozen=True, slots=True)
class FinancialYears:
    """Financial years: from `month`-`day` of every year, or between each two of `first_days`.

    A list is for short years and moved year ends. The last day listed ends the last year known.
    """

    month: int = 1
    day: int = 1
    first_days: tuple[date, ...] = ()

    @classmethod
    def starting(cls, text: str) -> FinancialYears:
        """Every year begins on `text`, a month and day such as "07-01".

        Raises ValueError where that is no day, or 29 February, which most years do not have.
        """
        if not (first := _in_a_leap_year(text)):
            raise ValueError(f'"{text}" is not a month and day such as "07-01"')
        if (first.month, first.day) == (2, 29):
            raise ValueError(
                "a financial year cannot start on 02-29, which most years do not have; one that "
                'ends on the last day of February starts on "03-01"'
            )
        return cls(first.month, first.day)

    @classmethod
    def listed(cls, first_days: tuple[date, ...]) -> FinancialYears:
        """Years that begin on `first_days`; the last of these only ends the year before it.

        Raises ValueError where there are fewer than two, where they are not in order, or where
        two are more than 18 months apart, the longest a financial year may be.
        """
        if len(first_days) < 2:
            raise ValueError("list two or more first days: each year ends where the next begins")
        for first, following in pairwise(first_days):
            if following <= first:
                raise ValueError(f"{following} stands after {first}; list first days in order")
            if following > add_months(first, _LONGEST_MONTHS):
                raise ValueError(
                    f"from {first} to {following} is more than 18 months; is a year missing?"
                )
        return cls(first_days=first_days)

    def span(self) -> tuple[date, date] | None:
        """The first day listed and the first day beyond the list; None where all days have a year.

        A day `d` has a financial year where `first <= d < beyond`.
        """
        return (self.first_days[0], self.first_days[-1]) if self.first_days else None

    def first_day_after(self, day: date) -> date:
        """The first day after the financial year `day` falls in.

        Raises OutsideFinancialYears where a list does not cover `day`, OverflowError beyond 9999.
        """
        if self.first_days:
            first, beyond = self.first_days[0], self.first_days[-1]
            if not first <= day < beyond:
                raise OutsideFinancialYears(day, first, beyond)
            return self.first_days[bisect_right(self.first_days, day)]
        start = date(day.year, self.month, self.day)
        return start if start > day else add_months(start, 12)


def _in_a_leap_year(text: str) -> date | None:
    """The month and day in a leap year, so that 29 February is read as well; None if misspelt."""
    try:
        return date.fromisoformat(f"2000-{text}") if _MONTH_AND_DAY.fullmatch(text) else None
    except ValueError:
        return None
