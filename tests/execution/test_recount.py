"""The recount: silent after a run that did its work, and it finds whatever a broken one leaves."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from project import Project

from retention.cli.requests import silent_watch
from retention.databases.sql import Row
from retention.databases.statements import table_scan
from retention.databases.statements.mask_sql import MaskSql
from retention.databases.statements.predicates import Predicates
from retention.databases.statements.recounting import PlainRows
from retention.execution import recount as recounting
from retention.execution.executor import execute
from retention.execution.recounting import before
from retention.execution.recounting.verdict import Recount
from retention.planning.plan import Companions, Plan
from retention.policies.parse import parse_policy
from retention.reports.html import render
from retention.reports.reading import run_body
from retention.scheduler import one_database as nights
from retention.scheduler.nightly import Night, Request, ledger_of, nightly

AS_OF = datetime(2026, 6, 1, tzinfo=UTC)
OLD, YOUNG = "2020-01-01 00:00:00", "2026-05-30 00:00:00"
RULES = """
[rules.customers]
table = "customers"
start = "closed_at"
anonymize_after = "30 days"
delete_after = "1 year"
unless = { vip = "vip = 1" }
[rules.customers.anonymize]
email = { template = "gone-{id}@invalid" }
name = "null"
"notes.body" = { text = "[erased]" }
[rules.books]
table = "invoices"
start = "issued_at"
keep_at_least = "5 years"
[rules.invoices]
table = "invoices"
start = "issued_at"
delete_after = "5 years"
[references]
"orders.customer_id" = { to = "customers.id", then = "delete" }
"notes.customer_id" = { to = "customers.id", then = "delete" }
"invoices.customer_id" = { to = "customers.id", then = "block" }
"visits.customer_id" = { to = "customers.id", then = "leave" }
"""
TABLES = (
    "create table customers (id integer primary key, closed_at {time}, vip integer,"
    " email varchar(60), name varchar(60))",
    "create table orders (id integer primary key, customer_id integer)",
    "create table notes (id integer primary key, customer_id integer, body varchar(60))",
    "create table invoices (id integer primary key, customer_id integer, issued_at {time})",
    "create table visits (id integer primary key, customer_id integer)",
)
CUSTOMERS = {
    1: (OLD, 0),
    2: (OLD, 0),
    3: (OLD, 0),
    4: (OLD, 1),
    5: (OLD, 0),
    6: (OLD, 0),
    7: (YOUNG, 0),
    8: (None, 0),
    9: ("2026-03-01 00:00:00", 0),
    10: ("2026-03-02 00:00:00", 0),
}


@pytest.fixture
def shop(project: Project) -> Project:
    """Customers to erase and to mask; 4 excepted, 5 and 6 blocked by invoices, one of them old."""
    kind = "datetime" if project.dialect in ("mysql", "sqlite") else "timestamp"
    project.sql(*(table.format(time=kind) for table in TABLES))
    for key, (closed, vip) in CUSTOMERS.items():
        when = f"'{closed}'" if closed else "null"
        project.sql(
            f"insert into customers values ({key}, {when}, {vip}, 'c{key}@example.org', 'C')",
            f"insert into orders values ({key}, {key})",
            f"insert into notes values ({key}, {key}, 'hello')",
            f"insert into visits values ({key}, {key})",
        )
    project.sql(
        f"insert into invoices values (1, 5, '{OLD}'), (2, 6, '2024-01-01 00:00:00')",
        "insert into orders values (50, 999)",
    )
    project.policy(RULES)
    project.enroll()
    return project


def night(project: Project) -> Night:
    """One run in this process, so that parts of it can be broken."""
    policy = parse_policy(project.config.read_text(encoding="utf-8"))
    request = Request(
        policy,
        project.folder,
        "policies.toml",
        AS_OF,
        lambda: AS_OF,
        silent_watch(),
        everything=True,
    )
    return nightly(request)


def recount_of(found: Night) -> Recount:
    """The recount of the only database."""
    (database,) = found.databases
    assert database.error is None, database.error
    assert database.recount is not None
    assert not database.recount.failed
    return database.recount


def pages_read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows each page has, as a recount reads one after the other."""
    read: list[int] = []
    page = PlainRows.page

    def counting(self: PlainRows, *asked: Any) -> Any:
        found = page(self, *asked)
        read.append(len(found))
        return found

    monkeypatch.setattr(PlainRows, "page", counting)
    return read


