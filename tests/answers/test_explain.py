"""One row's story: every outcome, every instant, and what the ledger proves, on every engine."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from project import HEAD, Outcome, Project

from retention.policies.calendar import CountedFrom, Stage, Term
from retention.policies.period import parse_period

ZONE = "Europe/Oslo"
AT = "2026-11-22"
SECRETS = ("Ola Nordmann", "ola@example.org", "contract-7", "gold")

TABLES = (
    "CREATE TABLE customers (id INTEGER PRIMARY KEY, name VARCHAR(60), email VARCHAR(60),"
    " closed_at TIMESTAMP NULL, tier VARCHAR(20))",
    "CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER REFERENCES customers (id),"
    " placed_at TIMESTAMP NULL)",
    "CREATE TABLE invoices (id INTEGER PRIMARY KEY, customer_id INTEGER REFERENCES customers (id),"
    " issued_on DATE)",
    "CREATE TABLE payments (id INTEGER PRIMARY KEY, customer_id INTEGER REFERENCES customers (id))",
    "CREATE TABLE claims (id INTEGER PRIMARY KEY, customer_id INTEGER, settled_at DATE)",
    "CREATE TABLE papers (shelf VARCHAR(20), number INTEGER, kind VARCHAR(20), signed_on DATE,"
    " PRIMARY KEY (shelf, number))",
)
RULES = """
[rules.customers]
table = "customers"
basis = "contract"
promise = "Three years after you leave we forget you."
start = "closed_at"
delete_after = "3 years"
unless = { "open claim" = "claims.settled_at is null" }
[rules.customers.anonymize]
email = "null"

[rules.gold]
table = "customers"
where = "tier = 'gold'"
start = "closed_at"
delete_after = { by = "tier", gold = "1 year", otherwise = "9 years" }
schedule = "15 4 * * *"
[rules.gold.anonymize]
email = "null"

[rules.bookkeeping]
table = "invoices"
basis = "legal obligation"
start = "issued_on"
counted_from = "end of financial year"
keep_at_least = "5 years"
protects = ["customers.name"]

[rules.papers]
table = "papers"
start = "signed_on"
delete_after = "3 years"

[rules.contracts]
table = "papers"
where = "kind = 'contract-7'"
start = "signed_on"
keep_at_least = "10 years"

[references]
"orders.customer_id" = "delete"
"invoices.customer_id" = "delete"
"payments.customer_id" = "block"
"claims.customer_id" = { to = "customers.id", then = "leave" }
"""
CUSTOMERS = {
    1: "2020-05-01 12:00:00",  # due
    2: "2025-05-01 12:00:00",  # running
    3: None,  # not started
    4: "1970-01-01 00:00:01",  # undecidable
    5: "2020-05-01 12:00:00",  # held
    6: "2020-05-01 12:00:00",  # kept by an invoice's floor, with protects
    7: "2020-05-01 12:00:00",  # blocked
    8: "2020-05-01 12:00:00",  # unless
    9: "2027-05-01 12:00:00",  # starts in the future
}


def due(start: datetime | date, period: str, unit: CountedFrom = CountedFrom.EVENT) -> str | None:
    """What the calendar says, as JSON writes it."""
    found = Term((Stage(parse_period(period), unit),), ZoneInfo(ZONE)).due_at(start)
    return None if found is None else found.isoformat().replace("+00:00", "Z")


def filled(project: Project, *, rows: str = "all") -> None:
    """A shop with one customer for each outcome."""
    project.sql(*TABLES)
    for number, closed in CUSTOMERS.items():
        closed_at = "NULL" if closed is None else f"'{closed}'"
        project.sql(
            "INSERT INTO customers VALUES"
            f" ({number}, 'Ola Nordmann', 'ola@example.org', {closed_at}, 'plain')"
        )
    project.sql(
        "INSERT INTO orders VALUES (1, 1, NULL), (2, 1, NULL), (3, 2, NULL)",
        "INSERT INTO invoices VALUES (1, 6, '2022-06-01'), (2, 6, '2023-06-01')",
        "INSERT INTO payments VALUES (1, 7), (2, 7)",
        "INSERT INTO claims VALUES (1, 8, NULL)",
        "INSERT INTO papers VALUES ('north', 1, 'contract-7', '2020-02-01'),"
        " ('north', 2, 'letter', '2020-02-01')",
    )
    head = HEAD.replace('rows = "all"', f'rows = "{rows}"')
    project.policy(RULES, zone=ZONE, head=head)
    project.enroll()


def explained(project: Project, *row: str, at: str = AT) -> dict[str, Any]:
    """`explain --json` of a row; a failure fails the test."""
    found = project.run("explain", *row, "--at", at, "--json")
    assert found.code == 0, found.err
    assert found.json["schema"] == "retention.explain/1"
    return found.json


def rule(story: dict[str, Any], name: str, action: str = "delete") -> dict[str, Any]:
    """One rule's part of a story."""
    return next(
        found for found in story["rules"] if (found["rule"], found["action"]) == (name, action)
    )


