"""What is not due in a large table is not counted unless asked for, and no limit is passed for that."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import servers
from hypothesis import given
from hypothesis import strategies as st
from project import HEAD, Project
from test_walks import RULE, SUITE, Logs, place

from retention.databases.statistics import rows_about
from retention.execution import preview as previewing
from retention.execution.accounts import StepCount
from retention.execution.limits import rule_on
from retention.execution.preview import preview
from retention.policies.parse import parse_policy
from retention.reports.report import count_body

LIMITS = """
[limits]
rows_per_run = {rows}
share_of_table = "{share}%"
share_min_rows = {least}
whole_table = "{whole}"
over_limit = "{over}"
"""
PLAIN_HEAD = HEAD.partition("[limits]")[0]


@pytest.fixture(scope="module", params=servers.ENGINES)
def logs(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Logs]:
    """A table of logs, on each engine."""
    with place(request.param, request, tmp_path_factory.mktemp("logs")) as project:
        yield Logs(project, "whole")


@contextmanager
def every_table_is_large() -> Iterator[None]:
    """Statistics say that each table has more rows than are counted."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(previewing, "rows_about", lambda *_: 3_000_000)
        yield


def counted(logs: Logs, *, full: bool = False) -> StepCount:
    """The count of the one step."""
    with every_table_is_large(), logs.planned() as (connection, database, plan):
        (count,) = preview(database, connection, plan, full=full)
    return count


AGES = st.lists(st.sampled_from([None, -400, -1, 0, 1, 1, 2, 500]), max_size=16)


@SUITE
@given(
    ages=AGES,
    rows=st.integers(1, 8),
    share=st.sampled_from([1, 20, 33, 50, 67, 100]),
    least=st.integers(0, 8),
    whole=st.sampled_from(["allow", "refuse"]),
    over=st.sampled_from(["refuse", "portion"]),
    where=st.sampled_from(["", """where = "note <> 'row 1'"\n"""]),
)
def test_limits_say_the_same_whether_all_rows_are_counted_or_not(
    logs: Logs,
    ages: list[int | None],
    rows: int,
    share: int,
    least: int,
    whole: str,
    over: str,
    where: str,
) -> None:
    """A night is refused or cut to the same portion as if every row had been counted."""
    limits = LIMITS.format(rows=rows, share=share, least=least, whole=whole, over=over)
    text = PLAIN_HEAD.format(zone="UTC", url=logs.project.url) + limits + RULE + where
    logs.policy = parse_policy(text)
    logs.fill(ages)
    all_, some = counted(logs, full=True), counted(logs)
    assert some.about is not None
    assert some.due == all_.due
    assert some.rows <= all_.rows
    assert some.running <= all_.running
    first, second = rule_on(all_, None), rule_on(some, None)
    assert (second.most, bool(second.refused)) == (first.most, bool(first.refused))


def test_what_was_not_counted_is_said(logs: Logs) -> None:
    """Due rows are counted; of the others a report says None, and never 0."""
    logs.policy = parse_policy(HEAD.format(zone="UTC", url=logs.project.url) + RULE)
    logs.fill([1, 2, None, -1])
    body = count_body("main", counted(logs))
    assert (body["due"], body["rows_about"]) == (2, 3_000_000)
    unknown = ("running", "not_started", "undecidable", "rows")
    assert [body[name] for name in unknown] == [None] * 4
    body = count_body("main", counted(logs, full=True))
    assert [body[name] for name in unknown] == [1, 1, 0, 4]
    assert body["rows_about"] is None


def test_a_clock_without_an_index_is_counted_in_the_scan_that_it_takes(project: Project) -> None:
    """Nothing is left out of a scan, however large the table; but where times are text, as on SQLite,
    each has to be read, which costs as much again."""
    logs = Logs(project, "whole")
    project.sql("DROP INDEX logs_at" + (" ON logs" if project.dialect == "mysql" else ""))
    logs.fill([1, None, -1])
    count, full = counted(logs), counted(logs, full=True)
    assert (full.about, full.rows, full.not_started, full.running) == (None, 3, 1, 1)
    assert count.due == full.due == 1
    assert (count.about is None) == (project.dialect != "sqlite")
    assert count == full or project.dialect == "sqlite"


def test_statistics_tell_about_how_many_rows_there_are(project: Project) -> None:
    """Fresh statistics are near; without any, nobody knows, or a key tells."""
    logs = Logs(project, "whole")
    logs.fill([1] * 300)
    with project.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        word = "ANALYZE TABLE logs" if project.dialect == "mysql" else "ANALYZE logs"
        connection.exec_driver_sql(word)
    with logs.planned() as (connection, _, plan), connection.begin():
        about = rows_about(connection, plan.schema.tables["logs"])
    assert about is not None
    assert 250 <= about <= 350


def test_screens_and_reports_name_what_was_not_counted(tmp_path: Path) -> None:
    """Where statistics tell of millions of rows `plan`, `run` and `report` say so; `--full` counts."""
    (tmp_path / "data.db").touch()
    logs = Logs(Project(tmp_path, f"sqlite:///{tmp_path / 'data.db'}"), "whole")
    logs.fill([1, 2, None, -1])
    logs.project.sql("ANALYZE", "UPDATE sqlite_stat1 SET stat = '3000000 1 1'")
    logs.project.policy(RULE)
    logs.project.enroll()
    said = "not counted (table has about 3,000,000 rows; --full counts them)"
    at = ("--at", "2026-06-01")

    def printed(*words: str) -> str:
        outcome = logs.project.run(*words)
        assert outcome.code == 0, outcome.err
        return " ".join(outcome.out.split())

    assert said in printed("plan", *at)
    assert "2 due of about 3,000,000" in printed("plan", *at)
    assert "1 not due yet · 1 not started" in printed("plan", "--full", *at)
    assert logs.project.plan("2026-06-01")["logs delete"]["not_started"] is None
    night = logs.project.night("2026-06-01")["logs delete"]
    assert (night["erased"], night["rows_about"]) == (2, 3_000_000)
    assert said in printed("report", "last")
    logs.project.run("report", "last", "--html", str(tmp_path / "report.html"))
    assert said in (tmp_path / "report.html").read_text(encoding="utf-8")
