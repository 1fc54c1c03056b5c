"""Tokens: a row is found again by key and guard together, and never without the key."""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retention.ledger.keys import KeyLost
from retention.ledger.tokens import (
    WIDTH,
    canonical_key,
    is_sealed,
    match,
    open_tokens,
    tokens_for,
)

MASTER = bytes(range(32))
PLACE = (MASTER, "2026-11", "shop", "orders")
NIGHT = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)

guards = st.none() | st.datetimes(timezones=st.just(UTC))
numbers = st.integers(-(2**63), 2**63 - 1)
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.uuids()
    | st.binary()
    | st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30)
    | st.dates()
    | st.datetimes(timezones=st.just(UTC))
)


@settings(deadline=None)
@given(st.lists(st.tuples(numbers, guards), max_size=30))
def test_sealed_tokens_open_to_what_went_in(rows: list[tuple[int, datetime | None]]) -> None:
    """Key and guard of every 64-bit row come back in order, at the ends of both ranges too."""
    tokens = tokens_for([(key,) for key, _ in rows], [guard for _, guard in rows], *PLACE)
    assert tokens.width == WIDTH
    assert len(tokens.blob) == WIDTH * (len(rows) + 1)
    assert tokens.digest == hashlib.sha256(tokens.blob).hexdigest()
    assert is_sealed(tokens.blob, *PLACE)
    assert list(open_tokens(tokens.blob, *PLACE)) == rows


@pytest.mark.parametrize(
    "guard",
    [
        datetime.min.replace(tzinfo=UTC),
        datetime.max.replace(tzinfo=UTC),
        datetime(1969, 12, 31, 23, 59, 59, 999999, UTC),
        datetime(1970, 1, 1, tzinfo=UTC),
        None,
    ],
)
def test_no_guard_is_mistaken_for_another(guard: datetime | None) -> None:
    """The first instant, the last one, the epoch and no guard are all told apart."""
    tokens = tokens_for([(1,)], [guard], *PLACE)
    assert list(open_tokens(tokens.blob, *PLACE)) == [(1, guard)]


def test_a_guard_without_a_zone_is_utc() -> None:
    """Naive and aware, and one instant in two zones, make one token."""
    oslo = NIGHT.astimezone(timezone(timedelta(hours=1)))
    blobs = {
        tokens_for([(1,)], [guard], *PLACE).blob
        for guard in (NIGHT, NIGHT.replace(tzinfo=None), oslo)
    }
    assert len(blobs) == 1


@settings(deadline=None)
@given(st.lists(st.tuples(st.tuples(scalars, scalars), guards), max_size=8, unique_by=repr))
def test_hashed_tokens_match_their_rows_only(
    rows: list[tuple[tuple[object, ...], datetime | None]],
) -> None:
    """Each row is recognised by key and guard; with another guard it is another row."""
    keys, own = [key for key, _ in rows], [guard for _, guard in rows]
    if not rows:
        return
    tokens = tokens_for(keys, own, *PLACE)
    assert not is_sealed(tokens.blob, *PLACE)
    assert match(tokens.blob, keys, own, *PLACE) == [True] * len(rows)
    late = NIGHT + timedelta(days=1)
    strange = [("nobody", number) for number in range(len(rows))]
    assert match(tokens.blob, strange, own, *PLACE) == [False] * len(rows)
    if late not in own:
        assert match(tokens.blob, keys, [late] * len(rows), *PLACE) == [False] * len(rows)


@pytest.mark.parametrize(
    "key",
    [("kari@example.org",), (UUID(int=7),), (Decimal("1.5"),), (b"x",), (1, 2), (2**63,), (True,)],
)
def test_every_other_key_is_hashed(key: tuple[object, ...]) -> None:
    """Anything but a single 64-bit number takes the hashed form, and so does its whole batch."""
    assert not is_sealed(tokens_for([key], [NIGHT], *PLACE).blob, *PLACE)
    assert not is_sealed(tokens_for([(1,), key], [NIGHT, None], *PLACE).blob, *PLACE)


def test_each_form_refuses_the_other_way_of_reading() -> None:
    """Sealed tokens are not matched, hashed ones not opened."""
    sealed, hashed = (tokens_for([(key,)], [NIGHT], *PLACE).blob for key in (1, "a"))
    with pytest.raises(ValueError, match="only matched"):
        open_tokens(hashed, *PLACE)
    with pytest.raises(ValueError, match="not matched"):
        match(sealed, [(1,)], [NIGHT], *PLACE)