def closed(number: int) -> datetime:
    """When a customer left."""
    return datetime.fromisoformat(str(CUSTOMERS[number])).replace(tzinfo=UTC)


def test_a_row_that_is_due_says_since_when_and_what_goes_with_it(project: Project) -> None:
    """Due, running, not started, to start and undecidable, each with the calendar's instant."""
    filled(project)
    story = explained(project, "customers", "1")
    found = rule(story, "customers")
    assert found["outcome"] == "due"
    assert found["due_at"] == story["due_at"] == due(closed(1), "3 years")
    assert found["also"] == [{"table": "orders", "action": "delete", "rows": 2}]
    assert found["basis"] == "contract"
    assert found["promises"] == ["Three years after you leave we forget you."]
    assert (
        found["reads"][0] | {"at": "2020-05-01T12:00:00Z", "column": "closed_at"}
        == found["reads"][0]
    )
    assert (story["state"], story["due_by"], story["not_selected"]) == (
        "here",
        "customers",
        ["gold"],
    )
    assert story["last_copy"] == "the policy names no backups, so nobody knows"

    running = explained(project, "customers", "2")
    assert rule(running, "customers")["outcome"] == "running"
    assert running["due_at"] == due(closed(2), "3 years")

    missing = rule(explained(project, "customers", "3"), "customers")
    assert (missing["outcome"], missing["due_at"]) == ("not started", None)
    assert missing["reads"][0]["state"] == "missing"

    doubtful = rule(explained(project, "customers", "4"), "customers")
    assert (doubtful["outcome"], doubtful["due_at"]) == ("undecidable", None)
    assert (doubtful["reads"][0]["state"], doubtful["reads"][0]["at"]) == ("undecidable", None)

    later = explained(project, "customers", "9")
    assert rule(later, "customers")["outcome"] == "not started"
    assert later["due_at"] == due(closed(9), "3 years")


def test_what_stops_a_row_is_named_with_its_end(project: Project) -> None:
    """Held, kept, blocked and unless: by which hold, floor, rows or condition, and until when."""
    filled(project)
    hold = project.run(
        "hold", "add", "customers", "5", "--reason", "claim", "--review", "2027-01-31"
    )
    assert hold.code == 0, hold.err
    story = explained(project, "customers", "5")
    (stop,) = rule(story, "customers")["stops"]
    assert rule(story, "customers")["outcome"] == "held"
    assert stop["holds"][0]["hold"] == hold.out.strip()
    assert stop["holds"][0]["review_on"] == "2027-01-31"
    assert story["due_at"] is None

    story = explained(project, "customers", "6")
    (stop,) = rule(story, "customers")["stops"]
    end = due(date(2023, 6, 1), "5 years", CountedFrom.FINANCIAL_YEAR)
    assert (rule(story, "customers")["outcome"], stop["name"]) == ("kept", "bookkeeping")
    assert (stop["until"], stop["basis"], story["due_at"]) == (end, "legal obligation", end)
    assert rule(story, "customers", "anonymize")["due_at"] == due(closed(6), "3 years")
    assert rule(story, "customers", "anonymize")["outcome"] == "due"

    story = explained(project, "customers", "7")
    (stop,) = rule(story, "customers")["stops"]
    assert rule(story, "customers")["outcome"] == "blocked"
    assert (stop["name"], stop["rows"], story["due_at"]) == ("payments.customer_id", 2, None)

    story = explained(project, "customers", "8")
    (stop,) = rule(story, "customers")["stops"]
    assert rule(story, "customers")["outcome"] == "unless"
    assert (stop["name"], story["due_at"]) == ("open claim", None)


