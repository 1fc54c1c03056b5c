"""Is a stored value what a mask leaves? Read as text, one value at a time. Pure."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation

from retention.planning.schema import Column, ColumnKind
from retention.policies.masking import (
    Bands,
    Constant,
    Empty,
    Json,
    JsonConstant,
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
from retention.policies.masking.pseudonyms import is_pseudonym

_MIDNIGHT = r"(?:[ T]00:00(?::00(?:\.0+)?)?(?:Z|[+-]\d\d(?::?\d\d)?)?)?"
_CUT = {
    "day": r"\d{4,}-\d\d-\d\d",
    "month": r"\d{4,}-\d\d-01",
    "year": r"\d{4,}-01-01",
    "decade": r"\d{3,}0-01-01",
}
# "no date", the first second that a MariaDB TIMESTAMP can hold, and what lies beyond years
_BEYOND = re.compile(r"-?infinity|.* BC|0000-00-00.*|1970-01-01 00:00:01(?:\.0+)?", re.ASCII)
_FIRST_DAY = datetime(1970, 1, 1)
_LOWEST = -(2**31)
# PostgreSQL takes a hyphen after any four digits, or none, and braces around them
_UUID = re.compile(r"\{?[0-9a-f]{4}(?:-?[0-9a-f]{4}){7}\}?", re.ASCII | re.IGNORECASE)
_DIGITS = str.maketrans("", "", "{-}")
_UNREAD = (ColumnKind.JSON, ColumnKind.ARRAY, ColumnKind.BINARY, ColumnKind.OTHER)
_TRUTHS = {"1": True, "t": True, "true": True, "0": False, "f": False, "false": False}


def can_be_read(mask: Mask, column: Column) -> bool:
    """False where a value cannot be compared here: the same JSON has many spellings."""
    if isinstance(mask, Json | JsonConstant):
        return False
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
        case Pseudonym():
            return not text.strip(" ") or is_pseudonym(text.rstrip(" "))
        case Empty():
            return not text.strip(" ")
        case Truncate() | Network() | Bands() if not text.strip(" "):
            return True
        case Truncate(unit, ticks) if ticks:
            return _is_cut_count(text, unit, ticks)
        case Truncate(unit):
            cut = re.fullmatch(_CUT[unit] + _MIDNIGHT, text, re.ASCII)
            return cut is not None or _BEYOND.fullmatch(text) is not None
        case Network():
            return _is_network(text, mask)
        case Prefix(length) | KeepLast(length):
            return len(text.rstrip(" ")) <= length
        case Round(step):
            return _is_multiple(text, step)
        case Bands():
            return text.rstrip(" ") in mask.names
    return False


def spellings(mask: Mask) -> set[str]:
    """Texts that the mask may leave, whatever the row, as far as they are known beforehand."""
    found = {""}
    match mask:
        case Constant(bool()):
            found |= _TRUTHS.keys()
        case Constant(value):
            found.add(str(value))
        case Bands():
            found |= set(mask.names)
    return set() if isinstance(mask, Template) else {it for it in found if is_masked(mask, it, {})}


def leaves_few_texts(mask: Mask) -> bool:
    """True where the mask leaves the same text in many rows."""
    return isinstance(mask, Constant | Empty | Truncate | Round | Bands)


def _is_cut_count(text: str, unit: str, ticks: int) -> bool:
    """A count since 1970 at the start of its unit; the lowest number stands for those below it."""
    try:
        seconds, rest = divmod(Decimal(text), ticks)
        moment = _FIRST_DAY + timedelta(seconds=int(seconds))
    except (InvalidOperation, OverflowError):
        return False
    cut = re.fullmatch(_CUT[unit] + _MIDNIGHT, str(moment), re.ASCII)
    return (not rest and cut is not None) or Decimal(text) in (0, _LOWEST)


def _is_constant(text: str, value: str | int | float | date) -> bool:
    if isinstance(value, datetime) and _same_moment(text, value):
        return True
    value = str(value) if isinstance(value, date) else value
    if isinstance(value, str):
        if _UUID.fullmatch(text) and _UUID.fullmatch(value):
            return text.lower().translate(_DIGITS) == value.lower().translate(_DIGITS)
        # a DATE shows a constant without the time it was written with, a CHAR(n) with spaces
        return text.rstrip(" ") == value.rstrip(" ") or _same_day(text, value)
    if isinstance(value, bool):
        return _TRUTHS.get(text.lower()) is value
    try:
        return Decimal(text) == Decimal(str(value))
    except InvalidOperation:
        return False


def _same_moment(text: str, value: datetime) -> bool:
    """The moment as a database shows it: an instant in UTC, with or without saying so."""
    try:
        shown = datetime.fromisoformat(text)
    except ValueError:
        return False
    if value.tzinfo is not None:
        shown = shown if shown.tzinfo is not None else shown.replace(tzinfo=UTC)
    return shown == value


def _same_day(text: str, value: str) -> bool:
    short, long = sorted((text, value), key=len)
    return re.fullmatch(re.escape(short) + _MIDNIGHT, long, re.ASCII) is not None


def _is_network(text: str, mask: Network) -> bool:
    try:
        address = ipaddress.ip_interface(text).ip
    except ValueError:
        return False
    inner = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    width = mask.v4 if address.version == 4 else 96 + mask.v4 if inner else mask.v6
    return ipaddress.ip_network((address, width), strict=False).network_address == address


def _is_multiple(text: str, step: int) -> bool:
    try:
        return Decimal(text) % step == 0
    except InvalidOperation:
        return False
