"""`init`: a starter policy that parses, deletes nothing, and shows no password."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from project import Outcome, Project

from retention.cli.starter import starter_policy
from retention.cli.vocabulary import vocabulary
from retention.planning.schema import Column, ColumnKind, Reference, Schema, Table, TableKind
from retention.policies.parse import parse_policy

SHOP = (
    "CREATE TABLE customers (id INTEGER PRIMARY KEY, name VARCHAR(80) NOT NULL,"
    " email VARCHAR(120) NOT NULL, phone VARCHAR(30), born_on DATE,"
    " created_at TIMESTAMP NULL, last_login TIMESTAMP NULL, closed_at TIMESTAMP NULL,"
    " UNIQUE (email))",
    "CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL,"
    " placed_at TIMESTAMP NULL, FOREIGN KEY (customer_id) REFERENCES customers (id))",
    "CREATE TABLE carts (id INTEGER PRIMARY KEY, customer_id INTEGER,"
    " FOREIGN KEY (customer_id) REFERENCES customers (id) ON DELETE CASCADE)",
    "CREATE TABLE visits (id INTEGER PRIMARY KEY, ip VARCHAR(45) NOT NULL, seen_at TIMESTAMP NULL)",
    "CREATE TABLE products (id INTEGER PRIMARY KEY, name VARCHAR(80) NOT NULL)",
)


def init(project: Project, url: str, *more: str) -> Outcome:
    """`retention init`, as a user runs it."""
    found = subprocess.run(
        [sys.executable, "-m", "retention.cli.app", "init", "--database", url, *more],
        capture_output=True,
        text=True,
        cwd=project.folder,
        check=False,
    )
    return Outcome(found.returncode, found.stdout, found.stderr)


def switched_on(text: str, *tables: str) -> str:
    """The starter with the rules of these tables (all, where none is named) uncommented."""
    blocks = re.split(r"\n\n", text)
    chosen = []
    for block in blocks:
        name = re.search(r'^#table +?= "(.*)"$', block, re.MULTILINE)
        if name is None or not tables or name[1] in tables:
            block = re.sub(r"^#(?=\S)", "", block, flags=re.MULTILINE)
        chosen.append(block)
    return "\n\n".join(chosen)


def started(project: Project) -> str:
    """The text of a starter for the shop."""
    project.sql(*SHOP)
    outcome = init(project, project.url)
    assert outcome.code == 0, outcome.err
    return project.config.read_text(encoding="utf-8")


def test_the_starter_has_no_faults_and_no_rules(project: Project) -> None:
    """`check` accepts what `init` wrote, and nothing in it would delete."""
    text = started(project)
    outcome = project.run("check")
    assert (outcome.code, outcome.err) == (0, "")
    assert parse_policy(text).rules == {}
    assert "0 rules, no faults" in outcome.out


def test_any_rule_and_the_references_can_be_uncommented(project: Project) -> None:
    """One rule at a time, or all, the file is a policy that `check` accepts."""
    text = started(project)
    for tables in (("customers",), ("visits",), ()):
        project.config.write_text(switched_on(text, *tables), encoding="utf-8")
        outcome = project.run("check")
        assert outcome.code == 0, f"{tables}: {outcome.err}"
        assert set(tables) <= set(parse_policy(switched_on(text, *tables)).rules)


def test_rules_are_for_the_tables_that_look_personal(project: Project) -> None:
    """Customers and visits get a rule; products are offered as not personal."""
    found = parse_policy(switched_on(started(project)))
    assert {rule.table for rule in found.rules.values()} == {"customers", "visits"}
    assert found.coverage.not_personal == ["products"]


def test_every_reference_into_a_personal_table_is_listed(project: Project) -> None:
    """Two foreign keys lead to customers, and each waits for a decision."""
    text = started(project)
    found = parse_policy(switched_on(text))
    assert set(found.references) == {"orders.customer_id", "carts.customer_id"}
    assert text.count("# decide: to") == 2


def test_masks_fit_their_columns(project: Project) -> None:
    """NOT NULL is filled, UNIQUE gets the key, an address becomes its network."""
    text = started(project)
    assert 'start           = "closed_at"' in text
    assert '#name = { text = "[erased]" }   # NOT NULL' in text
    assert '#email = { template = "deleted-{id}@invalid" }   # UNIQUE, NOT NULL' in text
    assert '#phone = "null"' in text
    assert '#born_on = { truncate = "year" }' in text
    assert "#ip = { network = [24, 48] }   # NOT NULL" in text


def test_an_existing_file_is_never_overwritten(project: Project) -> None:
    """A second `init` ends with exit code 2 and leaves the first file as it was."""
    text = started(project)
    outcome = init(project, project.url)
    assert (outcome.code, outcome.out) == (2, "")
    assert "exists; nothing was written" in outcome.err
    assert project.config.read_text(encoding="utf-8") == text


def test_a_folder_that_does_not_exist_is_said_so(tmp_path: Path) -> None:
    """The file cannot be written: a sentence and exit code 74, no traceback."""
    project = _sqlite(tmp_path)
    outcome = init(project, project.url, "--output", "nowhere/policies.toml")
    assert (outcome.code, outcome.out) == (74, "")
    assert "nowhere/policies.toml could not be written" in outcome.err


def test_a_relative_file_is_named_from_the_policys_folder(tmp_path: Path) -> None:
    """Written into another folder, the policy still finds the SQLite file."""
    project = _sqlite(tmp_path)
    (tmp_path / "etc").mkdir()
    outcome = init(project, "sqlite:///data.db", "--output", "etc/policies.toml")
    assert outcome.code == 0, outcome.err
    found = parse_policy((tmp_path / "etc" / "policies.toml").read_text())
    assert found.databases["main"].url == f"sqlite:///{tmp_path / 'data.db'}"


def _sqlite(folder: Path) -> Project:
    project = Project(folder, f"sqlite:///{folder / 'data.db'}")
    project.sql(*SHOP)
    return project


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://shop:hunter2@db/shop",
        "postgresql://shop:hunt%40er2@db/shop",
        "mysql://shop:hun$t'er2@db/shop",
        "postgresql://db/shop?user=shop&password=hunter2",
        "postgresql://shop:${PASSWORD:-hunter2}@db/shop",
        "postgresql://:hunter2@db/shop",
        "mysql://db/shop?ssl_key_password=hunter2",
        "hunter2 is no URL",
    ],
)
def test_a_password_is_never_written(url: str) -> None:
    """Whatever might be a secret is replaced by a reference to the environment."""
    text = starter_policy(Schema("postgresql", {}, ()), url, vocabulary())
    assert tomllib.loads(text)["databases"]["main"]["url"] == "${DATABASE_URL}"
    assert "hun" not in text


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:///shop.db",
        "postgresql://shop@db/shop?sslmode=verify-full",
        "postgresql://shop:${PASSWORD}@db/shop",
        "mysql://shop:${file:/run/secrets/shop}@/shop?unix_socket=/run/mysqld/mysqld.sock",
        'sqlite:///a "quoted" name.db',
    ],
)
def test_a_url_without_a_password_stays_as_it_is(url: str) -> None:
    """References to secrets are no secrets."""
    text = starter_policy(Schema("postgresql", {}, ()), url, vocabulary())
    assert tomllib.loads(text)["databases"]["main"]["url"] == url


def table(name: str, *columns: Column, key: tuple[str, ...] = ("id",)) -> Table:
    """A table with these columns beside its key."""
    found = {
        column.name: column for column in (Column("id", ColumnKind.INTEGER, "INTEGER"), *columns)
    }
    return Table(name, found, key, bare_name=name)


def text(name: str, **more: object) -> Column:
    """A text column."""
    return Column(name, ColumnKind.TEXT, "TEXT", **more)  # type: ignore[arg-type]


def test_strange_names_cannot_break_the_file() -> None:
    """Quotes, line ends and dots in names of tables and columns stay inside their strings."""
    strange = [
        table('a"b', text("email")),
        table("line\nend", text('e"mail\n')),
        table("ünïcode kunden", text("e.mail"), text("telefon")),
        table("a-b", text("email")),
        table("a_b", text("email", nullable=False, length=3)),
        Table("view", {"email": text("email")}, (), TableKind.VIEW),
    ]
    schema = Schema(
        "sqlite",
        {found.name: found for found in strange},
        (Reference("line\nend", ('e"mail\n',), 'a"b', ("id",)),),
    )
    written = starter_policy(schema, "sqlite:///x.db", vocabulary())
    assert parse_policy(written).rules == {}
    found = parse_policy(switched_on(written))
    assert {rule.table for rule in found.rules.values()} == {item.name for item in strange[:5]}
    assert set(found.references) == {'line\nend.e"mail\n'}


def test_a_table_without_a_date_or_a_key_says_so() -> None:
    """What stands in the way of a rule is written beside it."""
    log = Schema("sqlite", {"log": table("log", text("ip"), key=())}, ())
    written = starter_policy(log, "sqlite:///x.db", vocabulary())
    assert "It has no primary key" in written
    assert "no date was found" in written


def test_the_environment_fills_the_url_in(tmp_path: Path) -> None:
    """A starter whose URL was hidden is accepted once DATABASE_URL is set."""
    project = _sqlite(tmp_path)
    hidden = starter_policy(Schema("sqlite", {}, ()), "postgresql://a:b@c/d", vocabulary())
    project.config.write_text(hidden, encoding="utf-8")
    missing = project.run("check")
    assert (missing.code, missing.out) == (2, "")
    assert "DATABASE_URL is not set" in missing.err
    found = subprocess.run(
        project.command("check"),
        env=os.environ | {"DATABASE_URL": project.url},
        capture_output=True,
        check=False,
    )
    assert found.returncode == 0
