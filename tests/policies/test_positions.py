"""Every key of a policy knows its line."""

from __future__ import annotations

import json
import random
import tomllib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retention.policies.positions import Path, key_positions, line_of

POLICY = '''\
timezone = "Europe/Oslo"   # not = a key

[rules.support]
table = "tickets"
start = { latest_of = [
  "closed_at",  # [not a table]
  "messages.sent_at",
] }
[rules.support.anonymize]
email = { template = "deleted-{id}@invalid" }
"name, company" = "null"
note = """
[rules.fake]
key = "value" \\""" \\"""""
details = { json = { "$.customer.email" = "null", ip = { network = [24, 48] } } }

[references]
"*" = "as declared"
"orders.customer_id" = "delete"
'notes.owner_id'.to.by = 'owner_type'
'''


def paths(value: Any, at: Path = ()) -> set[Path]:
    """Every path in what `tomllib` has read."""
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    found: set[Path] = set()
    for key, below in inner:
        found |= {(*at, key)}
        if isinstance(below, dict | list):
            found |= paths(below, (*at, key))
    return found


def token(key: str) -> str:
    """A key as the writer spells it: bare where that is allowed, else quoted."""
    bare = key.isascii() and key.replace("-", "").replace("_", "").isalnum()
    return key if bare else json.dumps(key, ensure_ascii=False)


class Writer:
    """Writes a document in many spellings: headers, dotted keys, inline tables, comments."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance

    def document(self, table: dict[str, Any]) -> str:
        """The text of a whole document."""
        return "".join(self.body(table, []))

    def body(self, table: dict[str, Any], header: list[str]) -> list[str]:
        """The lines of a table: plain keys first, then the tables below it."""
        plain: list[str] = []
        below: list[str] = []
        for key, value in table.items():
            names = [*header, token(key)]
            if isinstance(value, dict) and self._chance.random() < 0.5:
                below += [self.noise(), f"[{self.dotted(names)}]{self.end()}"]
                below += self.body(value, names)
            elif self.is_array_of_tables(value) and self._chance.random() < 0.7:
                for entry in value:
                    below += [self.noise(), f"[[{self.dotted(names)}]]{self.end()}"]
                    below += self.body(entry, names)
            else:
                plain += [self.noise(), *self.entry([token(key)], value, "\n")]
        return plain + below

    def entry(self, names: list[str], value: Any, end: str) -> list[str]:
        """A key and its value, a table perhaps by dotted keys."""
        if isinstance(value, dict) and value and self._chance.random() < 0.5:
            inner = [self.entry([*names, token(key)], below, end) for key, below in value.items()]
            return [line for lines in inner for line in lines]
        ending = self.end() if end else ""
        return [f"{self.dotted(names)} = {self.value(value)}{ending}"]

    def value(self, value: Any) -> str:
        """A value, arrays perhaps over several lines."""
        if isinstance(value, dict):
            inner = [self.entry([token(key)], below, "") for key, below in value.items()]
            return "{ " + ", ".join(line for lines in inner for line in lines) + " }"
        if isinstance(value, list):
            gap = self._chance.choice(["", " ", "\n", " # ], a = 1\n"])
            return "[" + gap + ",".join(f"{self.value(one)}{gap}" for one in value) + "]"
        return self.scalar(value)

    def scalar(self, value: Any) -> str:
        """A string in one of four quotations, or a number or truth value."""
        if not isinstance(value, str):
            return json.dumps(value)
        basic = json.dumps(value, ensure_ascii=False)
        spelled = [basic, f'"""\n{basic[1:-1]}"""']
        if value.isprintable() and "'" not in value:
            spelled += [f"'{value}'", f"'''\n{value}'''"]
        return self._chance.choice(spelled)

    def dotted(self, names: list[str]) -> str:
        """Names joined by dots, with or without spaces."""
        return self._chance.choice([".", " . ", "\t."]).join(names)

    def end(self) -> str:
        """The end of a line, perhaps after a comment that looks like TOML."""
        return self._chance.choice(["\n", "\r\n", '  # [x] y = "\n'])

    def noise(self) -> str:
        """Blank lines and comments between statements."""
        return self._chance.choice(["", "", "\n", "  # a = { b = [\n\n"])

    @staticmethod
    def is_array_of_tables(value: Any) -> bool:
        """Whether a value may be written with double brackets."""
        return isinstance(value, list) and bool(value) and all(isinstance(v, dict) for v in value)


def with_unique_keys(value: Any, counter: list[int]) -> Any:
    """The same document with a number in each key, so that a key is found on no other line."""
    if isinstance(value, list):
        return [with_unique_keys(one, counter) for one in value]
    if not isinstance(value, dict):
        return value
    renamed = {}
    for key, below in value.items():
        counter[0] += 1
        renamed[f"{key}<{counter[0]}>" if counter[0] % 2 else f"k{counter[0]}_"] = below
    return {key: with_unique_keys(below, counter) for key, below in renamed.items()}


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"], exclude_characters="\x7f"))
TABLES = st.recursive(
    TEXT | st.integers(-(2**60), 2**60) | st.booleans(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(st.dictionaries(TEXT, inner, max_size=3), max_size=3)
        | st.dictionaries(TEXT, inner, max_size=3)
    ),
    max_leaves=12,
)
DOCUMENTS = st.dictionaries(TEXT, TABLES, max_size=4).map(
    lambda document: with_unique_keys(document, [0])
)


@settings(deadline=None)
@given(DOCUMENTS, st.randoms(use_true_random=False))
def test_the_keys_found_are_those_that_tomllib_reads(
    document: dict[str, Any], chance: random.Random
) -> None:
    """Whatever the spelling, no key is missed or invented, and its line holds its text."""
    text = Writer(chance).document(document)
    assert tomllib.loads(text) == document
    positions = key_positions(text)
    assert set(positions) == paths(document)
    lines = text.split("\n")
    for path, line in positions.items():
        name = path[-1]
        assert isinstance(name, int) or token(name) in lines[line - 1]


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("timezone",), 1),
        (("rules",), 3),
        (("rules", "support"), 3),
        (("rules", "support", "start", "latest_of"), 5),
        (("rules", "support", "start", "latest_of", 0), 6),
        (("rules", "support", "start", "latest_of", 1), 7),
        (("rules", "support", "anonymize"), 9),
        (("rules", "support", "anonymize", "email", "template"), 10),
        (("rules", "support", "anonymize", "name, company"), 11),
        (("rules", "support", "anonymize", "note"), 12),
        (("rules", "support", "anonymize", "details", "json", "$.customer.email"), 15),
        (("rules", "support", "anonymize", "details", "json", "ip", "network", 1), 15),
        (("references", "*"), 18),
        (("references", "orders.customer_id"), 19),
        (("references", "notes.owner_id", "to", "by"), 20),
    ],
)
def test_the_keys_of_a_policy_stand_where_an_editor_shows_them(path: Path, line: int) -> None:
    """Headers, inline tables, lists over several lines and strings that look like TOML."""
    assert key_positions(POLICY)[path] == line


def test_the_policy_of_these_tests_is_valid() -> None:
    """The example holds what `tomllib` reads, and nothing that only looks like a key."""
    assert set(key_positions(POLICY)) == paths(tomllib.loads(POLICY))


def test_arrays_of_tables_have_an_index_each() -> None:
    """A header below an array of tables belongs to its last table."""
    text = "[[a]]\n[[a.b]]\n[a.b.c]\nx = 1\n[[a.b]]\n[[a]]\n[[a.b]]\ny = 2\n[a.d]\n"
    positions = key_positions(text)
    assert set(positions) == paths(tomllib.loads(text))
    assert positions["a",] == positions["a", 0] == 1
    assert positions["a", 0, "b", 0, "c", "x"] == 4
    assert positions["a", 0, "b", 1] == 5
    assert positions["a", 1] == 6
    assert positions["a", 1, "b", 0, "y"] == 8
    assert positions["a", 1, "d"] == 9


def test_a_table_stands_at_its_own_header() -> None:
    """A table that is named on the way to another is found where it is opened itself."""
    assert key_positions("[a.b]\n\n[a]\nx = 1\n")["a",] == 3


def test_escapes_in_quoted_keys_are_resolved() -> None:
    """A key with a quote, a tab, a dot, a bracket or an escaped letter is one key."""
    text = r""""a\"]\t.b" = 1
