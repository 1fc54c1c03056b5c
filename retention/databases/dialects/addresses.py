"""IP addresses as regular expressions: only text that matches is handed to an engine's parser."""

from __future__ import annotations

_BYTE = r"(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_V4 = rf"{_BYTE}(\.{_BYTE}){{3}}"
_H = "[0-9a-fA-F]{1,4}"
_LAST = f"({_H}:{_H}|{_V4})"
_ZONE = "(%[^%/]+)?"


def _forms() -> list[str]:
    """Every way to write an IPv6 address (RFC 3986, section 3.2.2)."""
    found = [f"({_H}:){{6}}{_LAST}", f"::({_H}:){{5}}{_LAST}"]
    for before in range(5):
        front = f"(({_H}:){{0,{before}}}{_H})?"
        middle = f"({_H}:){{{4 - before}}}" if before < 4 else ""
        found.append(f"{front}::{middle}{_LAST}")
    found.append(f"(({_H}:){{0,5}}{_H})?::{_H}")
    found.append(f"(({_H}:){{0,6}}{_H})?::")
    return found


IPV4_PATTERN = f"^{_V4}$"
IPV6_PATTERN = f"^({'|'.join(_forms())}){_ZONE}$"
MAPPED = "::ffff:"
LONGEST = 45
