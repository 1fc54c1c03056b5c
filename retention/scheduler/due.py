"""When a rule is due: cron schedules in the controller's zone, decided without reading a clock.

A schedule has the five fields of cron (minute, hour, day of month, month, day of week); a date that
matches either of two restricted day fields counts, as in cron. Each local date and time happens at
most once: an hour that comes twice in autumn counts the first time, and a time that the clocks skip
in spring happens at the first instant after the gap. Times that fall on one instant are one.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from croniter import CroniterBadDateError, croniter

GRACE = timedelta(hours=1)
"""How much earlier than its schedule a run may start and still count for it."""

_ZERO = timedelta()
_SECOND = timedelta(seconds=1)
_LAST = datetime.max.replace(tzinfo=UTC)
_FIELDS = (
    ("minute", 60, "0 to 59"),
    ("hour", 24, "0 to 23"),
    ("day of month", 31, "1 to 31"),
    ("month", 12, "1 to 12 or jan to dec"),
    ("day of week", 7, "0 to 7 or sun to sat"),
)
_SHORTHAND = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}


@dataclass(frozen=True, slots=True)
class RuleTiming:
    """What the decision needs of one rule: its name, its schedule and when it last ran.

    `schedule` is None for a rule that runs every time; `last_run` is the aware instant at which
    the rule last ran, None if it never did.
    """

    rule: str
    schedule: str | None
    last_run: datetime | None


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a rule runs now, and why.

    `scheduled_for` is the occurrence that a run now serves (None if not due, or without schedule);
    `missed` counts the occurrences before it that no run served; `next_run` is the occurrence to
    wait for; `late_by` is how long after `scheduled_for` it is, zero if early; `reason` is a
    sentence. Instants are in UTC.
    """

    due: bool
    scheduled_for: datetime | None
    missed: int
    next_run: datetime | None
    late_by: timedelta
    reason: str


def check_schedule(expression: str) -> str | None:
    """A sentence saying what is wrong with a schedule and what would be right, or None."""
    fields = expression.split()
    if len(fields) != len(_FIELDS):
        return _wrong_count(expression, len(fields))
    for position, field in enumerate(fields):
        if problem := _wrong_field(position, field, fields):
            return problem
    if not croniter.is_valid(expression):
        return f'"{expression}" is not a schedule; put plain spaces between its five fields'
    if not croniter.is_valid(expression, strict=True) or not _happens(expression):
        return f'"{expression}" names a day that none of its months has'
    return None


def occurrences(
    expression: str, zone: ZoneInfo, after: datetime, until: datetime
) -> Iterator[datetime]:
    """The instants, in UTC, at which a checked schedule happens: later than `after`, up to `until`.

    Raises ValueError for a schedule that `check_schedule` refuses and for an `after` without zone.
    """
    # croniter gets the bare wall time: given a zone, it fires twice in the hour that is repeated.
    walls = croniter(expression, _wall(after, zone))
    last = after
    while (instant := _instant(walls.get_next(datetime), zone)) <= until:
        if instant > last:
            yield instant
            last = instant


def next_due(expression: str, zone: ZoneInfo, after: datetime) -> datetime:
    """The first occurrence later than `after`, in UTC; ValueError as for `occurrences`."""
    return next(occurrences(expression, zone, after, _LAST))


def previous_due(expression: str, zone: ZoneInfo, at: datetime) -> datetime:
    """The last occurrence at or before `at`, in UTC; ValueError as for `occurrences`."""
    wall = _wall(at, zone)
    # In the second pass of a repeated hour, later wall times have already had their first.
    repeated = at - at.astimezone(zone).replace(fold=0).astimezone(UTC)
    walls = croniter(expression, wall + repeated + _SECOND)
    while (instant := _instant(walls.get_prev(datetime), zone)) > at:
        pass
    return instant


def slot_served(expression: str, zone: ZoneInfo, run_at: datetime) -> datetime:
    """The occurrence that a run at `run_at` serves, in UTC: the last, or one that is near.

    Near is up to `GRACE` later, but never more than half-way from the last occurrence to the next,
    so that a schedule of every quarter of an hour keeps all its runs.
    """
    last = previous_due(expression, zone, run_at)
    following = next_due(expression, zone, run_at)
    near = min(GRACE, (following - last) / 2)
    return following if following - run_at <= near else last