def test_a_floor_of_the_row_itself_moves_its_date(project: Project) -> None:
    """Kept by a floor without `protects`: the row goes when the floor ends; the floor is told."""
    filled(project)
    story = explained(project, "papers", "north", "1")
    end = due(date(2020, 2, 1), "10 years")
    assert rule(story, "papers")["outcome"] == "kept"
    assert rule(story, "papers")["due_at"] == due(date(2020, 2, 1), "3 years")
    assert rule(story, "contracts", "keep")["outcome"] == "keeps"
    assert rule(story, "contracts", "keep")["due_at"] == story["due_at"] == end
    assert rule(story, "papers")["reads"][0]["at"] == "2020-02-01"
    assert explained(project, "papers", "north", "2")["not_selected"] == ["contracts"]


def test_a_child_row_goes_with_its_parent(project: Project) -> None:
    """An order without a rule of its own has the story of its customer."""
    filled(project)
    story = explained(project, "orders", "1")
    found = rule(story, "customers")
    assert (found["through"], found["outcome"]) == ("orders.customer_id", "due")
    assert story["due_at"] == due(closed(1), "3 years")
    assert explained(project, "orders", "3")["due_at"] == due(closed(2), "3 years")


def test_a_choice_by_a_column_is_the_rows_own(project: Project) -> None:
    """The period chosen by a column counts, the value that chose it is not told."""
    filled(project)
    project.sql("UPDATE customers SET tier = 'gold' WHERE id = 2")
    story = explained(project, "customers", "2")
    assert rule(story, "gold")["due_at"] == story["due_at"] == due(closed(2), "1 year")
    assert rule(story, "gold")["words"] == "1 year (chosen by tier) after closed_at"
    assert rule(story, "gold")["next_run"] == "2026-11-22T03:15:00Z"
    assert rule(story, "gold")["goes_at"] == "2026-11-22T03:15:00Z"


def test_nothing_of_the_row_is_printed_but_its_times(project: Project) -> None:
    """Neither text nor JSON nor SQL shows a name, an e-mail address, a deciding value or the key."""
    filled(project)
    project.sql(
        "INSERT INTO customers VALUES (4711, 'Ola Nordmann', 'ola@example.org', NULL, 'plain')"
    )
    for row in (("customers", "4711"), ("papers", "north", "1")):
        for form in ((), ("--json",)):
            found = project.run("explain", *row, "--at", AT, *form)
            assert found.code == 0, found.err
            for secret in (*SECRETS[:3], "4711", "north"):
                assert secret not in found.out, secret
    sql = project.run("explain", "customers", "4711", "--sql")
    assert ":key_1" in sql.out
    assert "4711" not in sql.out


def test_the_screen_says_it_in_words(project: Project) -> None:
    """The text has the state, the date, the last copy and each rule's own words."""
    filled(project)
    out = " ".join(project.run("explain", "customers", "6", "--at", AT).out.split())
    assert (
        "now: here; customers: kept by bookkeeping (legal obligation) until 2029-01-01 00:00" in out
    )
    assert "goes: due 2029-01-01 00:00 by customers; the next run takes it" in out
    assert "last copy: the policy names no backups, so nobody knows" in out
    assert "rule: 3 years after closed_at · basis: contract" in out
    assert "with it: 2 invoices deleted" in out


def run_of(project: Project) -> dict[str, Any]:
    """The last run as the ledger tells it."""
    return project.run("report", "--json").json["runs"][0]


