"""Every example in `docs/policy` runs, prints what the page shows, and does what its table says.

The tables are written from the meaning of the rule and compared with the database row by row.
`RETENTION_UPDATE_GOLDEN=1` writes what commands print anew, and never the tables.
"""

from __future__ import annotations

import io
import os
import re
import shlex
import sqlite3
import sys
import tomllib
from collections.abc import Callable
from contextlib import chdir, closing, redirect_stderr, redirect_stdout
from datetime import datetime
from pathlib import Path
from unittest import mock
from zoneinfo import ZoneInfo

import arro3.core as arrow
import deltalake
import pytest
from pages import FOLDER, Example, Fate, Row, examples, with_consoles
from project import Outcome

from retention.cli.app import main
from retention.policies.parse import parse_policy
from retention.policies.rule import Limits

UPDATE = os.environ.get("RETENTION_UPDATE_GOLDEN") == "1"
PAGES = sorted(FOLDER.glob("*.md"))
EXAMPLES = [(page, found) for page in PAGES for found in examples(page.read_text(encoding="utf-8"))]
NAMES = [f"{page.stem}:{found.line}" for page, found in EXAMPLES]
COLUMNS = "88"
_LAKE_TYPES = {
    "long": arrow.DataType.int64(),
    "string": arrow.DataType.string(),
    "timestamp": arrow.DataType.timestamp("us", tz="UTC"),
}
FILES = "files"
"""The table of a page that tells of files; `explain` knows rows only."""
_VARIES = (
    (r"\b(\d{8}T\d{6}Z)-[0-9a-f]{6}\b", r"\1-…"),
    (r"\b([HR])-\d{8}-[0-9a-f]{6}\b", r"\1-…"),
    (r"(at request  since) \d{4}-\d\d-\d\d", r"\1 …"),
    (r"\b[0-9a-f]{64}\b", "…"),
    (r" in [\d.]+ s \([\d,]+/s\)", ""),
    (r"(?m)^recount in [\d.]+ s:", "recount:"),
    (r" {2,}(?=[\d,]+ (erased|anonymized) of)", "  "),
)


def retention(folder: Path, *arguments: str) -> Outcome:
    """A command, run here, as `retention ARGUMENTS` in that folder."""
    out, err, code, before = io.StringIO(), io.StringIO(), 0, sys.argv
    settled = mock.patch.dict(os.environ, COLUMNS=COLUMNS)
    with settled, chdir(folder), redirect_stdout(out), redirect_stderr(err):
        sys.argv = ["retention", *arguments]
        try:
            main()
        except SystemExit as ended:
            code = int(ended.code or 0)
        finally:
            sys.argv = before
    return Outcome(code, out.getvalue(), err.getvalue())


def shown(command: str, found: Outcome) -> str:
    """A command and what a person sees of it, without what changes from run to run."""
    text = found.out + found.err
    for pattern, word in _VARIES:
        text = re.sub(pattern, word, text)
    ended = f"(exit code {found.code})\n" if found.code else ""
    return f"$ retention {command}\n{text}{ended}"


def contents(file: Path) -> dict[str, dict[str, Row]]:
    """Every row of every table of the user's, by table and key."""
    with closing(sqlite3.connect(file)) as connection:
        connection.row_factory = sqlite3.Row
        names = connection.execute("select name from sqlite_master where type = 'table'")
        tables = [row["name"] for row in names if not row["name"].startswith("retention_")]
        return {table: dict(_rows(connection, table)) for table in tables}


def _rows(connection: sqlite3.Connection, table: str) -> list[tuple[str, Row]]:
    columns = connection.execute(f'pragma table_info("{table}")').fetchall()
    key = [column["name"] for column in columns if column["pk"]]
    rows = [dict(row) for row in connection.execute(f'select * from "{table}"')]
    return [(" ".join(str(row[name]) for name in key), row) for row in rows]