def decide(timing: RuleTiming, zone: ZoneInfo, as_of: datetime) -> Decision:
    """Whether a rule is due at `as_of`: when an occurrence up to `GRACE` ahead is not served yet.

    Missed occurrences are caught up by one run. ValueError as for `occurrences`.
    """
    schedule = timing.schedule
    if schedule is None:
        return Decision(True, None, 0, None, _ZERO, "due: no schedule of its own, so on every run")
    if timing.last_run is None:
        slots = [slot_served(schedule, zone, as_of)]
        reason = "due: never run before"
    else:
        served = slot_served(schedule, zone, timing.last_run)
        slots = list(occurrences(schedule, zone, served, slot_served(schedule, zone, as_of)))
        if not slots:
            upcoming = next_due(schedule, zone, served)
            reason = f"not due before {_say(upcoming, zone)}"
            return Decision(False, None, 0, upcoming, _ZERO, reason)
        reason = _reason(slots, zone)
    following = next_due(schedule, zone, slots[-1])
    late_by = max(as_of - slots[-1], _ZERO)
    return Decision(True, slots[-1], len(slots) - 1, following, late_by, reason)


def _wall(instant: datetime, zone: ZoneInfo) -> datetime:
    """The local date and time at an instant, to the second, without its zone."""
    if instant.tzinfo is None:
        raise ValueError(f"{instant.isoformat()} has no time zone; give an aware instant")
    return instant.astimezone(zone).replace(tzinfo=None, microsecond=0, fold=0)


def _instant(wall: datetime, zone: ZoneInfo) -> datetime:
    """The first instant with this wall time, or the first one after the gap that swallowed it."""
    instant = wall.replace(tzinfo=zone).astimezone(UTC)
    if _wall(instant, zone) == wall:
        return instant
    before_gap = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    offset_after = instant.astimezone(zone).utcoffset()
    width = int((instant - before_gap).total_seconds())
    seconds = bisect_left(
        range(width),
        True,
        key=lambda s: (before_gap + s * _SECOND).astimezone(zone).utcoffset() == offset_after,
    )
    return before_gap + seconds * _SECOND


def _say(instant: datetime, zone: ZoneInfo) -> str:
    """`02:30 on 2026-11-22 Europe/Oslo`."""
    return f"{instant.astimezone(zone):%H:%M on %Y-%m-%d} {zone.key}"


def _reason(slots: list[datetime], zone: ZoneInfo) -> str:
    """Why a rule with these unserved occurrences is due."""
    missed = [slot.astimezone(zone) for slot in slots[:-1]]
    if not missed:
        return f"due: scheduled for {_say(slots[-1], zone)}"
    daily = len({slot.date() for slot in missed}) == len(missed)
    unit = "time" if not daily else "night" if missed[-1].hour < 6 else "day"
    plural = "s" if len(missed) > 1 else ""
    return f"due: {len(missed)} {unit}{plural} missed, caught up once"


def _wrong_count(expression: str, count: int) -> str:
    """What to write instead of a schedule that has not five fields."""
    fields = "1 field" if count == 1 else f"{count} fields"
    clock = re.fullmatch(r"(\d\d?):(\d\d)", expression.strip(), re.ASCII)
    if clock:
        hint = f'write "{int(clock[2])} {int(clock[1])} * * *" for this time every day'
    elif full := _SHORTHAND.get(expression.strip().lower()):
        hint = f'write "{full}"'
    elif count > len(_FIELDS):
        hint = "seconds and years are not supported"
    else:
        hint = ", ".join(name for name, _, _ in _FIELDS)
    return f'"{expression}" has {fields}, and a schedule has five: {hint}'


def _wrong_field(position: int, field: str, fields: list[str]) -> str | None:
    """What is wrong with one field on its own, or None."""
    name, size, allowed = _FIELDS[position]
    if re.match(r"[hr]([(/]|$)", field, re.IGNORECASE):
        return f'{name} "{field}" would be drawn by lot; name it: {allowed}'
    step = re.search(r"/(\d+)$", field, re.ASCII)
    if step and int(step[1]) > size:
        return f'{name} "{field}" steps further than its {size} values; list the values instead'
    # croniter reads "1-1" as every value there is, and day 0 or month 0 as the first.
    if one := re.search(r"(?:^|,)(\w+)-\1\b", field, re.ASCII):
        return f'{name} "{field}" has a range of one value; write "{one[1]}"'
    zero = name in ("day of month", "month") and re.search(r"(^|,)0+\b", field, re.ASCII)
    alone = ["*"] * len(_FIELDS)
    alone[position] = field
    if croniter.is_valid(" ".join(alone)) and not zero:
        return None
    return f'{name} "{field}" cannot be read: {allowed}{_slip(name, fields)}'


def _slip(name: str, fields: list[str]) -> str:
    """A hint for an hour that is written as 24 or in the place of the minute."""
    if name != "hour" or not re.fullmatch(r"\d{1,2}", fields[1], re.ASCII):
        return ""
    if int(fields[1]) == 24:
        return "; midnight is hour 0"
    swapped = [fields[1], fields[0], *fields[2:]]
    return f'; the minute comes first: "{" ".join(swapped)}"?'


def _happens(expression: str) -> bool:
    """Whether a schedule ever comes; croniter gives up after 50 years."""
    try:
        croniter(expression, datetime(2000, 1, 1)).get_next(datetime)
    except CroniterBadDateError:
        return False
    return True
