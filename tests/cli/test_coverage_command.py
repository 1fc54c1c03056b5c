"""`coverage` as a user runs it: on every engine, with a role that only reads, and in CI."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from forks import command
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from project import Project
from test_screens import compare, screen

SHOP = (
    "CREATE TABLE customers (id INTEGER PRIMARY KEY, name VARCHAR(80), email VARCHAR(120),"
    " closed_at DATE)",
    "CREATE TABLE visits (id INTEGER PRIMARY KEY, ip VARCHAR(45), seen_at DATE)",
    "CREATE TABLE things (id INTEGER PRIMARY KEY, code VARCHAR(120), remark VARCHAR(200))",
)
RULES = """
[rules.customers]
table = "customers"
start = "closed_at"
delete_after = "3 years"
"""
VISITS = """
[rules.visits]
table = "visits"
start = "seen_at"
delete_after = "90 days"
"""
NOBODYS = '[coverage]\nnot_personal = ["visits.ip"]\n'


def shop(project: Project, rules: str = RULES) -> None:
    """Three tables, of which the second is in no rule."""
    project.sql(*SHOP)
    project.policy(rules)


def found(project: Project, *more: str, code: int = 2) -> dict[str, Any]:
    """The object of `coverage --json`, which ends with that code."""
    outcome = project.run("coverage", "--json", *more)
    assert outcome.code == code, outcome.err + outcome.out
    return outcome.json


def faults(body: dict[str, Any]) -> set[tuple[str, str | None, str, bool]]:
    """Each fault: table, column, what, whether it was known."""
    return {
        (item["table"], item["column"], item["fault"], item["known"]) for item in body["faults"]
    }


def test_a_column_in_no_rule_fails_and_a_rule_or_a_word_mends_it(project: Project) -> None:
    """Exit code 2 before enrolment, 0 once the column is in a rule or declared not personal."""
    shop(project)
    body = found(project)
    assert faults(body) == {("visits", "ip", "in no rule", False)}
    assert body["sampled"] is False
    assert body["schema"] == "retention.coverage/1"
    assert set(body["faults"][0]) == {"database", "table", "column", "fault", "seen", "known"}
    for rules in (RULES + VISITS, RULES + NOBODYS):
        project.policy(rules)
        assert faults(found(project, code=0)) == set()
    assert not any(
        name.startswith("retention_") for name in sa.inspect(project.engine).get_table_names()
    )


def test_the_screen_names_the_fault_and_says_how_it_was_looked_for(project: Project) -> None:
    """A person reads which column, why it looks personal, and the sum."""
    shop(project)
    outcome = project.run("coverage")
    assert outcome.code == 2
    assert "FAULT: in no rule: ip (network address)" in outcome.out
    assert "deleted by rules.customers: name, email" in outcome.out
    assert "1 fault, no warnings; looked at by names and types" in outcome.out


def test_known_faults_pass_new_ones_fail_and_mended_ones_are_told(project: Project) -> None:
    """A baseline is written sorted, lets what it lists pass, and says what is no longer there."""
    shop(project, "")
    outcome = project.run("coverage", "--write-baseline", "known.json")
    assert outcome.code == 0, outcome.err
    assert "known.json: 3 known faults" in outcome.err
    written = json.loads((project.folder / "known.json").read_text())
    places = [(item["table"], item["column"]) for item in written["known"]]
    assert places == [("customers", "email"), ("customers", "name"), ("visits", "ip")]
    body = found(project, "--baseline", "known.json", code=0)
    assert {item["known"] for item in body["faults"]} == {True}

    project.sql("ALTER TABLE things ADD user_agent VARCHAR(20)")
    again = found(project, "--baseline", "known.json")
    assert ("things", "user_agent", "in no rule", False) in faults(again)
    assert "1 new fault, 3 known" in project.run("coverage", "--baseline", "known.json").out

    project.policy(RULES)
    outcome = project.run("coverage", "--baseline", "known.json")
    assert outcome.code == 2
    assert "main: customers.email in no rule: no longer there" in outcome.err
    gone = found(project, "--baseline", "known.json")["gone"]
    assert [(item["table"], item["column"]) for item in gone] == [
        ("customers", "email"),
        ("customers", "name"),
    ]


def test_a_fault_of_another_kind_is_a_new_fault(project: Project) -> None:
    """Known to be in no rule is not known to survive the anonymization that was promised since."""
    shop(project, "")
    assert project.run("coverage", "--write-baseline", "known.json").code == 0
    project.policy(
        '[rules.c]\ntable = "customers"\nstart = "closed_at"\nanonymize_after = "1 year"\n'
        'anonymize = { name = "null" }\n'
    )
    body = found(project, "--baseline", "known.json")
    assert ("customers", "email", "survives anonymization", False) in faults(body)


def test_a_fault_seen_in_values_is_not_gone_while_nobody_looks(project: Project) -> None:
    """Without --sample the baseline's entry is neither new nor told to be gone."""
    shop(project, RULES + VISITS)
    project.sql("INSERT INTO things (id, code) VALUES (1, 'anna@example.com')")
    assert project.run("coverage", "--sample", "--write-baseline", "known.json").code == 0
    assert found(project, "--baseline", "known.json", code=0)["gone"] == []
    project.sql("DELETE FROM things")
    looked = found(project, "--sample", "--baseline", "known.json", code=0)
    assert [item["column"] for item in looked["gone"]] == ["code"]


