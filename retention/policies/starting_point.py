"""Where a clock starts: the forms of `start`, parsed, not yet resolved against a schema."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from retention.policies.file_patterns import NameDate, parse_name_date


@dataclass(frozen=True, slots=True)
class ColumnStart:
    """A column of the row, or of the row it refers to: `"closed_at"`, `"customers.closed_at"`."""

    path: str


@dataclass(frozen=True, slots=True)
class LatestOf:
    """The latest that exists of several columns, child rows' columns included."""

    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EarliestOf:
    """The earliest that exists of several columns, child rows' columns included."""

    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FirstOf:
    """The first of several columns that is not missing."""

    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Purpose:
    """A purpose of `after_all`: the column that ends it, and when it ever began (`if`)."""

    name: str
    ends: str
    began_if: str | None = None


@dataclass(frozen=True, slots=True)
class AfterAll:
    """Every named purpose must have ended, and then the last of them."""

    purposes: tuple[Purpose, ...]


@dataclass(frozen=True, slots=True)
class EventStart:
    """An event recorded for the row with `retention event record`."""

    event: str


StartingPoint = ColumnStart | LatestOf | EarliestOf | FirstOf | AfterAll | EventStart | NameDate

MODIFIED = ColumnStart("modified")
"""Of a rule over files: the time of a file's last change."""

_LISTS: dict[str, Callable[[tuple[str, ...]], StartingPoint]] = {
    "latest_of": LatestOf,
    "earliest_of": EarliestOf,
    "first_of": FirstOf,
}


def parse_start(form: object) -> StartingPoint:
    """The starting point written as `form`; ValueError with a sentence where it is none."""
    if isinstance(form, str) and form.strip():
        return ColumnStart(form.strip())
    if isinstance(form, Mapping) and len(form) == 1:
        (name, argument), *_ = form.items()
        if name in _LISTS:
            return _LISTS[str(name)](_paths(str(name), argument))
        if name == "after_all":
            return _after_all(argument)
        if name == "event" and isinstance(argument, str) and argument.strip():
            return EventStart(argument.strip())
        if name == "name":
            return parse_name_date(argument)
    raise ValueError(
        'start takes a column ("closed_at"), a column of the row referred to '
        '("customers.closed_at"), or { latest_of = […] }, { earliest_of = […] }, '
        '{ first_of = […] }, { after_all = { … } }, { event = "…" }; '
        'over files "modified" or { name = "%Y-%m-%d" }'
    )


def paths_of(start: StartingPoint) -> tuple[str, ...]:
    """Every column path the starting point reads."""
    match start:
        case ColumnStart(path):
            return (path,)
        case AfterAll(purposes):
            return tuple(purpose.ends for purpose in purposes)
        case EventStart() | NameDate():
            return ()
        case _:
            return start.paths


def _after_all(argument: object) -> AfterAll:
    if not isinstance(argument, Mapping) or not argument:
        raise ValueError('after_all takes named purposes: { orders = "orders.completed_at", … }')
    return AfterAll(tuple(_purpose(str(name), form) for name, form in argument.items()))


def _purpose(name: str, form: object) -> Purpose:
    if isinstance(form, str) and form.strip():
        return Purpose(name, form.strip())
    if isinstance(form, Mapping) and set(form) == {"ends", "if"}:
        ends, began = form["ends"], form["if"]
        if isinstance(ends, str) and isinstance(began, str):
            return Purpose(name, ends.strip(), began)
    raise ValueError(
        f'"{name}" takes a column, or {{ ends = "consent_withdrawn_at", '
        'if = "consent_given_at is not null" }'
    )


def _paths(name: str, argument: object) -> tuple[str, ...]:
    if (
        not isinstance(argument, list)
        or not argument
        or not all(isinstance(item, str) and item.strip() for item in argument)
    ):
        raise ValueError(
            f'{name} takes a list of columns, such as ["closed_at", "messages.sent_at"]'
        )
    return tuple(item.strip() for item in argument)
