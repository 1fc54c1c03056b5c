"""`where` and `unless` as SQL: reflected columns, bound values."""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa

from retention.databases.dialects.dialect import Dialect
from retention.databases.sql import (
    Expression,
    Row,
    Truth,
    bind,
    is_not_false,
    is_true,
    joined,
    row_of,
)
from retention.databases.statements.rows import Alive, Reach
from retention.planning.conditions import ColumnValue, Condition, Literal, Operation, columns_of
from retention.planning.paths import ColumnPath, Hop
from retention.planning.schema import Schema

_INFIX: dict[str, Callable[[Expression, Expression], Expression]] = {
    "and": lambda a, b: sa.and_(a, b),
    "or": lambda a, b: sa.or_(a, b),
    "eq": lambda a, b: a == b,
    "ne": lambda a, b: a != b,
    "lt": lambda a, b: a < b,
    "le": lambda a, b: a <= b,
    "gt": lambda a, b: a > b,
    "ge": lambda a, b: a >= b,
    "like": lambda a, b: a.like(b),
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "divide": lambda a, b: a / b,
}
_PREFIX: dict[str, Callable[[Expression], Expression]] = {
    "not": lambda a: sa.not_(a),
    "negative": lambda a: -a,
    "is_null": lambda a: a.is_(None),
    "is_true": is_true,
    "is_false": lambda a: a.is_(sa.false()),
    "lower": lambda a: sa.func.lower(a),
    "upper": lambda a: sa.func.upper(a),
    "trim": lambda a: sa.func.trim(a),
    "abs": lambda a: sa.func.abs(a),
}


Left = Callable[[str, str, Row], Expression]
"""A column of a row of a table, by their names, as earlier steps of the night leave it."""


class ConditionSql:
    """Conditions over a row of one table; `left`: None where columns are read as they are."""

    def __init__(
        self, dialect: Dialect, schema: Schema, alive: Alive, left: Left | None = None
    ) -> None:
        self.dialect = dialect
        self.schema = schema
        self.alive = alive
        self.left = left
        self.reach = Reach(schema, alive)

    def selects(self, row: Row, condition: Condition | None) -> Truth | None:
        """`where`: an unknown result selects nothing."""
        return None if condition is None else is_true(self._value(row, condition, 0))

    def stops(self, row: Row, condition: Condition) -> Truth:
        """`unless`: an unknown result holds, too; over child rows, one of them suffices."""
        return self._tested(row, condition, is_not_false)

    def holds(self, row: Row, condition: Condition) -> Truth:
        """`delete_when`: an unknown result is not due; over child rows, one of them suffices."""
        return self._tested(row, condition, is_true)

    def column(self, row: Row, path: ColumnPath) -> Expression:
        """The value of a column of the row, or of a row it refers to."""
        return self._column(row, path, 0)

    def _tested(self, row: Row, condition: Condition, test: Callable[[Expression], Truth]) -> Truth:
        down = next((path.hops[0] for path in columns_of(condition) if path.reads_children), None)
        if down is None:
            return test(self._value(row, condition, 0))
        return self.reach.exists(
            row, (down,), lambda child: test(self._below(row, child, down, condition))
        )

    def _below(self, row: Row, child: Row, down: Hop, condition: Condition) -> Expression:
        def column(path: ColumnPath) -> Expression:
            if path.hops and path.hops[0] == down:
                return self._column(child, path, 1)
            return self._column(row, path, 0)

        return self._tree(condition, column)

    def _value(self, row: Row, condition: Condition, skip: int) -> Expression:
        return self._tree(condition, lambda path: self._column(row, path, skip))

    def _tree(self, node: Condition, column: Callable[[ColumnPath], Expression]) -> Expression:
        if isinstance(node, ColumnValue):
            return column(node.path)
        if isinstance(node, Literal):
            return self._literal(node)
        operands = [self._tree(operand, column) for operand in node.operands]
        return self._operation(node, operands)

    def _literal(self, node: Literal) -> Expression:
        if node.value is None:
            return sa.null()
        if isinstance(node.value, bool):
            return sa.true() if node.value else sa.false()
        return bind(node.value)

    def _operation(self, node: Operation, operands: list[Expression]) -> Expression:
        if node.name in _INFIX:
            return _INFIX[node.name](operands[0], operands[1])
        if node.name in _PREFIX:
            return _PREFIX[node.name](operands[0])
        first, *others = operands
        match node.name:
            case "in":
                return sa.or_(*(first == other for other in others))
            case "between":
                return sa.and_(first >= others[0], first <= others[1])
            case "coalesce":
                return sa.func.coalesce(*operands)
            case "length":
                return self.dialect.length(first)
            case _:
                return self.dialect.concatenated(operands)

    def _column(self, row: Row, path: ColumnPath, skip: int) -> Expression:
        """The row's own column, or a scalar sub-query up along references."""
        hops = path.hops[skip:]
        if not hops:
            return self._read(row, path)
        targets = [row_of(self.schema.tables[hop.target]).alias() for hop in hops]
        join = []
        here: Row = row
        for hop, target in zip(hops, targets, strict=True):
            join.append(joined(hop.reference, here, target))
            alive = self.alive(hop.target, target)
            join += [] if alive is None else [alive]
            here = target
        query = sa.select(self._read(here, path)).where(*join).limit(1)
        return query.correlate_except(*targets).scalar_subquery()

    def _read(self, row: Row, path: ColumnPath) -> Expression:
        return row.c[path.column] if self.left is None else self.left(path.table, path.column, row)
