"""stdout is data, stderr is messages; nothing from outside reaches the terminal unsanitized."""

from __future__ import annotations

import os
import shutil
import sys
import unicodedata
from typing import Any

_KEPT = "\n\t"


def sanitized(text: str) -> str:
    """Control and direction characters made visible, so that a name cannot drive the terminal."""
    return "".join(
        character
        if character in _KEPT or unicodedata.category(character) not in ("Cc", "Cf")
        else f"\\u{ord(character):04x}"
        for character in text
    )


def data(text: str = "") -> None:
    """One piece of the command's result, to stdout."""
    sys.stdout.write(sanitized(text) + "\n")
    sys.stdout.flush()


def message(text: str) -> None:
    """Something for a person, to stderr."""
    sys.stderr.write(sanitized(text) + "\n")
    sys.stderr.flush()


def json_object(found: dict[str, Any]) -> None:
    """One JSON object, to stdout."""
    import json

    sys.stdout.write(json.dumps(found, indent=2, ensure_ascii=True) + "\n")


def is_terminal() -> bool:
    """TRUE where a person is watching stderr."""
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


def width() -> int:
    """Columns to fill: COLUMNS, else the terminal's, else 100; never so wide that rows get lost."""
    return min(120, max(40, shutil.get_terminal_size((100, 24)).columns))
