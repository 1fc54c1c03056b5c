"""Requests under art. 18 on rows of a lake table: named by values, obeyed until they are lifted."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest
from harness import Fault
from harness import night as night_of_its_own
from lakes import ids, ledger_of, request, rows_of, write
from project import Outcome, Project
from test_lake_holds import AT, MIDDLE, OLD, RULES, TABLE, row

from retention.ledger.entry import Kind
from retention.ledger.keys import KeyFolder
from retention.protocol import points
from retention.protocol.lake_batch import lake_lock

REASON = "needs it for a claim"


@pytest.fixture
def folder(lake: Project) -> Path:
    """Four rows to be deleted and two to be masked."""
    found = lake.folder / "lake" / "events"
    write(found, [row(n, OLD) for n in range(4)] + [row(n, MIDDLE) for n in (4, 5)])
    lake.policy(RULES)
    return found


def restrict(lake: Project, *words: str) -> Outcome:
    """A person asks that these rows be kept."""
    return lake.run("restriction", "add", TABLE, *words, "--reason", REASON)


def lift(lake: Project, *words: str) -> Outcome:
    """The restriction ends."""
    return lake.run("restriction", "lift", TABLE, *words)


def test_a_restricted_row_is_neither_deleted_nor_masked_until_the_lift(
    lake: Project, folder: Path
) -> None:
    """Plan, run and recount count it as restricted; lifted by name or by values, it goes."""
    named, valued = restrict(lake, "id=2"), restrict(lake, "email=p5@example.org", "id=5")
    assert (named.code, valued.code) == (0, 0), named.err + valued.err
    plan = lake.plan(AT)
    counted = {name: (it["due"], it["restricted"], it["held"]) for name, it in plan.items()}
    assert counted == {"events delete": (3, 1, 0), "events anonymize": (1, 2, 0)}
    assert "1 restricted" in lake.run("plan", "--at", AT).out
    lake.night(AT)
    left = {found["id"]: found["email"] for found in rows_of(folder)}
    assert left == {2: "p2@example.org", 4: None, 5: "p5@example.org"}
    told = lake.run("report", "last").out
    assert "nothing left behind" in told
    assert "restricted" in told
    assert lift(lake, named.out.strip()).out == f"lifted: {named.out}"
    assert lift(lake, "id=5", "email=p5@example.org").out == f"lifted: {valued.out}"
    lake.night(AT)
    assert {found["id"]: found["email"] for found in rows_of(folder)} == {4: None, 5: None}
    assert "in force" in lake.run("restriction", "list").err
    assert lift(lake, "id=5").code == 2
    assert lake.run("ledger", "verify").code == 0


def test_values_and_reasons_are_shown_nowhere(lake: Project, folder: Path) -> None:
    """The list tells names, tables and days; the ledger's files hold values and reason sealed."""
    name = restrict(lake, "email=p2@example.org").out.strip()
    assert lake.run("hold", "add", TABLE, "id=1", "--reason", "court case").code == 0
    listed = lake.run("restriction", "list")
    (line,) = listed.out.splitlines()
    assert line.startswith(f"{name}  {TABLE}  at request  since ")
    assert lake.run("restriction", "list", "--database", TABLE).out == listed.out
    (found,) = lake.run("restriction", "list", "--json").json["restrictions"]
    assert (found["request"], found["table"], found["rows"]) == (name, TABLE, None)
    assert name not in lake.run("hold", "list").out
    asked = request(lake)
    entries = ledger_of(asked.policy, asked.folder).entries(kinds={Kind.HOLD_PLACED})
    assert len(list(entries)) == 2
    kept = b"".join(path.read_bytes() for path in lake.folder.glob("ledger.db*") if path.is_file())
    for secret in (REASON, "p2@example.org"):
        assert secret.encode() not in kept
        assert secret not in listed.out


def test_a_hold_is_not_lifted_nor_a_request_released(lake: Project, folder: Path) -> None:
    """Each kind ends by its own command, and a row under both is held, then restricted."""
    asked = restrict(lake, "id=2").out.strip()
    held = lake.run("hold", "add", TABLE, "id=2", "--reason", "court case").out.strip()
    assert lift(lake, held).code == 2
    assert lake.run("hold", "release", asked).code == 2
    assert [lake.plan(AT)["events delete"][it] for it in ("held", "restricted")] == [1, 0]
    assert lake.run("hold", "release", held).code == 0
    assert [lake.plan(AT)["events delete"][it] for it in ("held", "restricted")] == [0, 1]


def test_explain_tells_the_request(lake: Project, folder: Path) -> None:
    """In the words that rows of databases have, and on no other row."""
    assert restrict(lake, "id=2").code == 0
    assert "GDPR art. 18" in lake.run("explain", TABLE, "id=2", "--at", AT).out
    assert "GDPR art. 18" not in lake.run("explain", TABLE, "id=1", "--at", AT).out


def test_all_rows_with_the_values_are_restricted_and_those_that_come(
    lake: Project, folder: Path
) -> None:
    """How many there are is said; nothing makes a column unique."""
    write(folder, [row(2, OLD)])
    assert "2 rows have these values, and all of them are restricted" in restrict(lake, "id=2").err
    write(folder, [row(2, OLD), row(3, datetime(2025, 1, 2))])
    lake.night(AT)
    assert ids(folder) == [2, 2, 2, 4, 5]


@pytest.mark.parametrize(
    ("words", "said"),
    [(("id=77",), "no row with these values"), (("77",), "COLUMN=VALUE")],
)
def test_a_request_on_nothing_is_refused(
    lake: Project, folder: Path, words: tuple[str, ...], said: str
) -> None:
    """Nothing is restricted, and the message says why."""
    refused = restrict(lake, *words)
    assert refused.code == 2
    assert said in refused.err
    assert "in force" in lake.run("restriction", "list").err


def test_a_request_slips_under_no_run(lake: Project, folder: Path) -> None:
    """While a run works on the table none can be placed: what it decided on is what it does."""
    asked = request(lake)
    assert ledger_of(asked.policy, asked.folder)
    with KeyFolder(lake.folder / "ledger.db-keys").locked(lake_lock(TABLE)):
        assert restrict(lake, "id=2").code == 75
    assert restrict(lake, "id=2").code == 0


@pytest.mark.parametrize(
    ("point", "left"), [(points.INTENT, [2, 4, 5]), (points.COMMITTED, [4, 5])]
)
def test_a_request_after_a_killed_run(
    lake: Project, folder: Path, point: str, left: list[int]
) -> None:
    """Of a batch that never took place nothing is carried out: it is decided anew, with the request."""
    assert night_of_its_own(lake, Fault(point)).end().code == -9
    placed = restrict(lake, "id=2")
    assert (placed.code == 0) is (2 in left), placed.err
    lake.night(AT)
    assert ids(folder) == left
    assert lake.run("ledger", "verify").code == 0


def test_a_request_whose_column_is_gone_stops_the_table(lake: Project, folder: Path) -> None:
    """Nobody can tell which rows are meant: nothing is changed, and the way out is said."""
    name = restrict(lake, "name=n", "id=2").out.strip()
    for path in folder.rglob("*"):
        if path.is_file():
            path.unlink()
    write(folder, [{key: value for key, value in row(2, OLD).items() if key != "name"}])
    found = lake.run("run", "--all", "--at", AT)
    assert found.code == 1
    assert f"retention restriction lift {TABLE} {name}" in " ".join(found.out.split())
    assert ids(folder) == [2]
    assert lift(lake, name).code == 0
    assert lake.run("run", "--all", "--at", AT).code == 0
    assert ids(folder) == []
