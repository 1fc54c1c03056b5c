"""Killed, stopped, out of disk, run twice: ledger and database agree every time."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from harness import (
    Fault,
    Run,
    Shop,
    fill_disk,
    interrupt,
    ledger_of,
    lose_rights,
    night,
    paused_night,
    story_by_marker,
    story_of,
    terminate,
)
from project import Project

from retention.protocol import points

KILLED = -9
WAYS = {
    "postgresql": {"joined": "CteEraser", "masked": "DirectEraser", "direct": "DirectEraser"},
    "mysql": {"joined": "SetEraser", "masked": "KeysFirstEraser", "direct": "DirectEraser"},
    "sqlite": {"joined": "SetEraser", "masked": "WholeFileEraser", "direct": "WholeFileEraser"},
}


def way_of(project: Project, way: str) -> str:
    """The class that erases directly, masks alone, or works together with other rows."""
    return WAYS[project.dialect][way]


def test_a_night_without_faults(project: Project) -> None:
    """Every way of erasing has work, and the result is the naive one."""
    shop = Shop(project)
    run = night(project)
    outcome = run.end()
    assert outcome.code == 0, outcome.out + outcome.err
    assert run.ways() == {*WAYS[project.dialect].values()}
    assert run.points().count(points.CLOSED) > 10
    shop.agree_at_the_end()
    shop.agree()


def kill_at(shop: Shop, point: str, way: str, occurrence: int) -> None:
    """Kill a night at a point; what is left must agree."""
    project = shop.project
    outcome = night(project, Fault(point, occurrence=occurrence, way=way_of(project, way))).end()
    assert outcome.code == KILLED, outcome.out + outcome.err
    shop.agree_now()


@pytest.mark.parametrize("point", points.ALL)
def test_killed_at_a_point(project: Project, point: str) -> None:
    """Killed at any point of the first and of a later batch, the night after ends as without faults."""
    shop = Shop(project)
    kill_at(shop, point, "joined", 1)
    kill_at(shop, point, "masked", 2)
    kill_at(shop, point, "direct", 3)
    shop.agree()


@pytest.mark.faults
@pytest.mark.parametrize("point", points.ALL)
@pytest.mark.parametrize("way", ["joined", "masked", "direct"])
@pytest.mark.parametrize("occurrence", [1, 2, 3])
def test_killed_at_every_point(project: Project, point: str, way: str, occurrence: int) -> None:
    """The same for each way of erasing and for more of their batches."""
    shop = Shop(project)
    kill_at(shop, point, way, occurrence)
    shop.agree()


def kill_at_random(project: Project, seed: int, kills: int) -> None:
    """Kill one night after another at random moments; the oracle judges after each."""
    sys.stdout.write(f"seed {seed}\n")
    chance = random.Random(seed)
    shop = Shop(project)
    for _ in range(kills):
        run = night(project)
        time.sleep(chance.uniform(0.05, 0.5))
        run.kill()
        shop.agree_now()
    shop.agree()


def test_killed_at_random_moments(project: Project) -> None:
    """Killed again and again at any moment, ledger and database agree after each kill."""
    kill_at_random(project, random.randrange(10**9), kills=3)


@pytest.mark.faults
@pytest.mark.parametrize("turn", range(20))
def test_killed_at_random_moments_for_long(project: Project, turn: int) -> None:
    """The same, two hundred kills on each engine."""
    kill_at_random(project, random.randrange(10**9) + turn, kills=10)


@pytest.mark.faults
def test_killed_in_each_batch_of_one_night(project: Project) -> None:
    """A night killed once in every batch still gets to its end, a batch a run."""
    shop = Shop(project)
    for point in (points.MARKED, points.COMMITTED) * 3:
        assert night(project, Fault(point)).end().code == KILLED
        shop.agree_now()
    story = story_by_marker(project)
    assert (len(story.committed), len(story.refuted)) == (3, 3)
    shop.agree()


def test_stopped_by_a_signal(project: Project) -> None:
    """SIGTERM and SIGINT end the night after the open batch, and the next night goes on."""
    shop = Shop(project)
    for act, code in ((terminate, 143), (interrupt, 130)):
        run = night(project, Fault(points.INTENT, act, 3))
        outcome = run.end()
        assert outcome.code == code, outcome.out + outcome.err
        assert run.points()[-1] == points.CLOSED
        assert story_of(project).open == []
        last = ledger_of(project).runs(1)[0].finished
        assert last is not None
        assert last.body["exit_code"] == code
        shop.agree_now()
    assert len(story_of(project).committed) == 6
    shop.agree()


def assert_storage_failed(run: Run) -> None:
    """The run ended with exit 74 and a sentence."""
    outcome = run.end()
    assert outcome.code == 74, outcome.out + outcome.err
    assert "ledger" in outcome.err
    assert "Traceback" not in outcome.err


@pytest.mark.parametrize("act", [fill_disk, lose_rights])
def test_a_ledger_that_takes_no_intent(project: Project, act: Callable[[Path], None]) -> None:
    """Where the intent cannot be written the batch does not commit, and the night ends with 74."""
    shop = Shop(project)
    for committed in (0, 2):
        run = night(project, Fault(points.TAKEN, act, committed + 1))
        assert_storage_failed(run)
        assert after_last(run, points.TAKEN) == []
        restore_rights(project)
        assert len(story_by_marker(project).committed) == committed
        shop.agree_now()
    shop.agree()


@pytest.mark.parametrize("act", [fill_disk, pytest.param(lose_rights, marks=pytest.mark.faults)])
def test_a_ledger_that_takes_no_outcome(project: Project, act: Callable[[Path], None]) -> None:
    """Where the outcome cannot be written the batch stays open, and the next night closes it."""
    shop = Shop(project)
    assert_storage_failed(night(project, Fault(points.COMMITTED, act, 2)))
    restore_rights(project)
    story = story_of(project)
    assert (len(story.committed), len(story.open)) == (1, 1)
    assert len(story_by_marker(project).committed) == 2
    shop.agree()


def after_last(run: Run, point: str) -> list[str]:
    """The points reached after the last time a point was."""
    found = run.points()
    return found[len(found) - found[::-1].index(point) :]


def restore_rights(project: Project) -> None:
    """What an administrator does after `lose_rights`."""
    (project.folder / "ledger.db").chmod(0o600)


@pytest.mark.parametrize(
    "point", [points.TAKEN, pytest.param(points.CLOSED, marks=pytest.mark.faults)]
)
def test_two_nights_at_once(project: Project, point: str) -> None:
    """The second ends with 75 and names the run that works; the first ends as if alone."""
    shop = Shop(project)
    with paused_night(project, point, 2) as first:
        second = night(project).end()
        working = ledger_of(project).runs(2)[1]
        assert second.code == 75, second.out + second.err
        told = second.out + second.err
        assert working.run_id in told
        assert str(first.pid) in told
        assert working.finished is None
        committed = len(story_by_marker(project).committed)
    outcome = first.end()
    assert outcome.code == 0, outcome.out + outcome.err
    assert len(story_of(project).committed) > committed
    shop.agree_at_the_end()
    shop.agree()


def test_nights_started_together(project: Project) -> None:
    """Of several nights started together at least one works, and the others hurt nobody."""
    shop = Shop(project)
    runs = [night(project) for _ in range(3)]
    codes = [run.end().code for run in runs]
    assert set(codes) <= {0, 75}
    assert 0 in codes
    shop.agree()


@pytest.mark.faults
def test_the_night_after_a_killed_one_says_what_it_settled(project: Project) -> None:
    """A batch that committed and one that did not are each told in the next run's report."""
    Shop(project)
    for point, word in ((points.COMMITTED, "committed"), (points.INTENT, "never committed")):
        assert night(project, Fault(point)).end().code == KILLED
        assert night(project, Fault(points.BEGUN, terminate)).end().code == 143
        finished = ledger_of(project).runs(1)[0].finished
        assert finished is not None
        assert word in str(finished.body["notes"])


def test_a_ledger_nobody_may_write_stops_the_night_at_once(project: Project) -> None:
    """A night that cannot write its own start touches nothing."""
    shop = Shop(project)
    ledger = project.folder / "ledger.db"
    ledger.rename(project.folder / "elsewhere.db")
    ledger.mkdir()
    outcome = night(project).end()
    assert outcome.code == 74, outcome.out + outcome.err
    assert shop.now() == shop.before
    ledger.rmdir()
    (project.folder / "elsewhere.db").rename(ledger)
    shop.agree()
