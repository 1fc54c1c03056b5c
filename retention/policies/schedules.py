"""Is this a schedule? Five fields of cron, told what is wrong and what would be right."""

from __future__ import annotations

import re
from datetime import datetime

from croniter import CroniterBadDateError, croniter

_FIELDS = (
    ("minute", 60, "0 to 59"),
    ("hour", 24, "0 to 23"),
    ("day of month", 31, "1 to 31"),
    ("month", 12, "1 to 12 or jan to dec"),
    ("day of week", 7, "0 to 7 or sun to sat"),
)
_SHORTHAND = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}


def check_schedule(expression: str) -> str | None:
    """A sentence saying what is wrong with a schedule and what would be right, or None."""
    fields = expression.split()
    if len(fields) != len(_FIELDS):
        return _wrong_count(expression, len(fields))
    for position, field in enumerate(fields):
        if problem := _wrong_field(position, field, fields):
            return problem
    if not croniter.is_valid(expression):
        return f'"{expression}" is not a schedule; put plain spaces between its five fields'
    if not croniter.is_valid(expression, strict=True) or not _happens(expression):
        return f'"{expression}" names a day that none of its months has'
    return None


def _wrong_count(expression: str, count: int) -> str:
    """What to write instead of a schedule that has not five fields."""
    fields = "1 field" if count == 1 else f"{count} fields"
    clock = re.fullmatch(r"(\d\d?):(\d\d)", expression.strip(), re.ASCII)
    if clock:
        hint = f'write "{int(clock[2])} {int(clock[1])} * * *" for this time every day'
    elif full := _SHORTHAND.get(expression.strip().lower()):
        hint = f'write "{full}"'
    elif count > len(_FIELDS):
        hint = "seconds and years are not supported"
    else:
        hint = ", ".join(name for name, _, _ in _FIELDS)
    return f'"{expression}" has {fields}, and a schedule has five: {hint}'


def _wrong_field(position: int, field: str, fields: list[str]) -> str | None:
    """What is wrong with one field on its own, or None."""
    name, size, allowed = _FIELDS[position]
    if re.match(r"[hr]([(/]|$)", field, re.IGNORECASE):
        return f'{name} "{field}" would be drawn by lot; name it: {allowed}'
    step = re.search(r"/(\d+)$", field, re.ASCII)
    if step and int(step[1]) > size:
        return f'{name} "{field}" steps further than its {size} values; list the values instead'
    # croniter reads "1-1" as every value there is, and day 0 or month 0 as the first.
    if one := re.search(r"(?:^|,)(\w+)-\1\b", field, re.ASCII):
        return f'{name} "{field}" has a range of one value; write "{one[1]}"'
    zero = name in ("day of month", "month") and re.search(r"(^|,)0+\b", field, re.ASCII)
    alone = ["*"] * len(_FIELDS)
    alone[position] = field
    if croniter.is_valid(" ".join(alone)) and not zero:
        return None
    return f'{name} "{field}" cannot be read: {allowed}{_slip(name, fields)}'


def _slip(name: str, fields: list[str]) -> str:
    """A hint for an hour that is written as 24 or in the place of the minute."""
    if name != "hour" or not re.fullmatch(r"\d{1,2}", fields[1], re.ASCII):
        return ""
    if int(fields[1]) == 24:
        return "; midnight is hour 0"
    swapped = [fields[1], fields[0], *fields[2:]]
    return f'; the minute comes first: "{" ".join(swapped)}"?'


def _happens(expression: str) -> bool:
    """Whether a schedule ever comes; croniter gives up after 50 years."""
    try:
        croniter(expression, datetime(2000, 1, 1)).get_next(datetime)
    except CroniterBadDateError:
        return False
    return True
