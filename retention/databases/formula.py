"""SQL written out with places for its values: one element instead of a tree of dozens.

A tree is right where engines differ or an index must be seen. What one engine alone reads, and a
night asks hundreds of times, is far quicker to build, to compare and to compile as text.
"""

from __future__ import annotations

from itertools import chain
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import operators
from sqlalchemy.sql.visitors import InternalTraversal


class Formula(sa.ColumnElement[Any]):
    """`text` as `str.format` reads it, `{0}` being the first of `values`; write its parentheses."""

    inherit_cache = True
    _traverse_internals = [  # noqa: RUF012
        ("text", InternalTraversal.dp_string),
        ("values", InternalTraversal.dp_clauseelement_list),
    ]

    def __init__(self, text: str, *values: sa.ColumnElement[Any]) -> None:
        self.text = text
        self.values = [value.self_group(against=operators.getitem) for value in values]

    @property
    def _from_objects(self) -> list[sa.FromClause]:
        return list(chain.from_iterable(value._from_objects for value in self.values))


@compiles(Formula)
def _formula(element: Formula, compiler: Any, **options: Any) -> str:
    values = [compiler.process(value, **options) for value in element.values]
    return element.text.format(*values)
