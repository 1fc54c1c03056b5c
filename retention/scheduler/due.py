"""When a rule is due: cron schedules in the controller's zone, decided without reading a clock.

A schedule has the five fields of cron (minute, hour, day of month, month, day of week); a date that
matches either of two restricted day fields counts, as in cron. Each local date and time happens at
most once: an hour that comes twice in autumn counts the first time, and a time that the clocks skip
in spring happens at the first instant after the gap. Times that fall on one instant are one.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from croniter import croniter

GRACE = timedelta(hours=1)
"""How much earlier than its schedule a run may start and still count for it."""

_ZERO = timedelta()
_SECOND = timedelta(seconds=1)
_LAST = datetime.max.replace(tzinfo=UTC)


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