"\u00e5" . 'c\d' = 2
"" = 3
"#" = { "}=" = [ { ',' = 4 } ] }
"""
    positions = key_positions(text)
    assert set(positions) == paths(tomllib.loads(text))
    assert positions['a"]\t.b',] == 1
    assert positions["å", "c\\d"] == 2
    assert positions["#", "}=", 0, ","] == 4


@pytest.mark.parametrize(
    "value",
    ['"""a"""""', '""""""', '""""a"""', "'''a'''''", "''", '"\\\\"', '"""\\""" """', '"""\\\\"""'],
)
def test_quotes_at_the_ends_of_strings_belong_to_them(value: str) -> None:
    """However many quotes meet, the key after the string is found."""
    text = f"a = [{value}, {{ b = {value} }}]\nc = 1\n"
    assert set(key_positions(text)) == paths(tomllib.loads(text))


def test_inline_tables_over_several_lines_are_read() -> None:
    """TOML 1.1 allows line breaks, comments and a last comma inside braces."""
    text = "a = {\n  b = 1, # }\n  c = { d = 2,\n  },\n}\ne = 3\n"
    assert key_positions(text) == {
        ("a",): 1,
        ("a", "b"): 2,
        ("a", "c"): 3,
        ("a", "c", "d"): 3,
        ("e",): 6,
    }


def test_windows_line_ends_and_dates_with_spaces_count_as_lines_and_values() -> None:
    """A date with a space is one value, and a line ends once."""
    text = "a = 1979-05-27 07:32:00\r\nb = [ 1979-05-27 07:32:00 , 2 ]\r\nc = inf"
    assert set(key_positions(text)) == paths(tomllib.loads(text))
    assert key_positions(text)["c",] == 3


def test_deep_nesting_is_read() -> None:
    """Nesting is limited by `tomllib` alone."""
    deep = 2_000
    assert len(key_positions(f"a = {'[' * deep}{']' * deep}")) == deep


def test_a_path_that_does_not_stand_in_the_file_is_found_at_its_ancestor() -> None:
    """A missing key is reported at the table it is missing from, or nowhere."""
    positions = key_positions(POLICY)
    assert line_of(positions, ("rules", "support", "start")) == 5
    assert line_of(positions, ("rules", "support", "delete_after")) == 3
    assert line_of(positions, ("rules", "support", "start", "latest_of", 7, "x")) == 5
    assert line_of(positions, ("coverage", "not_personal")) is None
    assert line_of(positions, ()) is None
