"""A page of `docs/policy` as data: its examples, what they print, what becomes of each row.

An example is a fence ```toml policy, a fence ```sql database (or that of the example before),
perhaps a fence ```text files (a path and the day of its last change, a line each), a fence
```csv lake/TABLE (a Delta table in that folder: names and types, then a row a line), a fence
```console with commands and what they print, and tables `| TABLE | columns … | becomes | why |`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "policy"
_KINDS = r"toml policy|sql database|text files|csv lake/\w+|console"
_FENCE = re.compile(rf"^```({_KINDS})\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_TABLE = re.compile(r"(?:^\|.*\|$\n?)+", re.MULTILINE)
_SETS = re.compile(r"(\w+) = (NULL|'(?:[^']|'')*'|-?[\d.]+)")
_WORD = re.compile(r"\*\*([^*]+)\*\*")

Row = dict[str, Any]


@dataclass(frozen=True)
class Fate:
    """What a page says becomes of one row that night, and why."""

    key: str
    columns: dict[str, str]
    becomes: str
    words: tuple[str, ...]
    due_from: str | None

    @property
    def moved_to(self) -> str:
        """The table in which the row is the morning after, as it was; '' where it was not moved."""
        return self.becomes.removeprefix("moved to ") if self.becomes[:9] == "moved to " else ""

    def after(self, row: Row) -> Row | None:
        """The row as it is the morning after; None where it is gone."""
        if self.becomes == "deleted" or self.moved_to:
            return None
        if self.becomes == "stays":
            return row
        sets = _SETS.findall(self.becomes)
        written = ", ".join(f"{name} = {value}" for name, value in sets)
        assert sets, f'"{self.becomes}" is none of: stays, deleted, moved to, `column = value`'
        assert written == self.becomes, f"read {written} of {self.becomes}"
        assert {name for name, _ in sets} <= set(row), f"{self.becomes}: no such column"
        return row | {name: _value(value) for name, value in sets}


@dataclass
class Example:
    """One policy over one database, what is typed, and the fate of every row."""

    policy: str
    database: str
    line: int
    files: dict[str, str] = field(default_factory=dict)
    lakes: dict[str, str] = field(default_factory=dict)
    consoles: list[str] = field(default_factory=list)
    fates: dict[str, list[Fate]] = field(default_factory=dict)

    @property
    def commands(self) -> list[str]:
        """What is typed, without `$ retention`."""
        lines = "\n".join(self.consoles).splitlines()
        return [line.removeprefix("$ retention ") for line in lines if line.startswith("$ ")]

    @property
    def instant(self) -> str | None:
        """The night's instant: that of the last `--at`."""
        found = re.findall(r"--at (\S+)", "\n".join(self.commands))
        return found[-1] if found else None


def examples(text: str) -> Iterator[Example]:
    """The examples of a page, from top to bottom."""
    starts = [found.start() for found in re.finditer(r"^```toml policy$", text, re.MULTILINE)]
    database = ""
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        part = text[start:end]
        fences = [(found.group(1), found.group(2)) for found in _FENCE.finditer(part)]
        database = next((body for kind, body in fences if kind == "sql database"), database)
        example = Example(fences[0][1], database, text.count("\n", 0, start) + 1)
        listed = "".join(body for kind, body in fences if kind == "text files")
        example.files = dict(line.split() for line in listed.splitlines())
        example.lakes = {kind[4:]: body for kind, body in fences if kind.startswith("csv ")}
        example.consoles = [body for kind, body in fences if kind == "console"]
        example.fates = dict(_tables(_FENCE.sub("", part)))
        yield example


def with_consoles(text: str, bodies: list[str]) -> str:
    """The page with its console fences replaced, in order."""
    left = iter(bodies)

    def replaced(found: re.Match[str]) -> str:
        return f"```console\n{next(left)}```" if found.group(1) == "console" else found.group(0)

    return _FENCE.sub(replaced, text)


def _tables(text: str) -> Iterator[tuple[str, list[Fate]]]:
    for found in _TABLE.finditer(text):
        header, _, *rows = [
            [cell.strip().strip("`") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
            for line in found.group(0).splitlines()
        ]
        if header[-2:] == ["becomes", "why"]:
            yield header[0], [_fate(header, row) for row in rows]


def _fate(header: list[str], cells: list[str]) -> Fate:
    row = dict(zip(header, cells, strict=True))
    words = tuple(_WORD.findall(row.pop("why")))
    assert words, f"row {cells[0]}: no word of the reason is in bold"
    becomes, due_from = row.pop("becomes"), row.pop("due from", None)
    key = row.pop(header[0])
    return Fate(key, row, becomes, words, due_from)


def _value(text: str) -> Any:
    if text == "NULL":
        return None
    if text.startswith("'"):
        return text[1:-1].replace("''", "'")
    return float(text) if "." in text else int(text)
