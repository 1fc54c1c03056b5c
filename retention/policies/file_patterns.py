"""Which files a rule speaks of: a pattern of paths, and dates read from names. Pure."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cached_property
from zoneinfo import ZoneInfo

from retention.policies.local_days import local_day

ANY_DEPTH = "**"
_WILD = re.compile(r"[*?\[]")
_SECRET = re.compile(r"^[^/]*:[^/]*@")
_DIRECTIVE = re.compile(r"%(.)")
_DIGITS = {"Y": 4, "m": 2, "d": 2, "j": 3, "H": 2, "M": 2, "S": 2}


@dataclass(frozen=True)
class FilePattern:
    """`var/crash/**/*.dmp`: the folder or prefix it begins with, and the parts below it.

    `scheme` is that of the URL, "file" without one; `root` ends where the first wildcard begins.
    """

    text: str
    scheme: str
    root: str
    parts: tuple[str, ...]

    @cached_property
    def _tests(self) -> tuple[re.Pattern[str] | None, ...]:
        return tuple(
            None if part == ANY_DEPTH else re.compile(fnmatch.translate(part))
            for part in self.parts
        )

    @property
    def places(self) -> frozenset[int]:
        """Where the walk stands in the root itself."""
        return self._skipping({0})

    @property
    def depth(self) -> int | None:
        """How many parts a matching path has below the root; None: any number."""
        return None if ANY_DEPTH in self.parts else len(self.parts)

    def below(self, places: frozenset[int], name: str) -> frozenset[int]:
        """Where the walk stands one name further; empty: nothing below it can match."""
        found = set()
        for place in places:
            test = self._tests[place] if place < len(self._tests) else None
            if place < len(self._tests) and test is None:
                found.add(place)
            elif test is not None and test.fullmatch(name):
                found.add(place + 1)
        return self._skipping(found)

    def takes(self, places: frozenset[int], name: str) -> bool:
        """TRUE where a file of that name, in a folder at `places`, matches."""
        return len(self.parts) in self.below(places, name)

    def matches(self, path: str) -> bool:
        """TRUE where a path below the root matches."""
        places = self.places
        for name in path.split("/"):
            places = self.below(places, name)
        return len(self.parts) in places

    def _skipping(self, places: Iterable[int]) -> frozenset[int]:
        """`**` may stand for no folder at all."""
        found = set(places)
        for place in sorted(found):
            while place < len(self.parts) and self.parts[place] == ANY_DEPTH:
                place += 1
                found.add(place)
        return frozenset(found)


def parse_pattern(text: str) -> FilePattern:
    """The pattern written as `text`; ValueError with a sentence where it cannot be one."""
    scheme, colon, rest = text.partition("://")
    if not colon:
        scheme, rest = "file", text
    check_place(text, rest)
    parts = rest.split("/")
    absolute = parts[0] == "" and len(parts) > 1
    parts = parts[1:] if absolute else parts
    if "" in parts or not rest:
        raise ValueError("a pattern of files has a name between every two slashes, and at its end")
    if any(ANY_DEPTH in part and part != ANY_DEPTH for part in parts):
        raise ValueError('"**" stands for whole folders: write it alone between two slashes')
    fixed = next((i for i, part in enumerate(parts[:-1]) if _WILD.search(part)), len(parts) - 1)
    if not fixed:
        raise ValueError('a folder is named before the first wildcard, such as "var/crash/*.dmp"')
    root = "/".join(parts[:fixed])
    root = f"/{root}" if absolute else root
    rest_parts = tuple(parts[fixed:])
    if rest_parts[-1] == ANY_DEPTH:
        rest_parts = (*rest_parts, "*")
    return FilePattern(text, scheme, root, rest_parts)


def check_place(text: str, rest: str) -> None:
    """What neither a pattern nor the beginning of a template may hold."""
    if ".." in rest.split("/") or "." in rest.split("/"):
        raise ValueError('"." and ".." are not read: write the folder itself')
    if "::" in text:
        raise ValueError('chained addresses ("::") are not read')
    if _SECRET.match(rest):
        raise ValueError("no password belongs here; the file system's library reads its own")
    if "{" in rest or "}" in rest:
        raise ValueError("braces are not read in a pattern; write two rules")


@dataclass(frozen=True)
class NameDate:
    """A date in a file's name: `%Y-%m-%d` and the like, anywhere in it."""

    form: str

    @cached_property
    def _search(self) -> re.Pattern[str]:
        text = ""
        at = 0
        for found in _DIRECTIVE.finditer(self.form):
            text += re.escape(self.form[at : found.start()])
            letter = found.group(1)
            text += "%" if letter == "%" else rf"\d{{{_DIGITS[letter]}}}"
            at = found.end()
        text += re.escape(self.form[at:])
        # not a part of a longer number: 2026110 is no date
        return re.compile(rf"(?<!\d)(?=({text})(?!\d))", re.ASCII)

    @property
    def has_time(self) -> bool:
        """TRUE where the name tells a time of day, too."""
        return bool({"H", "M", "S"} & set(_DIRECTIVE.findall(self.form)))

    def read(self, name: str, zone: ZoneInfo) -> date | datetime | None:
        """The day, or the instant, that the name tells; None where it tells none.

        A time of day is one of `zone`; of two alike, the later. Raises ValueError where what looks
        like a date is none, or where the name tells several.
        """
        found = {datetime.strptime(match[1], self.form) for match in self._search.finditer(name)}
        if not found:
            return None
        if len(found) > 1:
            raise ValueError("several dates")
        (moment,) = found
        if not self.has_time:
            return moment.date()
        return moment.replace(tzinfo=zone, fold=1).astimezone(UTC)


def parse_name_date(form: object) -> NameDate:
    """The form of a date in a name; ValueError where it tells no whole day."""
    if not isinstance(form, str):
        raise ValueError('a date in a name is written as { name = "%Y-%m-%d" }')
    letters = _DIRECTIVE.findall(form)
    if unknown := [letter for letter in letters if letter not in _DIGITS and letter != "%"]:
        raise ValueError(
            f'"%{unknown[0]}" is not read in a name; known: '
            + ", ".join(f"%{letter}" for letter in _DIGITS)
        )
    if len(set(letters) - {"%"}) < len([letter for letter in letters if letter != "%"]):
        raise ValueError("each part of a date stands once in a name")
    if not ({"Y", "m", "d"} <= set(letters) or {"Y", "j"} <= set(letters)):
        raise ValueError("a name must tell a whole day: %Y, %m and %d, or %Y and %j")
    if "%" in _DIRECTIVE.sub("", form):
        raise ValueError('a "%" that stands for itself is written "%%"')
    return NameDate(form)


def day_of(start: date | datetime, zone: ZoneInfo) -> date:
    """The day of a start in `zone`."""
    return local_day(start, zone) if isinstance(start, datetime) else start
