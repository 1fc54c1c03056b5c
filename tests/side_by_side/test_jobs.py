"""`run --jobs`: databases side by side, with the same result, one chain, and no way to lose one."""

from __future__ import annotations

import json
import os
import pickle
import signal
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import servers
import sqlalchemy as sa
from estate import DONE, DUE, House, databases, wait_until

from retention import errors
from retention.ledger.entry import Kind
from retention.ledger.store import open_ledger
from retention.policies.parse import parse_policy
from retention.scheduler.lanes import Lanes, WorkerLost

AT = datetime(2026, 6, 1, tzinfo=UTC)


def _plain(body: dict[str, Any]) -> dict[str, Any]:
    """A report without what differs between any two runs."""
    text = json.dumps({**body, "run": "", "started": "", "finished": "", "ledger_head": ""})
    found: dict[str, Any] = json.loads(text)
    for timed in (*found["rules"], *found["recount"]):
        timed["milliseconds"] = 0
    return found


def test_a_night_side_by_side_is_reported_as_one_after_the_other(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Three databases give the same object with one job and with three, in the policy's order."""
    found = []
    for jobs in ("1", "3"):
        folder = tmp_path / jobs
        folder.mkdir()
        with databases("sqlite", None, folder, 3) as urls:
            house = House(folder, urls)
            outcome, body = house.night("--jobs", jobs)
            assert outcome.code == 0, outcome.err + outcome.out
            assert house.left() == dict.fromkeys("abc", DONE)
            found.append(_plain(body) | {"policy_sha256": ""})
    assert found[0] == found[1]
    assert [rule["database"] for rule in found[1]["rules"]] == ["a", "a", "b", "b", "c", "c"]


def test_each_engine_is_worked_on_side_by_side(house: House) -> None:
    """Every database is done, the ledger is one chain, and a second night finds nothing."""
    outcome, body = house.night("--jobs", "2")
    assert outcome.code == 0, outcome.err + outcome.out
    assert house.left() == dict.fromkeys("abc", DONE)
    assert [rule["erased"] + rule["anonymized"] for rule in body["rules"]] == [DUE] * 6
    assert house.ledger().verify() == []
    names = house.ledger().databases()
    committed = house.ledger().entries(body["run"], {Kind.COMMITTED})
    assert {names[entry.database_id or ""] for entry in committed} == set("abc")
    _, again = house.night()
    assert [rule["due"] for rule in again["rules"]] == [0] * 6


@pytest.mark.parametrize("point", ["intent", "committed"])
def test_a_killed_worker_loses_its_own_database_only(house: House, point: str) -> None:
    """The others are done, the run ends with 1 and says which, and the next one settles it."""
    run = house.start(f"{point}-b kill", "--jobs", "2")
    outcome = run.end()
    body = json.loads(outcome.out)
    assert outcome.code == 1, outcome.err
    assert list(body["errors"]) == ["b"]
    assert "SIGKILL" in body["errors"]["b"]
    left = house.left()
    assert (left["a"], left["c"]) == (DONE, DONE)
    assert left["b"] > DONE
    outcome, body = house.night()
    assert outcome.code == 0, outcome.err + outcome.out
    assert house.left() == dict.fromkeys("abc", DONE)
    assert house.ledger().verify() == []
    settled = [note for note in body["notes"] if "of b " in note]
    assert len(settled) == 1


def test_a_signal_stops_every_worker_between_two_batches(house: House) -> None:
    """SIGTERM ends the run with 143; what was not begun is left, and the next run does it."""
    run = house.start("intent-a wait", "--jobs", "2")
    house.stumbled()
    run.process.terminate()
    outcome = run.end()
    assert outcome.code == 143, outcome.err
    assert json.loads(outcome.out)["state"] == "stopped by a signal"
    assert house.left()["a"] > DONE
    outcome, _ = house.night()
    assert outcome.code == 0, outcome.err + outcome.out
    assert house.left() == dict.fromkeys("abc", DONE)
    assert house.ledger().verify() == []


def test_workers_end_with_a_run_that_is_killed(house: House) -> None:
    """After kill -9 of the run its process ends after the batch it is at, and lets go of the lock."""
    run = house.start("intent-a wait", "--jobs", "2")
    worker = house.stumbled()
    run.process.kill()
    run.end()
    wait_until(lambda: not Path(f"/proc/{worker}/status").exists())
    assert house.left()["a"] > DONE
    outcome, _ = house.night()
    assert outcome.code == 0, outcome.err + outcome.out
    assert house.left() == dict.fromkeys("abc", DONE)


@pytest.fixture(params=servers.ENGINES)
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Where an empty ledger can be made, on each engine in turn."""
    server = None
    if request.param != "sqlite":
        server = request.getfixturevalue(f"{request.param}_server")
    with databases(request.param, server, tmp_path, 1) as (url,):
        if server is None:
            (tmp_path / "data-0.db").unlink()
        yield url


def test_one_database_under_three_names_is_worked_on_by_one(house: House) -> None:
    """While a run works on it under one name, it is locked under the others, too."""
    text, first = house.config.read_text(), house.urls["a"]
    text = text.replace(house.urls["b"], first).replace(house.urls["c"], first)
    house.config.write_text(text)
    run = house.start("intent-any wait", "--jobs", "3")
    house.stumbled()
    outcome, body = house.night()
    assert (outcome.code, set(body["errors"])) == (75, {"a", "b", "c"})
    house.go_on()
    assert run.end().code in (0, 75)
    assert house.left()["a"] > (0, 0)


def test_workers_write_one_chain(ledger_url: str) -> None:
    """Entries of four processes at once, durable or not, are all there, each after another."""
    engine = sa.create_engine(ledger_url, poolclass=sa.NullPool)
    open_ledger(engine, create=True, at=AT)
    with Lanes(4) as lanes:
        list(lanes.map(partial(_append, ledger_url, 25), [f"run-{number}" for number in range(4)]))
    ledger = open_ledger(engine)
    assert ledger.verify() == []
    for number in range(4):
        entries = ledger.entries(f"run-{number}")
        assert [entry.body["number"] for entry in entries] == list(range(25))


def _append(url: str, count: int, run_id: str) -> None:
    ledger = open_ledger(sa.create_engine(url, poolclass=sa.NullPool))
    for number in range(count):
        body = {"number": number}
        ledger.append(Kind.RULE_FAILED, AT, run_id=run_id, body=body, durable=bool(number % 2))


def test_a_process_that_dies_takes_no_other_work_with_it() -> None:
    """Of six tasks on two processes the one that kills its process is lost, five return."""
    with Lanes(2) as lanes:
        futures = [lanes.submit(_square, number) for number in range(6)]
        lost = [number for number, future in enumerate(futures) if future.exception()]
        assert lost == [3]
        assert isinstance(futures[3].exception(), WorkerLost)
        assert [future.result() for future in futures if not future.exception()] == [
            0, 1, 4, 16, 25,
        ]  # fmt: skip


def _square(number: int) -> int:
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number * number


def test_every_error_comes_back_whole_from_a_worker() -> None:
    """Its words, its exit code and its faults survive the way between two processes."""
    problem = errors.Problem("rules.x", "is wrong", 3)
    found: list[errors.RetentionError] = [
        kind("said", 15) if kind is errors.Interrupted else kind("said")
        for kind in vars(errors).values()
        if isinstance(kind, type)
        and issubclass(kind, errors.RetentionError)
        and kind is not errors.PolicyError
    ]
    found += [
        errors.PolicyError("policies.toml", (problem,)),
        errors.DatabaseFailure("said", sqlstate="40001", transient=True),
    ]
    for error in found:
        again = pickle.loads(pickle.dumps(error))
        assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))
        assert again.exit_code == error.exit_code


def test_a_policy_survives_the_way_to_a_worker(house: House) -> None:
    """Zone, calendar and text are the same on the other side."""
    policy = parse_policy(house.config.read_text())
    assert pickle.loads(pickle.dumps(policy)) == policy
