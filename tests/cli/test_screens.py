"""Every screen a person sees, compared with a file in `golden/`.

`RETENTION_UPDATE_GOLDEN=1 pytest tests/cli/test_screens.py` writes the files anew. Run ids, hashes,
durations, paths and the present time are replaced by words.
"""

from __future__ import annotations

import json
import os
import pty
import re
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import typer
from project import Outcome
from typer.main import get_command

from retention.cli.app import app
from retention.cli.demo.shop import write_demo

GOLDEN = Path(__file__).parent / "golden"
UPDATE = os.environ.get("RETENTION_UPDATE_GOLDEN") == "1"
AS_OF = datetime(2025, 11, 22, 2, tzinfo=UTC)
AT = ("--at", "2025-11-22T03:00")
PROGRAM = "import sys; sys.argv[0] = 'retention'; from retention.cli.app import main; main()"
TYPER = ".".join(typer.__version__.split(".")[:2])
_NORMAL = (
    (r"\b(\d{8}T\d{6}Z)-[0-9a-f]{6}\b", r"\1-RUN"),
    (r"\b[0-9a-f]{64}\b", "HASH"),
    (r" in [\d.]+ s \([\d,]+/s\)", ""),
    (r"(?m)^recount in [\d.]+ s", "recount"),
    (r" {2,}(?=[\d,]+ (erased|anonymized) of)", "   "),
    (r"\b\d+ entries", "N entries"),
    (r"\bprocess \d+ on \S+,", "process N on HOST,"),
    (r"(what left \w+ by) \d{4}-\d\d-\d\d \d\d:\d\d", r"\1 DAY TIME"),
    (r"retention:[0-9a-f-]{36}:", "retention:DATABASE:"),
    (r"((?:RUN of|masked by \S+ on|erased by \S+ on)) \d{4}-\d\d-\d\d", r"\1 DAY"),
)
_PRESENT = (
    (r"\d{8}T\d{6}Z-RUN", "RUN"),
    (r"last run [^#]*", "last run …\n\n"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d", "DAY TIME"),
    (r"\d{4}-\d\d-\d\d", "DAY"),
    (r"[^\s=]+/retention run", "PROGRAM run"),
    (r"\bH-\d{8}-[0-9a-f]{6}\b", "HOLD"),
)


def _commands(found: Any, name: str = "") -> Iterator[str]:
    """Every command and group, by the words that follow `retention`."""
    yield name
    for word, command in getattr(found, "commands", {}).items():
        yield from _commands(command, f"{name} {word}".strip())


COMMANDS = tuple(_commands(get_command(app)))


def retention(folder: Path, *arguments: str, seen: bool = False, columns: int = 0) -> Outcome:
    """A command in a process of its own; `seen` gives it a terminal for its messages."""
    environment = {key: value for key, value in os.environ.items() if key != "COLUMNS"}
    environment |= {"COLUMNS": str(columns)} if columns else {}
    environment |= {"TERM": "xterm", "TZ": "UTC"}
    command = [sys.executable, "-c", PROGRAM, *arguments]
    with _terminal() if seen else nullcontext(subprocess.PIPE) as messages:
        found = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=messages,
            text=True,
            cwd=folder,
            env=environment,
            check=False,
            timeout=60,
        )
    return Outcome(found.returncode, found.stdout, found.stderr or "")


@contextmanager
def _terminal() -> Iterator[int]:
    """A terminal whose other end is read and forgotten, so that a progress bar never waits."""
    ours, theirs = pty.openpty()

    def drain() -> None:
        with suppress(OSError):
            while os.read(ours, 4096):
                pass

    reader = Thread(target=drain, daemon=True)
    reader.start()
    try:
        yield theirs
    finally:
        os.close(theirs)
        reader.join(10)
        os.close(ours)


