"""Masks in plain Python, written from the policy language alone; nothing here knows SQL."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

Form = Any
ABSENT = object()
UNREADABLE = object()


def masked_text(form: Form, value: str, row: dict[str, Any]) -> Any:
    """What the mask makes of a text; UNREADABLE where it is not what the mask expects."""
    if form == "empty":
        return ""
    ((name, argument),) = form.items()
    match name:
        case "text":
            return argument
        case "template":
            return argument.format(**{key: "" if it is None else it for key, it in row.items()})
        case "prefix" | "keep_first":
            return "".join(list(value)[:argument])
        case "keep_last":
            return "".join(list(value)[max(0, len(value) - argument) :])
        case "network":
            return network(value, *argument)
        case "truncate":
            return cut_text(value, argument)
        case "one_of":
            return band(value, argument.split("|"))
    raise AssertionError(form)


def network(value: str, v4: int, v6: int) -> Any:
    """The address with all but its first bits zero; one mapped into IPv6 counts as IPv4."""
    try:
        address = ip_address(value)
    except ValueError:
        return UNREADABLE
    if isinstance(address, IPv4Address):
        return IPv4Address(_zeroed(address.packed, v4))
    if address.packed[:12] == bytes(10) + b"\xff\xff":
        return IPv6Address(address.packed[:12] + _zeroed(address.packed[12:], v4))
    return IPv6Address(_zeroed(address.packed, v6))


def _zeroed(packed: bytes, width: int) -> bytes:
    bits = "".join(f"{byte:08b}" for byte in packed)
    bits = bits[:width] + "0" * (len(bits) - width)
    return bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits), 8))


def start_of(day: date, unit: str) -> date:
    """The first day of the day's month, year or decade; the day itself."""
    match unit:
        case "month":
            return date(day.year, day.month, 1)
        case "year":
            return date(day.year, 1, 1)
        case "decade":
            return date(day.year - day.year % 10, 1, 1)
    return day


def cut_text(value: str, unit: str) -> Any:
    """ISO text as it was written, from the start of the unit."""
    if (value[4:5], value[7:8]) != ("-", "-"):
        return UNREADABLE
    try:
        moment = datetime.fromisoformat(value.replace(",", "."))
    except ValueError:
        return UNREADABLE
    day = start_of(moment.date(), unit).isoformat()
    rest = value[10:]
    for at, sign in enumerate(rest):
        if sign in "Z+-":
            clock, tail = rest[:at], rest[at:]
            break
    else:
        clock, tail = rest, ""
    zeros = {0: "", 6: clock[:1] + "00:00"}.get(len(clock), clock[:1] + "00:00:00")
    return day + zeros + tail


def cut_epoch(value: int, unit: str, ticks: int) -> Any:
    """Ticks since 1970 at the start of the unit, in UTC."""
    try:
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=value // ticks)
    except OverflowError:
        return UNREADABLE
    if moment.year < 1000:
        return UNREADABLE
    start = start_of(moment.date(), unit)
    days = (start - date(1970, 1, 1)).days
    return days * 86_400 * ticks


def band(value: str, names: list[str]) -> Any:
    """The band a number lies in; a band's own name stays."""
    if value in names:
        return value
    if not is_number(value):
        return UNREADABLE
    if value.startswith("-"):
        return names[0] if names[0].startswith("<") else UNREADABLE
    number = int(value.split(".")[0])
    for name in names:
        if name.startswith("<"):
            inside = number < int(name[1:])
        elif name.endswith("+"):
            inside = number >= int(name[:-1])
        else:
            low, high = name.split("-")
            inside = int(low) <= number <= int(high)
        if inside:
            return name
    return UNREADABLE


def is_number(text: str) -> bool:
    """Digits, perhaps with a minus and decimals; no more than fifteen before the point."""
    whole, point, rest = text.removeprefix("-").partition(".")
    digits = set("0123456789")
    if not whole or not set(whole) <= digits or len(whole) > 15:
        return False
    return not point or (bool(rest) and set(rest) <= digits)


def rounded(value: Any, step: int) -> Any:
    """The multiple of the step that lies next, towards zero."""
    count = abs(value) // step
    return count * step * (1 if value >= 0 else -1)


def masked_document(
    text: str, places: dict[tuple[str | int, ...], Form], row: dict[str, Any]
) -> Any:
    """The document with its places masked; {} where it is no JSON, or a key on the way is double."""
    try:
        document = json.loads(
            text, object_pairs_hook=_Pairs, parse_float=Decimal, parse_constant=_refused
        )
    except (ValueError, RecursionError):
        return {}
    if any(_double(document, place) for place in places):
        return {}
    document = _plain(document)
    for place, form in places.items():
        holder: Any = document
        for step in place[:-1]:
            holder = _at(holder, step)
        last = place[-1]
        found = _at(holder, last)
        if found is not ABSENT and found is not None:
            holder[last] = _masked_json(form, found, row)
    return document


class _Pairs(list[Any]):
    """An object as its pairs."""


def _refused(name: str) -> None:
    raise ValueError(name)


def _double(document: Any, place: tuple[str | int, ...]) -> bool:
    for step in place:
        if isinstance(document, _Pairs) and isinstance(step, str):
            keys = [key for key, _ in document]
            if keys.count(step) > 1:
                return True
            document = dict(document).get(step)
        elif isinstance(document, _Pairs) or not isinstance(document, list):
            return False
        elif isinstance(step, int) and step < len(document):
            document = document[step]
        else:
            return False
    return False


def _plain(value: Any) -> Any:
    if isinstance(value, _Pairs):
        return {key: _plain(item) for key, item in value}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _at(holder: Any, step: str | int) -> Any:
    if isinstance(holder, dict) and isinstance(step, str):
        return holder.get(step, ABSENT)
    if isinstance(holder, list) and isinstance(step, int) and step < len(holder):
        return holder[step]
    return ABSENT


def _masked_json(form: Form, value: Any, row: dict[str, Any]) -> Any:
    if form == "null":
        return None
    if form == "empty":
        return {str: "", list: [], dict: {}}.get(type(value))
    ((name, argument),) = form.items()
    if name in ("text", "value"):
        return argument
    is_number_here = isinstance(value, int | Decimal) and not isinstance(value, bool)
    if name == "round":
        readable = is_number_here and is_number(str(value))
        return rounded(int(Decimal(value)), argument) if readable else None
    if name == "template":
        return masked_text(form, "", row)
    if name == "one_of" and is_number_here:
        value = str(value)
    if not isinstance(value, str):
        return None
    found = masked_text(form, value, row)
    return None if found is UNREADABLE else found
