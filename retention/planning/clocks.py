"""Clocks: a starting point resolved against the schema, with how each of its columns is stored."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from retention.planning.conditions import Condition, parse_condition
from retention.planning.paths import ColumnPath, resolve
from retention.planning.schema import Column, ColumnKind, ColumnSample, Schema
from retention.policies.file_patterns import NameDate
from retention.policies.rule import Rule
from retention.policies.starting_point import (
    AfterAll,
    ColumnStart,
    EarliestOf,
    EventStart,
    FirstOf,
    LatestOf,
    StartingPoint,
    paths_of,
)

_FIRST_TELLING = 10_000_000
"""Smaller numbers are an odd value in seconds and in milliseconds alike: they tell no unit."""
_LAST_SECOND = 100_000_000_000
_LAST_MILLISECOND = 100_000_000_000_000
ISO_TEXT = re.compile(
    r"^\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}(:\d{2}([.,]\d{1,9})?)?\s?(Z|[+-]\d{2}(:?\d{2})?)?)?$"
)


class ClockForm(StrEnum):
    """How a column stores its instants."""

    DATE = "date"
    TIMESTAMP = "timestamp"
    TIMESTAMPTZ = "timestamp with zone"
    TEXT = "text"
    EPOCH_S = "epoch s"
    EPOCH_MS = "epoch ms"
    EPOCH_US = "epoch us"


TYPED = {
    ColumnKind.DATE: ClockForm.DATE,
    ColumnKind.TIMESTAMP: ClockForm.TIMESTAMP,
    ColumnKind.TIMESTAMPTZ: ClockForm.TIMESTAMPTZ,
}
_DATABLE = ("iso", "offset", "epoch s", "epoch ms", "epoch us")
UNITS = {ClockForm.EPOCH_S: 1, ClockForm.EPOCH_MS: 1_000, ClockForm.EPOCH_US: 1_000_000}


class ClockFault(ValueError):
    """A column that cannot serve as a clock as it is declared or stored."""


@dataclass(frozen=True, slots=True)
class ClockColumn:
    """One column a clock reads.

    `stored_in` names the zone of naive values; `offsets`: text with `+02:00` was seen. With
    `event`, it is the recorded time of that event instead of a column of the user's.
    """

    path: ColumnPath
    form: ClockForm
    stored_in: str
    earliest_plausible: date
    missing: tuple[str | int, ...] = ()
    offsets: bool = False
    event: str | None = None


class Choice(StrEnum):
    """Which of several columns starts the clock."""

    LATEST = "latest of"
    EARLIEST = "earliest of"
    FIRST = "first of"
    ALL = "end of"


@dataclass(frozen=True, slots=True)
class Clock:
    """`columns` and how they combine; the columns in `requires` must have a value as well.

    For `after_all`, `purposes` names each column's purpose and when it ever began. `remembered`, one
    of the columns, is where the start is written before its evidence goes.
    """

    columns: tuple[ClockColumn, ...]
    choice: Choice
    requires: tuple[ClockColumn, ...]
    text: str
    purposes: tuple[tuple[str, Condition | None], ...] = ()
    remembered: ClockColumn | None = None

    @property
    def is_own(self) -> bool:
        """TRUE where the clock reads nothing but columns of the row itself."""
        columns = (*self.columns, *self.requires)
        return all(column.path.is_own and column.event is None for column in columns)

    def evidence(self) -> Iterator[ColumnPath]:
        """Columns of other rows that the clock reads."""
        for column in (*self.columns, *self.requires):
            if not column.path.is_own:
                yield column.path


def make_clock(schema: Schema, rule: Rule, start: StartingPoint) -> Clock:
    """The clock of `rule`; raises PathFault, ClockFault or ConditionFault."""
    requires = tuple(_column(schema, rule, path, children=False) for path in rule.requires)
    if isinstance(start, EventStart):
        columns: tuple[ClockColumn, ...] = (_event(rule, start.event),)
    else:
        combined = not isinstance(start, ColumnStart)
        columns = tuple(_column(schema, rule, path, children=combined) for path in paths_of(start))
    if isinstance(start, FirstOf) and any(column.path.reads_children for column in columns):
        raise ClockFault("first_of takes columns of the row and of rows it refers to")
    purposes = _purposes(schema, rule, start) if isinstance(start, AfterAll) else ()
    return Clock(columns, _choice(start), requires, describe(start), purposes)


def _purposes(
    schema: Schema, rule: Rule, start: AfterAll
) -> tuple[tuple[str, Condition | None], ...]:
    found = []
    for purpose in start.purposes:
        began = None
        if purpose.began_if is not None:
            began = parse_condition(
                purpose.began_if, lambda path: resolve(schema, rule.table, path, children=False)
            )
        found.append((purpose.name, began))
    return tuple(found)


def _event(rule: Rule, event: str) -> ClockColumn:
    path = ColumnPath((), rule.table, "")
    return ClockColumn(path, ClockForm.TEXT, "UTC", rule.earliest_plausible, event=event)


def describe(start: StartingPoint) -> str:
    """The starting point in words: `the latest of closed_at and messages.sent_at`."""
    match start:
        case ColumnStart(path):
            return path
        case EventStart(event):
            return f'the event "{event}"'
        case NameDate():
            return "the date in the name"
        case AfterAll(purposes):
            names = [purpose.name for purpose in purposes]
        case _:
            names = list(start.paths)
    *others, last = names
    listed = f"{', '.join(others)} and {last}" if others else last
    return f"the {_choice(start)} {listed}"


def shape_of(value: object) -> str:
    """The shape of one stored value: "iso", "offset", "empty", "zero", "epoch s", … or "other"."""
    if isinstance(value, bool | bytes):
        return "other"
    if isinstance(value, int | float):
        return _epoch_shape(value)
    text = str(value)
    if not text.strip():
        return "empty"
    if text.startswith("0000-00-00"):
        return "zero"
    if text.isdigit():
        return _epoch_shape(int(text))
    found = ISO_TEXT.match(text)
    if found is None:
        return "other"
    return "offset" if found.group(4) not in (None, "Z") else "iso"


def is_local_time(value: object) -> bool:
    """TRUE for text with a time of day and no zone."""
    found = ISO_TEXT.match(str(value))
    return found is not None and len(str(value)) > len("2026-11-22") and found.group(4) is None


def clock_form(column: Column, sample: ColumnSample | None, stored_as: str | None) -> ClockForm:
    """How `column` stores instants: its declared type, else the sample, else `stored_as`.

    Raises ClockFault where the sample contradicts `stored_as`, or decides nothing.
    """
    if column.kind in TYPED and sample is None:
        return TYPED[column.kind]
    shapes = dict(sample.shapes) if sample else {}
    seen = {"iso" if name == "offset" else name for name in shapes if name in _DATABLE}
    if stored_as is not None:
        return _declared(column, stored_as, seen)
    if len(seen) == 1:
        (shape,) = seen
        return ClockForm.TEXT if shape == "iso" else ClockForm(shape)
    if seen:
        raise ClockFault(
            f'"{column.name}" holds {_listed(seen)}; say which with stored_as, or mend the column'
        )
    if column.kind in (ColumnKind.INTEGER, ColumnKind.DECIMAL, ColumnKind.FLOAT):
        return ClockForm.EPOCH_S
    if column.kind in (*TYPED, ColumnKind.TEXT, ColumnKind.OTHER):
        return ClockForm.TEXT
    raise ClockFault(f'"{column.name}" is {column.type_text}, which is no date')


def _declared(column: Column, stored_as: str, seen: set[str]) -> ClockForm:
    form = ClockForm(stored_as)
    expected = "iso" if form is ClockForm.TEXT else form.value
    if seen and expected not in seen:
        raise ClockFault(f'stored_as = "{stored_as}", but "{column.name}" holds {_listed(seen)}')
    return form


def _listed(seen: set[str]) -> str:
    words = {"iso": "ISO text"}
    return " and ".join(sorted(words.get(shape, f"numbers like {shape}") for shape in seen))


def _epoch_shape(value: float) -> str:
    if value <= 0:
        return "zero"
    if value < _FIRST_TELLING:
        return "other"
    if value < _LAST_SECOND:
        return "epoch s"
    return "epoch ms" if value < _LAST_MILLISECOND else "epoch us"


def _choice(start: StartingPoint) -> Choice:
    match start:
        case EarliestOf():
            return Choice.EARLIEST
        case FirstOf():
            return Choice.FIRST
        case AfterAll():
            return Choice.ALL
        case LatestOf() | ColumnStart() | EventStart() | NameDate():
            return Choice.LATEST


def clock_column(schema: Schema, rule: Rule, text: str) -> ClockColumn:
    """One column of the row, or of a row it refers to, read as a date."""
    return _column(schema, rule, text, children=False)


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text[:10])
    except ValueError:
        return False
    return True


def _column(schema: Schema, rule: Rule, text: str, *, children: bool) -> ClockColumn:
    path = resolve(schema, rule.table, text, children=children)
    column = schema.tables[path.table].columns[path.column]
    sample = schema.samples.get((path.table, path.column))
    form = clock_form(column, sample, rule.stored_as)
    for value in rule.missing if form is not ClockForm.TEXT else ():
        if isinstance(value, str) and not _is_day(value):
            raise ClockFault(
                f'missing = ["{value}"]: "{column.name}" is {column.type_text}, so a value that '
                'means "no date" is a day such as "1900-01-01", or a number'
            )
    return ClockColumn(
        path,
        form,
        rule.stored_in or "UTC",
        rule.earliest_plausible,
        tuple(rule.missing),
        offsets=sample is not None and "offset" in sample.shapes,
    )
