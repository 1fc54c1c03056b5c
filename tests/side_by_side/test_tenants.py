"""`urls`: hundreds of databases of one shape under one policy, listed in one of four ways."""

from __future__ import annotations

import json
import signal
import sqlite3
import sys
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from estate import engine_for_test
from forks import command
from hypothesis import given
from hypothesis import strategies as st
from project import Outcome

from retention.ledger.entry import Intent, Kind
from retention.ledger.store import Ledger, open_ledger
from retention.reports.many import alike, summed
from retention.scheduler.looking import each_look

AT = "2026-06-01"
POLICY = """
timezone = "UTC"
{more}
[databases.tenants]
urls = {urls}
[ledger]
url = "sqlite:///ledger.db"
keys = "keys"
[limits]
rows_per_run = 25
[rules.visits]
table = "visits"
{database}
start = "seen_at"
delete_after = "1 year"
"""


class Estate:
    """A folder of tenants: the first has one row due, the second two, and so on; one young each."""

    def __init__(self, folder: Path, count: int, urls: str, more: str = "") -> None:
        self.folder = folder
        self.tenants = [folder / "tenants" / f"secret-{number}.db" for number in range(count)]
        (folder / "tenants").mkdir()
        for number, path in enumerate(self.tenants, 1):
            fill(path, number)
        self.policy(urls, more)

    def policy(self, urls: str, more: str = "") -> None:
        """Write policies.toml with this list."""
        named = 'database = "tenants"' if more else ""
        text = POLICY.format(urls=urls, more=more, database=named)
        (self.folder / "policies.toml").write_text(text, encoding="utf-8")

    def run(self, *arguments: str) -> Outcome:
        """A command, to its end."""
        return Outcome(*command([*arguments], self.folder))

    def night(self, *more: str) -> tuple[int, dict[str, Any]]:
        """A whole run: its exit code and its object."""
        outcome = self.run("run", "--all", "--json", "--at", AT, *more)
        return outcome.code, json.loads(outcome.out)


def ledger_of(estate: Estate) -> Ledger:
    """The estate's ledger, to read."""
    return open_ledger(engine_for_test(f"sqlite:///{estate.folder / 'ledger.db'}"))


