"""`--shard`: every database in one part, parts that know of each other, a ledger for several hosts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from estate import AS_OF, DONE, House, databases
from hypothesis import given
from hypothesis import strategies as st

from retention.connections import engine_for
from retention.ledger.entry import Intent, Kind
from retention.ledger.store import Ledger, open_ledger
from retention.scheduler.hosts import others_are_well
from retention.scheduler.sharding import WHOLE, Shard, parse_shard
from retention.scheduler.timing import last_runs

AT = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.fixture(params=["postgresql", "mariadb"])
def shared(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    """Four databases of one engine, and their ledger beside them on the server."""
    server = request.getfixturevalue(f"{request.param}_server")
    with databases(request.param, server, tmp_path, 5) as (ledger, *urls):
        yield House(tmp_path, urls, ledger)


@given(st.sets(st.text(max_size=20)), st.integers(1, 20))
def test_all_shards_together_have_every_database_once(names: set[str], of: int) -> None:
    """No database is in two parts, and none is in no part."""
    for name in names:
        assert [Shard(index, of).has(name) for index in range(of)].count(True) == 1


@given(st.sets(st.text(max_size=20)), st.text(max_size=20), st.integers(1, 20))
def test_a_database_stays_in_its_shard_whatever_the_list_has(
    names: set[str], name: str, of: int
) -> None:
    """Its part is told by its name alone; writing a part and reading it again changes nothing."""
    for index in range(of):
        shard = parse_shard(str(Shard(index, of)))
        others = [found for found in names if shard.has(found)]
        assert [found for found in {*names, name} if shard.has(found) and found != name] == [
            found for found in {*names, name} if found in others and found != name
        ]


@pytest.mark.parametrize("text", ["", "1", "8/8", "-1/8", "1/0", "a/b", "1/8/2", " 1/8", "١/٨"])
def test_what_is_no_part_is_refused(text: str) -> None:
    """An index counts from 0 and is below the number."""
    with pytest.raises(ValueError, match=r"INDEX/NUMBER|below the number"):
        parse_shard(text)


def test_shards_are_runs_of_their_own(shared: House) -> None:
    """Each does its databases and no other; the schedule of one is not served by another's run."""
    done: list[str] = []
    for index in range(3):
        outcome, body = shared.night("--shard", f"{index}/3")
        assert outcome.code == 0, outcome.err + outcome.out
        mine = {rule["database"] for rule in body["rules"]}
        assert all(Shard(index, 3).has(name) for name in mine)
        done += mine
        left = shared.left()
        assert {name for name in left if left[name] == DONE} == set(done)
    assert sorted(done) == ["a", "b", "c", "d"]
    assert shared.ledger().verify() == []


COPIES = """
[backups.base]
database = ["a", "b", "c", "d"]
kind     = "command"
command  = ["echo", '{"complete": true, "copies": 0}']
"""


def test_copies_of_other_parts_are_judged_by_their_place_in_the_log(
    postgresql_server: str, tmp_path: Path
) -> None:
    """Each part notes how far its servers' logs were after its batches; part 0 reads that, and of a
    database that was worked on since then it knows nothing but the time.
    """
    with databases("postgresql", postgresql_server, tmp_path, 5) as (ledger_url, *urls):
        house = House(tmp_path, urls, ledger_url)
        house.config.write_text(house.config.read_text() + COPIES)
        assert house.run("run", "--all", "--at", AS_OF, "--shard", "1/2").code == 0
        ledger = house.ledger()
        (run,) = ledger.entries(kinds={Kind.RUN_FINISHED})
        noted: Any = run.body["positions"]
        theirs = {name for name in "abcd" if Shard(1, 2).has(name)}
        assert set(noted) == theirs != set()
        house.run("run", "--all", "--at", AS_OF, "--shard", "0/2")
        opened = _places(ledger)
        assert {name: opened[name] for name in theirs} == noted
        assert all(opened[name] for name in "abcd")
        later = min(theirs)
        (database_id,) = (key for key, name in ledger.databases().items() if name == later)
        number, counts = ledger.state_of(database_id).last_closed + 1, {"visits": 1}
        rule, at = f"{later}-visits", run.at
        intent = Intent(
            database_id, number, "killed", rule, "delete", "visits", (), counts, None, at, at
        )
        ledger.append_intent(intent, {}, at)
        ledger.close(number, database_id, Kind.COMMITTED, at)
        house.run("run", "--all", "--at", AS_OF, "--shard", "0/2")
        assert _places(ledger)[later] is None


