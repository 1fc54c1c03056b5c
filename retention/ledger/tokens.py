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
from datetime import date, datetime, time
from decimal import Decimal
from uuid import UUID

from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB

from retention.ledger.keys import KeyLost, derive
from retention.planning.row_guards import guard_time, sealed_guard

WIDTH = 16
"""Bytes a token."""


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
    numbers = _numbers(keys)
    found = list(keys) if numbers is None else numbers
    return tokens_of(found, _sealed_guards(guards), master, month, database_id, table)


def tokens_of(
    keys: array[int] | Sequence[tuple[object, ...]],
    guards: array[int],
    master: bytes,
    month: str,
    database_id: str,
    table: str,
) -> Tokens:
    """As `tokens_for`, of guards as numbers, and of numbers where every key is a single one."""
    key = derive(master, month, database_id, table)
    if isinstance(keys, array):
        blob = _proof(key, b"sealed") + _sealed(keys, guards, key)
    else:
        blob = _proof(key, b"hashed") + b"".join(_hashes(keys, guards, key))
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


def hashed_tokens(
    keys: Sequence[tuple[object, ...]],
    guards: Sequence[datetime | None],
    master: bytes,
    month: str,
    database_id: str,
    table: str,
) -> list[bytes]:
    """The hashed token that each row would have, whatever form its batch had."""
    return _hashes(keys, _sealed_guards(guards), derive(master, month, database_id, table))


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
    return [token in known for token in _hashes(keys, _sealed_guards(guards), key)]


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


def _sealed(numbers: array[int], guards: array[int], key: bytes) -> bytes:
    _check_lengths(numbers, guards)
    blocks = array("Q", bytes(WIDTH * len(numbers)))
    blocks[0::2] = array("Q", numbers.tobytes())
    blocks[1::2] = guards
    if sys.byteorder == "little":
        blocks.byteswap()
    # ECB is right here: every block is a whole, unique secret, and equal rows must stay equal.
    return _once(Cipher(AES(key), ECB()).encryptor(), blocks.tobytes())


def _once(context: CipherContext, content: bytes) -> bytes:
    return context.update(content) + context.finalize()


def _hashes(keys: Sequence[tuple[object, ...]], guards: array[int], key: bytes) -> list[bytes]:
    _check_lengths(keys, guards)
    own = hashlib.blake2b(key=key, digest_size=32, person=b"retention hashed").digest()
    keyed = hashlib.blake2b(key=own, digest_size=WIDTH)
    pack, found = struct.Struct(">Q").pack, []
    for row, guard in zip(keys, guards, strict=True):
        # a keyed state copied costs half of one made anew
        token = keyed.copy()
        # The guard's width is fixed and it comes first, so no key can imitate it.
        token.update(pack(guard) + canonical_key(row))
        found.append(token.digest())
    return found


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


def _sealed_guards(guards: Sequence[datetime | None]) -> array[int]:
    return array("Q", map(sealed_guard, guards))


def _typed(value: object) -> bytes:
    if type(value) is str:
        # nearly every key that is hashed
        content = value.encode("utf-8", "surrogatepass")
        return b"s" + len(content).to_bytes(4, "big") + content
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
    datetime: (b"t", lambda value: sealed_guard(value).to_bytes(8, "big")),
    date: (b"d", lambda value: value.isoformat().encode()),
    time: (b"c", lambda value: value.isoformat().encode()),
    float: (b"f", lambda value: struct.pack(">d", value + 0.0)),
}
