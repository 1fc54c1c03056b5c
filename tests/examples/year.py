"""A year of nights over an example, each judged row by row against plain dates.

The business lives on by day (`live`), the program runs by night, in this process and when its
schedule says so, and an oracle written from the promises alone (`judge`) says what every row of
every table must be in the morning. Nothing here or in an oracle knows how the program decides.
"""

from __future__ import annotations

import copy
import csv
import gc
import importlib.util
import json
import os
import random
import shutil
import sqlite3
import tomllib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import sqlalchemy as sa
from forks import command
from plain_dates import local_day
from sqlalchemy.util import LRUCache

from retention.cli.catalogue import catalogue
from retention.cli.requests import silent_watch
from retention.connections import engine_for
from retention.databases.database import Database
from retention.ledger.holds import Hold
from retention.ledger.store import open_ledger
from retention.policies.parse import parse_policy
from retention.protocol.enrolling import enroll
from retention.scheduler.nightly import Request, key_folder, ledger_of, nightly
from retention.subjects.events import EventPlace, Happened, record_events
from retention.subjects.holds import place_hold, release_hold

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
SHARED = Path(__file__).resolve().parents[3] / "shared"
FIRST_NIGHT = date(2026, 1, 1)
NIGHTS = 365
MONTH = 31
AT = time(2, 30)
Key = Any
Row = dict[str, Any]
Tables = dict[str, dict[Key, Row]]


class Shop:
    """The business by day: its database, and what people ask of the program."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.chance = random.Random(seed)
        self.folder = folder
        self.today = FIRST_NIGHT
        self.holds: dict[tuple[str, Key], Hold] = {}
        self.events: dict[tuple[str, str, Key], date] = {}
        config = folder / "policies.toml"
        text = config.read_text(encoding="utf-8")
        self.policy = parse_policy(text, "policies.toml", catalogue())
        (self.name,) = self.policy.databases
        engine = engine_for(self.policy.databases[self.name].url, self.name, folder)
        self._database = Database(self.name, engine)
        self.data = sqlite3.connect(str(engine.url.database))
        self.data.row_factory = sqlite3.Row

    @property
    def now(self) -> datetime:
        """02:30 of today in the policy's zone; where that does not exist, the instant it means."""
        return datetime.combine(self.today, AT, self.policy.timezone).astimezone(UTC)

    def enroll(self) -> None:
        """Our tables, and a ledger."""
        engine = engine_for(self.policy.ledger.url, "ledger", self.folder)
        ledger = open_ledger(engine, create=True, at=self.now)
        with self._database.connected() as connection:
            enroll(self._database, connection, ledger, lambda: self.now)

    def do(self, statement: str, *values: object) -> None:
        """One statement, committed."""
        with self.data:
            self.data.execute(statement, values)

    def rows(self, query: str, *values: object) -> list[sqlite3.Row]:
        """The rows of a query."""
        return self.data.execute(query, values).fetchall()

    def some(self, query: str, share: float) -> list[Any]:
        """The first column of some of the rows, each with this chance."""
        return [row[0] for row in self.rows(query) if self.chance.random() < share]

    def hold(self, table: str, key: Key) -> None:
        """Place a legal hold."""
        keys = key_folder(self.policy, self.folder)
        ledger = ledger_of(self.policy, self.folder)
        with self._database.connected() as connection:
            held = place_hold(
                self._database,
                connection,
                ledger,
                keys,
                table,
                _parts(key),
                "a dispute",
                None,
                lambda: self.now,
            )
        self.holds[table, key] = held

    def release(self, table: str, key: Key) -> None:
        """End a legal hold."""
        held = self.holds.pop((table, key))
        ledger = ledger_of(self.policy, self.folder)
        with self._database.connected() as connection:
            release_hold(self._database, connection, ledger, held, lambda: self.now)

    def event(self, name: str, table: str, key: Key) -> None:
        """Record that something happened today, at noon."""
        at = datetime.combine(self.today, time(12), self.policy.timezone)
        ledger = ledger_of(self.policy, self.folder)
        with self._database.connected() as connection:
            happened = [Happened(_parts(key), at)]
            place = EventPlace(table, None, key_folder(self.policy, self.folder))
            record_events(
                self._database, connection, ledger, name, place, happened, lambda: self.now
            )
        self.events[name, table, key] = self.today

    def night(self) -> int:
        """What the program does when its schedule comes; its exit code."""
        request = Request(
            self.policy, self.folder, "policies.toml", self.now, lambda: self.now, silent_watch()
        )
        return nightly(request).exit_code

    def snapshot(self) -> Tables:
        """Every row of every table of the business, by its key."""
        found: Tables = {}
        for (name,) in self.rows("SELECT name FROM sqlite_schema WHERE type = 'table'"):
            if not name.startswith(("retention_", "sqlite_")):
                keys = [
                    column["name"]
                    for column in self.rows(f'PRAGMA table_info("{name}")')
                    if column["pk"]
                ]
                found[name] = {
                    _key(row, keys): dict(row) for row in self.rows(f'SELECT * FROM "{name}"')
                }
        return found


