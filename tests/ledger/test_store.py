"""The ledger on every engine: one chain, whoever writes; the state that settling needs."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

from retention.errors import IntegrityError, StorageError, UsageError
from retention.ledger import tables
from retention.ledger.entry import GENESIS, Intent, Kind, token_digest, verify
from retention.ledger.holds import Hold
from retention.ledger.settling import MarkerState, Outcome, settle
from retention.ledger.store import Ledger, open_ledger
from retention.ledger.tokens import tokens_for

NIGHT = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
SEALING_KEY = bytes(range(32))

MakeIntent = Callable[..., Intent]


def _tokens(*numbers: int) -> dict[str, tuple[int, bytes]]:
    blob = tokens_for(
        [(n,) for n in numbers], [NIGHT] * len(numbers), bytes(32), "2026-11", "shop", "customers"
    ).blob
    return {"customers": (16, blob)}


def _marker(ledger: Ledger, sequence: int, head: str) -> MarkerState:
    return MarkerState(ledger.ledger_id, "shop", sequence, sequence, head)


def test_a_new_ledger_begins_with_its_own_making(ledger: Ledger) -> None:
    """Entry 1 says which ledger this is, and follows the genesis hash."""
    (first,) = ledger.entries()
    assert (first.number, first.kind, first.at, first.previous) == (1, "created", NIGHT, GENESIS)
    assert first.body["ledger_id"] == ledger.ledger_id
    assert ledger.head() == (1, first.hash)
    assert ledger.verify() == []


def test_opening_again_finds_the_same_ledger(ledger: Ledger) -> None:
    """Neither opening nor creating touches a ledger that is there."""
    ledger.append(Kind.ENROLLED, NIGHT, database_id="shop", body={"name": "Shop"})
    again = open_ledger(ledger.engine)
    twice = open_ledger(ledger.engine, create=True, at=NIGHT + timedelta(days=1))
    assert again.ledger_id == twice.ledger_id == ledger.ledger_id
    assert again.head() == ledger.head()
    assert ledger.verify() == []


def test_a_missing_ledger_is_not_made_by_opening_it(engine: Engine) -> None:
    """Opening names the command that makes one, and leaves nothing behind."""
    with pytest.raises(StorageError, match="retention enroll"):
        open_ledger(engine)
    if engine.dialect.name == "sqlite":
        assert not Path(engine.url.database or "").exists()
    else:
        assert sa.inspect(engine).get_table_names() == []


def test_creating_needs_the_time(engine: Engine) -> None:
    """The ledger reads no clock, so its first entry's time is handed in."""
    with pytest.raises(ValueError, match="time"):
        open_ledger(engine, create=True)


def test_a_ledger_of_another_version_is_not_opened(ledger: Ledger) -> None:
    """A layout this program does not know is left alone."""
    with ledger.engine.begin() as connection:
        connection.execute(tables.meta.update().values(version=99))
    with pytest.raises(StorageError, match="another version"):
        open_ledger(ledger.engine)


def test_an_entry_comes_back_as_it_was_written(ledger: Ledger) -> None:
    """Text in any script, nested bodies and times to the microsecond survive every engine."""
    at = datetime(2026, 11, 22, 3, 0, 0, 123456, timezone(timedelta(hours=1)))
    body = {"çĞ😀": ["\x00", "a ", {"n": 2**70, "t": True, "none": None}], "Ş": "line\nline\\"}
    entry = ledger.append(
        Kind.RULE_FAILED, at, run_id="run 1 ", database_id="Bjørn's", body=body, durable=False
    )
    (found,) = ledger.entries(after=1)
    assert found == entry
    assert found.at == at
    assert ledger.head() == (2, entry.hash)
    assert ledger.verify() == []