def _places(ledger: Ledger) -> dict[str, Any]:
    """By database the place that its last purge was opened with."""
    names = ledger.databases()
    return {
        names[entry.database_id or ""]: entry.body["position"]
        for entry in ledger.entries(kinds={Kind.PURGE_OPENED})
    }


def test_a_host_with_another_key_does_nothing(shared: House) -> None:
    """Its tokens could not be read after a restore; it is told apart by the proof in the ledger."""
    assert shared.night("--shard", "0/2")[0].code == 0
    left = shared.left()
    (shared.folder / "keys").rename(shared.folder / "other-keys")
    outcome = shared.run("run", "--all", "--shard", "1/2")
    assert outcome.code == 74
    assert "one folder of keys" in outcome.err
    assert shared.left() == left


def test_several_hosts_need_a_ledger_on_a_server(tmp_path: Path) -> None:
    """An SQLite ledger is a file of one host: refused, and nothing is done."""
    with databases("sqlite", None, tmp_path, 1) as urls:
        house = House(tmp_path, urls)
        before = house.left()
        wrong = [
            ("--shard", "0/2"),
            ("--executor", "dask", "--scheduler", "tcp://127.0.0.1:1"),
            ("--executor", "dask"),
            ("--scheduler", "tcp://127.0.0.1:1"),
            ("--shard", "2/2"),
        ]
        for words in wrong:
            outcome = house.run("run", "--all", *words)
            assert outcome.code == 2, words
            assert "nothing was done" in outcome.err
        assert house.left() == before


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """An empty ledger."""
    engine = engine_for("sqlite:///ledger.db", "ledger", tmp_path)
    return open_ledger(engine, create=True, at=AT)


def _finished(ledger: Ledger, day: int, shard: str, **body: Any) -> None:
    as_of = AT + timedelta(days=day)
    full: dict[str, Any] = {"as_of": as_of.isoformat(), "served": ["r"], "errors": {}, **body}
    full |= {"shard": shard} if shard else {}
    ledger.append(Kind.RUN_FINISHED, AT, run_id=f"run-{day}", body=full)


def test_a_rule_is_served_where_every_part_has_served_it(ledger: Ledger) -> None:
    """Of one part by its own runs and by whole ones; of all by the part that is furthest behind."""
    _finished(ledger, 1, "")
    _finished(ledger, 3, "0/2")
    days = [AT + timedelta(days=day) for day in range(9)]
    assert last_runs(ledger) == {"r": days[1]}
    assert last_runs(ledger, Shard(0, 2)) == {"r": days[3]}
    assert last_runs(ledger, Shard(1, 2)) == {"r": days[1]}
    _finished(ledger, 4, "1/2")
    assert last_runs(ledger) == {"r": days[3]}
    assert last_runs(ledger, Shard(0, 3)) == {"r": days[1]}
    _finished(ledger, 5, "")
    assert last_runs(ledger, Shard(1, 2)) == {"r": days[5]}


def test_keys_wait_for_parts_that_did_not_go_well(ledger: Ledger) -> None:
    """A part that never ran, or whose last run had an error, may need every key."""
    assert others_are_well(ledger, WHOLE)
    assert not others_are_well(ledger, Shard(0, 2))
    _finished(ledger, 1, "1/2")
    assert others_are_well(ledger, Shard(0, 2))
    _finished(ledger, 2, "1/2", errors={"b": "it is somewhere else"})
    assert not others_are_well(ledger, Shard(0, 2))
