"""A reapply killed at any point is refused to be skipped, and finished by the next one."""

from __future__ import annotations

from functools import partial

import pytest
from copies import back_up
from harness import Contents, Fault, Shop, ledger_of, night, start
from project import Project

from retention.protocol import points

KILLED = -9
GUARDED = ("people", "orders", "order_lines", "visits", "logs")
"""Tables whose rows are erased or masked by token, or along with such rows."""


def erased_and_restored(shop: Shop) -> Contents:
    """Two nights, one of them today's, then the backup from before them; what they had left."""
    project = shop.project
    text = project.config.read_text()
    for table, guard in (("visits", "seen_at"), ("logs", "logged_at")):
        text = text.replace(f'table = "{table}"', f'table = "{table}"\nguard = "{guard}"')
    project.config.write_text(text)
    restore = back_up(project)
    for run in (partial(night, project), partial(start, project, "run", "--all")):
        outcome = run().end()
        assert outcome.code == 0, outcome.out + outcome.err
    after = shop.now()
    restore()
    assert shop.now() == shop.before
    return after


def killed_then_finished(project: Project, fault: Fault) -> None:
    """Killed at the fault; then a run is refused, and the next reapply ends."""
    assert start(project, "backups", "reapply", fault=fault).end().code == KILLED
    assert ledger_of(project).verify() == []
    refused = start(project, "run", "--all").end()
    assert refused.code == 4, refused.out + refused.err
    assert "backups reapply" in refused.out + refused.err


POINTS = [
    # before the commit and right after it; every other point belongs to the slow form
    point
    if point in (points.INTENT, points.COMMITTED)
    else pytest.param(point, marks=pytest.mark.faults)
    for point in points.ALL
]


@pytest.mark.parametrize("point", POINTS)
def test_killed_while_the_rules_run(project: Project, point: str) -> None:
    """The rules reach everybody again, whatever batch was under way."""
    shop = Shop(project)
    after = erased_and_restored(shop)
    killed_then_finished(project, Fault(point, occurrence=2))
    done = start(project, "backups", "reapply").end()
    assert done.code == 0, done.out + done.err
    assert shop.now() == after
    assert start(project, "run", "--all").end().code == 0
    assert ledger_of(project).verify() == []


@pytest.mark.parametrize("point", POINTS)
def test_killed_while_tokens_are_replayed(project: Project, point: str) -> None:
    """With rules that reach nobody any more, tokens do, and rows go with what refers to them."""
    shop = Shop(project)
    after = erased_and_restored(shop)
    text = project.config.read_text()
    for period in ("3 years", "1 year", "90 days"):
        text = text.replace(f'_after = "{period}"', '_after = "50 years"')
    project.config.write_text(text)
    killed_then_finished(project, Fault(point, occurrence=2))
    file = project.folder / "left.csv"
    done = start(project, "backups", "reapply", "--list", str(file)).end()
    assert done.code == 1, done.out + done.err
    now = shop.now()
    assert {name: now[name] for name in GUARDED} == {name: after[name] for name in GUARDED}
    assert {line.split(",")[0] for line in file.read_text().splitlines()[1:]} == {"tickets"}
    assert start(project, "run", "--all").end().code == 0
    assert ledger_of(project).verify() == []