def test_entries_are_chosen_by_run_kind_and_number(ledger: Ledger) -> None:
    """Each filter alone and together, always in the order of the chain."""
    for number in range(1, 7):
        kind = Kind.RECOUNT if number % 2 else Kind.RULE_FAILED
        ledger.append(kind, NIGHT, run_id="ab"[number % 2], durable=False)
    assert [e.number for e in ledger.entries()] == [1, 2, 3, 4, 5, 6, 7]
    assert [e.number for e in ledger.entries(run_id="b")] == [2, 4, 6]
    assert [e.number for e in ledger.entries(run_id="B")] == []
    assert [e.number for e in ledger.entries(kinds={Kind.RULE_FAILED}, after=3)] == [5, 7]
    assert [e.number for e in ledger.entries(run_id="b", kinds={Kind.RULE_FAILED})] == []
    assert [e.number for e in ledger.entries(kinds={"rule_failed", "recount"}, after=2)] == [
        3,
        4,
        5,
        6,
        7,
    ]
    assert list(ledger.entries(kinds=[])) == []


def test_entries_are_those_of_the_moment_of_the_call(ledger: Ledger) -> None:
    """A reader never sees an outcome without the intent before it."""
    ledger.append(Kind.RECOUNT, NIGHT)
    reading = ledger.entries(kinds={Kind.RECOUNT, Kind.RULE_FAILED})
    ledger.append(Kind.RULE_FAILED, NIGHT)
    assert [e.number for e in reading] == [2]


def test_kinds_with_a_method_of_their_own_are_not_appended(ledger: Ledger) -> None:
    """An intent, an outcome, a hold or a dropped key never enters without what belongs to it."""
    for kind in (Kind.CREATED, Kind.INTENT, Kind.COMMITTED, Kind.HOLD_PLACED, Kind.KEYS_DESTROYED):
        with pytest.raises(ValueError, match="method of its own"):
            ledger.append(kind, NIGHT)
    assert ledger.head()[0] == 1


def test_a_body_that_is_refused_leaves_nothing(ledger: Ledger) -> None:
    """A float in a body fails before anything is written, and the next append goes on."""
    with pytest.raises(TypeError):
        ledger.append(Kind.RECOUNT, NIGHT, body={"share": 0.5})  # type: ignore[dict-item]
    assert ledger.append(Kind.RECOUNT, NIGHT).number == 2
    assert ledger.verify() == []


def test_a_batch_that_commits_is_closed_and_keeps_its_tokens(
    ledger: Ledger, make_intent: MakeIntent
) -> None:
    """Intent, marker, outcome: each moment settles as the protocol says."""
    assert settle(_marker(ledger, 0, ""), ledger.state_of("shop")).outcome is Outcome.GO_ON
    entry = ledger.append_intent(make_intent(1), _tokens(1, 2, 3), NIGHT)
    state = ledger.state_of("shop")
    assert state.open == replace(make_intent(1), token_digest=token_digest(_tokens(1, 2, 3)))
    assert settle(_marker(ledger, 0, ""), state).outcome is Outcome.NEVER_COMMITTED
    assert settle(_marker(ledger, 1, entry.hash), state).outcome is Outcome.COMMITTED
    closed = ledger.close(1, "shop", Kind.COMMITTED, NIGHT, {"position": "0/16B3748"})
    assert closed.run_id == "run-1"
    assert closed.body == {"position": "0/16B3748", "sequence": 1, "intent": entry.number}
    state = ledger.state_of("shop")
    assert (state.last_closed, state.open) == (1, None)
    assert settle(_marker(ledger, 1, entry.hash), state).outcome is Outcome.GO_ON
    assert settle(_marker(ledger, 0, ""), state).outcome is Outcome.WENT_BACK
    assert ledger.tokens_of(entry.number) == _tokens(1, 2, 3)
    assert ledger.verify() == []


def test_a_batch_that_never_committed_gives_its_number_and_its_tokens_back(
    ledger: Ledger, make_intent: MakeIntent
) -> None:
    """Its tokens name people who were not erased: they go; the next batch takes its sequence."""
    lost = ledger.append_intent(make_intent(1), _tokens(1, 2, 3), NIGHT)
    ledger.close(1, "shop", Kind.NOT_COMMITTED, NIGHT)
    assert ledger.tokens_of(lost.number) == {}
    assert ledger.state_of("shop").last_closed == 0
    assert ledger.state_of("shop").hash_of(1) is None
    again = ledger.append_intent(make_intent(1), _tokens(4), NIGHT)
    ledger.close(1, "shop", Kind.COMMITTED, NIGHT)
    assert ledger.state_of("shop").hash_of(1) == again.hash
    forked = settle(_marker(ledger, 1, lost.hash), ledger.state_of("shop"))
    assert forked.outcome is Outcome.FORKED
    assert ledger.verify() == []


