"""One token a row: enough to find it again after a restore, worth nothing once its key is gone.

Two forms, 16 bytes a token, both under the key of one month, database and table:

sealed  a single whole number of 64 bits and its guard, as one AES-256 block; can be opened
hashed  every other key (text, uuid, decimal, bytes, several columns) and its guard, as a keyed
        BLAKE2b-128; can only be recognised

The *guard* is the row's immutable time: keys are issued again after a restore, so a key alone
would erase an innocent row. A guard without a zone is taken as UTC and comes back as UTC.

A batch's blob begins with one block that proves the key and names the form: with a key made anew
after a loss every token would silently match nothing.
"""

from __future__ import annotations

import hashlib
import struct
import sys
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB

from retention.ledger.keys import KeyLost, derive

WIDTH = 16
"""Bytes a token."""

_EPOCH = datetime(1, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of one batch and table: `blob`, `width` bytes each, and its SHA-256 in hex."""

    width: int
    blob: bytes
    digest: str


def tokens_for(
    keys: Sequence[tuple[object, ...]],
    guards: Sequence[datetime | None],
    master: bytes,
    month: str,
    database_id: str,
    table: str,
) -> Tokens:
    """A token for each row, in order; TypeError for a key of a type that has no canonical form."""
    key = derive(master, month, database_id, table)
    numbers = _numbers(keys)
    if numbers is None:
        blob = _proof(key, b"hashed") + b"".join(_hashes(keys, guards, key))
    else:
        blob = _proof(key, b"sealed") + _sealed(numbers, guards, key)
    return Tokens(WIDTH, blob, hashlib.sha256(blob).hexdigest())


def is_sealed(blob: bytes, master: bytes, month: str, database_id: str, table: str) -> bool:
    """True: `open_tokens` reads it; False: `match` does. KeyLost if it was made with another key."""
    return _form(blob, derive(master, month, database_id, table), month) == b"sealed"


def open_tokens(
    blob: bytes, master: bytes, month: str, database_id: str, table: str
) -> Iterator[tuple[int, datetime | None]]:
    """Key and guard of every sealed token; KeyLost for another key, ValueError if hashed."""
    found = open_blocks(blob, master, month, database_id, table)
    return ((number, guard_time(guard)) for number, guard in found)


def open_blocks(
    blob: bytes, master: bytes, month: str, database_id: str, table: str
) -> Iterator[tuple[int, int]]:
    """The same with guards as they are sealed: most are never looked at, and times cost more."""
    key = derive(master, month, database_id, table)
    if _form(blob, key, month) != b"sealed":
        raise ValueError("hashed tokens cannot be opened, only matched")
    content = _once(Cipher(AES(key), ECB()).decryptor(), blob[WIDTH:])
    return struct.iter_unpack(">qQ", content)


def guard_time(sealed: int) -> datetime | None:
    """The time that a sealed guard stands for; None for no guard."""
    return _EPOCH + timedelta(microseconds=sealed - 1) if sealed else None


def hashed_tokens(
    keys: Sequence[tuple[object, ...]],
    guards: Sequence[datetime | None],
    master: bytes,
    month: str,
    database_id: str,
    table: str,
) -> list[bytes]:
    """The hashed token that each row would have, whatever form its batch had."""
    return _hashes(keys, guards, derive(master, month, database_id, table))


def split(blob: bytes) -> Iterator[bytes]:
    """The single tokens of a batch, without the block that proves their key."""
    return (blob[start : start + WIDTH] for start in range(WIDTH, len(blob), WIDTH))


def match(
    blob: bytes,
    keys: Sequence[tuple[object, ...]],
    guards: Sequence[datetime | None],
    master: bytes,
    month: str,
    database_id: str,
    table: str,
) -> list[bool]:
    """For each row, whether hashed tokens name it; KeyLost for another key, ValueError if sealed."""
    key = derive(master, month, database_id, table)
    if _form(blob, key, month) != b"hashed":
        raise ValueError("sealed tokens are opened, not matched")
    known = set(split(blob))
    return [token in known for token in _hashes(keys, guards, key)]


def canonical_key(values: Sequence[object]) -> bytes:
    """Bytes that are equal where the values are: each with its type and its length in front.

    One number has one form, whether int or Decimal, with or without trailing zeros. Other types
    never meet: a UUID is not its text, a truth value is not 0 or 1, a float not a Decimal.
    TypeError for a type that a key cannot have.
    """
    return b"".join(map(_typed, values))


def _numbers(keys: Sequence[tuple[object, ...]]) -> array[int] | None:
    """The keys as 64-bit numbers, None if one of them is anything else (bool is not a number)."""
    if any(len(key) != 1 or type(key[0]) is not int for key in keys):
        return None
    try:
        return array("q", [key[0] for key in keys])  # type: ignore[misc]  # all int, see above
    except OverflowError:
        return None


def _sealed(numbers: array[int], guards: Sequence[datetime | None], key: bytes) -> bytes:
    _check_lengths(numbers, guards)
    blocks = array("Q", bytes(WIDTH * len(numbers)))
    blocks[0::2] = array("Q", numbers.tobytes())
    blocks[1::2] = array("Q", map(_microseconds, guards))
    if sys.byteorder == "little":
        blocks.byteswap()
    # ECB is right here: every block is a whole, unique secret, and equal rows must stay equal.
    return _once(Cipher(AES(key), ECB()).encryptor(), blocks.tobytes())


def _once(context: CipherContext, content: bytes) -> bytes:
    return context.update(content) + context.finalize()


def _hashes(
    keys: Sequence[tuple[object, ...]], guards: Sequence[datetime | None], key: bytes
) -> list[bytes]:
    _check_lengths(keys, guards)
    own = hashlib.blake2b(key=key, digest_size=32, person=b"retention hashed").digest()
    pack, hashed = struct.Struct(">Q").pack, hashlib.blake2b
    return [
        # The guard's width is fixed and it comes first, so no key can imitate it.
        hashed(pack(_microseconds(guard)) + canonical_key(row), key=own, digest_size=16).digest()
        for row, guard in zip(keys, guards, strict=True)
    ]


def _check_lengths(keys: Sequence[object], guards: Sequence[object]) -> None:
    if len(keys) != len(guards):
        raise ValueError("every key needs its guard, None where the table has none")


def _proof(key: bytes, form: bytes) -> bytes:
    return hashlib.blake2b(form, key=key, digest_size=WIDTH, person=b"retention proof").digest()


def _form(blob: bytes, key: bytes, month: str) -> bytes:
    for form in (b"sealed", b"hashed"):
        if blob[:WIDTH] == _proof(key, form):
            return form
    raise KeyLost(
        f"The key of {month} is not the one these tokens were made with: "
        "what was erased with them can no longer be told by row."
    )


def _microseconds(guard: datetime | None) -> int:
    """Microseconds since year 1, plus one: 0 is left for no guard, and no time is negative."""
    if guard is None:
        return 0
    at = guard.replace(tzinfo=UTC) if guard.tzinfo is None else guard
    return (at - _EPOCH) // _MICROSECOND + 1


def _typed(value: object) -> bytes:
    for kind, (tag, encode) in _FORMS.items():
        if isinstance(value, kind):
            content = encode(value)
            return tag + len(content).to_bytes(4, "big") + content
    raise TypeError(f"a key cannot be a {type(value).__name__}")


def _number(value: int | Decimal) -> bytes:
    if isinstance(value, int) or not value.is_finite():
        return str(value).encode()
    digits = format(value, "f") if value else "0"
    return (digits.rstrip("0").rstrip(".") if "." in digits else digits).encode()


# In this order: a truth value is an int too, a datetime a date.
_FORMS: dict[type | tuple[type, ...], tuple[bytes, Callable[..., bytes]]] = {
    type(None): (b"N", lambda value: b""),
    bool: (b"b", lambda value: b"1" if value else b"0"),
    (int, Decimal): (b"n", _number),
    str: (b"s", lambda value: value.encode("utf-8", "surrogatepass")),
    UUID: (b"u", lambda value: value.bytes),
    (bytes, bytearray, memoryview): (b"y", bytes),
    datetime: (b"t", lambda value: _microseconds(value).to_bytes(8, "big")),
    date: (b"d", lambda value: value.isoformat().encode()),
    time: (b"c", lambda value: value.isoformat().encode()),
    float: (b"f", lambda value: struct.pack(">d", value + 0.0)),
}