def screen(folder: Path, arguments: tuple[str, ...], found: Outcome, *, present: bool) -> str:
    """A command and what came of it, with everything that changes from run to run replaced."""
    text = found.out
    if found.err:
        text += f"--- stderr\n{found.err}"
    text = text.replace(str(folder.resolve()), "FOLDER").replace(str(folder), "FOLDER")
    for pattern, word in _NORMAL + (_PRESENT if present else ()):
        text = re.sub(pattern, word, text)
    return f"$ {' '.join(('retention', *arguments))}\n{text}--- exit code {found.code}\n"


def compare(name: str, text: str) -> None:
    """`text` is what stands in the golden file."""
    path = GOLDEN / f"{name}.txt"
    if UPDATE:
        GOLDEN.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8"), f"RETENTION_UPDATE_GOLDEN=1 rewrites {path}"


STORY: dict[str, tuple[str, ...]] = {
    "check": ("check",),
    "coverage": ("coverage",),
    "coverage-json": ("coverage", "--sample", "--json"),
    "plan-not-enrolled": ("plan", "--rule", "newsletter", *AT),
    "enroll-ddl": ("enroll", "shop", "--ddl"),
    "enroll": ("enroll", "--all"),
    "plan": ("plan", *AT),
    "plan-50-columns": ("plan", *AT),
    "plan-sql": ("plan", "--sql", "--rule", "newsletter", *AT),
    "plan-json": ("plan", "--json", *AT),
    "hold-add": ("hold", "add", "customers", "1", "--reason", "claim", "--review", "2031-01-31"),
    "hold-list": ("hold", "list"),
    "hold-list-json": ("hold", "list", "--json"),
    "run": ("run", "--all", *AT),
    "run-again": ("run", "--all", *AT),
    "run-cron": ("run", "--all", *AT),
    "report-list": ("report",),
    "report-last": ("report", "last"),
    "report-json": ("report", "last", "--json"),
    "report-html": ("report", "last", "--html", "report.html"),
    "backups-list": ("backups", "list"),
    "backups-list-json": ("backups", "list", "--json"),
    "backups-check": ("backups", "check", "backups/shop-2025-11-21.db"),
    "backups-check-json": ("backups", "check", "shop-2025-11-21.db", "--json"),
    "marker": ("marker",),
    "marker-json": ("marker", "--json"),
    "schedule": ("schedule",),
    "schedule-json": ("schedule", "--json"),
    "hold-release": ("hold", "release", "HOLD"),
    "hold-list-empty": ("hold", "list"),
    "ledger-verify": ("ledger", "verify"),
    "ledger-verify-json": ("ledger", "verify", "--json"),
}
AS_KEYS = {name for name in STORY if name.endswith("-json")}
PRESENT = {"hold-add", "hold-list", "report-list", "schedule", "hold-release"}


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Outcome]]:
    """The demo from its first check to the proof, every command once, in this order."""
    folder = tmp_path_factory.mktemp("story")
    write_demo(folder, AS_OF)
    found: dict[str, tuple[Path, Outcome]] = {}
    for name, arguments in STORY.items():
        if name == "hold-release":
            arguments = ("hold", "release", found["hold-add"][1].out.strip())
        seen = name in ("run", "run-again")
        columns = 50 if name == "plan-50-columns" else 0
        found[name] = (folder, retention(folder, *arguments, seen=seen, columns=columns))
    return found


@pytest.mark.parametrize("name", [name for name in STORY if name not in AS_KEYS])
def test_a_screen_is_as_it_was(story: dict[str, tuple[Path, Outcome]], name: str) -> None:
    """What a person reads after this command is what the golden file says."""
    folder, found = story[name]
    assert found.code == 0, found.err
    if name == "plan-sql":
        comments = [line for line in found.out.splitlines() if line.startswith("--")]
        found = Outcome(found.code, "\n".join([*comments, ""]), found.err)
    compare(name, screen(folder, STORY[name], found, present=name in PRESENT))


@pytest.mark.parametrize("name", sorted(AS_KEYS))
def test_a_json_object_has_the_keys_it_had(
    story: dict[str, tuple[Path, Outcome]], name: str
) -> None:
    """Programs rely on these keys; a new one is welcome, a missing one is a new schema."""
    found = story[name][1]
    assert (found.code, found.err) == (0, "")
    compare(name, "\n".join(sorted(set(_keys(found.json)))) + "\n")