def write_lake(folder: Path, text: str) -> None:
    """A Delta table: the first line has `name:type`, the others a row each; '' is NULL."""
    first, *lines = text.splitlines()
    columns = [part.split(":") for part in first.split(",")]
    rows = zip(*(line.split(",") for line in lines), strict=True)
    made = {
        name: arrow.Array([value or None for value in values], arrow.DataType.string()).cast(
            _LAKE_TYPES[kind]
        )
        for (name, kind), values in zip(columns, rows, strict=True)
    }
    deltalake.write_deltalake(folder, arrow.Table.from_pydict(made))


def lake_contents(folder: Path) -> dict[str, Row]:
    """The rows of a Delta table as texts, by their first column."""
    table = deltalake.DeltaTable(folder)
    names = [column.name for column in table.schema().fields]
    texts = ", ".join(f'cast("{name}" as text)' for name in names)
    found = (
        deltalake.QueryBuilder().register("t", table).execute(f"select {texts} from t order by 1")
    )
    lines = [
        line
        for batch in found
        for line in zip(*(column.to_pylist() for column in batch.columns), strict=True)
    ]
    return {line[0]: dict(zip(names, line, strict=True)) for line in lines}


def _is_explained(table: str) -> bool:
    """`explain` knows rows of databases only."""
    return table != FILES and not table.startswith("lake/")


class Played:
    """One example, played in a folder of its own."""

    def __init__(self, folder: Path, example: Example) -> None:
        self.folder = folder
        self.example = example
        folder.mkdir()
        (folder / "policies.toml").write_text(example.policy, encoding="utf-8")
        with closing(sqlite3.connect(folder / "shop.db")) as connection:
            connection.executescript(example.database)
        for name, day in example.files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text("x" * 1000, encoding="utf-8")
            noon = datetime.fromisoformat(f"{day}T12:00:00+00:00").timestamp()
            os.utime(folder / name, (noon, noon))
        for name, text in example.lakes.items():
            write_lake(folder / name, text)
        self.before = self._contents()
        self.after = self.before
        self.printed: list[str] = []
        self.ran = False
        self.stories: dict[tuple[str, str], Row] = {}

    def play(self) -> None:
        """Type what the page types, then let the night pass."""
        if self.example.fates:
            assert retention(self.folder, "enroll", "--all").code == 0
        self.printed = [self._console(text) for text in self.example.consoles]
        if self.example.fates and not self.ran:
            self._ask()
            night = retention(self.folder, "run", "--all", "--at", self._instant())
            assert night.code == 0, night.out + night.err
        self.after = self._contents()

    def _contents(self) -> dict[str, dict[str, Row]]:
        """The tables, and the files as one more where the example has some."""
        there = {
            name: {"changed": day}
            for name, day in self.example.files.items()
            if (self.folder / name).exists()
        }
        found = contents(self.folder / "shop.db")
        found |= {name: lake_contents(self.folder / name) for name in self.example.lakes}
        return found | {FILES: there} if self.example.files else found

    def _console(self, text: str) -> str:
        printed = []
        for line in text.splitlines():
            if not line.startswith("$ retention "):
                continue
            command = line.removeprefix("$ retention ")
            if command.startswith("run "):
                self._ask()
                self.ran = True
            printed.append(shown(command, retention(self.folder, *shlex.split(command))))
        return "\n".join(printed)

    def _instant(self) -> str:
        assert self.example.instant, "no command of the example says --at"
        return self.example.instant

    def _ask(self) -> None:
        """Ask of every row what becomes of it, before it happens."""
        if self.stories:
            return
        for table, fates in self.example.fates.items():
            for fate in fates if _is_explained(table) else ():
                words = ("explain", table, *fate.key.split(), "--json", "--at", self._instant())
                self.stories[table, fate.key] = retention(self.folder, *words).json


Plays = Callable[[Path, Example], Played]


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Plays:
    """Each example played once, however many tests look at it."""
    found: dict[tuple[str, int], Played] = {}

    def play(page: Path, example: Example) -> Played:
        key = (page.stem, example.line)
        if key not in found:
            found[key] = Played(tmp_path_factory.mktemp(page.stem) / "shop", example)
            found[key].play()
        return found[key]

    return play


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_shows_what_the_program_prints(page: Path, played: Plays) -> None:
    """Each page has an example, and its consoles are what a person would see."""
    text = page.read_text(encoding="utf-8")
    found = list(examples(text))
    assert found, "a page without an example"
    bodies = []
    for example in found:
        printed = played(page, example).printed
        assert printed, f"line {example.line}: the example runs nothing"
        stopped = "(exit code" in printed[-1]
        assert example.fates or stopped, f"line {example.line}: no table of what becomes of rows"
        bodies += printed
    written = with_consoles(text, bodies)
    if UPDATE:
        page.write_text(written, encoding="utf-8")
        return
    assert text == written, f"RETENTION_UPDATE_GOLDEN=1 rewrites the consoles of {page.name}"