@pytest.mark.parametrize(
    ("text", "code"),
    [(None, 74), ("{}", 2), ("[]", 2), ("no json", 2), ('{"schema": "x", "known": []}', 2)],
)
def test_a_baseline_that_cannot_be_read_stops_the_gate(
    tmp_path: Path, text: str | None, code: int
) -> None:
    """A gate that cannot know what is known says so and does not pass."""
    project = Project(tmp_path, f"sqlite:///{tmp_path / 'data.db'}")
    shop(project)
    if text is not None:
        (tmp_path / "known.json").write_text(text)
    outcome = project.run("coverage", "--baseline", "known.json")
    assert (outcome.code, outcome.out) == (code, "")
    assert "known.json" in outcome.err
    both = project.run("coverage", "--baseline", "known.json", "--write-baseline", "known.json")
    assert (both.code, both.out) == (2, "")


def test_values_give_a_nameless_column_away(project: Project) -> None:
    """One e-mail address in a remark, and a code that holds phone numbers."""
    shop(project, RULES + VISITS)
    project.sql(
        "INSERT INTO things VALUES (1, '+47 912 34 567', 'nothing'),"
        " (2, '+47 912 34 568', 'ask bob@example.com'), (3, NULL, NULL)",
        "INSERT INTO customers (id, email) VALUES (1, 'deleted-1@invalid')",
    )
    assert faults(found(project, code=0)) == set()
    body = found(project, "--sample")
    assert {item["column"] for item in body["faults"]} == {"code", "remark"}
    columns = {item["column"]: item for table in body["tables"] for item in table["columns"]}
    assert columns["code"]["values"] == {"form": "phone number", "found": 2, "of": 2}
    assert columns["remark"]["values"] == {"form": "e-mail", "found": 1, "of": 2}
    assert columns["email"]["values"] is None


def test_a_sample_is_bounded_and_looks_at_both_ends(project: Project) -> None:
    """Of 3,000 rows no more than 1,000 are read, the newest among them, each once."""
    shop(project, RULES + VISITS)
    with project.engine.begin() as connection:
        rows = [{"i": i, "c": "masked" if i < 2900 else f"p{i}@example.com"} for i in range(3000)]
        connection.execute(sa.text("INSERT INTO things (id, code) VALUES (:i, :c)"), rows)
    (table,) = (item for item in found(project, "--sample")["tables"] if item["table"] == "things")
    assert table["columns"][0]["values"] == {"form": "e-mail", "found": 100, "of": 1000}
    project.sql("DELETE FROM things WHERE id < 2400")
    (table,) = (item for item in found(project, "--sample")["tables"] if item["table"] == "things")
    assert table["columns"][0]["values"] == {"form": "e-mail", "found": 100, "of": 600}


def test_a_role_that_may_only_read_suffices(server_project: Project) -> None:
    """Before enrolment, with SELECT alone, and what may not be read is told with its SQLSTATE."""
    shop(server_project, RULES + VISITS)
    server_project.sql("INSERT INTO things VALUES (1, 'anna@example.com', 'x')")
    url = sa.make_url(server_project.url)
    database = url.database
    if server_project.dialect == "postgresql":
        role = f"reader_{database}"
        server_project.sql(
            f"CREATE ROLE {role} LOGIN", f"GRANT SELECT ON customers, things TO {role}"
        )
    else:
        role = "reader"
        server_project.sql(
            "CREATE OR REPLACE USER reader@localhost",
            f"GRANT SELECT ON {database}.customers TO reader@localhost",
            f"GRANT SELECT ON {database}.things TO reader@localhost",
        )
    reader = Project(
        server_project.folder, url.set(username=role).render_as_string(hide_password=False)
    )
    try:
        reader.policy(RULES if reader.dialect != "postgresql" else RULES + VISITS)
        body = found(reader, "--sample", code=1 if reader.dialect == "postgresql" else 2)
        assert ("things", "code", "in no rule", False) in faults(body)
        if reader.dialect == "postgresql":
            assert any("sampling visits failed (SQLSTATE 42501)" in note for note in body["notes"])
    finally:
        reader.engine.dispose()
        if server_project.dialect == "postgresql":
            server_project.sql(f"DROP OWNED BY {role}", f"DROP ROLE {role}")


