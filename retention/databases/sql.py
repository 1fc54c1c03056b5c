"""Small words of SQL shared by every statement: bound values, rows, truth."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql import operators
from sqlalchemy.types import NullType

from retention.databases.text_keys import Collated, Letters, WholeNumber
from retention.planning.schema import Pairing, Reference, Table

Row = sa.FromClause
Expression = sa.ColumnElement[Any]
Truth = sa.ColumnElement[bool]
_Operator = operators.OperatorType


def bind(value: object) -> Expression:
    """A bound value without a type of ours, so that the column's own type decides."""
    return sa.bindparam(None, value, type_=NullType(), unique=True)


def bind_all(values: Iterable[object]) -> sa.BindParameter[Any]:
    """Values for IN as one parameter, so that a statement is built once whatever their number."""
    return sa.bindparam(None, list(values), type_=NullType(), unique=True, expanding=True)


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
    """TRUE where the condition is true; FALSE where it is false or unknown.

    By the word, which SQLite follows as it does AND and OR: `IS 1` has it work out the whole condition.
    """
    return _told(condition, "TRUE", operators.is_, operators.is_not)


def reads_one_row(decision: Truth, engine: sa.Dialect) -> bool:
    """TRUE where a row itself says all that a decision hangs on."""
    # its text, and not its parts: elements of our own may not show all that is in them
    return "select" not in str(decision.compile(dialect=engine)).lower()


def is_not_false(condition: Expression) -> Truth:
    """TRUE where the condition is true or unknown."""
    return _told(condition, "FALSE", operators.is_not, operators.is_)


def _told(condition: Expression, word: str, operator: _Operator, opposite: _Operator) -> Truth:
    # `is_` of a word that is written out forgets to turn when it is negated
    grouped = condition.self_group(against=operators.is_)
    assert isinstance(grouped, sa.ColumnElement)
    return sa.BinaryExpression(
        grouped, written(word), operator, type_=sa.Boolean(), negate=opposite
    )


def all_of(*conditions: Expression | None) -> Truth:
    """AND over what is there; TRUE over nothing."""
    present = [condition for condition in conditions if condition is not None]
    return sa.and_(sa.true(), *present)


def any_of(*conditions: Expression) -> Truth:
    """OR over the conditions; FALSE over nothing."""
    return sa.or_(sa.false(), *conditions)


def joined(reference: Reference, child: Row, parent: Row) -> Truth:
    """The child row refers to the parent row."""
    return all_of(*_refers(reference, child), *_matches(reference, child, parent))


def joined_to_any(reference: Reference, child: Row, parents: Row, *, in_one: bool = False) -> Truth:
    """The child row refers to one of `parents`, a set of their keys.

    `in_one`: several columns are looked up as one value, by their index: SQLite and MariaDB read all
    of the table else. PostgreSQL, where it has no statistics, would be misled.
    """
    own = _refers(reference, child)
    collated = any(any(pairing.collations) for pairing in reference.pairing)
    if len(reference.columns) == 1 and not collated:
        (name,), (pairing,) = reference.columns, reference.pairing or (Pairing(),)
        left, right = _sides(child.c[name], parents.c[reference.parent_columns[0]], pairing)
        return all_of(*own, left.in_(sa.select(right)))
    if in_one and not any(it.text or any(it.collations) for it in reference.pairing):
        keys = sa.select(*(parents.c[name] for name in reference.parent_columns))
        return all_of(*own, sa.tuple_(*(child.c[name] for name in reference.columns)).in_(keys))
    found: sa.Select[Any] = sa.select(sa.literal_column("1")).select_from(parents)
    return all_of(
        *own,
        sa.exists(found.where(*_matches(reference, child, parents)).correlate_except(parents)),
    )


def refers(reference: Reference, child: Row) -> Truth:
    """The child row names a row along the reference, whether that is there or not."""
    return all_of(*_refers(reference, child))


def joined_from_any(reference: Reference, parent: Row, children: Row) -> Truth:
    """One of `children`, a set of what they refer to, refers to the parent row."""
    plain = not any(pairing.text or any(pairing.collations) for pairing in reference.pairing)
    if len(reference.columns) == 1 and plain:
        named = sa.select(children.c[reference.columns[0]]).where(refers(reference, children))
        return parent.c[reference.parent_columns[0]].in_(named)
    found: sa.Select[Any] = sa.select(sa.literal_column("1")).select_from(children)
    return sa.exists(found.where(joined(reference, children, parent)).correlate_except(children))


def in_written_order(query: sa.Select[Any]) -> sa.Select[Any]:
    """MariaDB joins as written: from the few rows of a round, not through all rows of a table."""
    for dialect in ("mysql", "mariadb"):
        query = query.prefix_with("STRAIGHT_JOIN", dialect=dialect)
    return query


def detached(reference: Reference) -> Expression:
    """What detaching writes into the referring column."""
    return sa.null() if reference.detach_to is None else bind(reference.detach_to)


def place_of_detached(reference: Reference, parent: Row) -> Truth:
    """TRUE for the row to which detached rows refer from then on: it cannot go itself."""
    pairing = next(iter(reference.pairing), Pairing())
    if reference.detach_to in pairing.nothing:
        return sa.false()
    value = parent.c[reference.parent_columns[0]]
    if pairing.text == "child":
        return sa.cast(value, sa.Text()) == bind(reference.detach_to)
    return value == bind(reference.detach_to)


def _refers(reference: Reference, child: Row) -> Iterator[Truth]:
    """What the child row itself must be to refer to anything."""
    if reference.by is not None:
        value, named = child.c[reference.by.column], reference.by.values
        if reference.by.plain:
            yield value.in_(list(map(bind, named)))
        if isinstance(named[0], str):
            yield Letters(value).in_(list(map(bind, named)))
    for name, pairing in zip(reference.columns, reference.pairing, strict=False):
        yield from (child.c[name] != bind(nothing) for nothing in pairing.nothing)


def _matches(reference: Reference, child: Row, parent: Row) -> Iterator[Truth]:
    pairs = zip(reference.columns, reference.parent_columns, strict=True)
    pairings = reference.pairing or (Pairing(),) * len(reference.columns)
    for (own, other), pairing in zip(pairs, pairings, strict=True):
        yield from _equal(child.c[own], parent.c[other], pairing)


def _equal(child: Expression, parent: Expression, pairing: Pairing) -> Iterator[Truth]:
    """Several conditions where one alone is not right, or would leave an index unused."""
    own, other = pairing.collations
    if other:
        if own:
            yield child == Collated(parent, own)
        yield Collated(child, other) == parent
        return
    left, right = _sides(child, parent, pairing)
    yield left == right
    if pairing.text == "child" and pairing.whole:
        yield parent == WholeNumber(child)
    if pairing.text == "parent" and pairing.whole:
        yield child == WholeNumber(parent)


def _sides(
    child: Expression, parent: Expression, pairing: Pairing
) -> tuple[Expression, Expression]:
    if pairing.text == "child":
        return child, sa.cast(parent, sa.Text())
    if pairing.text == "parent":
        return sa.cast(child, sa.Text()), parent
    return child, parent
