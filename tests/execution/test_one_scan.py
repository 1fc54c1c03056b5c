"""However many rules a table has, one look at its rows counts them all, and no row twice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import servers
import sqlalchemy as sa
from hypothesis import assume, given
from hypothesis import strategies as st
from project import HEAD, Project
from test_walks import SUITE, Logs, place

from retention.databases.statements import table_scan
from retention.errors import PolicyError
from retention.execution.preview import keeping_only, preview_with_floors
from retention.policies.parse import parse_policy

RULES = {
    "ones": """delete_after = "1 year"\nwhere = "note like '%1'" """,
    "all": """delete_after = "2 years"\nunless = { "pinned" = "note = 'row 3'" }""",
    "twos": """delete_after = "1 year"\nwhere = "note like '%2'" """,
    "masked": """anonymize_after = "1 year"\nanonymize = { note = "null" }""",
    "masked again": """anonymize_after = "1 month"\nanonymize = { note = "null" }
where = "note is not null" """,
    "moved": """restrict_after = "1 month"\nrestrict = { move_to = "old_logs" }""",
    "kept": """keep_at_least = "3 years"\nwhere = "note like '%4'" """,
    "kept for ever": """keep_at_least = "forever"\nwhere = "note = 'row 5'" """,
}


@pytest.fixture(scope="module", params=servers.ENGINES)
def logs(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Logs]:
    """A table of logs, on each engine."""
    with place(request.param, request, tmp_path_factory.mktemp("logs")) as project:
        yield Logs(project, "whole")


def ruled(logs: Logs, names: list[str]) -> None:
    """The policy with these rules."""
    text = HEAD.format(zone="UTC", url=logs.project.url)
    for name in names:
        text += f'[rules."{name}"]\ntable = "logs"\nstart = "at"\n{RULES[name]}\n'
    logs.policy = parse_policy(text)


@contextmanager
def statements(engine: sa.Engine) -> Iterator[list[str]]:
    """What is asked of the database meanwhile."""
    asked: list[str] = []

    def listen(_: object, __: object, statement: str, *___: object) -> None:
        asked.append(statement)

    sa.event.listen(engine, "before_cursor_execute", listen)
    yield asked
    sa.event.remove(engine, "before_cursor_execute", listen)


def counted(logs: Logs) -> tuple[dict[str, Any], list[str]]:
    """What a preview counts, and what it asked of the database."""
    with logs.planned() as (connection, database, plan), statements(database.engine) as asked:
        counts, kept = preview_with_floors(database, connection, plan, keeping_only(plan))
    found: dict[str, Any] = {count.step.name: count for count in counts}
    return found | kept, asked


@contextmanager
def a_scan_for_each_rule() -> Iterator[None]:
    """As where the counts are too many for one statement: rules learn of one another by sets."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table_scan, "MOST_COLUMNS", 0)
        yield


@SUITE
@given(
    ages=st.lists(st.sampled_from([None, -400, -1, 0, 1, 2, 500, 500, 1500]), max_size=14),
    names=st.lists(st.sampled_from([*RULES]), min_size=1, max_size=5, unique=True),
)
def test_one_scan_counts_what_a_scan_for_each_rule_counts(
    logs: Logs, ages: list[int | None], names: list[str]
) -> None:
    """A row that an earlier rule takes or masks is in no count of a later one."""
    moving = "moved" in names
    logs.project.sql("DROP TABLE IF EXISTS old_logs")
    if moving:
        logs.project.sql("CREATE TABLE old_logs (id BIGINT PRIMARY KEY, at DATE, note VARCHAR(20))")
    ruled(logs, names)
    logs.fill(ages)
    try:
        together, _ = counted(logs)
    except PolicyError:
        assume(False)
    with a_scan_for_each_rule():
        apart, _ = counted(logs)
    assert together == apart


@pytest.mark.parametrize(
    "names",
    [
        ["ones", "all", "twos", "masked", "masked again"],
        ["ones", "kept", "kept for ever"],
        ["kept", "kept for ever"],
    ],
    ids=["actions", "beside floors", "floors alone"],
)
def test_rows_are_looked_at_once_whatever_the_number_of_rules(logs: Logs, names: list[str]) -> None:
    """Rules that take, that mask and that only keep share one statement."""
    ruled(logs, names)
    logs.fill([None, -1, 1, 2, 500, 1500])
    _, asked = counted(logs)
    assert len([text for text in asked if "step_" in text or "floor_" in text]) == 1
    assert not [text for text in asked if "gone_" in text]


def test_text_that_goes_on_behind_a_nul_is_no_date(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """SQLite's functions stop at a NUL; what such a text says is undecidable, however it begins."""
    folder = tmp_path_factory.mktemp("nul")
    (folder / "data.db").touch()
    project = Project(folder, f"sqlite:///{folder / 'data.db'}")
    logs = Logs(project, "whole")
    ruled(logs, ["all"])
    whole = ["2001-02-03", "2001-02-03 04:05:06", "2001-02-03T04:05Z", "2001-02-03 04:05:06.000007"]
    for number, text in enumerate(whole):
        project.sql(f"INSERT INTO logs VALUES ({number}, '{text}', '')")
        project.sql(f"INSERT INTO logs VALUES ({number + 10}, '{text}' || char(0) || 'x', '')")
        project.sql(f"INSERT INTO logs VALUES ({number + 20}, '{text}' || char(0), '')")
    found, _ = counted(logs)
    count = found["all (delete)"]
    assert (count.due, count.undecidable) == (len(whole), 2 * len(whole))
