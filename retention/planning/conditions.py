"""`where` and `unless`: one boolean SQL expression, parsed once, meant the same on every engine.

sqlglot reads the text; what comes out is a small tree that the databases room turns into SQL with
reflected identifiers and bound values. Sub-queries and unknown functions are faults.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from retention.planning.paths import ColumnPath

Value = str | int | Decimal | bool | None


class ConditionFault(ValueError):
    """A condition that cannot be read, or that asks for more than conditions may."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant; bound, never written into the statement."""

    value: Value


@dataclass(frozen=True, slots=True)
class ColumnValue:
    """A column of this row, of a row it refers to, or of its child rows."""

    path: ColumnPath


@dataclass(frozen=True, slots=True)
class Operation:
    """An operator or function over `operands`, by a name of ours: "and", "is_null", "lower"."""

    name: str
    operands: tuple[Condition, ...]


Condition = Literal | ColumnValue | Operation

_PATH = re.compile(r"[^\W\d]\w*(?:\.\w+)*\([\w.]+\)(?:\.\w+(?:\([\w.]+\))?)*\.\w+")
_BINARY = {
    "And": "and",
    "Or": "or",
    "EQ": "eq",
    "NEQ": "ne",
    "LT": "lt",
    "LTE": "le",
    "GT": "gt",
    "GTE": "ge",
    "Like": "like",
    "Add": "add",
    "Sub": "subtract",
    "Mul": "multiply",
    "Div": "divide",
}
_UNARY = {
    "Not": "not",
    "Neg": "negative",
    "Lower": "lower",
    "Upper": "upper",
    "Length": "length",
    "Trim": "trim",
    "Abs": "abs",
}


def parse_condition(text: str, resolve: Callable[[str], ColumnPath]) -> Condition:
    """The condition written in `text`; `resolve` finds a column by its path.

    Raises ConditionFault, or what `resolve` raises for an unknown column.
    """
    import sqlglot
    from sqlglot.errors import SqlglotError

    try:
        parsed = [found for found in sqlglot.parse(_as_names(text)) if found is not None]
    except SqlglotError as fault:
        raise ConditionFault(f'"{text}" is not one SQL condition') from fault
    if len(parsed) != 1:
        raise ConditionFault(f'"{text}" is not one SQL condition')
    condition = _translate(parsed[0], resolve)
    if isinstance(condition, Literal) and not isinstance(condition.value, bool):
        raise ConditionFault(f'"{text}" is a value, not a condition')
    return condition


def _as_names(text: str) -> str:
    """Paths such as `customers(buyer_id).name` as quoted names, which the SQL parser takes."""
    outside = re.split(r"('(?:[^']|'')*'|\"(?:[^\"]|\"\")*\")", text)
    outside[::2] = (_PATH.sub(r'"\g<0>"', part) for part in outside[::2])
    return "".join(outside)


def columns_of(condition: Condition) -> Iterator[ColumnPath]:
    """Every column the condition reads."""
    match condition:
        case ColumnValue(path):
            yield path
        case Operation(_, operands):
            for operand in operands:
                yield from columns_of(operand)


def _translate(node: Any, resolve: Callable[[str], ColumnPath]) -> Condition:
    kind = type(node).__name__
    if kind == "Paren":
        return _translate(node.this, resolve)
    if kind in _BINARY:
        return Operation(
            _BINARY[kind], (_translate(node.this, resolve), _translate(node.expression, resolve))
        )
    if kind in _UNARY:
        return Operation(_UNARY[kind], (_translate(node.this, resolve),))
    special = _SPECIAL.get(kind)
    if special is None:
        raise ConditionFault(
            f'"{node.sql()}" cannot stand in a condition: write columns, constants, '
            "and, or, not, =, <, in, between, like, is null, and simple functions"
        )
    return special(node, resolve)


def _column(node: Any, resolve: Callable[[str], ColumnPath]) -> Condition:
    return ColumnValue(resolve(".".join(part.name for part in node.parts)))


def _literal(node: Any, _: Callable[[str], ColumnPath]) -> Condition:
    if node.is_string:
        return Literal(str(node.this))
    text = str(node.this)
    return Literal(int(text) if text.isdigit() else Decimal(text))


def _is(node: Any, resolve: Callable[[str], ColumnPath]) -> Condition:
    right = type(node.expression).__name__
    operand = _translate(node.this, resolve)
    if right == "Null":
        return Operation("is_null", (operand,))
    if right == "Boolean":
        return Operation("is_true" if node.expression.this else "is_false", (operand,))
    raise ConditionFault(f'"{node.sql()}": after IS comes NULL, TRUE or FALSE')


def _in(node: Any, resolve: Callable[[str], ColumnPath]) -> Condition:
    if node.args.get("query") is not None or not node.expressions:
        raise ConditionFault(f'"{node.sql()}": conditions hold no sub-queries')
    return Operation(
        "in", tuple(_translate(item, resolve) for item in (node.this, *node.expressions))
    )


def _between(node: Any, resolve: Callable[[str], ColumnPath]) -> Condition:
    parts = (node.this, node.args["low"], node.args["high"])
    return Operation("between", tuple(_translate(part, resolve) for part in parts))


def _coalesce(node: Any, resolve: Callable[[str], ColumnPath]) -> Condition:
    return Operation(
        "coalesce", tuple(_translate(item, resolve) for item in (node.this, *node.expressions))
    )


def _concat(node: Any, resolve: Callable[[str], ColumnPath]) -> Condition:
    return Operation(
        "concat", (_translate(node.this, resolve), _translate(node.expression, resolve))
    )


_SPECIAL: dict[str, Callable[[Any, Callable[[str], ColumnPath]], Condition]] = {
    "Column": _column,
    "Literal": _literal,
    "Boolean": lambda node, _: Literal(bool(node.this)),
    "Null": lambda node, _: Literal(None),
    "Is": _is,
    "In": _in,
    "Between": _between,
    "Coalesce": _coalesce,
    "DPipe": _concat,
}
