"""The demo: an invented shop that is the same every time, and a policy with work in every rule."""

from __future__ import annotations

import sqlite3
import tomllib
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from importlib.resources import files
from pathlib import Path

import pytest

from retention.cli.demo.shop import build_shop, write_demo
from retention.errors import StorageError, UsageError

AS_OF = datetime(2026, 11, 22, 12, tzinfo=UTC)
PACKAGED = files("retention.cli.demo").joinpath("policies.toml").read_text(encoding="utf-8")

# Rule, table, rows that are certainly due: periods rounded up by days, so no calendar is needed.
DUE = (
    (
        "access-log",
        "access_log",
        "requested_at BETWEEN '2000-01-01' AND datetime(:now, '-92 days')",
    ),
    ("carts", "carts", "updated_at BETWEEN '2000-01-01' AND datetime(:now, '-62 days')"),
    ("customers", "customers", "closed_at < datetime(:now, '-67 months')"),
    ("bookkeeping", "invoices", "strftime('%Y', issued_on) + 6 <= strftime('%Y', :now) + 0"),
    (
        "orders",
        "orders",
        "strftime('%Y', max(placed_at, coalesce(completed_at, placed_at)), '+1 day') + 6"
        " <= strftime('%Y', :now) + 0",
    ),
    (
        "greetings",
        "order_lines",
        "greeting IS NOT NULL AND order_id IN"
        " (SELECT id FROM orders WHERE completed_at < datetime(:now, '-92 days'))",
    ),
    (
        "support",
        "tickets",
        "closed_at < datetime(:now, '-368 days') AND NOT EXISTS (SELECT * FROM messages WHERE"
        " ticket_id = tickets.id AND sent_at >= datetime(:now, '-368 days'))",
    ),
    ("newsletter", "subscribers", "consent_withdrawn_at < datetime(:now, '-2 days')"),
    (
        "unconfirmed",
        "subscribers",
        "consented_at IS NULL AND signed_up_at < datetime(:now, '-32 days')",
    ),
)


@pytest.fixture(
    scope="module",
    params=[AS_OF, datetime(2027, 1, 2, 3, tzinfo=UTC), datetime(2028, 2, 29, 23, 59, tzinfo=UTC)],
    ids=lambda as_of: f"{as_of:%Y-%m-%d}",
)
def shop(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[sqlite3.Connection]:
    """A shop as it is at one of three instants."""
    path = build_shop(tmp_path_factory.mktemp("shop"), request.param)
    with closing(sqlite3.connect(path)) as connection:
        yield connection


def contents(path: Path) -> list[str]:
    """Every table and row of a database, as SQL."""
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())


def count(shop: sqlite3.Connection, table: str, condition: str = "1") -> int:
    """How many rows of `table` fulfil `condition`; `:now` is the shop's present."""
    (now,) = shop.execute("SELECT made_at FROM demo_shop").fetchone()
    query = f"SELECT count(*) FROM {table} WHERE {condition}"
    number: int = shop.execute(query, {"now": now}).fetchone()[0]
    return number


def test_equal_instants_make_equal_shops(tmp_path: Path) -> None:
    """The same instant, in whatever zone it is written, gives the same rows."""
    oslo = AS_OF.astimezone(timezone(timedelta(hours=1)))
    assert contents(build_shop(tmp_path / "a", AS_OF)) == contents(build_shop(tmp_path / "b", oslo))


def test_a_later_instant_makes_another_shop(tmp_path: Path) -> None:
    """The dates move with the instant, so that the demo has work on every day."""
    later = AS_OF + timedelta(days=1)
    assert contents(build_shop(tmp_path / "a", AS_OF)) != contents(
        build_shop(tmp_path / "b", later)
    )


def test_every_reference_finds_its_row(shop: sqlite3.Connection) -> None:
    """The declared foreign keys hold for every row."""
    assert shop.execute("PRAGMA foreign_key_check").fetchall() == []


@pytest.mark.parametrize(
    ("table", "about"),
    [
        ("customers", 600),
        ("orders", 1500),
        ("invoices", 1400),
        ("tickets", 400),
        ("messages", 1200),
        ("reviews", 300),
        ("subscribers", 500),
        ("access_log", 4000),
        ("carts", 300),
    ],
)
def test_the_shop_has_the_size_of_a_small_shop(
    shop: sqlite3.Connection, table: str, about: int
) -> None:
    """Each table holds about as many rows as it is meant to."""
    assert count(shop, table) == pytest.approx(about, rel=0.05)


@pytest.mark.parametrize(("rule", "table", "due"), DUE, ids=[rule for rule, _, _ in DUE])
def test_every_rule_has_work_but_never_all_of_a_table(
    shop: sqlite3.Connection, rule: str, table: str, due: str
) -> None:
    """Each rule finds due rows on its first night, and leaves more than the limit asks for."""
    limit = tomllib.loads(PACKAGED)["limits"]["share_of_table"]
    assert tomllib.loads(PACKAGED)["rules"][rule]["table"] == table
    assert 0 < count(shop, table, due) < count(shop, table) * int(limit.rstrip("%")) / 100