def test_a_type_can_speak_for_a_column(server_project: Project) -> None:
    """An address by its type, also where the driver does not know the type."""
    kind = "inet" if server_project.dialect == "postgresql" else "inet6"
    server_project.sql(
        f"CREATE TABLE hits (id INTEGER PRIMARY KEY, origin {kind}, spot point)",
        f"CREATE TABLE drivers (id INTEGER PRIMARY KEY, origin {kind}, spot point)",
    )
    server_project.policy("")
    outcome = server_project.run("coverage")
    assert outcome.code == 2
    assert "Warning" not in outcome.err
    assert {(item["table"], item["column"]) for item in found(server_project)["faults"]} == {
        ("hits", "origin"),
        ("drivers", "origin"),
        ("drivers", "spot"),
    }


ODD = {
    "postgresql": (
        "CREATE TYPE mood AS ENUM ('a', 'b')",
        "CREATE TABLE odd (id INTEGER PRIMARY KEY, a point, b tsvector, c text[], d jsonb, e bit(8),"
        " f money, g interval, h mood, i int4range, j bytea, k polygon, l uuid, m xml)",
        "INSERT INTO odd (id, a, b, c, d, e, h, j) VALUES (1, '(1,2)', 'x y', '{anna@example.com}',"
        " '{\"m\": \"bob@example.com\"}', B'00000001', 'a', '\\x00ff')",
    ),
    "mysql": (
        "CREATE TABLE odd (id INTEGER PRIMARY KEY, a point, b geometry, c varchar(80) character set"
        " ucs2, d json, e bit(8), f enum('x', 'y'), g set('x', 'y'), h year, i uuid, j longblob)",
        "INSERT INTO odd VALUES (1, point(1, 2), point(1, 2), 'ünï@example.com',"
        " '{\"m\": \"bob@example.com\"}', b'1', 'x', 'x,y', 2020, uuid(), 0xff00)",
    ),
}


def test_columns_of_any_type_can_be_sampled(server_project: Project) -> None:
    """Shapes, ranges, sets and the like stop nothing; lists and JSON are read as text."""
    dialect = "postgresql" if server_project.dialect == "postgresql" else "mysql"
    server_project.sql(*(statement.replace("%", "%%") for statement in ODD[dialect]))
    server_project.policy("")
    body = found(server_project, "--sample")
    assert body["notes"] == []
    assert {item["column"] for item in body["faults"]} == {"c", "d"}


def test_faults_of_the_policy_come_first_but_undecided_references_are_listed(
    project: Project,
) -> None:
    """A rule in doubt covers nothing: exit code 2 and its sentence. A reference is listed."""
    shop(project, RULES.replace("closed_at", "closd_at"))
    outcome = project.run("coverage")
    assert (outcome.code, outcome.out) == (2, "")
    assert 'did you mean "closed_at"?' in outcome.err
    project.sql(
        "CREATE TABLE carts (id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL,"
        " FOREIGN KEY (customer_id) REFERENCES customers (id) ON DELETE CASCADE)"
    )
    project.policy(RULES + VISITS)
    assert project.run("check").code == 2
    body = found(project)
    assert faults(body) == {("carts.customer_id", None, "not decided", False)}
    project.policy(RULES + VISITS + '[references]\n"*" = "as declared"\n')
    (reference,) = found(project, code=0)["references"]
    assert (reference["reference"], reference["decision"]) == ("carts.customer_id", "delete")


def test_an_entry_that_names_nothing_is_told_with_its_line(project: Project) -> None:
    """A warning on stderr, which fails nothing by itself."""
    entries = 'not_personal = ["thing", "*.seen_at", "no_*"]'
    shop(project, f"{RULES}{VISITS}[coverage]\n{entries}\n")
    outcome = project.run("coverage")
    assert outcome.code == 0
    lines = outcome.err.splitlines()
    assert len(lines) == 2
    assert 'warning: "thing" names no table and no column; did you mean "things"?' in lines[0]
    line = (
        project.config.read_text()
        .splitlines()
        .index('not_personal = ["thing", "*.seen_at", "no_*"]')
    )
    assert lines[0].startswith(f"{project.config}:{line + 1}: coverage.not_personal")


