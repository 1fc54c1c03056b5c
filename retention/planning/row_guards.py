"""A guard tells a row from a later one of the same key: its immutable time, known as a number.

Microseconds since year 1, plus one: 0 is left for no guard, and no time is negative. A guard without
a zone is taken as UTC.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

NO_GUARD = 0

_NAIVE = datetime(1, 1, 1)
_EPOCH = _NAIVE.replace(tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_YEAR_2000 = (datetime(2000, 1, 1) - _NAIVE) // _MICROSECOND + 1
_END = (datetime.max - _NAIVE) // _MICROSECOND + 1


def sealed_guard(guard: datetime | None) -> int:
    """The number that stands for the time; NO_GUARD for none."""
    if guard is None:
        return NO_GUARD
    since = guard - (_NAIVE if guard.tzinfo is None else _EPOCH)
    return max(NO_GUARD, since // _MICROSECOND + 1)


def guard_time(sealed: int) -> datetime | None:
    """The time, in UTC, that the number stands for; None for no guard."""
    return _EPOCH + timedelta(microseconds=sealed - 1) if sealed else None


def guard_of_text(text: object) -> datetime | None:
    """The guard as a time; a value that is none guards nothing."""
    if text is None:
        return None
    try:
        return datetime.fromisoformat(str(text))
    except ValueError:
        return None


def sealed_guards(texts: Sequence[object]) -> array[int]:
    """The numbers of guards that a database gave as text, in order."""
    if not any(texts):
        return array("Q", bytes(8 * len(texts)))
    for epoch in (_NAIVE, _EPOCH):
        # all of one kind, as they are nearly always: several times as fast as one by one
        try:
            times = map(datetime.fromisoformat, texts)  # type: ignore[arg-type]  # told by TypeError
            return array("Q", [(time - epoch) // _MICROSECOND + 1 for time in times])
        except (TypeError, ValueError, OverflowError):
            continue
    return array("Q", [sealed_guard(guard_of_text(text)) for text in texts])


def guards_since_2000(times: array[int]) -> array[int]:
    """The numbers of guards told in microseconds since 2000; NO_GUARD outside the years 1 to 9999."""
    if times and min(times) >= 0 and max(times) <= _END - _YEAR_2000:
        # one sum of all: no time is so great that it could carry into the next one
        added = array("Q", [_YEAR_2000]) * len(times)
        both = (int.from_bytes(found.tobytes(), sys.byteorder) for found in (times, added))
        return array("Q", sum(both).to_bytes(8 * len(times), sys.byteorder))
    low, high = 1 - _YEAR_2000, _END - _YEAR_2000
    if not times or max(times) < low:
        return array("Q", [NO_GUARD]) * len(times)
    return array("Q", [at + _YEAR_2000 if low <= at <= high else NO_GUARD for at in times])
