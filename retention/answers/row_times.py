"""Stored values as times, and the instant a term makes of them: as the statements decide. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo

from retention.databases.statements.one_row_clocks import Reading, Start, Stored
from retention.planning.clocks import UNITS, Choice, Clock, ClockColumn, ClockForm
from retention.policies.calendar import OutsideFinancialYears, Term

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
BEYOND = datetime.max.replace(tzinfo=UTC)
"""A time past the year 9999, such as PostgreSQL's infinity: its row is never due."""


@dataclass(frozen=True, slots=True)
class Read:
    """What one column of a clock held: one time, or what there is instead of it.

    `at` is the time that counts (of child rows the latest, or the earliest); `rows` counts child
    rows or events, None for a column of the row itself or of a row it refers to.
    """

    column: str
    at: date | datetime | None
    state: str
    rows: int | None = None
    missing: int = 0
    undecidable: int = 0
    purpose: str = ""
    required: bool = False


@dataclass(frozen=True, slots=True)
class Instant:
    """When a term ends: `at`, or why there is none: missing, undecidable, never, no period."""

    at: datetime | None
    state: str = "at"


def instant_of(term: Term | None, clock: Clock, start: Start) -> Instant:
    """The instant of a row under `term`; None for a row whose choice has no period."""
    if term is None:
        return Instant(None, "no period")
    found = _counted(clock, start)
    if isinstance(found, str):
        return Instant(None, found)
    try:
        due = [[_due(term, item) for item in times] for times in found]
    except (OutsideFinancialYears, ValueError):
        return Instant(None, "undecidable")
    choose = min if clock.choice is Choice.EARLIEST else max
    at = choose((item for times in due for item in times), default=None)
    return Instant(None, "never") if at in (None, BEYOND) else Instant(at)


def _due(term: Term, time: date | datetime) -> datetime:
    return BEYOND if time == BEYOND else term.due_at(time) or BEYOND


def _counted(clock: Clock, start: Start) -> list[list[date | datetime]] | str:
    """The times that count, or "undecidable" or "missing" where they start no clock."""
    readings = list(start.columns)
    if clock.choice is Choice.ALL:
        readings = [found for found in start.columns if found.began]
    elif clock.choice is Choice.FIRST:
        readings = next(([one] for one in start.columns if _has(one)), [])
    times = [times_of(found) for found in readings]
    if _any(readings, "undecidable") or any(None in found for found in times):
        return "undecidable"
    if clock.choice is Choice.ALL and _any(readings, "missing"):
        return "missing"
    if not any(times) or not all(map(_has, start.requires)):
        return "missing"
    return [[time for time in found if time is not None] for found in times]


def _any(readings: Iterable[Reading], state: str) -> bool:
    return any(value.state == state for reading in readings for value in reading.values)


def _has(reading: Reading) -> bool:
    return any(value.state != "missing" for value in reading.values)


def times_of(reading: Reading) -> list[date | datetime | None]:
    """The times a column holds; None for one that this program cannot read."""
    return [read_time(value, reading.column) for value in reading.values if value.state == "time"]


def told(clock: Clock, start: Start) -> tuple[Read, ...]:
    """What each column of the clock held, in the order of the policy."""
    names = [name for name, _ in clock.purposes] or [""] * len(start.columns)
    choose = min if clock.choice is Choice.EARLIEST else max
    found = [_told(one, choose, name) for one, name in zip(start.columns, names, strict=True)]
    needed = {one.column: one for one in start.requires}
    listed = [
        replace(item, required=one.column in needed)
        for item, one in zip(found, start.columns, strict=True)
    ]
    known = {one.column for one in start.columns}
    more = (_told(one, max, "", required=True) for own, one in needed.items() if own not in known)
    return (*listed, *more)


def _told(
    reading: Reading,
    choose: Callable[..., date | datetime],
    purpose: str,
    *,
    required: bool = False,
) -> Read:
    spec = reading.column
    name = f"{spec.path.table}.{spec.path.column}" if spec.path.hops else spec.path.column
    states = [value.state for value in reading.values]
    several = spec.path.reads_children or spec.event is not None
    times = [time for time in times_of(reading) if time is not None]
    at = choose(times, key=_order) if times else None
    state = "time" if at else "undecidable" if "undecidable" in states else "missing"
    if not states:
        state = "no rows"
    if not reading.began:
        state = "never began"
    return Read(
        f'event "{spec.event}"' if spec.event else name,
        at,
        state,
        len(states) if several else None,
        states.count("missing"),
        states.count("undecidable"),
        purpose,
        required,
    )


def _order(time: date | datetime) -> datetime:
    """For choosing what to show: a day alone counts as its end."""
    if isinstance(time, datetime):
        return time
    return datetime(time.year, time.month, time.day, 23, 59, 59, tzinfo=UTC)


def read_time(value: Stored, column: ClockColumn) -> date | datetime | None:
    """A stored time as a day, or as an instant in UTC; None where it cannot be read here."""
    text = (value.text or "").strip()
    try:
        if column.form in UNITS:
            seconds = Decimal(text) * 1_000_000 / UNITS[column.form]
            return _EPOCH + timedelta(microseconds=int(seconds))
        if column.form in (ClockForm.DATE, ClockForm.TEXT) and len(text) == 10:
            return date.fromisoformat(text)
        found = datetime.fromisoformat(text.replace(",", ".").replace(" Z", "Z"))
    except OverflowError:
        return BEYOND
    except (ValueError, InvalidOperation):
        return BEYOND if _is_beyond(text) else None
    if found.tzinfo is not None:
        return _utc(found)
    zone = UTC if column.form is ClockForm.TIMESTAMPTZ else ZoneInfo(column.stored_in)
    # in the hour that comes twice the later instant counts, as in every statement
    return _utc(found.replace(tzinfo=zone, fold=1))


def _utc(found: datetime) -> datetime:
    try:
        return found.astimezone(UTC)
    except OverflowError:
        return BEYOND


def _is_beyond(text: str) -> bool:
    """TRUE for PostgreSQL's infinity, and for years that Python's calendar does not have."""
    year = text.partition("-")[0]
    return text == "infinity" or (year.isdigit() and len(year) > 4 and not text.endswith("BC"))
