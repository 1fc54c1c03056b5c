"""How one column is anonymized: the forms a person writes, parsed.

Every mask is a fixed point: masking a masked value changes nothing, so that "already anonymized"
is known from the value itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

TRUNCATE_UNITS = ("day", "month", "year", "decade")
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True, slots=True)
class Null:
    """The column becomes NULL."""


@dataclass(frozen=True, slots=True)
class Constant:
    """The column becomes one value, the same for every row: `{ text = "[erased]" }`, `"empty"`."""

    value: str | int | float | bool


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
    """A date or timestamp cut to the start of its day, month, year or decade."""

    unit: str


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
class Round:
    """A number rounded down to a multiple of `step`."""

    step: int


Mask = Null | Constant | Template | Truncate | Network | Prefix | Round


def parse_mask(form: object) -> Mask:
    """The mask written as `form`.

    Raises ValueError with a sentence naming the forms that exist.
    """
    if form == "null":
        return Null()
    if form == "empty":
        return Constant("")
    if isinstance(form, Mapping) and len(form) == 1:
        (name, argument), *_ = form.items()
        parser = _FORMS.get(str(name))
        if parser is not None:
            return parser(argument)
    raise ValueError(
        f"{_shown(form)} is not a mask; write "
        '"null", "empty", { text = "…" }, { template = "gone-{id}@invalid" }, { value = 0 }, '
        '{ truncate = "year" }, { network = [24, 48] }, { prefix = 3 } or { round = 100 }'
    )


def _shown(form: object) -> str:
    return f'"{form}"' if isinstance(form, str) else str(form)


def _text(argument: object) -> Mask:
    if not isinstance(argument, str):
        raise ValueError("text takes a string")
    return Constant(argument)


def _value(argument: object) -> Mask:
    if isinstance(argument, bool | int | float | str):
        return Constant(argument)
    raise ValueError("value takes a string, a number or a boolean")


def _template(argument: object) -> Mask:
    if not isinstance(argument, str):
        raise ValueError('template takes a string such as "deleted-{id}@invalid"')
    parts: list[tuple[bool, str]] = []
    position = 0
    for found in _PLACEHOLDER.finditer(argument):
        if found.start() > position:
            parts.append((False, argument[position : found.start()]))
        if not found.group(1):
            raise ValueError("template has an empty {}; write a column's name in it")
        parts.append((True, found.group(1)))
        position = found.end()
    if position < len(argument):
        parts.append((False, argument[position:]))
    if "{" in _PLACEHOLDER.sub("", argument) or "}" in _PLACEHOLDER.sub("", argument):
        raise ValueError("template has a { or } without its partner")
    return Template(argument, tuple(parts))


def _truncate(argument: object) -> Mask:
    if argument not in TRUNCATE_UNITS:
        raise ValueError('truncate takes "day", "month", "year" or "decade"')
    return Truncate(str(argument))


def _network(argument: object) -> Mask:
    match argument:
        case [int(v4), int(v6)] if 0 <= v4 <= 32 and 0 <= v6 <= 128:
            return Network(v4, v6)
    raise ValueError("network takes two prefix lengths, IPv4 and IPv6: [24, 48]")


def _whole(name: str, argument: object) -> int:
    if not isinstance(argument, int) or isinstance(argument, bool) or argument < 1:
        raise ValueError(f"{name} takes a whole number from 1")
    return argument


_FORMS: dict[str, Callable[[object], Mask]] = {
    "text": _text,
    "value": _value,
    "template": _template,
    "truncate": _truncate,
    "network": _network,
    "prefix": lambda argument: Prefix(_whole("prefix", argument)),
    "round": lambda argument: Round(_whole("round", argument)),
}
