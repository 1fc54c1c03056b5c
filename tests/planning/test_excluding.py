"""Conditions that no row can satisfy together, as far as that can be shown."""

from __future__ import annotations

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retention.planning.conditions import parse_condition
from retention.planning.excluding import exclude
from retention.planning.paths import ColumnPath


def parsed(text: str):  # type: ignore[no-untyped-def]
    """The condition over columns of one table."""
    return parse_condition(text, lambda path: ColumnPath((), "t", path))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("a is null", "a is not null"),
        ("a is null", "a = 1"),
        ("a = 1 and b = 2", "c = 3 and a = 2"),
        ("k = 'order'", "k in ('offer', 'lead')"),
        ("a < 18", "a >= 18"),
        ("a between 1 and 5", "a > 5"),
        ("k like 'x%'", "not (k like 'x%')"),
    ],
)
def test_these_exclude_each_other(first: str, second: str) -> None:
    """In whichever order they are asked."""
    assert exclude(parsed(first), parsed(second))
    assert exclude(parsed(second), parsed(first))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("k = 'a'", "k = 'A '"),
        ("k = 'é'", "k = 'e'"),
        ("a <= 18", "a >= 18"),
        ("a = 1 or b = 1", "a = 2"),
        ("a = 1", "b = 2"),
        ("a = b", "a = 2"),
    ],
)
def test_these_may_hold_together(first: str, second: str) -> None:
    """A collation may call them equal, or nothing is known."""
    assert not exclude(parsed(first), parsed(second))


ATOMS = st.one_of(
    st.sampled_from(
        ["a is null", "a is not null", "b is null", "a in (1, 2)", "b between 0 and 2"]
    ),
    st.builds(
        "{} {} {}".format,
        st.sampled_from("ab"),
        st.sampled_from(["=", "<", "<=", ">", ">="]),
        st.integers(0, 3),
    ),
)
CONDITIONS = st.lists(ATOMS, min_size=1, max_size=3).map(" and ".join)


@given(CONDITIONS, CONDITIONS)
def test_no_row_satisfies_two_conditions_that_exclude_each_other(first: str, second: str) -> None:
    """Every small row is tried by a real engine."""
    if not exclude(parsed(first), parsed(second)):
        return
    with sqlite3.connect(":memory:") as connection:
        values = "null", "-1", "0", "1", "2", "3", "4"
        rows = ", ".join(f"({a}, {b})" for a in values for b in values)
        query = (
            f"with t(a, b) as (values {rows}) select count(*) from t where ({first}) and ({second})"
        )
        assert connection.execute(query).fetchone() == (0,)