@pytest.mark.parametrize(
    ("table", "trap"),
    [
        ("access_log", "requested_at IS NULL"),
        ("access_log", "requested_at = ''"),
        ("access_log", "requested_at LIKE '0000-%'"),
        ("access_log", "requested_at LIKE '0001-%'"),
        ("access_log", "requested_at LIKE '%-02-30 %'"),
        ("access_log", "requested_at = 'not a date'"),
        ("access_log", "date(requested_at) > date(:now)"),
        ("carts", "updated_at IS NULL"),
        ("carts", "updated_at = ''"),
        ("carts", "date(updated_at) > date(:now)"),
        ("customers", "closed_at IS NULL"),
        ("tickets", "closed_at IS NULL AND opened_at < datetime(:now, '-368 days')"),
        ("subscribers", "date(consent_withdrawn_at) = date(:now)"),
    ],
)
def test_the_shop_has_rows_that_a_careless_rule_would_take(
    shop: sqlite3.Connection, table: str, trap: str
) -> None:
    """Missing, future and impossible dates, and clocks that have not started, are all there."""
    assert count(shop, table, trap) > 0


def test_a_shop_of_our_own_is_made_anew(tmp_path: Path) -> None:
    """The demo may be started again in the same folder, whatever became of its rows."""
    path = build_shop(tmp_path, AS_OF)
    before = contents(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DELETE FROM access_log")
        connection.execute("CREATE TABLE added (id INTEGER)")
        connection.commit()
    assert contents(build_shop(tmp_path, AS_OF)) == before


def test_an_empty_file_is_no_obstacle(tmp_path: Path) -> None:
    """A file without a byte, as a mere connection leaves it, is filled."""
    (tmp_path / "shop.db").touch()
    assert build_shop(tmp_path, AS_OF).stat().st_size > 0


@pytest.mark.parametrize("kind", ["database", "text", "folder"])
def test_a_foreign_file_is_never_overwritten(tmp_path: Path, kind: str) -> None:
    """A shop.db that the demo did not make stays as it is, and nothing is put beside it."""
    path = tmp_path / "shop.db"
    if kind == "database":
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("CREATE TABLE customers (id INTEGER)")
    elif kind == "text":
        path.write_text("the real shop's books")
    else:
        path.mkdir()
    before = None if kind == "folder" else path.read_bytes()
    with pytest.raises(UsageError, match="nothing was written"):
        write_demo(tmp_path, AS_OF)
    assert (None if kind == "folder" else path.read_bytes()) == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_changed_policy_is_never_overwritten(tmp_path: Path) -> None:
    """A policies.toml that differs from the demo's own stays, and no shop is made."""
    policy = tmp_path / "policies.toml"
    policy.write_text('country = "SE"\n')
    with pytest.raises(UsageError, match="nothing was written"):
        write_demo(tmp_path, AS_OF)
    assert policy.read_text() == 'country = "SE"\n'
    assert list(tmp_path.iterdir()) == [policy]


def test_a_shop_in_use_is_left_alone(tmp_path: Path) -> None:
    """While somebody works on the shop it is not replaced, and the message says so."""
    path = build_shop(tmp_path, AS_OF)
    before = contents(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageError, match="could not be written"):
            build_shop(tmp_path, AS_OF + timedelta(days=1))
    assert contents(path) == before


def test_the_demo_is_a_shop_and_its_policy(tmp_path: Path) -> None:
    """Both files are written into the folder, twice if asked, and named in the answer."""
    folder = tmp_path / "new" / "demo"
    assert write_demo(folder, AS_OF) == write_demo(folder, AS_OF)
    assert sorted(path.name for path in folder.iterdir()) == ["backups", "policies.toml", "shop.db"]
    copies = sorted(path.name for path in (folder / "backups").iterdir())
    assert copies == ["shop-2026-11-14.db", "shop-2026-11-21.db"]
    assert (folder / "policies.toml").read_text(encoding="utf-8") == PACKAGED


def test_both_policies_are_one() -> None:
    """The repository's policy is the packaged one with the paths of `make demo`."""
    root = Path(__file__).parents[2] / "policies.toml"
    moved = PACKAGED.replace("sqlite:///", "sqlite:///demo/").replace('"backups/', '"demo/backups/')
    assert root.read_text(encoding="utf-8") == moved
    assert tomllib.loads(moved)["ledger"]["url"] == "sqlite:///demo/retention-ledger.db"


def test_every_foreign_key_into_a_table_that_loses_rows_is_decided(
    shop: sqlite3.Connection,
) -> None:
    """The policy decides exactly the references into tables that a rule deletes from."""
    policy = tomllib.loads(PACKAGED)
    losing = {rule["table"] for rule in policy["rules"].values() if "delete_after" in rule}
    keys = {
        f"{table}.{column}"
        for (table,) in shop.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        for _, _, parent, column, *_ in shop.execute(f"PRAGMA foreign_key_list({table})")
        if parent in losing
    }
    assert set(policy["references"]) == keys
