"""Builds the demo: a small invented shop in SQLite, and the policy that goes with it."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from itertools import count
from pathlib import Path
from random import Random

from retention.cli.demo import pools, rows
from retention.cli.demo.dice import Dice, Row, text
from retention.errors import StorageError, UsageError

SEED = 1814
DATABASE = "shop.db"
BACKUPS = "backups"
AGES = (8, 1)
"""How many days before the demo's present its copies were made."""
POLICIES = "policies.toml"


def write_demo(folder: Path, as_of: datetime) -> list[Path]:
    """Write the shop and its policy into `folder`; the policy's paths are relative to it."""
    policy = _packaged(POLICIES)
    target = folder / POLICIES
    if target.exists() and target.read_bytes() != policy.encode():
        raise UsageError(
            f"{target} is not the demo's own file; nothing was written. "
            "Move it away, or choose another folder."
        )
    database = build_shop(folder, as_of)
    copies = _copies(database, as_of)
    with _writing(target):
        target.write_bytes(policy.encode())
    return [database, copies, target]


def _copies(database: Path, as_of: datetime) -> Path:
    """A folder of copies from before the first night: they hold everybody who is going to go."""
    folder = database.with_name(BACKUPS)
    for age in AGES:
        made = as_of - timedelta(days=age)
        target = folder / f"shop-{made:%Y-%m-%d}.db"
        _refuse_foreign(target)
        with _writing(target):
            folder.mkdir(exist_ok=True)
            shutil.copyfile(database, target)
            os.utime(target, (made.timestamp(), made.timestamp()))
    return folder


def build_shop(folder: Path, as_of: datetime) -> Path:
    """Write the shop as it is at `as_of` into `folder`; equal instants make equal shops."""
    target = folder / DATABASE
    _refuse_foreign(target)
    with closing(sqlite3.connect(":memory:")) as shop:
        shop.executescript("PRAGMA foreign_keys = ON;" + _packaged("shop.sql"))
        for table, table_rows in _tables(as_of.astimezone(UTC).replace(microsecond=0)):
            _insert(shop, table, table_rows)
        shop.commit()
        with _writing(target):
            folder.mkdir(parents=True, exist_ok=True)
            _copy(shop, target)
    return target


def _copy(shop: sqlite3.Connection, target: Path) -> None:
    """Replace what is in `target`, all or nothing; `backup` alone waits for locks for ever."""
    with closing(sqlite3.connect(target, timeout=1)) as file:
        file.execute("BEGIN EXCLUSIVE")
        file.rollback()
        shop.backup(file)


@contextmanager
def _writing(target: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        raise StorageError(
            f"{target} could not be written and is as it was. "
            "Close what has it open, or choose another folder."
        ) from error


def _packaged(name: str) -> str:
    return files("retention.cli.demo").joinpath(name).read_text(encoding="utf-8")


def _refuse_foreign(target: Path) -> None:
    """Only a shop this demo made, or an empty file, may be overwritten."""
    if not target.exists() or (target.is_file() and target.stat().st_size == 0):
        return
    marker = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'demo_shop'"
    try:
        with closing(sqlite3.connect(f"{target.absolute().as_uri()}?mode=ro", uri=True)) as file:
            (ours,) = file.execute(marker).fetchone()
    except sqlite3.Error:
        ours = 0
    if not ours:
        raise UsageError(
            f"{target} is not a demo shop; nothing was written. "
            "Move it away, or choose another folder."
        )


def _insert(shop: sqlite3.Connection, table: str, table_rows: Iterable[Row]) -> None:
    for row in table_rows:
        places = ", ".join("?" * len(row))
        shop.execute(f"INSERT INTO {table} VALUES ({places})", row)


def _tables(as_of: datetime) -> Iterator[tuple[str, Iterable[Row]]]:
    """Every table's rows, what is referred to first."""
    dice = Dice(Random(SEED), as_of)
    accounts = rows.customers(dice)
    placed = rows.orders(dice, accounts)
    tickets, messages = rows.support_rows(dice, accounts)
    line_ids = count(1)
    yield "demo_shop", [(text(as_of),)]
    yield "customers", rows.customer_rows(dice, accounts)
    yield "products", [(number, *product) for number, product in enumerate(pools.PRODUCTS, 1)]
    yield "orders", rows.order_rows(dice, placed)
    yield (
        "order_lines",
        ((next(line_ids), order.id, *line) for order in placed for line in order.lines),
    )
    yield "invoices", rows.invoice_rows(dice, placed)
    yield "tickets", tickets
    yield "messages", messages
    yield "reviews", rows.review_rows(dice, accounts)
    yield "subscribers", rows.subscriber_rows(dice, accounts)
    yield "access_log", rows.access_log_rows(dice)
    yield "carts", rows.cart_rows(dice, accounts)
    yield "cart_items", rows.cart_item_rows(dice)