def fill(path: Path, due: int) -> None:
    """A database with so many visits due, and one that is not."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE visits (id INTEGER PRIMARY KEY, seen_at TEXT)")
        days = ["2020-01-01"] * due + ["2026-05-20"]
        connection.executemany("INSERT INTO visits (seen_at) VALUES (?)", [(day,) for day in days])


def listing(folder: Path) -> str:
    """The URLs of the tenants, a line each."""
    return "".join(f"sqlite:///{path}\n" for path in sorted((folder / "tenants").glob("*.db")))


def made(form: str, folder: Path) -> tuple[str, str]:
    """The list in one of its forms, and what else the policy says."""
    if form == "glob":
        return '{ glob = "tenants/*.db" }', ""
    if form == "file":
        (folder / "list.txt").write_text("# all of them\n\n" + listing(folder))
        return '{ file = "list.txt" }', ""
    if form == "command":
        program = "import pathlib; print(pathlib.Path('list.txt').read_text())"
        (folder / "list.txt").write_text(listing(folder))
        return f'{{ command = ["{sys.executable}", "-c", "{program}"] }}', ""
    with closing(sqlite3.connect(folder / "registry.db")) as connection, connection:
        connection.execute("CREATE TABLE tenant (url TEXT)")
        urls = [(url,) for url in listing(folder).split()]
        connection.executemany("INSERT INTO tenant VALUES (?)", urls)
    sql = "SELECT url FROM tenant ORDER BY url"
    return (
        f'{{ query = {{ database = "registry", sql = "{sql}" }} }}',
        '[databases.registry]\nurl = "sqlite:///registry.db"',
    )


@pytest.mark.parametrize("form", ["glob", "file", "command", "query"])
def test_every_tenant_of_a_list_is_worked_on(tmp_path: Path, form: str) -> None:
    """One rule speaks of all; their names are the same in every form and tell nothing of the URL."""
    estate = Estate(tmp_path, 4, '{ glob = "tenants/*.db" }')
    urls, more = made(form, tmp_path)
    estate.policy(urls, more)
    assert estate.run("enroll", "--all").code == 0
    plan = json.loads(estate.run("plan", "--json", "--at", AT).out)
    code, body = estate.night(*(("--jobs", "2") if form == "query" else ()))
    assert code == 0
    assert sorted(rule["erased"] for rule in body["rules"]) == [1, 2, 3, 4]
    assert [rule["due"] for rule in plan["rules"]] == [rule["erased"] for rule in body["rules"]]
    names = {rule["database"] for rule in body["rules"]}
    assert len(names) == 4
    assert all(name.startswith("tenants/") for name in names)
    assert "secret" not in json.dumps([plan, body])
    assert "secret" not in estate.run("run", "--all", "--at", AT).out
    estate.policy('{ glob = "tenants/*.db" }')
    assert {rule["database"] for rule in estate.night()[1]["rules"]} == names


def test_labels_of_the_list_are_the_names(tmp_path: Path) -> None:
    """`LABEL URL` a line names a tenant as its owner wants it named."""
    estate = Estate(tmp_path, 2, '{ file = "list.txt" }')
    lines = listing(tmp_path).splitlines()
    (tmp_path / "list.txt").write_text(f"north {lines[0]}\nsouth {lines[1]}\n")
    assert "tenants/north is enrolled" in estate.run("enroll", "tenants").out
    _, body = estate.night()
    assert [rule["database"] for rule in body["rules"]] == ["tenants/north", "tenants/south"]


FAULTS = {
    "empty": ("", 2, "empty"),
    "comments only": ("# nobody\n", 2, "empty"),
    "three words": ("a b sqlite:///x.db\n", 2, "line 1"),
    "a label with a slash": ("a/b sqlite:///x.db\n", 2, "line 1"),
    "the same label": ("a sqlite:///x.db\na sqlite:///y.db\n", 2, "entry 2"),
    "the same database": ("sqlite:///x.db\nb sqlite:///./x.db\n", 2, "entry 2"),
    "no URL": ("hunter2\n", 2, "entry 1"),
    "another engine": ("oracle://u:hunter2@h/d\n", 2, "entry 1"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_list_with_a_fault_is_an_error_and_never_nothing_to_do(
    tmp_path: Path, fault: str
) -> None:
    """Every command that needs the databases ends with it, and no URL is shown."""
    text, code, where = FAULTS[fault]
    estate = Estate(tmp_path, 0, '{ file = "list.txt" }')
    (tmp_path / "list.txt").write_text(text)
    for words in (["check"], ["plan"], ["enroll", "--all"], ["coverage"], ["forecast"]):
        outcome = estate.run(*words)
        assert (outcome.code, outcome.out) == (code, ""), words
        assert where in outcome.err
        assert "hunter2" not in outcome.err


@pytest.mark.parametrize(
    ("urls", "said"),
    [
        ('{ file = "nowhere.txt" }', "nowhere.txt"),
        ('{ command = ["/nowhere/list"] }', "cannot be run"),
        (
            f'{{ command = ["{sys.executable}", "-c", "raise SystemExit(\'hunter2\')"] }}',
            "ended with 1",
        ),
    ],
)
def test_a_list_that_cannot_be_read_stops_its_own_databases_only(
    tmp_path: Path, urls: str, said: str
) -> None:
    """The other databases of the policy are done; the run ends with 74 and names the list."""
    fill(tmp_path / "shop.db", 3)
    estate = Estate(tmp_path, 1, urls, '[databases.shop]\nurl = "sqlite:///shop.db"')
    with (tmp_path / "policies.toml").open("a") as file:
        rule = 'table = "visits"\nstart = "seen_at"\ndelete_after = "1 year"\ndatabase = "shop"\n'
        file.write(f"[rules.shop-visits]\n{rule}")
    assert estate.run("plan").code == 74
    text = (tmp_path / "policies.toml").read_text()
    estate.policy('{ glob = "tenants/*.db" }', '[databases.shop]\nurl = "sqlite:///shop.db"')
    assert estate.run("enroll", "--all").code == 0
    (tmp_path / "policies.toml").write_text(text)
    code, body = estate.night()
    assert code == 74
    assert said in body["errors"]["tenants"]
    assert "hunter2" not in json.dumps(body)
    assert [(rule["database"], rule["erased"]) for rule in body["rules"]] == [("shop", 3)]


def test_values_from_a_table_are_not_filled_in(tmp_path: Path) -> None:
    """Whoever may write the list of tenants cannot read this machine's files and variables by it."""
    more = '[databases.registry]\nurl = "sqlite:///registry.db"'
    query = '{ query = { database = "registry", sql = "SELECT url FROM tenant" } }'
    estate = Estate(tmp_path, 0, query, more)
    with closing(sqlite3.connect(tmp_path / "registry.db")) as connection, connection:
        connection.execute("CREATE TABLE tenant (url TEXT)")
        connection.execute("INSERT INTO tenant VALUES ('sqlite:///${file:/etc/hostname}')")
    outcome = estate.run("plan")
    assert outcome.code == 2
    assert "not filled in" in outcome.err


