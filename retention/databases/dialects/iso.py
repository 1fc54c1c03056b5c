"""ISO dates as regular expressions that know the length of every month, leap years too."""

from __future__ import annotations

_DAY = (
    r"(\d{4}-(0[13578]|1[02])-(0[1-9]|[12]\d|3[01])|\d{4}-(0[469]|11)-(0[1-9]|[12]\d|30)"
    r"|\d{4}-02-(0[1-9]|1\d|2[0-8])"
    r"|(\d\d(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)-02-29)"
)
_TIME = r"([ T]([01]\d|2[0-3]):[0-5]\d(:[0-5]\d([.,]\d{1,9})?)?"
ISO_PATTERN = f"^{_DAY}{_TIME}( ?Z)?)?$"
ISO_OFFSET_PATTERN = f"^{_DAY}{_TIME}" + r"( ?(Z|[+-]\d\d(:?\d\d)?))?)?$"
