"""Times as columns hold them: of some zone, without saying so, or with an offset in text."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

_NO_TIME = timedelta(0)


def wall_time(moment: datetime, stored_in: str) -> datetime:
    """The naive local time of `moment`; where it comes twice, the start of the repeated time.

    A naive value in the repeated hour may mean the later instant, so doubt keeps it longer.
    """
    zone = ZoneInfo(stored_in)
    local = moment.astimezone(zone)
    wall = local.replace(tzinfo=None, fold=0) - _skipped(moment, zone)
    if local.fold or not _comes_twice(wall, zone):
        return wall
    wall = wall.replace(second=0, microsecond=0)
    while _comes_twice(wall - timedelta(minutes=1), zone):
        wall -= timedelta(minutes=1)
    return wall


def _skipped(moment: datetime, zone: ZoneInfo) -> timedelta:
    """How much of the time before `moment` the clocks skipped, while that is still in doubt.

    Applications store times that were skipped; what they mean by them may come after `moment`.
    """
    offset = moment.astimezone(zone).utcoffset() or _NO_TIME
    gap = offset - ((moment - timedelta(hours=3)).astimezone(zone).utcoffset() or _NO_TIME)
    if gap <= _NO_TIME:
        return _NO_TIME
    still = (moment - gap).astimezone(zone).utcoffset() or _NO_TIME
    return gap if still < offset else _NO_TIME


def _comes_twice(wall: datetime, zone: ZoneInfo) -> bool:
    first = wall.replace(tzinfo=zone, fold=0).utcoffset()
    second = wall.replace(tzinfo=zone, fold=1).utcoffset()
    return first is not None and second is not None and second < first


def iso_text(moment: datetime) -> str:
    """`2026-08-23 00:00:00`, with a fraction only where there is one."""
    return moment.isoformat(sep=" ")


def day_after(day: date, days: int = 1) -> date:
    """`day` moved on, kept inside the calendar."""
    return min(day, date.max - timedelta(days=days)) + timedelta(days=days)


def _offsets() -> list[tuple[list[str], timedelta]]:
    """Every offset in use, with its spellings; UTC first."""
    hours = [timedelta(hours=hour) for hour in range(-12, 15) if hour]
    odd = ["-9:30", "-3:30", "-2:30", "3:30", "4:30", "5:30", "5:45", "6:30"]
    odd += ["8:45", "9:30", "10:30", "12:45", "13:45"]
    for text in odd:
        hour, _, minute = text.partition(":")
        shift = timedelta(hours=abs(int(hour)), minutes=int(minute))
        hours.append(-shift if hour.startswith("-") else shift)
    found = [(["Z", "+00:00", "-00:00", "+0000", "+00"], timedelta(0))]
    for shift in hours:
        sign = "-" if shift < timedelta(0) else "+"
        whole, rest = divmod(int(abs(shift).total_seconds()) // 60, 60)
        spellings = [f"{sign}{whole:02d}:{rest:02d}", f"{sign}{whole:02d}{rest:02d}"]
        if not rest:
            spellings.append(f"{sign}{whole:02d}")
        found.append((spellings, shift))
    return found


OFFSETS = _offsets()