def test_a_database_that_cannot_be_reached_fails_the_gate(tmp_path: Path) -> None:
    """The other database is shown, nothing is said of entries, and no baseline is written."""
    project = Project(tmp_path, f"sqlite:///{tmp_path / 'data.db'}")
    project.sql(*SHOP)
    head = (
        'timezone = "UTC"\n[databases.main]\nurl = "sqlite:///data.db"\n[databases.crm]\n'
        'url = "postgresql://x@127.0.0.1:1/x"\n[ledger]\nurl = "sqlite:///ledger.db"\n'
        '[coverage]\nnot_personal = ["crm_things", "visits", "customers"]\n'
    )
    project.config.write_text(head)
    outcome = project.run("coverage", "--write-baseline", "known.json")
    assert outcome.code == 1
    assert "main: 3 columns in 2 of 3 tables look personal" in outcome.out
    assert "crm: no connection" in outcome.err
    assert "names no table" not in outcome.err
    assert not (tmp_path / "known.json").exists()


TOKEN = st.text("abcdefghjkmnpqrstuvwxyz23456789", min_size=12, max_size=20)
VALUES = st.lists(
    st.one_of(
        TOKEN.map(lambda text: f"{text}@{text}.example.com"),
        TOKEN.map(lambda text: f"call {text} or write to {text}@mail.example.com"),
        st.integers(10_000_000_000, 99_999_999_999).map(lambda number: f"+{number}"),
        st.integers(10**19, 10**20 - 1).map(str),
        st.ip_addresses(v=6).map(lambda found: found.exploded),
        TOKEN.map(lambda text: f"\x1b[31m{text}'\"\\%s{{}}"),
        TOKEN,
    ),
    min_size=1,
    max_size=12,
)


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(VALUES)
def test_no_value_is_ever_shown(project: Project, values: list[str]) -> None:
    """Whatever stands in the tables, no output and no baseline repeats it."""
    project.sql(*(f"DROP TABLE IF EXISTS {name}" for name in ("customers", "visits", "things")))
    shop(project)
    rows = [{"i": index, "v": value} for index, value in enumerate(values)]
    with project.engine.begin() as connection:
        for query in (
            "INSERT INTO things VALUES (:i, :v, :v)",
            "INSERT INTO customers VALUES (:i, :v, :v, NULL)",
            "INSERT INTO visits VALUES (:i, :v, NULL)",
        ):
            short = "visits" in query
            connection.execute(
                sa.text(query),
                [row | {"v": str(row["v"])[:45] if short else row["v"]} for row in rows],
            )
    shown = ""
    for more in ((), ("--json",), ("--write-baseline", "known.json")):
        outcome = project.run("coverage", "--sample", *more)
        assert outcome.code in (0, 2), outcome.err
        shown += outcome.out + outcome.err
    shown += (project.folder / "known.json").read_text()
    for value in values:
        assert value not in shown
        for part in value.replace("@", " ").split():
            assert len(part) < 12 or part not in shown


def test_text_that_cannot_be_decoded_is_not_shown_either(tmp_path: Path) -> None:
    """SQLite's own message quotes the value; ours does not."""
    project = Project(tmp_path, f"sqlite:///{tmp_path / 'data.db'}")
    shop(project, RULES + VISITS)
    project.sql("INSERT INTO things VALUES (1, CAST(x'7365637265746578' || x'ff' AS TEXT), NULL)")
    outcome = project.run("coverage", "--sample")
    assert outcome.code == 1
    assert "secretex" not in outcome.out + outcome.err
    assert "sampling things failed" in outcome.err


def test_the_screen_is_narrow_where_the_terminal_is_and_plain_where_asked(tmp_path: Path) -> None:
    """No line is longer than the terminal, and NO_COLOR asks for plain ASCII."""
    project = Project(tmp_path, f"sqlite:///{tmp_path / 'data.db'}")
    shop(project)
    project.sql(
        "CREATE TABLE carts (id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL,"
        " phone TEXT, FOREIGN KEY (customer_id) REFERENCES customers (id))"
    )
    words = ["coverage", "--config", str(project.config)]
    _, out, _ = command(words, tmp_path, {"COLUMNS": "44"})
    assert max(map(len, out.splitlines())) <= 44
    _, plain, _ = command(words, tmp_path, {"NO_COLOR": "1"})
    assert plain.isascii()
    assert "->" in plain