@dataclass
class Night:
    """One night before the judge, who turns `tables` into what they must be in the morning."""

    today: date
    now: datetime
    tables: Tables
    zone: str
    seen: Counter[str]
    holds: frozenset[tuple[str, Key]] = frozenset()
    events: dict[tuple[str, str, Key], date] = field(default_factory=dict)

    def rows(self, table: str) -> list[tuple[Key, Row]]:
        """The rows that are still there."""
        return list(self.tables[table].items())

    def day(self, value: object) -> date | None:
        """The local day of a stored value; None where it has none."""
        return local_day(value, self.zone)

    def held(self, table: str, key: Key) -> bool:
        """A legal hold is in force on the row."""
        return (table, key) in self.holds

    def is_due(self, morning: date | None) -> bool:
        """That morning has come."""
        return morning is not None and morning <= self.today

    def note(self, why: str) -> None:
        """A row with this outcome was there."""
        self.seen[why] += 1

    def delete(self, table: str, key: Key, why: str) -> None:
        """The row must be gone."""
        self.note(why)
        del self.tables[table][key]

    def change(self, table: str, key: Key, why: str, **values: object) -> None:
        """The row must have these values; noted where it has not yet."""
        row = self.tables[table][key]
        if any(row[name] != value for name, value in values.items()):
            self.note(why)
        row.update(values)


@contextmanager
def one_compiler() -> Iterator[None]:
    """Nights share their compiled statements, and garbage waits: this halves a year's time.

    Each night opens an engine of its own, as a night under cron does, and would compile every
    statement anew; the many small cycles of its expressions cost as much again to look for.
    """
    compiled: LRUCache[Any, Any] = LRUCache(5000)
    dialects: dict[str, Any] = {}

    def engine_sharing(url: str, name: str, folder: Path) -> sa.Engine:
        engine = engine_for(url, name, folder)
        engine.dialect = dialects.setdefault(engine.dialect.name, engine.dialect)
        engine._compiled_cache = compiled
        return engine

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("retention.scheduler.one_database.engine_for", engine_sharing)
        gc.disable()
        try:
            yield
        finally:
            gc.enable()


Live = Callable[[Shop], None]
Judge = Callable[[Night], None]


