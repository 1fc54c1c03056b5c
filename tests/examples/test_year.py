"""The harness itself: it lets a true judge pass and tells of every kind of untruth."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from plain_dates import due_after, easter, holidays, plus, rolled
from year import Judge, Night, Shop, has_no_faults, live_a_year, opened

SMALLEST = Path(__file__).parent / "smallest"


def visited(shop: Shop) -> None:
    """Every day has its visits."""
    for _ in range(shop.chance.randrange(3)):
        shop.do("INSERT INTO visits (seen) VALUES (?)", str(shop.today))
    if shop.today.day == 7:
        key = shop.rows("SELECT max(id) FROM visits")[0][0]
        shop.hold("visits", key)
    if shop.today.day == 25 and shop.holds:
        shop.release(*next(iter(shop.holds)))


def judge_of(days: int, spared: int = 0) -> Judge:
    """Visits go after so many days, but for one; held ones stay."""

    def judge(night: Night) -> None:
        for key, row in night.rows("visits"):
            day = night.day(row["seen"])
            if day is None:
                night.note("no date")
            elif night.held("visits", key):
                night.note("held")
            elif night.is_due(due_after(day, days=days)) and key != spared:
                night.delete("visits", key, "gone")

    return judge


@pytest.mark.years
def test_a_year_of_the_smallest_example(folder: Path) -> None:
    """Every night takes the rows of one day, spares those held, and the ledger is whole."""
    shop = opened("smallest", folder, source=SMALLEST)
    seen = live_a_year(shop, visited, judge_of(30))
    assert all(seen[outcome] for outcome in ("gone", "held", "no date"))
    has_no_faults(folder)


@pytest.mark.parametrize("judge", [judge_of(29), judge_of(31), judge_of(30, spared=3)])
def test_a_day_early_a_day_late_and_one_row_too_many_are_told(judge: Judge, folder: Path) -> None:
    """A judge of other promises does not agree with the nights."""
    shop = opened("smallest", folder, source=SMALLEST)
    with pytest.raises(AssertionError, match="must be"):
        live_a_year(shop, visited, judge, nights=40)


def test_dates_are_counted_as_on_a_calendar() -> None:
    """Clamped months, a leap day, Easter of known years, a holiday between two weekends."""
    assert plus(date(2024, 1, 31), months=1) == date(2024, 2, 29)
    assert plus(date(2024, 2, 29), years=1, days=1) == date(2025, 3, 1)
    assert plus(date(2025, 11, 30), months=3) == date(2026, 2, 28)
    assert [easter(year) for year in (2024, 2025, 2026)] == [
        date(2024, 3, 31),
        date(2025, 4, 20),
        date(2026, 4, 5),
    ]
    assert date(2026, 5, 14) in holidays("NO", 2026)
    assert date(2026, 6, 19) in holidays("SE", 2026)
    assert rolled(date(2026, 4, 3), "NO") == date(2026, 4, 8)
