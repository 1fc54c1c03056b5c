"""A ledger file somebody has changed: every column, every row, every order, and raw bytes."""

from __future__ import annotations

import hashlib
import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from retention.errors import IntegrityError, RetentionError
from retention.ledger import tables
from retention.ledger.entry import MOST_FAULTS, Intent, Kind
from retention.ledger.files import FileLedger, sealed_digest
from retention.ledger.holds import Hold
from retention.ledger.store import Ledger, open_ledger

NIGHT = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
POLICY = '[rules.customers]\nstart = "last_order_at"\n'
SHA256 = hashlib.sha256(POLICY.encode()).hexdigest()


def _fill(ledger: Ledger, make_intent: Callable[..., Intent]) -> None:
    """A night with every kind of row in every table."""
    ledger.save_policy(SHA256, POLICY)
    ledger.append(Kind.ENROLLED, NIGHT, database_id="shop", body={"name": "shop"})
    started = {"policy_sha256": SHA256}
    ledger.append(Kind.RUN_STARTED, NIGHT, run_id="run-1", database_id="shop", body=started)
    for sequence in (1, 2):
        tokens = {"customers": (16, bytes(64)), "orders": (16, bytes([sequence]) * 32)}
        ledger.append_intent(make_intent(sequence), tokens, NIGHT)
        ledger.close(sequence, "shop", Kind.COMMITTED, NIGHT)
    ledger.append_intent(make_intent(3), {"customers": (16, bytes(16))}, NIGHT)
    ledger.close(3, "shop", Kind.NOT_COMMITTED, NIGHT)
    sealed = bytes(range(40))
    owning = replace(make_intent(3), files=2, sealed_sha256=sealed_digest(sealed))
    ledger.append_intent(owning, {"customers": (16, bytes(32))}, NIGHT, sealed)
    ledger.close(3, "shop", Kind.COMMITTED, NIGHT)
    files = FileLedger(ledger)
    files.announce({"rule": "crash", "files": 1}, sealed, NIGHT, "run-1")
    gone = files.announce({"rule": "crash", "files": 1}, sealed, NIGHT, "run-1")
    files.close(gone, {"removed": 1}, NIGHT, "run-1", settled=True)
    ledger.append(Kind.RUN_FINISHED, NIGHT, run_id="run-1")
    hold = Hold("2026-014", "shop", "customers", {"id": 7}, "a case", date(2027, 1, 1))
    ledger.place_hold(hold, NIGHT, bytes(32))
    ledger.release_hold("2026-014", NIGHT + timedelta(hours=1))


@pytest.fixture
def filled(ledger: Ledger, make_intent: Callable[..., Intent]) -> Ledger:
    """A ledger after one night, without a fault."""
    _fill(ledger, make_intent)
    assert ledger.verify() == []
    return ledger


@pytest.fixture
def sqlite_file(sqlite_ledger: Ledger, make_intent: Callable[..., Intent], tmp_path: Path) -> Path:
    """The closed file of a ledger after one night."""
    _fill(sqlite_ledger, make_intent)
    sqlite_ledger.engine.dispose()
    path = tmp_path / "ledger.sqlite"
    assert not path.with_name("ledger.sqlite-wal").exists()
    return path


def _verify(path: Path) -> list[str]:
    engine = sa.create_engine(f"sqlite:///{path}")
    try:
        return open_ledger(engine).verify()
    finally:
        engine.dispose()


COLUMNS = [
    (table.name, column.name) for table in tables.metadata.sorted_tables for column in table.columns
]