def opened(example: str, folder: Path, seed: int = 1, source: Path | None = None) -> Shop:
    """A copy of the example with its data as of the first day, enrolled."""
    source = source or EXAMPLES / example
    shutil.copytree(source, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.db*"))
    made(source).main([str(folder / "shop.db"), "--seed", str(seed), "--on", str(FIRST_NIGHT)])
    shop = Shop(folder, seed)
    shop.enroll()
    return shop


def made(source: Path) -> ModuleType:
    """The example's make_data.py."""
    spec = importlib.util.spec_from_file_location(f"make_{source.name}", source / "make_data.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def live_a_year(shop: Shop, live: Live, judge: Judge, nights: int = NIGHTS) -> Counter[str]:
    """Day and night for a year; how often the judge saw each outcome. Fails on the first difference."""
    seen: Counter[str] = Counter()
    with one_compiler():
        for number in range(nights):
            shop.today = FIRST_NIGHT + timedelta(days=number)
            _day_and_night(shop, live, judge, seen)
            if number % 10 == 0:
                gc.collect()
    return seen


def _day_and_night(shop: Shop, live: Live, judge: Judge, seen: Counter[str]) -> None:
    before = shop.snapshot()
    wanted = Night(
        shop.today,
        shop.now,
        copy.deepcopy(before),
        shop.policy.timezone.key,
        seen,
        frozenset(shop.holds),
        dict(shop.events),
    )
    judge(wanted)
    code = shop.night()
    assert code == 0, f"{shop.today}: exit code {code}"
    told = list(differences(before, wanted.tables, shop.snapshot()))
    assert not told, f"night of {shop.today}:\n" + "\n".join(told[:20])
    live(shop)


def differences(before: Tables, wanted: Tables, found: Tables) -> Iterable[str]:
    """Rows that are not as they must be, one line each."""
    for table, rows in before.items():
        for key, row in rows.items():
            must, now = wanted[table].get(key), found[table].get(key)
            if must != now:
                yield f"{table} {key}: must be {_told(row, must)}, is {_told(row, now)}; was {row}"
        for key in found[table].keys() - rows.keys():
            yield f"{table} {key}: appeared by night"


def _told(before: Row, after: Row | None) -> str:
    if after is None:
        return "gone"
    changed = {name: value for name, value in after.items() if value != before[name]}
    return f"changed to {changed}" if changed else "untouched"


def _parts(key: Key) -> tuple[str, ...]:
    return tuple(map(str, key)) if isinstance(key, tuple) else (str(key),)


def _key(row: sqlite3.Row, columns: list[str]) -> Key:
    values = tuple(row[name] for name in columns)
    return values[0] if len(values) == 1 else values


# -- what every example ends with ---------------------------------------------------------------


def screen(folder: Path, *words: str) -> str:
    """What a command prints in the example's folder; anything but success fails the test."""
    code, out, err = command([*words, "--config", str(folder / "policies.toml")], folder)
    assert code == 0, err + out
    return out


def has_no_faults(folder: Path) -> None:
    """`check` finds no fault, and the ledger is whole."""
    problems = json.loads(screen(folder, "check", "--json"))["problems"]
    assert not [found for found in problems if found["severity"] == "error"], problems
    screen(folder, "ledger", "verify")


def ended_well(example: str, folder: Path, seen: Counter[str], outcomes: str) -> None:
    """After the year: every outcome was there, no fault, a whole ledger, and the promises' screen.

    `outcomes` are separated by semicolons; RETENTION_UPDATE_GOLDEN=1 writes the screen anew.
    """
    wanted = {outcome.strip() for outcome in outcomes.replace("\n", ";").split(";")} - {""}
    assert not wanted - set(seen), f"never seen: {sorted(wanted - set(seen))}"
    has_no_faults(folder)
    golden = Path(__file__).parent / "golden" / f"{example}-promises.txt"
    shown = screen(folder, "promises")
    if os.environ.get("RETENTION_UPDATE_GOLDEN"):
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(shown, encoding="utf-8")
    assert shown == golden.read_text(encoding="utf-8")


def rules_of(example: str) -> dict[str, Row]:
    """The rules of an example as its file has them."""
    text = (EXAMPLES / example / "policies.toml").read_text(encoding="utf-8")
    return dict(tomllib.loads(text)["rules"])


def unaccounted(example: str, seed: str) -> list[str]:
    """Quotations of the privacy policy that the example speaks of nowhere; and sentences of the
    example that do not stand in the privacy policy, word for word.

    Skips where the privacy policies, which lie outside the repository, are not here.
    """
    if not SHARED.is_dir():
        pytest.skip("the privacy policies lie outside the repository, and are not here")
    text = (SHARED / "seeds" / seed).read_text(encoding="utf-8")
    with (SHARED / "data" / "promises.csv").open(encoding="utf-8", newline="") as file:
        quotations = [row["quote"] for row in csv.DictReader(file) if row["seed_file"] == seed]
    assert quotations
    policy = parse_policy(
        (EXAMPLES / example / "policies.toml").read_text(encoding="utf-8"), "", catalogue()
    )
    kept = [sentence for rule in policy.rules.values() for sentence in rule.promise]
    known = {*kept, *policy.not_by_this_software}
    missing = [found for found in quotations if not any(found in told for told in known)]
    return missing + [told for told in known if told not in text]