def findings(found: Night) -> set[tuple[str, str, str, str, int]]:
    """What the recount found: fault, rule, table, column, rows."""
    return {
        (str(item.fault), item.rule, item.table, item.column, item.rows)
        for item in recount_of(found).findings
    }


def reported(project: Project) -> tuple[dict[str, Any], str]:
    """The last run as the ledger has it, and its page."""
    policy = parse_policy(project.config.read_text(encoding="utf-8"))
    body = run_body(ledger_of(policy, project.folder), None)
    return body, render(body, policy.timezone)


def test_a_clean_run_leaves_nothing_behind_and_says_what_was_looked_at(shop: Project) -> None:
    """Rows that are stopped are no fault, nor are rows that referred to nothing before."""
    found = night(shop)
    assert found.exit_code == 0
    assert findings(found) == set()
    steps = {(step.rule, step.action): step for step in recount_of(found).steps}
    left = shop.value("select count(*) from customers")
    assert steps["customers", "delete"].looked == left
    assert steps["customers", "delete"].stopped == 2  # the VIP and the one with a young invoice
    orders = next(ref for ref in recount_of(found).references if "orders" in ref.reference)
    assert (orders.before, orders.after, orders.new) == (1, 1, 0)
    assert not [ref for ref in recount_of(found).references if "visits" in ref.reference]
    body, page = reported(shop)
    assert body["recount"][0]["findings"] == []
    assert "nothing left behind" in page
    assert "left-behind" not in page


def test_a_second_run_has_nothing_to_count_again(shop: Project) -> None:
    """A rule without due rows did nothing, and is not walked."""
    night(shop)
    assert recount_of(night(shop)).steps == []