def _keys(found: object, path: str = "") -> Iterator[str]:
    """Every path of keys; names of rules and tables are not keys."""
    if isinstance(found, dict):
        for key, value in found.items():
            named = path.endswith(("_by", "unless", "errors"))
            yield from _keys(value, f"{path}.{'NAME' if named else key}".lstrip("."))
    elif isinstance(found, list):
        for item in found:
            yield from _keys(item, f"{path}[]")
    else:
        yield f"{path}: {type(found).__name__}"


def test_narrow_screens_are_narrow(story: dict[str, tuple[Path, Outcome]]) -> None:
    """No line of a plan at 50 columns is longer than 50."""
    lines = story["plan-50-columns"][1].out.splitlines()
    assert max(map(len, lines)) <= 50


def test_a_run_that_nobody_watches_is_silent(story: dict[str, tuple[Path, Outcome]]) -> None:
    """Under cron a good night sends no mail."""
    assert story["run-cron"][1] == Outcome(0, "", "")


def test_the_html_report_needs_nothing_but_itself(
    story: dict[str, tuple[Path, Outcome]],
) -> None:
    """One private file without script, link or picture, and a sentence that a regulator reads."""
    path = story["report-html"][0] / "report.html"
    text = path.read_text(encoding="utf-8")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert text.startswith('<!DOCTYPE html>\n<html lang="en">')
    assert "default-src 'none'; style-src 'unsafe-inline'" in text
    assert not re.search(r"<script|https?:|src=|url\(|javascript:|@import", text)
    assert re.search(r"<h1>On \d+ \w+ \d{4}, no row was erased or anonymized\.</h1>", text)
    assert not list(path.parent.glob(".report.html*"))


def test_the_html_report_names_what_happened(
    story: dict[str, tuple[Path, Outcome]],
) -> None:
    """The first run's report has its totals, its rules, and what is not followed yet."""
    folder = story["run"][0]
    listed = json.loads(retention(folder, "report", "--json").out)["runs"]
    first = listed[-1]
    assert retention(folder, "report", first["run"], "--html", "first.html").code == 0
    text = (folder / "first.html").read_text(encoding="utf-8")
    sums = f"{first['erased']:,} rows were erased and {first['anonymized']:,} anonymized"
    assert f"{sums} under 9 rules." in text
    assert "Gone from the database, and from its copies" in text
    for part in (first["run"], "access-log", "invoices.order_id", "UTC+0"):
        assert part in text


def test_an_html_report_that_cannot_be_written_says_so(
    story: dict[str, tuple[Path, Outcome]],
) -> None:
    """A folder that does not exist ends with exit code 74 and a sentence."""
    found = retention(story["run"][0], "report", "last", "--html", "nowhere/report.html")
    assert (found.code, found.out) == (74, "")
    assert "nowhere/report.html" in found.err


def test_the_demo_says_what_to_do_next(tmp_path: Path) -> None:
    """`demo` names its files, and the commands that follow."""
    found = retention(tmp_path, "demo", "shop")
    compare("demo", screen(tmp_path, ("demo", "shop"), found, present=False))


@pytest.mark.parametrize("command", COMMANDS)
def test_help_is_as_it_was(tmp_path: Path, command: str) -> None:
    """The help of every command, as the Typer that wrote the golden files lays it out."""
    arguments = (*command.split(), "--help")
    text = screen(tmp_path, arguments, retention(tmp_path, *arguments, columns=80), present=False)
    name = f"help-{command.replace(' ', '-')}".rstrip("-")
    golden = GOLDEN / f"{name}.txt"
    if not UPDATE and f"typer {TYPER}\n" not in golden.read_text(encoding="utf-8"):
        pytest.skip(f"the golden files were written with another Typer than {TYPER}")
    compare(name, f"typer {TYPER}\n{text}")