def test_the_limits_shown_are_those_that_hold_without_a_word() -> None:
    """The fence of limits.md that says "these are the defaults" says the defaults."""
    text = (FOLDER / "limits.md").read_text(encoding="utf-8")
    fence = re.search(r"^```toml\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    assert fence is not None
    head = 'timezone = "UTC"\ndatabases.shop.url = "x"\nledger.url = "x"\n'
    assert parse_policy(head + fence.group(1)).limits == Limits()


def test_the_index_leads_to_every_page_and_no_link_is_dead() -> None:
    """Each page is linked from README.md, and each link of a page leads to a file of this tree."""
    linked: dict[str, set[str]] = {}
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        links = set(re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text))
        assert not [link for link in links if not (page.parent / link).exists()], page.name
        linked[page.name] = links
    assert {page.name for page in PAGES} - {"README.md"} <= linked["README.md"]


@pytest.mark.parametrize(("page", "example"), EXAMPLES, ids=NAMES)
def test_what_becomes_of_each_row_is_what_the_page_says(
    page: Path, example: Example, played: Plays
) -> None:
    """Row by row: the columns as shown, the fate as foretold, all other tables as they were."""
    before, after = played(page, example).before, played(page, example).after
    expected = {table: dict(rows) for table, rows in before.items()}
    for table, told in example.fates.items():
        assert [fate.key for fate in told] == list(before[table]), f"other rows of {table}"
        for fate in told:
            row = before[table][fate.key]
            _is_as_shown(fate, row)
            left = fate.after(row)
            if left is None:
                del expected[table][fate.key]
            else:
                expected[table][fate.key] = left
            if fate.moved_to:
                expected[fate.moved_to][fate.key] = row
    assert after == expected


@pytest.mark.parametrize(("page", "example"), EXAMPLES, ids=NAMES)
def test_explain_gives_the_reason_that_the_page_gives(
    page: Path, example: Example, played: Plays
) -> None:
    """Each word in bold, and each instant under "due from", is what `explain` says of the row."""
    stories = played(page, example).stories
    zone = tomllib.loads(example.policy)["timezone"]
    for table, fates in example.fates.items():
        for fate in fates if _is_explained(table) else ():
            story = stories[table, fate.key]
            said = {_said(rule) for rule in story["rules"]} or {"no rule"}
            assert set(fate.words) <= said, f"{table} {fate.key}"
            if fate.due_from is not None:
                assert fate.due_from in _due(story, zone), f"{table} {fate.key}"


def _is_as_shown(fate: Fate, row: Row) -> None:
    """The columns that the page shows of a row are the row's."""
    for column, text in fate.columns.items():
        value = row[column]
        written = "NULL" if value is None else "''" if value == "" else str(value)
        assert text == written, f"row {fate.key}: {column} is {written}"


def _said(rule: Row) -> str:
    """A rule's outcome in the words of the pages."""
    outcome, by = rule["outcome"], rule["by"]
    if rule["through"] and outcome == "due":
        return "goes along"
    match outcome:
        case "running":
            return "not due yet"
        case "keeps":
            return f"kept by {rule['rule']}"
        case "kept" | "blocked":
            return f"{outcome} by {by}"
        case "unless":
            return f"unless {by}"
        case _:
            return str(outcome)


def _due(story: Row, zone: str) -> set[str]:
    """When each rule of the row is due, in the policy's zone."""
    instants = [datetime.fromisoformat(rule["due_at"]) for rule in story["rules"] if rule["due_at"]]
    never = {"never"} if any(not rule["due_at"] for rule in story["rules"]) else set()
    return {f"{found.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M}" for found in instants} | never