def test_a_tenant_that_left_the_list_is_said_every_night(tmp_path: Path) -> None:
    """Its name is in plan, check and the report; what was erased in it stays in the ledger."""
    estate = Estate(tmp_path, 3, '{ glob = "tenants/*.db" }')
    estate.run("enroll", "--all")
    _, body = estate.night()
    gone = body["rules"][0]["database"]
    names = [rule["database"] for rule in body["rules"]]
    (tmp_path / "tenants" / "secret-0.db").rename(tmp_path / "elsewhere.db")
    code, body = estate.night()
    left = {rule["database"] for rule in body["rules"]}
    (gone,) = set(names) - left
    assert code == 0
    assert any(note.startswith(f"{gone} is no longer in the list") for note in body["notes"])
    assert f"{gone} is no longer in the list" in estate.run("run", "--all", "--at", AT).out + (
        estate.run("report", "last").out
    )
    for words in (["plan"], ["check"]):
        assert f"{gone} is no longer in the list" in estate.run(*words).err


def test_a_tenant_that_left_with_an_open_batch_is_an_error(tmp_path: Path) -> None:
    """Nobody can say whether it committed until the database is there again."""
    estate = Estate(tmp_path, 2, '{ glob = "tenants/*.db" }')
    estate.run("enroll", "--all")
    ledger = ledger_of(estate)
    name, at = next(iter(ledger.databases().items())), next(iter(ledger.entries())).at
    intent = Intent(name[0], 1, "run", "visits", "delete", "visits", (), {}, None, at, at)
    ledger.append_intent(intent, {}, at)
    paths = {path: path.with_suffix(".away") for path in estate.tenants}
    for path, away in paths.items():
        path.rename(away)
        code, body = estate.night()
        if name[1] in body["errors"]:
            break
        away.rename(path)
    assert code == 1
    assert "put it back" in body["errors"][name[1]]
    away.rename(path)
    code, body = estate.night()
    assert code == 0
    assert any("never committed" in note for note in body["notes"])
    assert list(ledger.entries(kinds={Kind.NOT_COMMITTED}))


def leave(estate: Estate, name: str, *more: str) -> Outcome:
    """Leave is taken of a tenant."""
    by = ("--by", "Kari Nordmann", "--reason", "contract ended")
    return estate.run("retire", name, *(more or by))


def moved_away(estate: Estate) -> tuple[str, Path, Path]:
    """A tenant that is not in the list any more: its name, where it was and where it is."""
    before = {rule["database"] for rule in estate.night()[1]["rules"]}
    path, away = estate.tenants[0], estate.tenants[0].with_suffix(".away")
    path.rename(away)
    (gone,) = before - {rule["database"] for rule in estate.night()[1]["rules"]}
    return gone, path, away


def test_leave_is_taken_of_a_tenant_and_it_is_said_no_more(tmp_path: Path) -> None:
    """By whom and why is in the ledger; without both, or while it is listed, nothing is written."""
    estate = Estate(tmp_path, 2, '{ glob = "tenants/*.db" }')
    estate.run("enroll", "--all")
    gone, path, away = moved_away(estate)
    there = estate.night()[1]["rules"][0]["database"]
    refused = (leave(estate, gone, "--by", "Kari"), leave(estate, there), leave(estate, "shop"))
    assert [found.code for found in refused] == [2, 2, 2]
    assert not list(ledger_of(estate).entries(kinds={Kind.RETIRED}))
    told = leave(estate, gone)
    assert (told.code, told.err) == (0, "")
    (entry,) = ledger_of(estate).entries(kinds={Kind.RETIRED})
    assert f"as entry {entry.number}" in told.out
    said = {key: entry.body[key] for key in ("name", "by", "reason")}
    assert said == {"name": gone, "by": "Kari Nordmann", "reason": "contract ended"}
    assert "was retired on" in leave(estate, gone).err
    assert gone not in json.dumps(estate.night())
    for words in (["plan", "--json"], ["check"], ["report", "last"]):
        found = estate.run(*words)
        assert gone not in found.out + found.err
    away.rename(path)
    assert gone in {rule["database"] for rule in estate.night()[1]["rules"]}
    path.rename(away)
    assert any(f"{gone} is no longer in the list" in note for note in estate.night()[1]["notes"])


