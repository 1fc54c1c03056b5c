"""How one column is anonymized: one form a class.

Every mask is a fixed point: masking a masked value changes nothing, so that "already anonymized"
is known from the value itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from retention.policies.masking.bands import Band
from retention.policies.masking.json_paths import JsonPath

TRUNCATE_UNITS = ("day", "month", "year", "decade")


@dataclass(frozen=True, slots=True)
class Null:
    """The column becomes NULL."""


@dataclass(frozen=True, slots=True)
class Empty:
    """The column becomes what is empty in it: '', no bytes, [] or {}."""


@dataclass(frozen=True, slots=True)
class Pseudonym:
    """The column becomes a keyed token: equal values stay equal, so that joins survive.

    Pseudonymized data are still personal data (GDPR, recital 26) while the key exists.
    """


@dataclass(frozen=True, slots=True)
class Constant:
    """The column becomes one value, the same for every row: `{ text = "[erased]" }`."""

    value: str | int | float | bool | date


@dataclass(frozen=True, slots=True)
class JsonConstant:
    """The column becomes one JSON array or object, kept as compact JSON text."""

    text: str


@dataclass(frozen=True, slots=True)
class Template:
    """Literal text with `{column}` of the row as it was before the statement.

    `parts` alternates: (False, literal) and (True, column).
    """

    text: str
    parts: tuple[tuple[bool, str], ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns the template reads."""
        return tuple(part for is_column, part in self.parts if is_column)


@dataclass(frozen=True, slots=True)
class Truncate:
    """A date or timestamp cut to the start of its day, month, year or decade.

    `ticks`: how many a second has, where the column counts from 1970 (UTC); 0 for dates.
    """

    unit: str
    ticks: int = 0


@dataclass(frozen=True, slots=True)
class Network:
    """An IP address cut to its network: prefix lengths for IPv4 and IPv6."""

    v4: int
    v6: int


@dataclass(frozen=True, slots=True)
class Prefix:
    """The first `length` characters stay (postal codes)."""

    length: int


@dataclass(frozen=True, slots=True)
class KeepLast:
    """The last `length` characters stay."""

    length: int


@dataclass(frozen=True, slots=True)
class Round:
    """A number cut to a multiple of `step`, towards zero, so that it always fits its column."""

    step: int


@dataclass(frozen=True, slots=True)
class Bands:
    """A number becomes the name of the band it lies in."""

    bands: tuple[Band, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """What a masked column holds."""
        return tuple(band.name for band in self.bands)


@dataclass(frozen=True, slots=True)
class Json:
    """Values inside a JSON document, each with its own mask."""

    paths: tuple[tuple[JsonPath, JsonMask], ...]


JsonMask = (
    Null
    | Empty
    | Constant
    | JsonConstant
    | Template
    | Truncate
    | Network
    | Prefix
    | KeepLast
    | Round
    | Bands
)
Mask = JsonMask | Json | Pseudonym
