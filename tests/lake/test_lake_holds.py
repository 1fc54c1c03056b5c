"""Legal holds on rows of a lake table: named by values, kept in the ledger, obeyed by every night."""

from __future__ import annotations

import random
from datetime import date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from lakes import ids, ledger_of, request, rows_of, write
from project import Outcome, Project

from retention.databases.dialects.datafusion import DataFusion, predicate_of
from retention.databases.sql import row_of
from retention.databases.statements.held_rows import held_rows
from retention.databases.statements.lake_texts import count_text
from retention.lake.table import LakeTable
from retention.ledger.keys import KeyFolder
from retention.planning.schema import HeldRows
from retention.protocol.lake_batch import lake_lock

TABLE = "delta://lake/events"
RULES = f"""
[rules.events]
table = "{TABLE}"
start = "at"
delete_after = "90 days"
anonymize_after = "30 days"
[rules.events.anonymize]
email = "null"
"""
AT = "2026-06-01T12:00"
OLD, MIDDLE = datetime(2025, 1, 1), datetime(2026, 4, 15)


def row(number: int, at: datetime, **more: Any) -> dict[str, Any]:
    """A row with everything that may name it."""
    plain = {"email": f"p{number}@example.org", "day": date(2026, 1, 1 + number % 28)}
    return {"id": number, "at": at, "name": "n", **plain, **more}


@pytest.fixture
def folder(lake: Project) -> Path:
    """Four rows to be deleted and two to be masked."""
    found = lake.folder / "lake" / "events"
    write(found, [row(n, OLD) for n in range(4)] + [row(n, MIDDLE) for n in (4, 5)])
    lake.policy(RULES)
    return found


def hold(lake: Project, *words: str) -> Outcome:
    """A hold is placed."""
    return lake.run("hold", "add", TABLE, *words, "--reason", "court case")


def test_a_held_row_is_neither_deleted_nor_masked_until_its_release(
    lake: Project, folder: Path
) -> None:
    """Plan, run and recount count it as held; released, it goes the next night."""
    held = hold(lake, "id=2")
    masked = hold(lake, "email=p5@example.org", "id=5", "--review", "2027-01-31")
    assert (held.code, masked.code) == (0, 0), held.err + masked.err
    plan = lake.plan(AT)
    assert (plan["events delete"]["due"], plan["events delete"]["held"]) == (3, 1)
    assert (plan["events anonymize"]["due"], plan["events anonymize"]["held"]) == (1, 2)
    lake.night(AT)
    left = {found["id"]: found["email"] for found in rows_of(folder)}
    assert left == {2: "p2@example.org", 4: None, 5: "p5@example.org"}
    assert "nothing left behind" in lake.run("report", "last").out
    listed = lake.run("hold", "list").out
    assert listed.count(TABLE) == 2
    assert "review on 2027-01-31" in listed
    assert "example.org" not in listed
    assert lake.run("hold", "list", "--database", TABLE).out == listed
    for placed in (held, masked):
        assert lake.run("hold", "release", placed.out.strip()).code == 0
    lake.night(AT)
    assert {found["id"]: found["email"] for found in rows_of(folder)} == {4: None, 5: None}
    assert "no hold is in force" in lake.run("hold", "list").err
    assert lake.run("ledger", "verify").code == 0


def test_explain_names_the_hold_and_its_review(lake: Project, folder: Path) -> None:
    """As for a row of a database: held, by which hold, since when, to be looked at when."""
    name = hold(lake, "id=2", "--review", "2027-01-31").out.strip()
    told = lake.run("explain", TABLE, "id=2", "--at", AT)
    assert "held" in told.out
    assert name in told.out
    assert "2027-01-31" in told.out
    assert name not in lake.run("explain", TABLE, "id=1", "--at", AT).out


def test_all_rows_with_the_values_are_held_and_those_that_come(lake: Project, folder: Path) -> None:
    """How many there are is said; nothing makes a column unique."""
    write(folder, [row(2, OLD)])
    placed = hold(lake, "id=2")
    assert "2 rows have these values" in placed.err
    write(folder, [row(2, OLD)])
    lake.night(AT)
    assert ids(folder) == [2, 2, 2, 4, 5]