@pytest.mark.parametrize("key", [1, "kari@example.org"])
@pytest.mark.parametrize(
    "other",
    [
        (bytes(32), "2026-11", "shop", "orders"),
        (MASTER, "2026-12", "shop", "orders"),
        (MASTER, "2026-11", "other", "orders"),
        (MASTER, "2026-11", "shop", "customers"),
    ],
)
def test_another_key_is_noticed(key: object, other: tuple[bytes, str, str, str]) -> None:
    """A key made anew, or for another month, database or table, never just matches nothing."""
    blob = tokens_for([(key,)], [NIGHT], *PLACE).blob
    for read in (is_sealed, open_tokens):
        with pytest.raises(KeyLost):
            read(blob, *other)
    with pytest.raises(KeyLost):
        match(blob, [(key,)], [NIGHT], *other)


def test_no_key_value_is_in_the_bytes() -> None:
    """Neither the text of a key nor the bytes of a number can be read from the tokens."""
    hashed = tokens_for([("kari@example.org",)], [NIGHT], *PLACE).blob
    sealed = tokens_for([(0x0102030405060708,)], [None], *PLACE).blob
    assert b"kari" not in hashed
    assert bytes(range(1, 9)) not in sealed
    assert bytes(range(8, 0, -1)) not in sealed


def test_every_key_needs_its_guard() -> None:
    """A list of guards of another length is a mistake of the caller."""
    for key in (1, "a"):
        with pytest.raises(ValueError, match="guard"):
            tokens_for([(key,)], [], *PLACE)


def test_the_token_format_is_pinned() -> None:
    """The bytes never change: tokens of last year must open and match today."""
    sealed = tokens_for([(42,), (-1,)], [NIGHT, None], *PLACE)
    hashed = tokens_for([("a", 1), (UUID(int=1), None)], [NIGHT, None], *PLACE)
    assert sealed.digest[:16] == "f07538e0d8b9a77f"
    assert hashed.digest[:16] == "8f70c16b748d613b"


@settings(deadline=None)
@given(st.tuples(scalars, scalars), st.tuples(scalars, scalars))
def test_different_keys_have_different_bytes(
    left: tuple[object, ...], right: tuple[object, ...]
) -> None:
    """Two keys share their canonical bytes only if they are the same values of the same types."""
    alike = [_kind(value) for value in left] == [_kind(value) for value in right]
    assert (canonical_key(left) == canonical_key(right)) == (alike and left == right)


def _kind(value: object) -> object:
    return "number" if type(value) in (int, Decimal) else type(value)


@pytest.mark.parametrize(
    "same",
    [
        (Decimal("1.0"), Decimal("1.00"), Decimal("1"), Decimal("10E-1"), 1),
        (Decimal("0"), Decimal("-0.00"), Decimal("0E+3"), 0),
        (Decimal("100"), Decimal("1E+2"), 100),
        (Decimal("-2.50"), Decimal("-2.5")),
        (
            Decimal("1234567890123456789012345678901234567890.10"),
            Decimal("1234567890123456789012345678901234567890.1"),
        ),
        (b"ab", bytearray(b"ab"), memoryview(b"ab")),
        (0.0, -0.0),
        (datetime(2026, 1, 1), datetime(2026, 1, 1, tzinfo=UTC)),
    ],
)
def test_equal_values_have_equal_bytes(same: tuple[object, ...]) -> None:
    """How a driver writes a value does not change its token."""
    assert len({canonical_key((value,)) for value in same}) == 1


@pytest.mark.parametrize(
    "values",
    [
        (UUID(int=1), str(UUID(int=1)), UUID(int=1).bytes),
        (1, True, "1", 1.0, b"1"),
        (None, "", b""),
        (date(2026, 1, 1), datetime(2026, 1, 1), "2026-01-01", time(0)),
        ("A", "a", "a ", "å", "a\u030a"),
        (
            Decimal("1234567890123456789012345678901234567890"),
            Decimal("1234567890123456789012345678901234567891"),
        ),
    ],
)
def test_values_of_different_types_never_meet(values: tuple[object, ...]) -> None:
    """A UUID is not its text, a truth value not a number, and letters are taken exactly."""
    assert len({canonical_key((value,)) for value in values}) == len(values)


def test_columns_do_not_run_together() -> None:
    """The border between two columns is part of the key."""
    assert canonical_key(("ab", "c")) != canonical_key(("a", "bc"))


def test_a_value_without_a_canonical_form_is_refused() -> None:
    """An array or a range cannot be a key."""
    with pytest.raises(TypeError, match="list"):
        canonical_key(([1],))
