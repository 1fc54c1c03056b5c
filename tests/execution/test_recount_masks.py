"""What the recount takes for masked: exactly what a mask leaves, as every engine writes it."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from retention.execution.recounting.masks import can_be_read, is_masked
from retention.planning.schema import Column, ColumnKind
from retention.policies.masking import parse_mask

NOON = datetime(2020, 1, 1, 12, tzinfo=timezone(timedelta(hours=1)))
UUID = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"
DONE: list[tuple[Any, str]] = [
    ({"text": "[erased]"}, "[erased]"),
    ({"text": "x"}, "x    "),
    ("empty", ""),
    ({"value": 0}, "0.00"),
    ({"value": True}, "1"),
    ({"value": False}, "false"),
    ({"value": "1900-01-01"}, "1900-01-01 00:00:00"),
    ({"value": NOON}, "2020-01-01 11:00:00+00"),
    ({"value": NOON}, "2020-01-01 11:00:00"),
    ({"value": NOON.replace(tzinfo=None)}, "2020-01-01 12:00:00.000000"),
    ({"text": UUID.upper()}, UUID),
    ({"template": "gone-{id}@invalid"}, "gone-7@invalid"),
    ({"truncate": "day"}, "2024-05-06 00:00:00+00"),
    ({"truncate": "month"}, "2024-05-01"),
    ({"truncate": "year"}, "2024-01-01 00:00:00.000000"),
    ({"truncate": "decade"}, "2020-01-01"),
    ({"truncate": "year"}, "infinity"),
    ({"network": [24, 48]}, "10.1.2.0"),
    ({"network": [24, 48]}, "10.1.2.0/32"),
    ({"network": [24, 48]}, "2001:db8:1::"),
    ({"network": [24, 48]}, ""),
    ({"prefix": 2}, "05"),
    ({"round": 100}, "-1200.00"),
]
OPEN: list[tuple[Any, str]] = [
    ("null", ""),
    ({"text": "[erased]"}, "[Erased]"),
    ("empty", " x"),
    ({"value": 0}, "1"),
    ({"value": 0}, "none"),
    ({"value": True}, "0"),
    ({"value": "1900-01-01"}, "1900-01-01 00:00:01"),
    ({"value": NOON}, "2020-01-01 12:00:00+00"),
    ({"value": NOON.replace(tzinfo=None)}, "2020-01-01 11:00:00"),
    ({"text": UUID}, UUID.replace("a", "b")),
    ({"template": "gone-{id}@invalid"}, "gone-8@invalid"),
    ({"truncate": "day"}, "2024-05-06 00:00:01"),
    ({"truncate": "month"}, "2024-05-02"),
    ({"truncate": "year"}, "2024-02-01"),
    ({"truncate": "decade"}, "2021-01-01"),
    ({"truncate": "day"}, "yesterday"),
    ({"network": [24, 48]}, "10.1.2.3"),
    ({"network": [24, 48]}, "2001:db8:1::1"),
    ({"network": [24, 48]}, "the office"),
    ({"prefix": 2}, "0553"),
    ({"round": 100}, "1250"),
]


@pytest.mark.parametrize(("form", "text"), DONE)
def test_what_a_mask_leaves_is_masked(form: Any, text: str) -> None:
    """Spellings differ by engine and type: padded, with a time of day, as a number."""
    assert is_masked(parse_mask(form), text, {"id": "7"})


@pytest.mark.parametrize(("form", "text"), OPEN)
def test_anything_else_is_not(form: Any, text: str) -> None:
    """One more character, a later day, another row's key."""
    assert not is_masked(parse_mask(form), text, {"id": "7"})


@pytest.mark.parametrize("form", [form for form, _ in (*DONE, *OPEN)])
def test_null_has_nothing_left_to_mask(form: Any) -> None:
    """A mask makes no value where there was none."""
    assert is_masked(parse_mask(form), None, {"id": "7"})


def test_a_json_column_is_compared_with_null_only() -> None:
    """The same JSON has many spellings, so anything else is told as not compared."""
    column = Column("details", ColumnKind.JSON, "json")
    assert can_be_read(parse_mask("null"), column)
    assert not can_be_read(parse_mask({"value": "{}"}), column)