def test_a_row_without_the_value_is_not_held(lake: Project, folder: Path) -> None:
    """A missing value equals nothing: such rows obey their rules."""
    write(folder, [row(9, OLD, email=None)])
    assert hold(lake, "email=p1@example.org", "day=2026-01-02").code == 0
    lake.night(AT)
    assert ids(folder) == [1, 4, 5]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("id=77",), "no row with these values"),
        (("77",), "COLUMN=VALUE"),
        (("at=2025-01-01",), "whole numbers, texts and dates"),
    ],
)
def test_a_hold_on_nothing_is_refused(
    lake: Project, folder: Path, words: tuple[str, ...], said: str
) -> None:
    """No hold is placed, and the message says why."""
    refused = hold(lake, *words)
    assert refused.code == 2
    assert said in refused.err
    assert "no hold is in force" in lake.run("hold", "list").err


def test_a_hold_waits_for_no_run_and_slips_under_none(lake: Project, folder: Path) -> None:
    """While a run works on the table none can be placed: what it decided on is what it does."""
    asked = request(lake)
    keys = KeyFolder(lake.folder / "ledger.db-keys")
    assert ledger_of(asked.policy, asked.folder)
    with keys.locked(lake_lock(TABLE)):
        assert hold(lake, "id=2").code == 75
    assert hold(lake, "id=2").code == 0


def test_a_hold_whose_column_is_gone_stops_the_table(lake: Project, folder: Path) -> None:
    """Nobody can tell which rows are held: nothing is changed, and the way out is said."""
    name = hold(lake, "name=n", "id=2").out.strip()
    for path in folder.rglob("*"):
        if path.is_file():
            path.unlink()
    write(folder, [{key: value for key, value in row(2, OLD).items() if key != "name"}])
    found = lake.run("run", "--all", "--at", AT)
    assert found.code == 1
    assert f"retention hold release {name}" in " ".join(found.out.split())
    assert ids(folder) == [2]
    assert lake.run("hold", "release", name).code == 0
    assert lake.run("run", "--all", "--at", AT).code == 0
    assert ids(folder) == []


def test_a_table_that_was_made_anew_keeps_its_holds(lake: Project, folder: Path) -> None:
    """The library gives it another id; the hold is known by its address, too."""
    assert hold(lake, "id=2").code == 0
    for path in folder.rglob("*"):
        if path.is_file():
            path.unlink()
    write(folder, [row(number, OLD) for number in (2, 3)])
    lake.night(AT)
    assert ids(folder) == [2]


def test_thousands_of_holds_make_one_flat_condition(tmp_path: Path) -> None:
    """By one column and by two: of conditions one in the other the library below dies."""
    folder = tmp_path / "events"
    write(folder, [{"id": number, "text": f"t'{number % 7}"} for number in range(4_000)])
    table = LakeTable(f"delta://{folder}", tmp_path)
    dice = random.Random(7)
    named = {number: dice.random() < 0.5 for number in dice.sample(range(4_000), 3_000)}
    held = [
        HeldRows("H", (*((("text", f"t'{number % 7}"),) if two else ()), ("id", number)))
        for number, two in named.items()
    ]
    found = held_rows(DataFusion(), row_of(table.schema()), held)
    table.handle.delete(predicate_of(sa.not_(found)))
    assert ids(folder) == sorted(named)


@given(st.lists(st.tuples(st.text(max_size=3), st.text(max_size=3)), min_size=1, max_size=8))
@settings(deadline=None, max_examples=30)
def test_values_side_by_side_are_not_taken_for_others(pairs: list[tuple[str, str]]) -> None:
    """A hold on two texts holds the rows that have these two, and no other, whatever is in them."""
    with TemporaryDirectory() as place:
        rows = [{"id": n, "text": a, "name": b} for n, (a, b) in enumerate(pairs)]
        rows += [{"id": 100, "text": None, "name": ""}, {"id": 101, "text": "", "name": None}]
        write(Path(place), rows)
        table = LakeTable(f"delta://{place}", Path())
        first, second = pairs[0]
        held = [HeldRows("H", (("text", first), ("name", second)))] * 2
        found = predicate_of(held_rows(DataFusion(), row_of(table.schema()), held))
        assert table.count(count_text(found)) == pairs.count(pairs[0])


def test_a_plan_does_not_count_without_the_holds(lake: Project, folder: Path) -> None:
    """A ledger that is there and cannot be read is an error: held rows would be told as due."""
    assert hold(lake, "id=1").code == 0
    assert "3 due of 6" in lake.run("plan", "--at", AT).out
    ledger = lake.folder / "ledger.db"
    ledger.chmod(0o644)
    refused = lake.run("plan", "--at", AT)
    assert refused.code == 74
    assert "due of" not in refused.out
    assert "can be read by others" in refused.err
    ledger.unlink()
    assert "4 due of 6" in lake.run("plan", "--at", AT).out
