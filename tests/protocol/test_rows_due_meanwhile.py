"""Rows that come between two statements of one batch: taken and counted, or left alone."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from harness import Fault, Run, Shop, ledger_of, naively_erased, night, story_of
from project import Project
from test_races import Family

from retention.protocol import points

OLD, FILLER = "2021-02-03 04:05:06", "z" * 400


def disturb(folder: Path) -> None:
    """From here on another session writes, one statement before each that matches the pattern."""
    pattern, url, *statements = (folder / "meanwhile").read_text(encoding="utf-8").splitlines()
    other = sa.create_engine(url)

    def meanwhile(connection: sa.Connection, _: object, statement: str, *__: object) -> None:
        if statements and connection.engine is not other and re.search(pattern, statement):
            with other.begin() as session:
                session.exec_driver_sql(statements.pop(0))

    sa.event.listen(sa.Engine, "before_cursor_execute", meanwhile)


def disturbed_night(project: Project, pattern: str, *statements: str) -> Run:
    """A night beside which these statements are done; no rule of it fails."""
    url = project.engine.url.render_as_string(hide_password=False)
    lines = "\n".join([pattern, url, *statements])
    (project.folder / "meanwhile").write_text(lines, encoding="utf-8")
    run = night(project, Fault(points.BEGUN, disturb))
    outcome = run.end()
    assert outcome.code == 0 or "LEFT BEHIND" in outcome.out, outcome.out + outcome.err
    assert "failed" not in outcome.out
    return run


def night_of_visits(shop: Shop, *statements: str) -> Run:
    """A night disturbed before each UPDATE that masks visits."""
    run = disturbed_night(shop.project, r"UPDATE \S*visits SET", *statements)
    shop.after = naively_erased(shop.before, shop.held)
    return run


def new_visit(shop: Shop, key: int) -> str:
    """A visit that is due, as a statement that adds it before all others."""
    shop.before["visits"][key] = (key, OLD, "192.0.2.1", "agent", FILLER)
    return f"INSERT INTO visits VALUES ({key}, '{OLD}', '192.0.2.1', 'agent', '{FILLER}')"


def older_visit(shop: Shop, key: int) -> str:
    """A visit that was not due, and is from then on."""
    shop.before["visits"][key] = (key, OLD, *shop.before["visits"][key][2:])
    return f"UPDATE visits SET seen_at = '{OLD}' WHERE id = {key}"


def assert_each_has_its_token(project: Project, table: str = "visits", masked: str = "") -> None:
    """As many tokens as rows that the batch took of the table, batch by batch."""
    for intent in story_of(project).committed:
        counts = intent.body["counts"]
        assert isinstance(counts, dict)
        if f"{masked}{table}" in counts:
            _, blob = ledger_of(project).tokens_of(intent.number)[table]
            assert len(blob) // 16 - 1 == counts[f"{masked}{table}"]


@pytest.mark.parametrize("change", [new_visit, older_visit])
def test_a_row_that_becomes_due_under_a_batch(
    server_project: Project, change: Callable[[Shop, int], str]
) -> None:
    """It is masked with its token in the ledger, this night or the next, and never without one."""
    shop = Shop(server_project)
    night_of_visits(shop, change(shop, -1 if change is new_visit else 1))
    assert_each_has_its_token(server_project, masked="masked ")
    shop.agree()
    assert_each_has_its_token(server_project, masked="masked ")


def test_rows_that_become_due_all_the_time(server_project: Project) -> None:
    """Every batch is disturbed, and none given up; what came too late is told, and goes next night."""
    shop = Shop(server_project)
    run = night_of_visits(shop, *(new_visit(shop, -key) for key in (1, 2, 3)))
    assert_each_has_its_token(server_project, masked="masked ")
    assert run.again("visits") == (server_project.dialect == "mysql")
    shop.agree()
    assert_each_has_its_token(server_project, masked="masked ")


def test_a_child_that_comes_while_its_siblings_go(server_project: Project) -> None:
    """A child row that nothing holds back goes with its parent, counted and with its token."""
    family = Family(server_project, "delete", declared=False)
    family.children[998] = 3
    run = disturbed_night(
        server_project,
        r"DELETE (FROM )?\S*children",
        "INSERT INTO children VALUES (998, 3)",
    )
    assert run.again("parents") == (server_project.dialect == "mysql")
    family.judge(seen=False)
    assert 998 not in family.left("children")
    assert_each_has_its_token(server_project, "children")
