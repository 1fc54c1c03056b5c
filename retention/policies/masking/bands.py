"""Bands of numbers: `"<18|18-29|30-49|50+"`, without gaps and without overlaps."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

_FORMS = re.compile(
    r"<(?P<below>\d{1,15})|(?P<low>\d{1,15})-(?P<high>\d{1,15})|(?P<open>\d{1,15})\+", re.ASCII
)


@dataclass(frozen=True, slots=True)
class Band:
    """Numbers from `low` up to, not including, `beyond`; None: open on that side."""

    name: str
    low: int | None
    beyond: int | None


def parse_bands(text: object) -> tuple[Band, ...]:
    """The bands in `text`, from the lowest; ValueError where they leave gaps or overlap."""
    if not isinstance(text, str) or not text.strip():
        raise ValueError('one_of takes bands of whole numbers, such as "<18|18-29|30-49|50+"')
    bands = tuple(_band(part.strip()) for part in text.split("|"))
    for left, right in pairwise(bands):
        if left.beyond is None or right.low is None:
            raise ValueError(
                f'one_of: "{left.name}" and "{right.name}" are not in order; an open band is '
                'the first ("<18") or the last ("50+")'
            )
        if left.beyond < right.low:
            raise ValueError(f'one_of: no band between "{left.name}" and "{right.name}"')
        if left.beyond > right.low:
            raise ValueError(f'one_of: "{left.name}" and "{right.name}" overlap')
    return bands


def _band(name: str) -> Band:
    found = _FORMS.fullmatch(name)
    if found is None:
        raise ValueError(f'one_of: "{name}" is no band; write "<18", "18-29" or "50+"')
    if found["below"]:
        return Band(name, None, int(found["below"]))
    if found["open"]:
        return Band(name, int(found["open"]), None)
    low, high = int(found["low"]), int(found["high"])
    if high < low:
        raise ValueError(f'one_of: "{name}" ends before it starts')
    return Band(name, low, high + 1)
