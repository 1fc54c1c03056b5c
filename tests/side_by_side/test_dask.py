"""`--executor dask`: the same units on a real cluster of processes, one of them killed."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import distributed
import pytest
from estate import DONE, House, databases, engine_for_test


@pytest.fixture
def shared(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    """Three PostgreSQL databases, and their ledger beside them."""
    server = request.getfixturevalue("postgresql_server")
    with databases("postgresql", server, tmp_path, 4) as (ledger, *urls):
        yield House(tmp_path, urls, ledger)


def test_a_cluster_does_every_database_though_a_worker_is_killed(
    shared: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its unit is settled by the marker and done by another worker; the ledger is one chain.

    A later run that a signal stops ends with 143, once its workers have ended between two batches.
    """
    faults = shared.faults("intent-b kill")
    path = os.pathsep.join([str(faults), *sys.path])
    monkeypatch.setenv("PYTHONPATH", path)
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    ) as cluster:
        words = ("--executor", "dask", "--scheduler", cluster.scheduler_address)
        outcome, body = shared.night(*words)
        assert outcome.code == 0, outcome.err + outcome.out
        assert (faults / "at-fault").exists()
        assert shared.left() == dict.fromkeys("abc", DONE)
        assert [rule["database"] for rule in body["rules"]] == ["a", "a", "b", "b", "c", "c"]
        assert any("never committed" in note for note in body["notes"])
        assert shared.ledger().verify() == []
        with engine_for_test(shared.urls["a"]).begin() as connection:
            connection.exec_driver_sql("UPDATE visits SET seen_at = '2024-01-01'")
        run = shared.start("intent-a wait", *words)
        shared.stumbled()
        run.process.terminate()
        shared.go_on()
        assert run.end().code == 143
        assert shared.ledger().verify() == []


def test_a_scheduler_that_does_not_answer_is_told(shared: House) -> None:
    """Nothing is done, and the exit code is that of a wrong command line."""
    left = shared.left()
    words = ("--executor", "dask", "--scheduler", "tcp://127.0.0.1:1")
    outcome = shared.run("run", "--all", *words)
    assert outcome.code == 2
    assert "does not answer" in outcome.err
    assert shared.left() == left