def test_one_intent_a_database_is_open_at_a_time(ledger: Ledger, make_intent: MakeIntent) -> None:
    """A second intent waits for the first to be settled; another database does not."""
    ledger.append_intent(make_intent(1), {}, NIGHT)
    with pytest.raises(IntegrityError, match="batch 1 is still open"):
        ledger.append_intent(make_intent(2), {}, NIGHT)
    ledger.append_intent(make_intent(1, database_id="crm"), {}, NIGHT)
    assert ledger.head()[0] == 3


@pytest.mark.parametrize("sequence", [0, 1, 3])
def test_a_sequence_is_neither_skipped_nor_used_twice(
    ledger: Ledger, make_intent: MakeIntent, sequence: int
) -> None:
    """After batch 1 only batch 2 may begin."""
    ledger.append_intent(make_intent(1), {}, NIGHT)
    ledger.close(1, "shop", Kind.COMMITTED, NIGHT)
    with pytest.raises(IntegrityError, match="2 is next"):
        ledger.append_intent(make_intent(sequence), {}, NIGHT)


def test_only_the_open_batch_is_closed(ledger: Ledger, make_intent: MakeIntent) -> None:
    """Closing twice, closing another batch, or with another kind writes nothing."""
    with pytest.raises(IntegrityError, match="not open"):
        ledger.close(1, "shop", Kind.COMMITTED, NIGHT)
    ledger.append_intent(make_intent(1), {}, NIGHT)
    with pytest.raises(IntegrityError, match="not open"):
        ledger.close(2, "shop", Kind.COMMITTED, NIGHT)
    with pytest.raises(ValueError, match="does not close"):
        ledger.close(1, "shop", Kind.SETTLED, NIGHT)
    ledger.close(1, "shop", Kind.COMMITTED, NIGHT)
    with pytest.raises(IntegrityError, match="not open"):
        ledger.close(1, "shop", Kind.COMMITTED, NIGHT)
    assert ledger.head()[0] == 3


def test_a_gap_is_where_the_batches_go_on(ledger: Ledger, make_intent: MakeIntent) -> None:
    """After a lost ledger, the gap carries the marker's sequence and the next batch follows it."""
    ahead = _marker(ledger, 40, "ab" * 32)
    assert settle(ahead, ledger.state_of("shop")).outcome is Outcome.LEDGER_BEHIND
    gap = ledger.append(Kind.GAP, NIGHT, database_id="shop", body={"sequence": 40, "by": "dpo"})
    state = ledger.state_of("shop")
    assert (state.last_closed, state.hash_of(40)) == (40, gap.hash)
    assert settle(_marker(ledger, 40, gap.hash), state).outcome is Outcome.GO_ON
    ledger.append_intent(make_intent(41), {}, NIGHT)
    assert ledger.verify() == []


def test_runs_are_listed_newest_first(ledger: Ledger) -> None:
    """A run without an end, still running or killed, has no finished entry."""
    for run_id in ("one", "two", "three"):
        ledger.append(Kind.RUN_STARTED, NIGHT, run_id=run_id)
        if run_id != "two":
            ledger.append(Kind.RUN_FINISHED, NIGHT, run_id=run_id)
    runs = ledger.runs(2)
    assert [(run.run_id, run.finished is not None) for run in runs] == [
        ("three", True),
        ("two", False),
    ]


def test_databases_have_the_name_last_given(ledger: Ledger) -> None:
    """Enrolling again under another name renames."""
    for database_id, name in (("1", "shop"), ("2", "crm"), ("1", "Shop & Co")):
        ledger.append(Kind.ENROLLED, NIGHT, database_id=database_id, body={"name": name})
    assert ledger.databases() == {"1": "Shop & Co", "2": "crm"}


