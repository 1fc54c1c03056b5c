"""Where each key of a TOML document stands, so that a fault can name its line.

No TOML library for Python keeps positions, so this reads the text a second time. It looks only for
keys and brackets, and relies on `tomllib` having accepted the text; what a newer `tomllib` accepts
(TOML 1.1: inline tables over several lines, a comma after the last entry) it reads as well.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_left

Path = tuple[str | int, ...]

_BLANK = re.compile(r"(?:\s|#[^\n]*)*")
_BLANK_OR_COMMA = re.compile(r"(?:[\s,]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_KEY = re.compile(r"""[A-Za-z0-9_-]+|"(?:\\.|[^"\\])*"|'[^']*'""")
# Up to two quotes before the three that end a multi-line string belong to it.
_SCALAR = re.compile(
    r'''"""(?:\\.|[^\\])*?""""{0,2}'''
    r"""|'''.*?''''{0,2}"""
    r'''|"(?:\\.|[^"\\])*"'''
    r"""|'[^']*'"""
    r"""|[^,\]}#\n]+""",
    re.DOTALL,
)


def key_positions(text: str) -> dict[Path, int]:
    """The 1-based line of every key path of a document that `tomllib` accepts.

    A path holds names and, for arrays and arrays of tables, 0-based indexes. A table stands at its
    own header; one that has none, at the first key or header that names it.
    """
    return _Scanner(text).positions()


def line_of(positions: dict[Path, int], path: Path) -> int | None:
    """The line of a path or of its nearest ancestor that exists; None if none does."""
    ancestors = (path[:length] for length in range(len(path), 0, -1))
    return next((positions[known] for known in ancestors if known in positions), None)


class _Scanner:
    """One pass over one document."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._newlines = [match.start() for match in re.finditer("\n", text)]
        self._lines: dict[Path, int] = {}
        self._tables: dict[Path, int] = {}

    def positions(self) -> dict[Path, int]:
        """Every statement in turn: a header, or a key and its value below the last header."""
        table: Path = ()
        self._take(_BLANK)
        while self._at < len(self._text):
            if self._text[self._at] == "[":
                table = self._header()
            else:
                self._value(self._entry(table))
            self._take(_BLANK)
        return self._lines

    def _header(self) -> Path:
        """`[name]` or `[[name]]`: the path of the table that it opens."""
        width = 2 if self._text.startswith("[[", self._at) else 1
        self._at += width
        path = self._keys(())
        self._at += width
        if width == 1:
            return path
        index = self._tables[path] = self._tables.get(path, -1) + 1
        self._lines[*path, index] = self._lines[path]
        if index:
            self._lines[path] = self._lines[*path, 0]
        return (*path, index)

    def _entry(self, table: Path) -> Path:
        """A key and its equals sign: the path of the value that follows."""
        path = self._keys(table)
        self._at += 1
        self._take(_SPACE)
        return path

    def _keys(self, base: Path) -> Path:
        """A key with its dots: its path from the top, every part of which is noted."""
        path = base
        while True:
            self._take(_SPACE)
            path = (*self._newest(path), self._name())
            self._lines.setdefault(path, self._line())
            self._take(_SPACE)
            if not self._text.startswith(".", self._at):
                break
            self._at += 1
        self._lines[path] = self._line()
        return path

    def _newest(self, path: Path) -> Path:
        """For an array of tables, its last table: keys and headers below it mean that one."""
        return (*path, self._tables[path]) if path in self._tables else path

    def _name(self) -> str:
        """One part of a key, with its quotes and escapes resolved."""
        token = self._take(_KEY)
        if token[0] not in "\"'":
            return token
        return str(tomllib.loads(f"name = {token}")["name"])

    def _value(self, path: Path) -> None:
        """A value with all that is inside it; a loop, because nesting may be deep."""
        # Open arrays have the number of values so far, open inline tables have None.
        open_values: list[tuple[Path, int | None]] = []
        self._begin(path, open_values)
        while open_values:
            self._take(_BLANK_OR_COMMA)
            if self._text[self._at] in "]}":
                open_values.pop()
                self._at += 1
                continue
            parent, count = open_values[-1]
            if count is None:
                self._begin(self._entry(parent), open_values)
                continue
            open_values[-1] = (parent, count + 1)
            self._lines[*parent, count] = self._line()
            self._begin((*parent, count), open_values)

    def _begin(self, path: Path, open_values: list[tuple[Path, int | None]]) -> None:
        """Step over a scalar, or into an array or inline table."""
        self._take(_BLANK)
        opening = self._text[self._at]
        if opening not in "[{":
            self._take(_SCALAR)
            return
        self._at += 1
        open_values.append((path, 0 if opening == "[" else None))

    def _take(self, pattern: re.Pattern[str]) -> str:
        """Step over what the pattern matches here, and return it."""
        match = pattern.match(self._text, self._at)
        assert match is not None, "tomllib has accepted this text"
        self._at = match.end()
        return match[0]

    def _line(self) -> int:
        """The line of the place reached."""
        return bisect_left(self._newlines, self._at) + 1
