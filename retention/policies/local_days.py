"""Days as the controller's clocks show them: the instant each begins, the day of an instant."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

ONE_DAY = timedelta(days=1)


def local_midnight(day: date, zone: ZoneInfo) -> datetime:
    """The instant (UTC) at which `day` begins in `zone`.

    Where clocks skip midnight, the first instant after the gap; where midnight comes twice, the
    first; a day a zone skipped altogether begins with the day after it.
    """
    wall = datetime.combine(day, time())
    try:
        instant = wall.replace(tzinfo=zone).astimezone(UTC)
    except OverflowError:
        # Only the first day of year 1 east of Greenwich begins before the calendar does.
        return datetime.min.replace(tzinfo=UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == wall:
        return instant
    return _end_of_gap(wall, instant, zone)


def local_day(instant: datetime, zone: ZoneInfo) -> date:
    """The day in `zone` that has begun at `instant` (aware).

    Where clocks go back over midnight, the new day goes on: days never run backwards.
    """
    try:
        day = instant.astimezone(zone).date()
    except OverflowError:
        return date.min if instant.year == date.min.year else date.max
    if day < date.max and local_midnight(day + ONE_DAY, zone) <= instant:
        return day + ONE_DAY
    return day


def _end_of_gap(wall: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """The first second, at or before `after`, at which clocks in `zone` are past `wall`."""
    before = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    width = int((after - before).total_seconds())
    low, high = 0, width
    while high - low > 1:
        middle = (low + high) // 2
        clock = (before + timedelta(seconds=middle)).astimezone(zone).replace(tzinfo=None)
        low, high = (low, middle) if clock >= wall else (middle, high)
    return before + timedelta(seconds=high)