def test_a_policy_is_kept_once_as_it_was(ledger: Ledger) -> None:
    """Its text comes back to the byte; a hash that is not its own is refused."""
    text = '# Kjøpsloven § 12\r\n[rules."x"] \t\n' * 5000
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    ledger.save_policy(sha256, text)
    ledger.save_policy(sha256, text)
    assert ledger.policy(sha256) == text
    assert ledger.policy("00" * 32) is None
    with pytest.raises(ValueError, match="not that of the text"):
        ledger.save_policy("00" * 32, text)


def test_tokens_go_with_their_month_and_the_chain_stays(
    ledger: Ledger, make_intent: MakeIntent
) -> None:
    """Dropping a month's tokens is itself an entry, and leaves the other months alone."""
    december = datetime(2026, 12, 1, tzinfo=UTC)
    first = ledger.append_intent(make_intent(1), _tokens(1), NIGHT)
    ledger.close(1, "shop", Kind.COMMITTED, NIGHT)
    second = ledger.append_intent(make_intent(2), _tokens(2), december)
    entry = ledger.drop_tokens("2026-11", december)
    assert entry.body == {"month": "2026-11", "tables": 1}
    assert ledger.tokens_of(first.number) == {}
    assert ledger.tokens_of(second.number) == _tokens(2)
    assert ledger.verify() == []


def test_large_tokens_fit(ledger: Ledger, make_intent: MakeIntent) -> None:
    """A batch of a hundred thousand rows keeps all its tokens."""
    tokens = {"customers": (16, os.urandom(1_600_000))}
    entry = ledger.append_intent(make_intent(1), tokens, NIGHT)
    assert ledger.tokens_of(entry.number) == tokens
    assert ledger.verify() == []


def _hold(**changes: object) -> Hold:
    hold = Hold("2026-014", "shop", "customers", {"id": 7}, "Tvisteløsning", date(2027, 1, 1))
    return replace(hold, **changes)  # type: ignore[arg-type]


def test_a_hold_is_placed_read_and_released(ledger: Ledger) -> None:
    """It comes back whole with its key, and stays listed after its release."""
    ledger.place_hold(_hold(), NIGHT, SEALING_KEY)
    ledger.place_hold(_hold(hold_id="2", review_on=None, key={"a": "x"}), NIGHT, SEALING_KEY)
    ledger.place_hold(_hold(hold_id="3", database_id="crm"), NIGHT, SEALING_KEY)
    ended = NIGHT + timedelta(days=1)
    ledger.release_hold("2026-014", ended)
    assert ledger.holds("shop", SEALING_KEY) == [
        _hold(hold_id="2", review_on=None, key={"a": "x"}, placed_at=NIGHT),
        _hold(placed_at=NIGHT, released_at=ended),
    ]
    assert [e.kind for e in ledger.entries(after=1)] == [*["hold_placed"] * 3, "hold_released"]
    assert ledger.verify() == []


def test_a_hold_is_not_placed_or_released_twice(ledger: Ledger) -> None:
    """A taken name, an unknown one and one that has ended are refused, and nothing is written."""
    ledger.place_hold(_hold(), NIGHT, SEALING_KEY)
    with pytest.raises(UsageError, match="exists already"):
        ledger.place_hold(_hold(), NIGHT, SEALING_KEY)
    with pytest.raises(UsageError, match="no hold unknown"):
        ledger.release_hold("unknown", NIGHT)
    ledger.release_hold("2026-014", NIGHT)
    with pytest.raises(UsageError, match="in force"):
        ledger.release_hold("2026-014", NIGHT)
    assert ledger.head()[0] == 3


def test_a_hold_opens_only_with_its_key(ledger: Ledger) -> None:
    """Another key gives an error, not a wrong person."""
    ledger.place_hold(_hold(), NIGHT, SEALING_KEY)
    with pytest.raises(StorageError, match="another key"):
        ledger.holds("shop", bytes(32))


