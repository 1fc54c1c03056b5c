"""Is a stored value what a mask leaves? Read as text, one value at a time. Pure."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

from retention.planning.schema import Column, ColumnKind
from retention.policies.masking import (
    Constant,
    Mask,
    Network,
    Null,
    Prefix,
    Round,
    Template,
    Truncate,
)

_MIDNIGHT = r"(?:[ T]00:00(?::00(?:\.0+)?)?(?:Z|[+-]00(?::?00)?)?)?"
_CUT = {
    "day": r"\d{4,}-\d\d-\d\d",
    "month": r"\d{4,}-\d\d-01",
    "year": r"\d{4,}-01-01",
    "decade": r"\d{3,}0-01-01",
}
_BEYOND = re.compile(r"-?infinity|.* BC", re.ASCII)
_UNREAD = (ColumnKind.JSON, ColumnKind.BINARY, ColumnKind.OTHER)
_TRUTHS = {"1": True, "t": True, "true": True, "0": False, "f": False, "false": False}


def can_be_read(mask: Mask, column: Column) -> bool:
    """False where a value cannot be compared here: the same JSON has many spellings."""
    return isinstance(mask, Null) or column.kind not in _UNREAD


def is_masked(mask: Mask, text: str | None, others: Mapping[str, str | None]) -> bool:
    """True where the mask has nothing left to do; `others` are the row's columns it reads."""
    if text is None:
        return True
    match mask:
        case Null():
            return False
        case Constant(value):
            return _is_constant(text, value)
        case Template(_, parts):
            wanted = "".join((others[part] or "") if column else part for column, part in parts)
            return text.rstrip(" ") == wanted.rstrip(" ")
        case Truncate(unit):
            cut = re.fullmatch(_CUT[unit] + _MIDNIGHT, text, re.ASCII)
            return cut is not None or _BEYOND.fullmatch(text) is not None
        case Network():
            return _is_network(text, mask)
        case Prefix(length):
            return len(text) <= length
        case Round(step):
            return _is_multiple(text, step)


def _is_constant(text: str, value: str | int | float | bool) -> bool:
    if isinstance(value, str):
        # a DATE shows a constant without the time it was written with, a CHAR(n) with spaces
        return text.rstrip(" ") == value.rstrip(" ") or _same_day(text, value)
    if isinstance(value, bool):
        return _TRUTHS.get(text.lower()) is value
    try:
        return Decimal(text) == Decimal(str(value))
    except InvalidOperation:
        return False


def _same_day(text: str, value: str) -> bool:
    short, long = sorted((text, value), key=len)
    return re.fullmatch(re.escape(short) + _MIDNIGHT, long, re.ASCII) is not None


def _is_network(text: str, mask: Network) -> bool:
    if not text:
        return True
    try:
        address = ipaddress.ip_interface(text).ip
    except ValueError:
        return False
    width = mask.v4 if address.version == 4 else mask.v6
    return ipaddress.ip_network((address, width), strict=False).network_address == address


def _is_multiple(text: str, step: int) -> bool:
    try:
        return Decimal(text) % step == 0
    except InvalidOperation:
        return False