def test_faults_read_as_they_did(tmp_path: Path) -> None:
    """The screen of a shop with every kind of fault is what the golden file says."""
    project = Project(tmp_path, f"sqlite:///{tmp_path / 'data.db'}")
    project.sql(*SHOP)
    project.sql(
        "CREATE TABLE tickets (id INTEGER PRIMARY KEY, customer_id INTEGER, email TEXT, body TEXT,"
        " closed_at DATE, FOREIGN KEY (customer_id) REFERENCES customers (id) ON DELETE CASCADE)",
        "CREATE TABLE invoices (id INTEGER PRIMARY KEY, customer_id INTEGER REFERENCES customers (id),"
        " address TEXT, issued_on DATE)",
        "CREATE TABLE payments (id INTEGER PRIMARY KEY, customer_id INTEGER REFERENCES customers (id))",
        "INSERT INTO things VALUES (1, 'anna@example.com', 'x'), (2, 'bob@example.com', 'y')",
    )
    project.policy(
        RULES
        + 'where = "email is not null"\n'
        + '[rules.tickets]\ntable = "tickets"\nstart = "closed_at"\nanonymize_after = "1 year"\n'
        + 'anonymize = { email = "null" }\n'
        + '[rules.books]\ntable = "invoices"\nstart = "issued_on"\nkeep_at_least = "5 years"\n'
        + '[references]\n"invoices.customer_id" = "block"\n'
        + '[coverage]\nnot_personal = ["things.remark", "thngs"]\n'
    )
    arguments = ("coverage", "--sample")
    compare("coverage-faults", screen(tmp_path, arguments, project.run(*arguments), present=False))
    known = ("coverage", "--write-baseline", "known.json")
    assert project.run(*known).code == 0
    compare("coverage-baseline", (tmp_path / "known.json").read_text())


def test_rules_over_files_and_columns_that_name_files_are_shown(tmp_path: Path) -> None:
    """On the screen and as JSON; a rule over files belongs to no database."""
    project = Project(tmp_path, f"sqlite:///{tmp_path / 'data.db'}")
    project.sql("create table scans (id integer primary key, ref text, made_on date)")
    project.policy(
        '[rules.scans]\ntable = "scans"\nstart = "made_on"\ndelete_after = "1 year"\n'
        '[rules.scans.files]\nref = "scans/{ref}"\n'
        '[rules.dumps]\nfiles = "var/**/*.dmp"\nstart = "modified"\ndelete_after = "30 days"\n'
    )
    shown = project.run("coverage")
    assert shown.code == 0
    assert "deleted by rules.scans, and the file with it: ref" in shown.out
    assert "files\n    deleted by rules.dumps: var/**/*.dmp\n" in shown.out
    body = project.run("coverage", "--json").json
    assert body["files"] == [{"rule": "dumps", "files": "var/**/*.dmp"}]
    assert body["tables"][0]["columns"][0]["seen"] == "files"


CASES = Path(__file__).resolve().parents[3] / "shared" / "cases"


@pytest.mark.skipif(
    not CASES.is_dir(), reason="the case data lie outside the repository, and are not here"
)
def test_a_real_shop_is_read_as_a_person_would(tmp_path: Path) -> None:
    """Chinook: customers, employees and billing addresses; no track, album or artist."""
    database = tmp_path / "data.db"
    subprocess.run(["bash", str(CASES / "01_chinook" / "load.sh"), str(database)], check=True)
    project = Project(tmp_path, f"sqlite:///{database}")
    project.policy("")
    body = found(project, "--sample")
    seen: dict[str, set[str]] = {}
    for item in body["faults"]:
        seen.setdefault(item["table"], set()).add(item["column"])
    person = {"FirstName", "LastName", "Address", "City", "PostalCode", "Phone", "Fax", "Email"}
    assert seen == {
        "Customer": person | {"Company"},
        "Employee": person | {"BirthDate"},
        "Invoice": {"BillingAddress", "BillingCity", "BillingPostalCode"},
    }
    columns = {
        (table["table"], item["column"]): item["values"]
        for table in body["tables"]
        for item in table["columns"]
    }
    emails = project.value("SELECT count(*) FROM Customer")
    assert columns["Customer", "Email"] == {"form": "e-mail", "found": emails, "of": emails}