def test_no_personal_value_is_in_any_table(ledger: Ledger, make_intent: MakeIntent) -> None:
    """Keys and reasons that name a person are nowhere in clear, not in the file's bytes either."""
    names = ["kari.nordmann@example.org", "Kari Nordmann", "01017012345"]
    blob = tokens_for([(n,) for n in names], [NIGHT] * 3, bytes(32), "2026-11", "shop", "t").blob
    ledger.append_intent(make_intent(1), {"customers": (16, blob)}, NIGHT)
    ledger.close(1, "shop", Kind.COMMITTED, NIGHT)
    hold = _hold(key={"email": names[0]}, reason=f"Sak mot {names[1]}, {names[2]}")
    ledger.place_hold(hold, NIGHT, SEALING_KEY)
    with ledger.engine.connect() as connection:
        content = b"".join(
            value if isinstance(value, bytes) else str(value).encode()
            for table in tables.metadata.sorted_tables
            for row in connection.execute(table.select())
            for value in row
        )
    if ledger.engine.dialect.name == "sqlite":
        folder = Path(ledger.engine.url.database or "").parent
        content += b"".join(path.read_bytes() for path in folder.iterdir())
    assert not [name for name in names if name.encode() in content]


def test_threads_write_one_chain(ledger: Ledger, make_intent: MakeIntent) -> None:
    """Two threads with two databases write two hundred entries each into one valid chain."""

    def work(database_id: str) -> None:
        for sequence in range(1, 101):
            ledger.append_intent(make_intent(sequence, database_id), {}, NIGHT)
            ledger.close(sequence, database_id, Kind.COMMITTED, NIGHT)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(work, ["shop", "crm"]))
    assert ledger.head()[0] == 401
    assert ledger.state_of("shop").last_closed == ledger.state_of("crm").last_closed == 100
    assert ledger.verify() == []


def _append_200(url: str, name: str) -> None:
    engine = sa.create_engine(url)
    ledger = open_ledger(engine)
    for number in range(200):
        ledger.append(Kind.RECOUNT, NIGHT, run_id=name, durable=number % 2 == 0)
    engine.dispose()


def test_processes_write_one_chain(ledger: Ledger, ledger_url: str) -> None:
    """Two processes write two hundred entries each into one valid chain."""
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_append_200, args=(ledger_url, name)) for name in "ab"]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0, 0]
    assert [len(list(ledger.entries(run_id=name))) for name in "ab"] == [200, 200]
    assert verify(ledger.entries(), ledger.head()[1]) == []
    assert ledger.verify() == []


def test_reading_a_long_ledger_takes_little_memory(ledger: Ledger) -> None:
    """Entries stream: six thousand of them with their bodies never are in memory at once."""
    rows = [
        {
            "number": n,
            "at": "2026-11-22T02:00:00.000000Z",
            "kind": "recount",
            "run_id": None,
            "database_id": None,
            "sequence": None,
            "body": '{"x":"%s"}' % ("x" * 2000),
            "previous": "",
            "hash": "",
        }
        for n in range(2, 6002)
    ]
    with ledger.engine.begin() as connection:
        connection.execute(tables.entry.insert(), rows)
    del rows
    tracemalloc.start()
    assert sum(1 for _ in ledger.entries()) == 6001
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 6_000_000


def test_a_server_that_is_gone_is_a_storage_error(ledger: Ledger) -> None:
    """Every method says so in a sentence, without the driver's words, which stay in the cause."""
    with ledger.engine.begin() as connection:
        tables.metadata.drop_all(connection)
    calls: list[Callable[[], object]] = [
        lambda: ledger.append(Kind.RECOUNT, NIGHT),
        ledger.head,
        ledger.verify,
        lambda: ledger.state_of("shop"),
        lambda: list(ledger.entries()),
        lambda: ledger.policy("x"),
        lambda: ledger.holds("shop", SEALING_KEY),
        lambda: ledger.runs(1),
    ]
    for call in calls:
        with pytest.raises(StorageError) as caught:
            call()
        assert "ledger_" not in str(caught.value)
        assert caught.value.__cause__ is not None
