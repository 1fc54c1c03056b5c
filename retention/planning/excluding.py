"""Whether two conditions can hold for one row, as far as their plain parts show. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from retention.planning.conditions import ColumnValue, Condition, Literal, Operation

_STRICT = ("eq", "ne", "in", "lt", "le", "gt", "ge", "between", "like", "is_true", "is_false")
Number = int | Decimal
Range = tuple[Number | None, bool, Number | None, bool]
"""Lowest value, whether it belongs, highest value, whether it belongs; None: no end."""


def exclude(first: Condition | None, second: Condition | None) -> bool:
    """TRUE where no row can satisfy both: NULL and not, other constants, ranges that do not meet.

    FALSE where they may, and where nothing is known.
    """
    if first is None or second is None:
        return False
    return any(
        _contradict(one, other) or _contradict(other, one)
        for one in _parts(first)
        for other in _parts(second)
    )


def _parts(condition: Condition) -> Iterator[Operation]:
    if isinstance(condition, Operation) and condition.name == "and":
        for operand in condition.operands:
            yield from _parts(operand)
    elif isinstance(condition, Operation):
        yield condition


def _contradict(one: Operation, other: Operation) -> bool:
    if other == Operation("not", (one,)):
        return True
    if one.operands[0] != other.operands[0] or not isinstance(one.operands[0], ColumnValue):
        return False
    if one.name == "is_null":
        return other.name in _STRICT
    mine, theirs = _constants(one), _constants(other)
    if mine and theirs and not mine & theirs:
        return True
    return _apart(_range(one), _range(other))


def _constants(test: Operation) -> set[str | Number]:
    """The values the column may have; text as no collation tells it apart. Empty: not known."""
    if test.name not in ("eq", "in"):
        return set()
    found: set[str | Number] = set()
    for operand in test.operands[1:]:
        value = operand.value if isinstance(operand, Literal) else None
        if isinstance(value, str) and value.isascii():
            found.add(value.strip().lower())
        elif isinstance(value, Number) and not isinstance(value, bool):
            found.add(value)
        else:
            return set()
    return found if len({isinstance(value, str) for value in found}) == 1 else set()


def _range(test: Operation) -> Range | None:
    numbers: list[Number] = []
    for operand in test.operands[1:]:
        value = operand.value if isinstance(operand, Literal) else None
        if not isinstance(value, Number) or isinstance(value, bool):
            return None
        numbers.append(value)
    if not numbers:
        return None
    low, high = numbers[0], numbers[-1]
    return {
        "eq": (low, True, high, True),
        "between": (low, True, high, True),
        "lt": (None, False, high, False),
        "le": (None, False, high, True),
        "gt": (low, False, None, False),
        "ge": (low, True, None, False),
    }.get(test.name)


def _apart(one: Range | None, other: Range | None) -> bool:
    if one is None or other is None:
        return False
    return _below(one, other) or _below(other, one)


def _below(one: Range, other: Range) -> bool:
    _, _, high, high_belongs = one
    low, low_belongs, _, _ = other
    if high is None or low is None:
        return False
    return high < low or (high == low and not (high_belongs and low_belongs))