@pytest.mark.parametrize(("table", "column"), COLUMNS, ids=[".".join(pair) for pair in COLUMNS])
def test_a_flipped_byte_in_any_column_is_found(sqlite_file: Path, table: str, column: str) -> None:
    """Three bits of the first and last byte of every value, and another type for each value."""
    with sqlite3.connect(sqlite_file) as database:
        rows = database.execute(f"SELECT rowid, {column} FROM {table} ORDER BY 1").fetchall()
    assert rows
    for rowid, value in rows:
        for changed in _flips(value):
            copy = sqlite_file.with_name("copy.sqlite")
            shutil.copy(sqlite_file, copy)
            with sqlite3.connect(copy) as database:
                try:
                    database.execute(
                        f"UPDATE {table} SET {column} = {changed[0]} WHERE rowid = ?",
                        (changed[1], rowid),
                    )
                except sqlite3.IntegrityError:
                    continue  # the key of another row: SQLite itself does not take it
            try:
                faults = _verify(copy)
            except RetentionError:
                continue  # refused before verifying: another version
            assert faults, f"{table}.{column} of row {rowid}: {changed[1]!r}"


def _flips(value: object) -> Iterator[tuple[str, object]]:
    if value is None:
        yield "?", 0
        yield "CAST(? AS TEXT)", "x"
        return
    if isinstance(value, int):
        yield from (("?", value ^ bit) for bit in (1, 8, 1 << 40))
        return
    raw = value.encode() if isinstance(value, str) else bytes(value)  # type: ignore[call-overload]
    how = "CAST(? AS TEXT)" if isinstance(value, str) else "?"
    for place in {0, len(raw) - 1}:
        for bit in (1, 32, 128):
            yield how, raw[:place] + bytes([raw[place] ^ bit]) + raw[place + 1 :]
    yield "?", None if isinstance(value, bytes) else raw + b"\0"


def test_a_deleted_row_anywhere_is_found(filled: Ledger) -> None:
    """Each single row of each table, the last entry too, on every engine."""
    for table in tables.metadata.sorted_tables:
        with filled.engine.connect() as connection:
            rows = list(connection.execute(table.select()))
        for row in rows:
            keys = [column == row._mapping[column.name] for column in table.primary_key]
            with filled.engine.begin() as connection:
                connection.execute(table.delete().where(*keys))
            assert filled.verify(), f"{table.name} without {row}"
            with filled.engine.begin() as connection:
                connection.execute(table.insert().values(row._asdict()))
            assert filled.verify() == []


def test_a_missing_tail_is_found_and_named(filled: Ledger) -> None:
    """Deleting the last entries shows by the head, and the sentence says where the ledger ends."""
    last = filled.head()[0]
    with filled.engine.begin() as connection:
        connection.execute(tables.entry.delete().where(tables.entry.c.number > last - 3))
    faults = filled.verify()
    assert faults[0].startswith(f"the ledger ends at entry {last - 3}")


def test_a_tail_cut_off_with_its_head_shows_by_an_older_head(filled: Ledger) -> None:
    """Who also rewrites the head is found by the head in any report printed before."""
    number, anchor = filled.head()
    previous = next(iter(filled.entries(after=number - 1))).previous
    with filled.engine.begin() as connection:
        connection.execute(tables.entry.delete().where(tables.entry.c.number == number))
        connection.execute(tables.head.update().values(number=number - 1, hash=previous))
        connection.execute(tables.hold.update().values(released_at=None))
    assert filled.verify() == []
    assert anchor not in {entry.hash for entry in filled.entries()}


