"""Where a clock starts: the forms of `start`, parsed, not yet resolved against a schema."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass


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


StartingPoint = ColumnStart | LatestOf | EarliestOf | FirstOf

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
    raise ValueError(
        'start takes a column ("closed_at"), a column of the row referred to '
        '("customers.closed_at"), or { latest_of = […] }, { earliest_of = […] }, '
        "{ first_of = […] }"
    )


def paths_of(start: StartingPoint) -> tuple[str, ...]:
    """Every column path the starting point reads."""
    return (start.path,) if isinstance(start, ColumnStart) else start.paths


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
