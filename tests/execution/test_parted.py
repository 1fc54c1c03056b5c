"""Of a table parted by its clock, only the partitions that may have due rows are gone over."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from project import HEAD, Project
from test_large_tables import every_table_is_large
from test_walks import EDGE, RULE, SUITE, WHOLE, Logs, place

from retention.execution.preview import preview
from retention.policies.parse import parse_policy

PARTED = {
    "postgresql": {
        "range": "PARTITION BY RANGE (at)",
        "range of two": "PARTITION BY RANGE (at, id)",
    },
    "mariadb": {
        "columns": "PARTITION BY RANGE COLUMNS (at)",
        "days": "PARTITION BY RANGE (TO_DAYS(at))",
    },
}
CASES = [(engine, form) for engine, forms in PARTED.items() for form in forms]
OTHER = [
    ("postgresql", "PARTITION BY HASH (id)"),
    ("mariadb", "PARTITION BY HASH (id) PARTITIONS 2"),
    (
        "mariadb",
        "PARTITION BY RANGE (MOD(TO_DAYS(at), 2))"
        " (PARTITION even VALUES LESS THAN (1), PARTITION odd VALUES LESS THAN (2))",
    ),
]
LINES = [EDGE - timedelta(days=300), EDGE + timedelta(days=10), EDGE + timedelta(days=200)]


class Parted(Logs):
    """Logs in four partitions; the second has rows on both sides of the line."""

    def __init__(self, project: Project, form: str) -> None:
        self.project, self.key, self.dialect = project, "whole", project.dialect
        self.policy = parse_policy(HEAD.format(zone="UTC", url=project.url) + RULE)
        kind = "TIMESTAMP" if self.dialect == "postgresql" else "DATETIME"
        table = (
            f"CREATE TABLE logs (id BIGINT NOT NULL, at {kind} NOT NULL, note VARCHAR(20),"
            f" PRIMARY KEY (id, at)) {form}"
        )
        parts = list[str]()
        if self.dialect == "postgresql":
            parts += _halves() if "HASH" in form else _postgresql(", id)" in form)
        elif "HASH" not in form and "MOD(" not in form:
            table += f" ({', '.join(_mariadb('DAYS' in form))})"
        project.sql(table, *parts)


def _halves() -> Iterator[str]:
    for part in (0, 1):
        values = f"WITH (MODULUS 2, REMAINDER {part})"
        yield f"CREATE TABLE logs_{part} PARTITION OF logs FOR VALUES {values}"


def _postgresql(two: bool) -> Iterator[str]:
    def bound(end: str) -> str:
        second = end if end.endswith("VALUE") else "MINVALUE"
        return f"({end}, {second})" if two else f"({end})"

    ends = ["MINVALUE", *(f"'{line}'" for line in LINES), "MAXVALUE"]
    for number, (low, high) in enumerate(itertools.pairwise(ends)):
        between = f"FROM {bound(low)} TO {bound(high)}"
        yield f"CREATE TABLE logs_{number} PARTITION OF logs FOR VALUES {between}"


def _mariadb(days: bool) -> Iterator[str]:
    for number, line in enumerate(LINES):
        value = f"TO_DAYS('{line}')" if days else f"'{line}'"
        yield f"PARTITION p{number} VALUES LESS THAN ({value})"
    yield f"PARTITION rest VALUES LESS THAN {'MAXVALUE' if days else '(MAXVALUE)'}"


@pytest.fixture(scope="module", params=CASES, ids=" ".join)
def logs(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Parted]:
    """The table, parted in each of these ways."""
    engine, form = request.param
    with place(engine, request, tmp_path_factory.mktemp("logs")) as project:
        yield Parted(project, PARTED[engine][form])


AGES = st.lists(st.sampled_from([-400, -100, -1, 0, 0, 1, 1, 2, 299, 500, 9000]), max_size=14)


@SUITE
@given(ages=AGES, size=st.integers(1, 5))
def test_a_walk_takes_what_is_due_whatever_partition_it_lies_in(
    logs: Parted, ages: list[int | None], size: int
) -> None:
    """And as many as a plan counts, though the plan of a large table counts early rows only."""
    logs.fill(ages)
    with logs.planned() as (connection, database, plan):
        (full,) = preview(database, connection, plan)
        with every_table_is_large():
            (early,) = preview(database, connection, plan)
    due = {number for number, age in enumerate(ages) if age is not None and age > 0}
    assert full.due == early.due == len(due)
    assert early.about is not None or not due
    taken = logs.walked(WHOLE, size)
    assert sum(taken) == len(due)
    assert logs.left() == {*range(len(ages))} - due


def test_windows_lie_in_early_partitions_alone(logs: Parted) -> None:
    """Sixty young rows in another partition are no windows of their own."""
    logs.fill([1, 2, 3, *[-300] * 60])
    assert logs.walked(WHOLE, 2) == [2, 1]
    logs.fill([*[-300] * 60])
    assert logs.walked(WHOLE, 2) == [0]


@pytest.mark.parametrize(("engine", "form"), OTHER)
def test_partitions_that_say_nothing_of_the_clock_are_all_gone_over(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, engine: str, form: str
) -> None:
    """Parted by a hash, or by what does not keep times in order, all is walked."""
    with place(engine, request, tmp_path_factory.mktemp("logs")) as project:
        logs = Parted(project, form)
        logs.fill([1, 2, 3, *[-300] * 7])
        assert len(logs.walked(WHOLE, 2)) > 2
        assert len(logs.left()) == 7