RULE = '[rules.x]\ntable = "{table}"\nstart = "{start}"\ndelete_after = "1 day"\n'
HEAD = (
    'timezone = "Europe/Oslo"\n[databases.shop]\nurl = "{url}"\n'
    '[ledger]\nurl = "sqlite:///ledger.db"\n'
)
SHOP = "sqlite:///shop.db"
POLICIES = {
    "unknown-key.toml": HEAD.format(url=SHOP)
    + RULE.format(table="customers", start="closed_at")
    + 'delte_after = "1 day"\n[limts]\nrows_per_run = 1\n',
    "wrong-table.toml": HEAD.format(url=SHOP) + RULE.format(table="custmers", start="closed_at"),
    "wrong-column.toml": HEAD.format(url=SHOP) + RULE.format(table="customers", start="closd_at"),
    "no-file.toml": HEAD.format(url="sqlite:///gone.db"),
    "wrong-driver.toml": HEAD.format(url="oracle://user:hunter2@host/shop"),
    "no-url.toml": HEAD.format(url="hunter2"),
    "no-variable.toml": HEAD.format(url="${RETENTION_NOT_SET}"),
    "no-server.toml": HEAD.format(url="postgresql://shop:hunter2@127.0.0.1:1/shop"),
    "not-toml.toml": "timezone = \n",
    "two.toml": HEAD.format(url=SHOP) + '[databases.crm]\nurl = "sqlite:///crm.db"\n',
    "empty.toml": "",
}
ERRORS: dict[str, tuple[int, tuple[str, ...]]] = {
    "missing-file": (74, ("check", "--config", "nowhere.toml")),
    "not-toml": (2, ("check", "--config", "not-toml.toml")),
    "empty-policy": (2, ("check", "--config", "empty.toml")),
    "unknown-key": (2, ("check", "--config", "unknown-key.toml")),
    "wrong-table": (2, ("check", "--config", "wrong-table.toml")),
    "wrong-column": (2, ("check", "--config", "wrong-column.toml")),
    "sqlite-file-missing": (2, ("check", "--config", "no-file.toml")),
    "wrong-driver": (2, ("check", "--config", "wrong-driver.toml")),
    "no-url": (2, ("check", "--config", "no-url.toml")),
    "no-variable": (2, ("check", "--config", "no-variable.toml")),
    "no-server": (1, ("check", "--config", "no-server.toml")),
    "unknown-rule": (2, ("plan", "--rule", "custmers")),
    "bad-instant": (2, ("plan", "--at", "tomorrow")),
    "at-in-the-future": (2, ("run", "--at", "2999-01-01")),
    "bad-allow": (2, ("run", "--allow", "customers")),
    "not-enrolled": (74, ("run", "--all", *AT)),
    "report-without-ledger": (74, ("report",)),
    "verify-without-ledger": (74, ("ledger", "verify")),
    "serve-without-ledger": (74, ("serve",)),
    "serve-without-schedule": (2, ("serve", "--config", "wrong-table.toml")),
    "unknown-database": (2, ("enroll", "shopp")),
    "no-database-named": (2, ("enroll", "--config", "two.toml")),
    "moved-and-clone": (2, ("enroll", "--all", "--moved", "--clone")),
    "hold-bad-review": (2, ("hold", "add", "customers", "1", "--reason", "x", "--review", "soon")),
    "hold-without-database": (2, ("hold", "list", "--config", "two.toml")),
    "init-over-a-file": (2, ("init", "--database", SHOP)),
    "demo-over-a-policy": (2, ("demo", "other")),
    "unknown-copy": (74, ("backups", "check", "nowhere.db")),
    "marker-unknown": (2, ("marker", "shopp")),
    "unknown-command": (2, ("erase",)),
    "unknown-option": (2, ("run", "--dry-run")),
}


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo, not enrolled, and policies with one fault each."""
    folder = tmp_path_factory.mktemp("fresh")
    write_demo(folder, AS_OF)
    (folder / "other").mkdir()
    for name, text in {**POLICIES, "other/policies.toml": "# mine\n"}.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize("name", ERRORS)
def test_an_error_is_a_sentence_and_its_exit_code(fresh: Path, name: str) -> None:
    """No traceback, no password, nothing on stdout, and the exit code that errors.py promises."""
    code, arguments = ERRORS[name]
    found = retention(fresh, *arguments, columns=80)
    assert "Traceback" not in found.err
    assert "hunter2" not in found.err
    assert (found.code, found.out) == (code, ""), found.err
    assert found.err.strip()
    if name not in ("unknown-command", "unknown-option"):
        compare(f"error-{name}", screen(fresh, arguments, found, present=False))


def _enrolled(folder: Path, limits: str = "") -> Path:
    *_, config = write_demo(folder, AS_OF)
    if limits:
        text = config.read_text(encoding="utf-8")
        config.write_text(re.sub(r"rows_per_run.*", limits, text), encoding="utf-8")
    assert retention(folder, "enroll", "--all").code == 0
    return folder


def test_a_limit_refuses_with_exit_code_three(tmp_path: Path) -> None:
    """The refused rule is named, with the option that would allow it; the others are done."""
    folder = _enrolled(tmp_path, "rows_per_run = 100")
    arguments = ("run", "--rule", "carts", "--rule", "newsletter", *AT)
    found = retention(folder, *arguments)
    assert found.code == 3
    assert "Traceback" not in found.err
    compare("error-limit", screen(folder, arguments, found, present=False))


def test_what_a_hold_cannot_hold_is_said(tmp_path: Path) -> None:
    """An unknown table, row, hold or run ends with exit code 2 and changes nothing."""
    folder = _enrolled(tmp_path)
    screens = []
    for arguments in (
        ("hold", "add", "custmers", "1", "--reason", "x"),
        ("hold", "add", "customers", "999999", "--reason", "x"),
        ("hold", "add", "customers", "1", "2", "--reason", "x"),
        ("hold", "release", "2026-001"),
        ("report", "20200101T000000Z-abcdef"),
        ("report", "last"),
    ):
        found = retention(folder, *arguments)
        assert "Traceback" not in found.err
        assert (found.code, found.out) == (2, ""), f"{arguments}: {found.err}"
        screens.append(screen(folder, arguments, found, present=False))
    compare("error-unknown-things", "\n".join(screens))


def test_a_missing_index_is_told_with_its_price_and_its_statement(tmp_path: Path) -> None:
    """A warning, no fault: what is read for want of it, and the line that makes it."""
    database, *_ = write_demo(tmp_path, AS_OF)
    with closing(sqlite3.connect(database)) as shop:
        shop.execute("DROP INDEX messages_ticket_id")
    screens = []
    for arguments in (("check",), ("check", "--json")):
        found = retention(tmp_path, *arguments)
        assert found.code == 0
        screens.append(screen(tmp_path, arguments, found, present=False))
    compare("check-missing-index", "\n".join(screens))


def test_a_changed_ledger_ends_with_exit_code_four(tmp_path: Path) -> None:
    """A byte changed in an entry is found, and said with its number."""
    folder = _enrolled(tmp_path)
    with closing(sqlite3.connect(next(folder.glob("*ledger*.db")))) as ledger:
        ledger.execute("PRAGMA foreign_keys = OFF")
        tables = ledger.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'")
        name = next(name for name, sql in tables if "hash" in sql and "body" in sql)
        for (trigger,) in ledger.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        ).fetchall():
            ledger.execute(f'DROP TRIGGER "{trigger}"')
        ledger.execute(f"UPDATE {name} SET body = replace(body, 'shop', 'chop')")
        ledger.commit()
    found = retention(folder, "ledger", "verify")
    assert (found.code, found.out) == (4, ""), found.err
    assert found.err.strip()
    assert "Traceback" not in found.err


def test_a_second_run_is_refused_while_the_first_works(tmp_path: Path) -> None:
    """The lock's holder makes a run end with exit code 75, and nothing is done."""
    import fcntl

    folder = _enrolled(tmp_path)
    lock = folder / "shop.db.retention-lock"
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        found = retention(folder, "run", "--all", *AT)
    assert found.code == 75
    assert "another run works on this database" in found.out + found.err
    assert "Traceback" not in found.err