def test_copies_of_a_retired_tenant_are_followed_to_the_last(tmp_path: Path) -> None:
    """What left it is still in a copy: said until two listings found none, and then no more."""
    copies = '[backups.b]\ndatabase = "tenants"\nkind = "files"\npath = "copies/*"\nkeep = "5 days"'
    estate = Estate(tmp_path, 2, '{ glob = "tenants/*.db" }', copies)
    estate.run("enroll", "--all")
    (tmp_path / "copies").mkdir()
    for number, tenant in enumerate(estate.tenants):
        (tmp_path / "copies" / f"{number}.db").write_bytes(tenant.read_bytes())
    gone, _, _ = moved_away(estate)
    assert leave(estate, gone).code == 0
    _, body = estate.night()
    assert any(
        note.startswith(f"{gone} was retired on") and "1 purge of its copies" in note
        for note in body["notes"]
    )
    assert gone in {duty["database"] for found in body["copies"] for duty in found["purges"]}
    for copy in (tmp_path / "copies").iterdir():
        copy.write_bytes(estate.tenants[1].read_bytes())
    for day in (2, 3, 4):
        code, body = estate.night("--at", f"2026-06-0{day}")
    assert code == 0
    assert gone not in json.dumps(body)
    assert "confirmed" in {
        entry.body["state"]
        for entry in ledger_of(estate).entries(kinds={Kind.PURGE_MOVED})
        if ledger_of(estate).databases()[entry.database_id or ""] == gone
    }


def test_a_retired_tenant_with_an_open_batch_is_followed_as_if_it_committed(tmp_path: Path) -> None:
    """The run ends with 0 again; what the batch may have erased is looked for in the copies."""
    copies = '[backups.old]\ndatabase = "tenants"\nkind = "declared"\nkeep = "30 days"'
    estate = Estate(tmp_path, 2, '{ glob = "tenants/*.db" }', copies)
    estate.run("enroll", "--all")
    gone, path, away = moved_away(estate)
    ledger = ledger_of(estate)
    (database_id,) = (key for key, name in ledger.databases().items() if name == gone)
    at, after = next(iter(ledger.entries())).at, ledger.state_of(database_id).last_closed
    counts = {"due visits": 7, "visits": 7}
    intent = Intent(
        database_id, after + 1, "lost", "visits", "delete", "visits", (), counts, None, at, at
    )
    ledger.append_intent(intent, {}, at)
    assert estate.night()[0] == 1
    told = leave(estate, gone)
    assert f"whether batch {after + 1} of {gone} was committed is not known" in told.out
    code, body = estate.night()
    assert code == 0
    owed = [duty for found in body["copies"] for duty in found["purges"]]
    assert "lost" in {duty["run"] for duty in owed if duty["database"] == gone}
    away.rename(path)
    code, body = estate.night()
    assert code == 0
    assert any("never committed" in note for note in body["notes"])
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO visits (seen_at) VALUES ('2020-01-01')")
    _, body = estate.night()
    owed = [duty for found in body["copies"] for duty in found["purges"]]
    assert body["run"] in {duty["run"] for duty in owed if duty["database"] == gone}


def test_a_plan_over_hundreds_is_one_line_a_rule_with_the_exceptions_named(tmp_path: Path) -> None:
    """The sums are those of the rows with --json; tenants past the limit are named, a few of them."""
    estate = Estate(tmp_path, 30, '{ glob = "tenants/*.db" }')
    bodies = json.loads(estate.run("plan", "--json", "--at", AT).out)["rules"]
    text = estate.run("plan", "--at", AT).out
    assert f"{sum(body['due'] for body in bodies)} due of {30 + sum(range(31))}" in text
    refused = [body["database"] for body in bodies if body["limit"]]
    assert len(refused) == 5
    assert sum(name in text for name in refused) >= 3
    assert "and 2 more" in text
    assert text.count("\n") < 30


