"""The form of a pseudonym: a keyed token of a value, known by its form on a second run."""

from __future__ import annotations

import re
from base64 import b32encode
from hashlib import blake2b

PREFIX = "pn_"
LETTERS = "[a-z2-7]"
LENGTH = 26
WIDTH = len(PREFIX) + LENGTH
PATTERN = f"^{PREFIX}{LETTERS}{{{LENGTH}}}$"
_FORM = re.compile(PATTERN.rstrip("$") + r"\Z", re.ASCII)
_PERSON = b"retention pseudo"


def pseudonym(key: bytes, value: str) -> str:
    """The token of `value` under the 32 bytes of `key`: keyed BLAKE2b-128 (RFC 7693) in base 32."""
    digest = blake2b(value.encode(), digest_size=16, key=key, person=_PERSON).digest()
    return PREFIX + b32encode(digest).decode().rstrip("=").lower()


def is_pseudonym(text: str) -> bool:
    """TRUE where the text has the form of a pseudonym."""
    return _FORM.match(text) is not None
