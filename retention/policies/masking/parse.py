"""Masks as a person writes them -> `forms`."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from datetime import date, time

from retention.policies.masking.bands import parse_bands
from retention.policies.masking.forms import (
    TRUNCATE_UNITS,
    Bands,
    Constant,
    Empty,
    Json,
    JsonConstant,
    JsonMask,
    KeepLast,
    Mask,
    Network,
    Null,
    Prefix,
    Pseudonym,
    Round,
    Template,
    Truncate,
)
from retention.policies.masking.json_paths import JsonPath, parse_json_path

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_WORDS: dict[str, Mask] = {"null": Null(), "empty": Empty(), "pseudonym": Pseudonym()}
_LARGEST = 10**15


def parse_mask(form: object) -> Mask:
    """The mask written as `form`.

    Raises ValueError with a sentence naming the forms that exist.
    """
    if isinstance(form, str) and form in _WORDS:
        return _WORDS[form]
    if isinstance(form, Mapping) and len(form) == 1:
        (name, argument), *_ = form.items()
        parser = _FORMS.get(str(name))
        if parser is not None:
            return parser(argument)
    raise ValueError(
        f"{_shown(form)} is not a mask; write "
        '"null", "empty", "pseudonym", { text = "…" }, { template = "gone-{id}@invalid" }, '
        '{ value = 0 }, { keep_first = 1 }, { keep_last = 2 }, { prefix = 3 }, { truncate = "year" }, '
        '{ network = [24, 48] }, { round = 100 }, { one_of = "<18|18-64|65+" } or '
        '{ json = { "$.customer.email" = "null" } }'
    )


def compact_json(value: object) -> str:
    """A TOML value as JSON text without spaces; dates and times as ISO text."""
    return json.dumps(
        value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_iso
    )


def _iso(value: object) -> str:
    if isinstance(value, date | time):
        return value.isoformat()
    raise ValueError(f"a {type(value).__name__} has no JSON form")


def _shown(form: object) -> str:
    return f'"{form}"' if isinstance(form, str) else str(form)


def _text(argument: object) -> Mask:
    if not isinstance(argument, str) or "\x00" in argument:
        raise ValueError("text takes a string")
    return Constant(argument)


def _value(argument: object) -> Mask:
    if isinstance(argument, list | Mapping):
        try:
            return JsonConstant(compact_json(argument))
        except ValueError:
            raise ValueError("value takes what JSON can hold: no nan, no inf") from None
    if isinstance(argument, float) and not math.isfinite(argument):
        raise ValueError("value takes a number, not nan or inf")
    if isinstance(argument, int) and not -(2**63) <= argument < 2**63:
        raise ValueError("value takes a whole number of 64 bits")
    if isinstance(argument, bool | int | float | date):
        return Constant(argument)
    return _text(argument)


def _template(argument: object) -> Mask:
    if not isinstance(argument, str) or "\x00" in argument:
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
    if argument > _LARGEST:
        raise ValueError(f"{name} takes a whole number up to {_LARGEST}")
    return argument


def _json(argument: object) -> Mask:
    if not isinstance(argument, Mapping) or not argument:
        raise ValueError('json takes places and their masks: { "$.customer.email" = "null" }')
    found: list[tuple[JsonPath, JsonMask]] = []
    for text, form in argument.items():
        for part in (word.strip() for word in str(text).split(",")):
            path = parse_json_path(part)
            for other, _ in found:
                if path.inside(other) or other.inside(path):
                    raise ValueError(f'"{path}" and "{other}" lie in one another; mask one of them')
            found.append((path, _inner(part, form)))
    return Json(tuple(found))


def _inner(path: str, form: object) -> JsonMask:
    try:
        mask = parse_mask(form)
    except ValueError as fault:
        raise ValueError(f'"{path}": {fault}') from None
    if isinstance(mask, Pseudonym):
        raise ValueError(f'"{path}": a pseudonym is for a whole column')
    if isinstance(mask, Json):
        raise ValueError(
            f'"{path}": json is not for values inside a document; write the whole place'
        )
    return mask


_FORMS: dict[str, Callable[[object], Mask]] = {
    "text": _text,
    "value": _value,
    "template": _template,
    "truncate": _truncate,
    "network": _network,
    "prefix": lambda argument: Prefix(_whole("prefix", argument)),
    "keep_first": lambda argument: Prefix(_whole("keep_first", argument)),
    "keep_last": lambda argument: KeepLast(_whole("keep_last", argument)),
    "round": lambda argument: Round(_whole("round", argument)),
    "one_of": lambda argument: Bands(parse_bands(argument)),
    "json": _json,
}