def test_a_fault_in_some_tenants_names_them(tmp_path: Path) -> None:
    """What is wrong everywhere is said once; what is wrong in one tenant, with its name."""
    estate = Estate(tmp_path, 5, '{ glob = "tenants/*.db" }')
    with closing(sqlite3.connect(estate.tenants[2])) as connection, connection:
        connection.execute("ALTER TABLE visits RENAME COLUMN seen_at TO looked_at")
    outcome = estate.run("check")
    assert outcome.code == 2
    assert outcome.err.count('has no column "seen_at"') == 1
    assert "of 5 databases" in outcome.err


def test_coverage_and_forecast_speak_of_all_tenants_at_once(tmp_path: Path) -> None:
    """One survey for one shape, one line for one rule; a tenant of another shape is told apart."""
    estate = Estate(tmp_path, 4, '{ glob = "tenants/*.db" }')
    with closing(sqlite3.connect(estate.tenants[1])) as connection, connection:
        connection.execute("CREATE TABLE people (id INTEGER PRIMARY KEY, email TEXT)")
    coverage = estate.run("coverage")
    assert coverage.code == 2
    assert coverage.out.count("tenants/") == 1
    assert "people" in coverage.out
    forecast = estate.run("forecast", "--weeks", "2", "--at", AT)
    assert forecast.code == 0
    assert "10 due now" in forecast.out


LOOKS = (
    ("plan", "--at", AT),
    ("plan", "--json", "--at", AT),
    ("plan", "--sql", "--at", AT),
    ("check",),
    ("coverage", "--sample"),
)


def test_looking_at_several_tenants_at_a_time_tells_the_same(tmp_path: Path) -> None:
    """Plan, check and coverage with --jobs: same text, same order, same exit code, errors too."""
    estate = Estate(tmp_path, 5, '{ glob = "tenants/*.db" }')
    with closing(sqlite3.connect(estate.tenants[1])) as connection, connection:
        connection.execute("CREATE TABLE people (id INTEGER PRIMARY KEY, email TEXT)")
    with closing(sqlite3.connect(estate.tenants[2])) as connection, connection:
        connection.execute("ALTER TABLE visits RENAME COLUMN seen_at TO looked_at")
    estate.tenants[3].write_bytes(b"no database")
    for words in LOOKS:
        assert estate.run(*words, "--jobs", "3") == estate.run(*words), words


def test_a_look_whose_process_dies_is_told_and_the_others_go_on() -> None:
    """The one it looked at is named with what is to be done; the order stays."""
    dies = partial(signal.raise_signal, signal.SIGKILL)
    looks = [("a", partial(str, "1")), ("b", dies), ("c", partial(str, "3"))]
    found = list(each_look(looks, 2))
    assert [name for name, _ in found] == ["a", "b", "c"]
    assert (found[0][1], found[2][1]) == ("1", "3")
    assert "SIGKILL" in str(found[1][1])


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 5), st.booleans()), max_size=12))
def test_sums_over_many_databases_lose_nothing(found: list[tuple[str, int, bool]]) -> None:
    """Rows due are the same before and after; a database of its own keeps its own line."""
    bodies = [
        {
            "rule": rule,
            "action": "delete",
            "table": "t",
            "database": f"tenants/n{number}" if member else "shop",
            "due": due,
            "also": [],
        }
        for number, (rule, due, member) in enumerate(found)
    ]
    sums = summed(bodies)
    assert sum(body["due"] for body in sums) == sum(body["due"] for body in bodies)
    assert sum(body.get("databases", 1) for body in sums) == len(bodies)
    alone = [body for body in sums if body["database"] == "shop"]
    assert alone == [body for body in bodies if body["database"] == "shop"]


def test_messages_alike_are_told_a_few_times() -> None:
    """Only those that differ by a name; a path that looks like one is left alone."""
    said = [f"tenants/a{number}: cannot be reached" for number in range(9)]
    paths = [f"files/a{number}: cannot be read" for number in range(9)]
    told = alike([*said, *paths, paths[0]], {"tenants"})
    assert told == [*said[:3], "6 more: tenants/…: cannot be reached", *paths]
