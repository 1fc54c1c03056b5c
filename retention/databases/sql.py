"""Small words of SQL shared by every statement: bound values, rows, truth."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.types import NullType

from retention.planning.schema import Reference, Table

Row = sa.FromClause
Expression = sa.ColumnElement[Any]
Truth = sa.ColumnElement[bool]


def bind(value: object) -> Expression:
    """A bound value without a type of ours, so that the column's own type decides."""
    return sa.bindparam(None, value, type_=NullType(), unique=True)


def written(text: object) -> Expression:
    """SQL written out: a number or a word of ours, never a value of the user's."""
    return sa.literal_column(str(text))


def over(value: Expression, count: Expression) -> Expression:
    """A division as the engine does it: SQLAlchemy's own would turn whole numbers into decimals."""
    return value.op("/", precedence=8)(count)


def row_of(table: Table) -> sa.TableClause:
    """The table as a row source; names come from reflection and are quoted by the dialect."""
    names = [*table.columns]
    if table.row_address and table.row_address not in table.columns:
        names.append(table.row_address)
    return sa.table(
        table.bare_name or table.name,
        *(sa.column(name) for name in names),
        schema=table.schema,
    )


def is_true(condition: Expression) -> Truth:
    """TRUE where the condition is true; FALSE where it is false or unknown."""
    return condition.is_(sa.true())


def is_not_false(condition: Expression) -> Truth:
    """TRUE where the condition is true or unknown."""
    return condition.is_not(sa.false())


def all_of(*conditions: Expression | None) -> Truth:
    """AND over what is there; TRUE over nothing."""
    present = [condition for condition in conditions if condition is not None]
    return sa.and_(sa.true(), *present)


def any_of(*conditions: Expression) -> Truth:
    """OR over the conditions; FALSE over nothing."""
    return sa.or_(sa.false(), *conditions)


def joined(reference: Reference, child: Row, parent: Row) -> Truth:
    """The child row refers to the parent row."""
    pairs = zip(reference.columns, reference.parent_columns, strict=True)
    return sa.and_(*(child.c[own] == parent.c[other] for own, other in pairs))
