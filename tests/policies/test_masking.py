"""Masks as a person writes them: what is read, and what each mistake is told."""

from __future__ import annotations

import pytest

from retention.policies.masking import Bands, Json, Prefix, parse_mask


def test_keep_first_and_prefix_are_one_mask() -> None:
    """Both keep the first characters; which word is written does not matter."""
    assert parse_mask({"keep_first": 2}) == parse_mask({"prefix": 2}) == Prefix(2)


def test_bands_are_read_from_the_lowest_to_the_highest() -> None:
    """The numbers named on both sides belong to the band."""
    mask = parse_mask({"one_of": "<18 | 18-29 | 30+"})
    assert isinstance(mask, Bands)
    assert mask.names == ("<18", "18-29", "30+")
    assert [(band.low, band.beyond) for band in mask.bands] == [(None, 18), (18, 30), (30, None)]


@pytest.mark.parametrize(
    ("bands", "told"),
    [
        ("<18|19-29", 'no band between "<18" and "19-29"'),
        ("<18|17-29", '"<18" and "17-29" overlap'),
        ("30+|18-29", "are not in order"),
        ("18-29|<18", "are not in order"),
        ("29-18", "ends before it starts"),
        ("young|old", '"young" is no band'),
        ("", "one_of takes bands"),
    ],
)
def test_bands_with_gaps_or_overlaps_are_refused(bands: str, told: str) -> None:
    """The message names the two bands."""
    with pytest.raises(ValueError, match="one_of") as fault:
        parse_mask({"one_of": bands})
    assert told in str(fault.value)


def test_places_in_a_document_are_read() -> None:
    """Keys, quoted keys and positions; several places may share a mask."""
    mask = parse_mask({"json": {"$.a.b, $.c[0].d": "null", '$."odd key"': {"keep_last": 2}}})
    assert isinstance(mask, Json)
    assert [path.steps for path, _ in mask.paths] == [("a", "b"), ("c", 0, "d"), ("odd key",)]
    assert str(mask.paths[1][0]) == '$."c"[0]."d"'


@pytest.mark.parametrize(
    ("places", "told"),
    [
        ({"customer.email": "null"}, "is no place in a document"),
        ({"$": "null"}, "is no place in a document"),
        ({"$.items[*].email": "null"}, "* is not read"),
        ({"$.a": "null", "$.a.b": "null"}, "lie in one another"),
        ({"$.a": "nil"}, '"$.a": "nil" is not a mask'),
        ({"$.a": {"json": {"$.b": "null"}}}, "is not for values inside a document"),
        ({}, "json takes places"),
    ],
)
def test_places_that_are_none_are_refused(places: dict[str, object], told: str) -> None:
    """The message names the place."""
    with pytest.raises(ValueError, match=r".") as fault:
        parse_mask({"json": places})
    assert told in str(fault.value)


@pytest.mark.parametrize(
    "form",
    [
        {"value": float("nan")},
        {"value": 2**63},
        {"value": {"a": float("inf")}},
        {"text": "a\x00"},
        {"keep_last": 0},
        {"keep_first": True},
        {"truncate": "week"},
        {"network": [33, 48]},
        "nothing",
    ],
)
def test_what_no_column_can_hold_is_refused(form: object) -> None:
    """Numbers that are none, NUL characters, words that are no mask."""
    with pytest.raises(ValueError, match=r"."):
        parse_mask(form)