def test_swapped_entries_are_found(filled: Ledger) -> None:
    """Two entries that change places, with all they say, are found."""
    with filled.engine.begin() as connection:
        for old, new in ((3, 99), (4, 3), (99, 4)):
            connection.execute(
                tables.entry.update().where(tables.entry.c.number == old).values(number=new)
            )
    faults = filled.verify()
    assert "entry 3: its content does not match its hash" in faults
    assert "entry 4: its content does not match its hash" in faults


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("DELETE FROM ledger_token WHERE entry_number = 4", "entry 4: its tokens are missing"),
        ("DELETE FROM ledger_token", "entry 6: its tokens are missing"),
        ("DELETE FROM ledger_token WHERE table_name = 'orders'", "entry 4: its tokens are not"),
        ("UPDATE ledger_token SET width = 8", "entry 4: its tokens are not those of its batch"),
        ("UPDATE ledger_token SET entry_number = 2 WHERE entry_number = 4", "tokens for entry 2"),
        ("UPDATE ledger_entry SET sequence = 9 WHERE number = 5", "entry 5: its sequence is not"),
        ("DELETE FROM ledger_policy", "entry 3: the policy it names is missing"),
        ("UPDATE ledger_policy SET text = 'x'", "the text of policy"),
        ("UPDATE ledger_hold SET released_at = NULL", "hold '2026-014' is not as it was placed"),
        ("UPDATE ledger_hold SET review_on = '2026-12-01'", "hold '2026-014' is not"),
        ("DELETE FROM ledger_hold", "hold '2026-014' is not"),
        ("UPDATE ledger_meta SET created_at = 'x'", "id, version or date"),
        ("UPDATE ledger_head SET number = 4", "the head does not name entry"),
        ("DELETE FROM ledger_head", "the head does not name entry"),
    ],
)
def test_a_fault_is_a_sentence_that_says_where(filled: Ledger, change: str, sentence: str) -> None:
    """Each side table has its own sentence, the same on every engine."""
    with filled.engine.begin() as connection:
        connection.exec_driver_sql(change)
    assert [fault for fault in filled.verify() if sentence in fault]


def test_tokens_put_back_after_their_month_are_found(filled: Ledger) -> None:
    """Dropped tokens that come back, other than they were, do not match their batch."""
    filled.drop_tokens("2026-11", NIGHT)
    assert filled.verify() == []
    row = {"entry_number": 4, "table_name": "customers", "width": 16, "tokens": b"x" * 16}
    with filled.engine.begin() as connection:
        connection.execute(tables.token.insert(), row)
    assert filled.verify() == ["entry 4: its tokens are not those of its batch"]


def test_a_changed_entry_is_not_read_as_if_nothing_were(filled: Ledger) -> None:
    """Reading stops at an entry that is not in the form it was written in."""
    with filled.engine.begin() as connection:
        connection.execute(
            tables.entry.update().where(tables.entry.c.number == 3).values(body='{"a": 1}')
        )
    with pytest.raises(IntegrityError, match="Entry 3 of the ledger was changed"):
        list(filled.entries())


def test_a_ruined_ledger_gives_a_bounded_answer(sqlite_ledger: Ledger) -> None:
    """Verifying stops early where everything is wrong."""
    for _ in range(60):
        sqlite_ledger.append(Kind.RECOUNT, NIGHT, durable=False)
    with sqlite_ledger.engine.begin() as connection:
        connection.execute(tables.entry.update().values(kind="gap", sequence=1))
    assert MOST_FAULTS < len(sqlite_ledger.verify()) <= 3 * MOST_FAULTS


def test_any_flipped_bit_of_the_file_is_found_or_harmless(sqlite_file: Path) -> None:
    """Bits flipped all over the file end in a fault or an error, or change no row at all."""
    original = sqlite_file.read_bytes()
    before = _rows(sqlite_file)
    chance = random.Random(20261122)
    copy = sqlite_file.with_name("copy.sqlite")
    harmless = 0
    for _ in range(300):
        place = chance.randrange(len(original))
        changed = bytearray(original)
        changed[place] ^= 1 << chance.randrange(8)
        for leftover in sqlite_file.parent.glob("copy.sqlite*"):
            leftover.unlink()
        copy.write_bytes(changed)
        copy.chmod(0o600)
        try:
            found = bool(_verify(copy))
        except RetentionError:
            found = True
        if not found:
            harmless += 1
            assert _rows(copy) == before, f"byte {place}"
    assert harmless < 300


def _rows(path: Path) -> list[object]:
    with sqlite3.connect(path) as database:
        return [
            row
            for table in tables.metadata.sorted_tables
            for row in database.execute(f"SELECT * FROM {table.name} ORDER BY 1, 2").fetchall()
        ]
