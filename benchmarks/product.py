"""The program itself: a policy over a copy of the data, and one whole `retention run`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.data import DAYS, NIGHT
from retention.cli.context import load_listed, now
from retention.connections import engine_for
from retention.databases.database import Database
from retention.ledger.store import open_ledger
from retention.protocol.enrolling import enroll

ROOT = Path(__file__).resolve().parents[1]
_HEAD = """
timezone = "UTC"
[databases.main]
{where}
[ledger]
url = "sqlite:///{folder}/ledger.db"
rows = "{tokens}"
[limits]
rows_per_run = 1_000_000_000
share_of_table = "100%"
whole_table = "allow"
"""
DELETE = f"""
[rules.events]
table = "events"
start = "at"
stored_in = "UTC"
counted_from = "event"
delete_after = "{DAYS} days"
"""
ANONYMIZE = f"""
[rules.events]
table = "events"
start = "at"
stored_in = "UTC"
counted_from = "event"
anonymize_after = "{DAYS} days"
anonymize = {{ email = "null", note = {{ value = "gone" }} }}
"""
GUARD = 'guard = "at"\n'
CHILDREN = """
[references]
"parts.parent_id" = "delete"
"""
GRANDCHILDREN = CHILDREN + '"remarks.parent_id" = "delete"\n'


@dataclass(frozen=True, slots=True)
class Ran:
    """One whole command: seconds from its start to its end, and what it noted of itself."""

    seconds: float
    peak_mb: float
    cpu: float = 0.0
    locks: list[float] = field(default_factory=list)


def prepared(folder: Path, urls: list[str], rules: str, tokens: str = "all") -> Path:
    """A policy over the databases, enrolled; the path of its file."""
    folder.mkdir(parents=True, exist_ok=True)
    where = f'url = "{urls[0]}"'
    if len(urls) > 1:
        (folder / "databases.txt").write_text("\n".join(urls), encoding="utf-8")
        where = 'urls = { file = "databases.txt" }'
    text = _HEAD.format(where=where, folder=folder, tokens=tokens)
    config = folder / "policies.toml"
    config.write_text(text + rules, encoding="utf-8")
    _enroll(config)
    return config


def _enroll(config: Path) -> None:
    context = load_listed(config)
    engine = engine_for(context.policy.ledger.url, "ledger", context.folder)
    ledger = open_ledger(engine, create=True, at=now())
    for name, found in context.policy.databases.items():
        database = Database(name, engine_for(found.url, name, context.folder))
        with database.connected() as connection:
            enroll(database, connection, ledger, now)
        database.engine.dispose()
    engine.dispose()


def night(config: Path, *more: str) -> Ran:
    """`retention run --all` as cron would start it."""
    return timed(config, "run", "--all", "--at", NIGHT, *more)


def as_installed() -> dict[str, str]:
    """The environment in which Python keeps what it compiles, as it does of installed programs."""
    return {name: at for name, at in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def timed(config: Path, *words: str) -> Ran:
    """A command in a process of its own; anything but success is an error."""
    command = [sys.executable, "-m", "benchmarks.timed", *words, "--config", str(config)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=as_installed())
    if ended.returncode:
        raise RuntimeError(f"retention {' '.join(words)}: {ended.stderr}{ended.stdout}")
    return Ran(**json.loads(ended.stderr.splitlines()[-1]))