def test_an_eraser_that_passes_over_a_row_is_found(
    shop: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row that is due and that nothing stops is counted, told and red in the report."""
    doomed = Predicates.doomed

    def passing_over(self: Predicates, step: Any, row: Row) -> Any:
        return sa.and_(doomed(self, step, row), row.c["id"] != 2)

    monkeypatch.setattr(Predicates, "doomed", passing_over)
    found = night(shop)
    assert ("due", "customers", "customers", "", 1) in findings(found)
    assert found.exit_code == 1
    body, page = reported(shop)
    assert body["exit_code"] == 1
    assert 'id="left-behind"' in page
    outcome = shop.run("report", "last")
    assert "LEFT BEHIND: 1 row of customers is still there" in " ".join(outcome.out.split())


def test_a_preview_and_an_eraser_that_err_alike_are_found(
    shop: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the decision itself is wrong, plan and run agree; the recount does not."""
    reached = Predicates._reached

    def too_few(self: Predicates, step: Any, row: Row) -> Any:
        return sa.and_(reached(self, step, row), row.c["id"] != 3)

    monkeypatch.setattr(Predicates, "_reached", too_few)
    found = night(shop)
    (database,) = found.databases
    assert all(result.left == 0 for result in database.results)
    assert ("due", "customers", "customers", "", 1) in findings(found)


def test_children_that_an_eraser_forgets_are_found(
    shop: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows that refer to rows that this run took, and did not go with them, dangle since this run."""
    companions = Plan.companions

    def without_orders(self: Plan, table: str) -> Companions:
        found = companions(self, table)
        taken = {name: refs for name, refs in found.taken.items() if name != "orders"}
        return Companions(taken, found.detached)

    monkeypatch.setattr(Plan, "companions", without_orders)
    found = night(shop)
    gone = len(CUSTOMERS) - shop.value("select count(*) from customers")
    label = "orders.customer_id → customers"
    assert findings(found) == {("dangling", "", "orders", label, gone)}
    assert found.exit_code == 1


def test_columns_that_were_not_masked_are_found(
    shop: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mask that writes the old value back shows, in the row and in its child rows."""
    masked = MaskSql.masked

    def lazy(self: MaskSql, row: Row, table: Any, column: Any, mask: Any) -> Any:
        if column.name in ("email", "body"):
            return row.c[column.name].concat("?")
        return masked(self, row, table, column, mask)

    monkeypatch.setattr(MaskSql, "masked", lazy)
    found = findings(night(shop))
    assert ("unmasked", "customers", "customers", "email") in {item[:4] for item in found}
    assert ("unmasked", "customers", "notes", "body") in {item[:4] for item in found}
    assert ("unmasked", "customers", "customers", "name") not in {item[:4] for item in found}


def test_rows_that_come_during_the_run_are_told_apart(
    shop: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new row that refers to one that has gone is found; a new row that is due is no fault."""

    def meanwhile(*arguments: Any) -> None:
        execute(*arguments)
        shop.sql(
            "insert into orders values (100, 1)",
            f"insert into customers values (100, '{OLD}', 0, 'late@example.org', 'C')",
        )

    monkeypatch.setattr(nights, "execute", meanwhile)
    label = "orders.customer_id → customers"
    assert findings(night(shop)) == {("dangling", "", "orders", label, 1)}


def test_rules_that_were_not_carried_out_whole_are_no_fault(shop: Project) -> None:
    """What a limit left over is told as not looked at, and refused rules leave the others judged."""
    portion = 'limits = { rows_per_run = 1, over_limit = "portion" }\nunless ='
    shop.policy(RULES.replace("unless =", portion))
    found = night(shop)
    assert found.exit_code == 0
    skipped = {step.skipped for step in recount_of(found).steps if step.rule == "customers"}
    assert skipped == {"a portion only"}
    shop.policy(RULES.replace("unless =", "limits = { rows_per_run = 1 }\nunless ="))
    found = night(shop)
    assert found.exit_code == 3
    assert findings(found) == set()
    assert {step.skipped for step in recount_of(found).steps} == {"refused"}


def test_a_tree_that_a_row_below_keeps_is_counted_as_stopped(project: Project) -> None:
    """The row that keeps it is not due itself, so it is none of the stopped rows."""
    project.sql(
        "create table people (id integer primary key, boss integer, closed varchar(30),"
        " seen varchar(30))",
        f"insert into people values (1, null, '{OLD}', '{OLD}'), (2, 1, null, '{OLD}'),"
        f" (3, 2, null, '2026-05-01'), (9, null, '{OLD}', '{OLD}')",
    )
    project.policy("""
[rules.people]
table = "people"
start = "closed"
delete_after = "1 year"
[rules.law]
table = "people"
start = "seen"
keep_at_least = "5 years"
[references]
"people.boss" = { to = "people.id", then = "delete" }
""")
    project.enroll()
    found = night(project)
    assert project.rows("select id from people order by id") == [(1,), (2,), (3,)]
    assert (found.exit_code, findings(found)) == (0, set())
    (step,) = recount_of(found).steps
    assert (step.stopped, step.freed) == (1, 0)


def test_a_row_that_the_run_itself_freed_goes_the_next_night(project: Project) -> None:
    """A row blocked by a row that leaves in the same step is due afterwards, and no fault."""
    project.sql(
        "create table boxes (id integer primary key, at varchar(30))",
        "create table slips (id integer primary key, box integer, other integer)",
        f"insert into boxes values (1, '{OLD}'), (2, '{OLD}')",
        "insert into slips values (1, 1, 2)",
    )
    project.policy("""
[rules.boxes]
table = "boxes"
start = "at"
delete_after = "1 year"
[references]
"slips.other" = { to = "boxes.id", then = "block" }
"slips.box" = { to = "boxes.id", then = "delete" }
""")
    project.enroll()
    found = night(project)
    assert project.rows("select id from boxes") == [(2,)]
    assert found.exit_code == 0
    (step,) = recount_of(found).steps
    assert (step.freed, findings(found)) == (1, set())
    assert "became due by what this run itself did" in " ".join(
        project.run("report", "last").out.split()
    )
    night(project)
    assert project.rows("select id from boxes") == []


def test_rows_that_are_moved_to_be_restricted_are_no_fault(project: Project) -> None:
    """What referred to a moved row still does, and what is due where it went goes the next night."""
    columns = "(id integer primary key, at varchar(30), name varchar(20))"
    project.sql(
        f"create table people {columns}",
        f"create table restricted_people {columns}",
        "create table letters (id integer primary key, person integer)",
        f"insert into people values (1, '{OLD}', 'A'), (2, '{YOUNG}', 'B')",
        "insert into letters values (1, 1), (2, 2), (3, 77)",
    )
    project.policy("""
[rules.people]
table = "people"
start = "at"
restrict_after = "30 days"
delete_after = "1 year"
restrict = { move_to = "restricted_people" }
unless = { pinned = "id = 1 and name = 'A'" }
[references]
"letters.person" = { to = "people.id", then = "delete" }
""")
    project.enroll()
    assert night(project).exit_code == 0
    policy = project.config.read_text(encoding="utf-8")
    project.config.write_text(policy.replace("id = 1 and name", "id = 9 and name"))
    project.sql("insert into people values (3, '2026-03-01 00:00:00', 'C')")
    found = night(project)
    assert (found.exit_code, findings(found)) == (0, set())
    assert project.rows("select id from people order by id") == [(2,)]
    assert project.rows("select id from restricted_people") == [(3,)]
    (letters,) = recount_of(found).references
    assert (letters.before, letters.new) == (1, 0)


def test_a_table_larger_than_the_recount_reads_is_told(
    shop: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The report says how many rows of how many were looked at."""
    monkeypatch.setattr(recounting, "MOST_ROWS", 2)
    monkeypatch.setattr(recounting, "PAGE", 1)
    found = night(shop)
    left = shop.value("select count(*) from customers")
    steps = [step for step in recount_of(found).steps if step.table == "customers"]
    assert {(step.looked, step.rows) for step in steps} == {(2, left)}
    assert f"2 of {left} rows were looked at" in " ".join(shop.run("report", "last").out.split())


def test_every_page_of_a_composite_key_is_read(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pages end anywhere in a key of two columns, and no row is read twice or left out."""
    monkeypatch.setattr(recounting, "PAGE", 2)
    project.sql(
        "create table logs (a varchar(10), b integer, at varchar(30), primary key (a, b))",
        *(
            f"insert into logs values ('{name}', {number}, '{YOUNG if number else OLD}')"
            for name in "xyz"
            for number in range(5)
        ),
    )
    project.policy('[rules.logs]\ntable = "logs"\nstart = "at"\ndelete_after = "1 year"\n')
    project.enroll()
    found = night(project)
    (step,) = recount_of(found).steps
    assert (step.looked, step.rows, findings(found)) == (12, 12, set())


@pytest.mark.parametrize("kind", ["date", "timestamp", "varchar(30)"])
def test_rows_whose_time_has_not_come_are_passed_over_and_no_due_row_with_them(
    project: Project, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once a running row is known, later ones are not read; a due row far behind it is found."""
    monkeypatch.setattr(recounting, "PAGE", 2)
    doomed = Predicates.doomed

    def passing_over(self: Predicates, step: Any, row: Row) -> Any:
        return sa.and_(doomed(self, step, row), row.c["id"] != 30)

    monkeypatch.setattr(Predicates, "doomed", passing_over)
    # SQLite would ask for what the preview has seen
    monkeypatch.setattr(table_scan, "plain_range", lambda *_: None)
    days = ["2026-02-01", *([YOUNG[:10]] * 34)]
    days[9] = days[19] = days[29] = OLD[:10]
    project.sql(
        f"create table visits (id integer primary key, at {kind})",
        *(
            f"insert into visits values ({number}, '{day}')"
            for number, day in enumerate(days, start=1)
        ),
        "insert into visits values (36, null)",
    )
    project.policy('[rules.visits]\ntable = "visits"\nstart = "at"\ndelete_after = "1 year"\n')
    project.enroll()
    read = pages_read(monkeypatch)
    found = night(project)
    assert findings(found) == {("due", "visits", "visits", "", 1)}
    (step,) = recount_of(found).steps
    assert (step.looked, step.rows) == (34, 34)
    assert sum(read) < 10


def test_the_recount_holds_names_and_counts_only(
    shop: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No value and no key of a row is in its entry of the ledger, whatever it found."""
    monkeypatch.setattr(Predicates, "doomed", _nothing)
    night(shop)
    body, _ = reported(shop)
    (entry,) = body["recount"]
    assert entry["findings"]
    values = {"C", "c1@example.org", "hello", OLD}
    assert not values & set(_texts(entry))


def _nothing(*_: Any) -> Any:
    return sa.false()


def _texts(found: Any) -> list[str]:
    if isinstance(found, dict):
        return [text for item in found.values() for text in _texts(item)]
    if isinstance(found, list):
        return [text for item in found for text in _texts(item)]
    return [found] if isinstance(found, str) else []


def test_a_recount_that_fails_is_told_and_ends_with_1(
    shop: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was erased is in the ledger all the same."""
    page: Callable[..., Any] = recounting.PlainRows.page

    def broken(self: Any, *arguments: Any) -> Any:
        self.connection.exec_driver_sql("select no_such_column from customers")
        return page(self, *arguments)

    monkeypatch.setattr(recounting.PlainRows, "page", broken)
    found = night(shop)
    assert found.exit_code == 1
    body, html = reported(shop)
    assert body["recount"][0]["failed"]
    assert "did not get to its end" in html
    assert body["committed"]


TAGS = {"sqlite": "text collate nocase", "mysql": "varchar(20)", "postgresql": "text"}


@pytest.mark.parametrize("most", [100_000, 2])
def test_dangling_rows_that_go_make_no_others_new(
    project: Project, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    """Rows that referred to nothing before are not new, though their values differ in case alone, or
    are more than are counted.
    """
    monkeypatch.setattr(before, "MOST_VALUES", most)
    monkeypatch.setattr(recounting, "MOST_VALUES", most)
    kind = TAGS[project.dialect]
    project.sql(
        f"create table tags (name {kind} primary key, at date)",
        f"create table uses (id integer primary key, tag {kind}, at date)",
        "insert into tags values ('z', '2020-01-01')",
        "insert into uses values (1, 'ab', '2020-01-01'), (2, 'AB', '2030-01-01'),"
        " (3, 'Ab', '2030-01-01'), (4, 'aB', '2030-01-01')",
    )
    project.policy(
        """
        [rules.uses]
        table = "uses"
        start = "at"
        delete_after = "0 days"
        [rules.tags]
        table = "tags"
        start = "at"
        delete_after = "0 days"
        [references]
        "uses.tag" = { to = "tags.name", then = "block" }
        """
    )
    project.enroll()
    assert findings(night(project)) == set()


def test_offsets_that_no_place_has_say_nothing(project: Project) -> None:
    """A time with such an offset is undecidable: it stays, and that is no fault."""
    project.sql(
        "create table logs (id integer primary key, at varchar(40))",
        "insert into logs values (1, '2010-01-01T00:00:00+99:99'), (2, '2010-01-01T00:00:00+02:00')",
    )
    project.policy('[rules.logs]\ntable = "logs"\nstart = "at"\ndelete_after = "0 days"\n')
    project.enroll()
    assert findings(night(project)) == set()
    assert project.rows("select id from logs") == [(1,)]


def test_a_blank_before_the_offset_is_read_on_every_engine(project: Project) -> None:
    """Ruby writes times so; they are due with all others, and what stays is not called due."""
    project.sql(
        "create table logs (id integer primary key, at varchar(40))",
        "insert into logs values (1, '2023-12-31 00:30:00 +0200'), (2, '2023-12-30T22:00:00 Z'),"
        " (3, '2023-12-31 00:30:00 -0200')",
    )
    project.policy(
        '[rules.logs]\ntable = "logs"\nstart = "at"\ndelete_after = "1 day"\n'
        'counted_from = "event"\n'
    )
    project.enroll()
    outcome = project.run("run", "--all", "--at", "2024-01-01T23:00:00Z")
    assert outcome.code == 0, outcome.err
    assert project.rows("select id from logs order by id") == [(3,)]