def test_a_row_that_is_gone_is_proven_by_the_ledger(project: Project) -> None:
    """Erased and anonymized rows, single and composite keys: entry, run, rule and policy."""
    filled(project)
    project.night(AT)
    erased = explained(project, "customers", "1")
    (proof,) = erased["proof"]
    assert (erased["state"], proof["rule"], proof["done"]) == ("erased", "customers", "erased")
    assert proof["run"] == run_of(project)["run"]
    assert proof["policy_sha256"] == erased["policy_sha256"]
    assert len(proof["hash"]) == 64
    assert proof["settled"] is True
    assert explained(project, "orders", "1")["proof"][0]["entry"] == proof["entry"]
    assert explained(project, "papers", "north", "2")["proof"][0]["rule"] == "papers"

    masked = explained(project, "customers", "6")
    assert (masked["state"], masked["proof"][0]["done"]) == ("anonymized",) * 2
    assert rule(masked, "customers")["outcome"] == "kept"


def test_an_anonymized_row_is_proven_too(project: Project) -> None:
    """A row with nothing left to mask is anonymized, by an entry that names it."""
    project.sql(TABLES[0], "INSERT INTO customers VALUES (1, 'a', 'b', '2020-01-01', 'c')")
    project.policy(
        '[rules.c]\ntable = "customers"\nstart = "closed_at"\nanonymize_after = "3 years"\n'
        '[rules.c.anonymize]\n"name, email" = "null"\n'
    )
    project.enroll()
    assert explained(project, "customers", "1")["state"] == "here"
    project.night(AT)
    story = explained(project, "customers", "1")
    assert (story["state"], rule(story, "c", "anonymize")["outcome"]) == ("anonymized",) * 2
    assert story["proof"][0]["action"] == "anonymize"
    assert story["due_at"] is None


def test_counts_without_tokens_say_so(project: Project) -> None:
    """A row erased in counts only may have been among them; nobody can say."""
    filled(project, rows="none")
    project.night(AT)
    story = explained(project, "customers", "1")
    assert (story["state"], story["proof"]) == ("erased in counts", [])
    assert story["untold"][0]["why"] == "tokens were not kept"
    out = " ".join(project.run("explain", "customers", "1", "--at", AT).out.split())
    assert "erased in counts, tokens were not kept" in out


def test_a_lost_key_says_so(project: Project) -> None:
    """Tokens whose key was destroyed prove nothing about a row any more."""
    filled(project)
    project.night(AT)
    (key,) = (project.folder / "ledger.db-keys").glob("20*")
    key.unlink()
    story = explained(project, "customers", "1")
    assert story["state"] == "erased in counts"
    assert story["untold"][0]["why"] == f"the key of {key.name} is gone"
    assert not key.exists()


def test_a_row_nobody_knows_is_an_error(project: Project) -> None:
    """Never existed, unknown table, wrong number or kind of key values: exit 2 with a sentence."""
    filled(project)
    project.night(AT)
    faults: dict[tuple[str, ...], str] = {
        ("customers", "99"): "no entry of the ledger erased one",
        ("custmers", "1"): 'did you mean "customers"?',
        ("customers", "1", "2"): "named by id; 2 value(s) were given",
        ("papers", "north"): "named by shelf, number; 1 value(s) were given",
        ("customers", "x"): "a whole number",
    }
    for row, told in faults.items():
        found = project.run("explain", *row)
        assert (found.code, found.out) == (2, ""), found.err
        assert told in found.err


def test_clocks_of_child_rows_and_text_are_read_as_the_statements_read_them(
    project: Project,
) -> None:
    """The latest of several child rows counts; each way of storing a time gives its instant."""
    project.sql(
        "CREATE TABLE tickets (id INTEGER PRIMARY KEY, closed_at VARCHAR(40), seen BIGINT)",
        "CREATE TABLE messages (id INTEGER PRIMARY KEY, ticket_id INTEGER REFERENCES tickets (id),"
        " sent_at VARCHAR(40))",
        "INSERT INTO tickets VALUES (1, '2020-03-01', 1583020800), (2, '2020-03-01T10:00:00+02:00', 5),"
        " (3, NULL, 0)",
        "INSERT INTO messages VALUES (1, 1, '2021-10-31 02:30:00'), (2, 1, NULL), (3, 1, '2020-01-01')",
    )
    project.policy(
        '[rules.t]\ntable = "tickets"\nstart = { latest_of = ["closed_at", "messages.sent_at"] }\n'
        'requires = ["closed_at"]\ndelete_after = "3 years"\nstored_in = "Europe/Oslo"\n'
        '[rules.s]\ntable = "tickets"\nstart = "seen"\ndelete_after = "72 hours"\n'
        '[references]\n"messages.ticket_id" = "delete"\n',
        zone=ZONE,
    )
    story = explained(project, "tickets", "1")
    own, child = rule(story, "t")["reads"]
    assert (own["at"], own["required"]) == ("2020-03-01", True)
    assert (child["at"], child["rows"], child["missing"]) == ("2021-10-31T01:30:00Z", 3, 1)
    later = datetime(2021, 10, 31, 1, 30, tzinfo=UTC)
    assert rule(story, "t")["due_at"] == due(later, "3 years")
    assert rule(story, "s")["due_at"] == "2020-03-04T00:00:00Z"
    assert rule(story, "t")["also"] == [{"table": "messages", "action": "delete", "rows": 3}]
    zoned = rule(explained(project, "tickets", "2"), "t")
    assert zoned["reads"][0]["at"] == "2020-03-01T08:00:00Z"
    assert zoned["reads"][1]["state"] == "no rows"
    assert rule(explained(project, "tickets", "3"), "t")["outcome"] == "not started"


def test_the_instant_and_the_outcome_never_disagree(project: Project) -> None:
    """The second before the instant the row runs; at the instant it is due."""
    filled(project)
    instant = due(closed(2), "3 years")
    assert instant is not None
    before = datetime.fromisoformat(instant).timestamp() - 1
    early = datetime.fromtimestamp(before, UTC).isoformat()
    assert rule(explained(project, "customers", "2", at=early), "customers")["outcome"] == "running"
    assert rule(explained(project, "customers", "2", at=instant), "customers")["outcome"] == "due"


def test_a_role_that_may_only_read_suffices(server_project: Project) -> None:
    """explain writes nothing, so SELECT is all it needs."""
    filled(server_project)
    url = sa.make_url(server_project.url)
    name = f"reader_{abs(hash(server_project.url)) % 10**8}"
    if server_project.dialect == "postgresql":
        grants = [f"CREATE ROLE {name} LOGIN PASSWORD 'r'"]
        grants += [f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {name}"]
    else:
        grants = [f"CREATE USER '{name}'@'localhost' IDENTIFIED BY 'r'"]
        grants += [f"GRANT SELECT ON {url.database}.* TO '{name}'@'localhost'"]
    server_project.sql(*grants)
    reader = url.set(username=name, password="r").render_as_string(hide_password=False)
    text = server_project.config.read_text()
    server_project.config.write_text(text.replace(server_project.url, reader))
    try:
        assert explained(server_project, "customers", "1")["due_by"] == "customers"
    finally:
        if server_project.dialect == "postgresql":
            server_project.sql(f"DROP OWNED BY {name}", f"DROP ROLE {name}")
        else:
            server_project.sql(f"DROP USER '{name}'@'localhost'")


@pytest.mark.parametrize("form", [(), ("--json",), ("--sql",)])
def test_without_a_ledger_a_living_row_is_explained(
    project: Project, form: tuple[str, ...]
) -> None:
    """Before `enroll` there is a story of what is there, and a note that nothing can be proven."""
    project.sql(TABLES[0], "INSERT INTO customers VALUES (1, 'a', 'b', '2020-01-01', 'c')")
    project.policy(
        '[rules.c]\ntable = "customers"\nstart = "closed_at"\ndelete_after = "3 years"\n'
    )
    found: Outcome = project.run("explain", "customers", "1", *form)
    assert found.code == 0, found.err
    assert project.run("explain", "customers", "2").code == 74
