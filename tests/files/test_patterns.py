"""Patterns, dates in names and templates, against naive readings of the same; and walks over links."""

from __future__ import annotations

import os
import re
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retention.errors import PolicyError
from retention.files.found import Found
from retention.files.local import LocalFiles
from retention.policies.file_patterns import parse_name_date, parse_pattern
from retention.policies.file_templates import UnsafeName, parse_template
from retention.policies.parse import parse_policy

PARTS = st.sampled_from(["**", "*", "a", "b", "a*", "*b", "?", "[ab]", "[!a]"])
NAMES = st.sampled_from(["a", "b", "ab", "c", ".a"])
OSLO = ZoneInfo("Europe/Oslo")


def naive(parts: list[str], names: list[str]) -> bool:
    """A pattern read by trying everything."""
    if not parts:
        return not names
    if parts[0] == "**":
        rest = parts[1:] or ["*"]
        return any(naive(rest, names[index:]) for index in range(len(names)))
    if not names:
        return False
    expression = parts[0].replace("[!", "[^").replace("*", ".*").replace("?", ".")
    return re.fullmatch(expression, names[0]) is not None and naive(parts[1:], names[1:])


@given(st.lists(PARTS, min_size=1, max_size=4), st.lists(NAMES, min_size=1, max_size=4))
def test_a_pattern_takes_what_it_says(parts: list[str], names: list[str]) -> None:
    """`**` is any number of folders, `*` and `?` stop at a slash, names with a dot are names."""
    pattern = parse_pattern("/".join(["top", *parts]))
    assert pattern.root.startswith("top")
    below = pattern.root.removeprefix("top").lstrip("/")
    fixed = below.split("/") if below else []
    assert fixed == parts[: len(fixed)]
    taken = naive(parts, names)
    if names[: len(fixed)] == fixed and len(names) > len(fixed):
        assert pattern.matches("/".join(names[len(fixed) :])) == taken
    else:
        assert not taken


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_no_walk_leaves_its_folder(data: st.DataObject) -> None:
    """Whatever links stand in a tree, only regular files below the root are found, each once."""
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        top = Path(name)
        root = top / "root"
        outside = top / "outside"
        folders = [root, outside]
        for folder in folders:
            folder.mkdir()
        steps = st.tuples(st.integers(0, 9), NAMES, st.sampled_from(["file", "folder", "link"]))
        for place, base, kind in data.draw(st.lists(steps, max_size=14)):
            parent = folders[place % len(folders)]
            path = parent / base
            if os.path.lexists(path):
                continue
            if kind == "file":
                path.write_bytes(b"")
            elif kind == "folder":
                path.mkdir()
                folders.append(path)
            else:
                path.symlink_to(data.draw(st.sampled_from([*folders, outside / "a", root / "b"])))
        if not os.path.lexists(outside / "a"):
            (outside / "a").write_bytes(b"")
        walked = list(LocalFiles(root).walk(parse_pattern(f"{root}/**")))
        found = [each.path for each in walked if isinstance(each, Found)]
        expected = []
        for parent, _, files in os.walk(root, followlinks=False):
            for file in files:
                path = Path(parent, file)
                if not path.is_symlink():
                    expected.append(path.relative_to(root).as_posix())
        assert sorted(found) == sorted(expected)
        assert all((root / path).resolve() == (root / path) for path in found)


@given(st.dates(date(1990, 1, 1), date(2100, 1, 1)), st.sampled_from(["", "x", "app-", "_"]))
def test_a_date_is_found_in_a_name(day: date, before: str) -> None:
    """The day that was written is the day that is read, whatever stands around it."""
    name = f"{before}{day:%Y%m%d}.log"
    assert parse_name_date("%Y%m%d").read(name, OSLO) == day
    assert parse_name_date("%Y%j").read(f"{before}{day:%Y%j}T", OSLO) == day
    assert parse_name_date("%Y%m%d").read(f"1{day:%Y%m%d}", OSLO) is None


def test_an_hour_that_comes_twice_is_the_later() -> None:
    """In doubt a file is kept longer."""
    found = parse_name_date("%Y%m%d%H%M%S").read("20261025023000", OSLO)
    assert found == datetime.fromisoformat("2026-10-25T01:30:00+00:00")


TRICKS = st.lists(
    st.sampled_from(
        ["..", ".", "", "a", "b.png", "/", "//", "\\", "s3:", "://", "::", "~", "\0", "*"]
    ),
    max_size=6,
).map("".join)
SEGMENTS = st.lists(st.sampled_from(["..", ".", "", "a", "~", "x"]), max_size=5).map("/".join)


@given(TRICKS | SEGMENTS | st.text(max_size=8), TRICKS | SEGMENTS | st.text(max_size=8))
def test_no_value_leaves_the_templates_folder(one: str, two: str) -> None:
    """Whatever a row holds, the path lies below the root, or is refused."""
    for text in ("media/{one}", "media/{one}/{two}", "media/x-{one}{two}.png", "media/{two}.{one}"):
        template = parse_template(text)
        assert template.root == "media"
        try:
            path = template.filled({"one": one, "two": two})
        except UnsafeName:
            continue
        assert os.path.normpath(path) == path
        assert os.path.normpath(f"/media/{path}").startswith("/media/")
        assert not os.path.isabs(path)


def test_a_plain_value_is_taken() -> None:
    """Folders in a value are well; a value that is missing or empty is not."""
    template = parse_template("s3://bucket/avatars/{id}/{name}")
    assert (template.scheme, template.root) == ("s3", "bucket/avatars")
    assert template.filled({"id": "7", "name": "2026/a..b.png"}) == "7/2026/a..b.png"
    for values in ({"id": "7"}, {"id": "7", "name": None}, {"id": "", "name": "a"}):
        with pytest.raises(UnsafeName):
            template.filled(values)


HEAD = """
timezone = "UTC"
databases.main.url = "sqlite:///data.db"
ledger.url = "sqlite:///ledger.db"
[rules.crash]
"""
WHOLE = 'files = "var/*.dmp"\nstart = "modified"\ndelete_after = "30 days"\n'
FAULTS = {
    WHOLE + 'table = "t"\n': "write table or files",
    'files = "var/*.dmp"\ndelete_after = "30 days"\n': "when does the clock start",
    'files = "var/*.dmp"\nstart = "modified"\n': "nothing happens: write delete_after",
    WHOLE.replace("modified", "changed_at"): 'files start at "modified"',
    WHOLE.replace('"modified"', "{ latest_of = ['a'] }"): 'files start at "modified"',
    WHOLE.replace('"modified"', "{ name = '%Y-%m' }"): "a whole day",
    WHOLE.replace('"modified"', "{ name = '%Y-%B-%d' }"): '"%B" is not read',
    WHOLE + "where = 'a = 1'\n": "files have no exceptions",
    WHOLE + "unless = { a = 'b' }\n": "files have no exceptions",
    WHOLE + "database = 'main'\n": "so this key does nothing",
    WHOLE + "keep_at_least = '3 years'\n": "files have no floor",
    WHOLE + "[rules.crash.anonymize]\na = 'null'\n": "so this key does nothing",
    WHOLE.replace("'30 days'", "").replace('"30 days"', "{ by = 'a', b = '1 day' }"): "no column",
    WHOLE.replace("var/", "var/../"): '".." are not read',
    WHOLE.replace("var/", ""): "a folder is named",
    WHOLE.replace("var/", "/"): "a folder is named",
    WHOLE.replace("var/", "*/"): "a folder is named",
    WHOLE.replace("var/", "var//"): "between every two slashes",
    WHOLE.replace("var/", "var/a**/"): "stands for whole folders",
    WHOLE.replace("var/", "var/{a,b}/"): "braces are not read",
    WHOLE.replace("var/", "zip://a::file://b/"): "chained",
    WHOLE.replace("var/", "sftp://me:secret@host/"): "no password belongs here",
    'table = "t"\nstart = { name = "%Y-%m-%d" }\ndelete_after = "1 day"\n': "belongs to files",
    'start = "a"\ndelete_after = "1 day"\n': 'the key "table" is missing',
    'table = "t"\n[rules.crash.files]\na = "media/{b}"\n': "does not name the column",
    'table = "t"\n[rules.crash.files]\na = "{a}"\n': "a folder comes before",
    'table = "t"\n[rules.crash.files]\na = "media{a}"\n': "a folder comes before",
    'table = "t"\n[rules.crash.files]\na = "media/../{a}"\n': "are not read",
    'table = "t"\n[rules.crash.files]\na = "media/{a}/../x"\n': "between every two slashes",
    'table = "t"\n[rules.crash.files]\na = "media/{a}*"\n': "wildcards",
    'table = "t"\n[rules.crash.files]\na = "s3://bucket/{a"\n': "where the file lies",
    'table = "t"\n[rules.crash.files]\na = "ftp://me:secret@host/x/{a}"\n': "no password",
    'table = "t"\nfiles = {}\n': "files takes a pattern",
}


@pytest.mark.parametrize(("rule", "sentence"), FAULTS.items())
def test_a_fault_is_told(rule: str, sentence: str) -> None:
    """Each slip of the pen has its sentence."""
    with pytest.raises(PolicyError) as fault:
        parse_policy(HEAD + rule)
    assert sentence in str(fault.value)
    assert "secret" not in str(fault.value)


@pytest.mark.parametrize(
    ("pattern", "sentence"),
    [
        ("nowhere://bucket/*.dmp", "no address that fsspec knows"),
        ("gs://bucket/*.dmp", "needs a library that is not installed"),
        ("../{folder}/**", "are not read"),
        ("{absolute}/*", "takes a file this program works with"),
        ("{absolute}/**", "takes a file this program works with"),
        ("{absolute}/ledger.db-k*/*", "takes a file this program works with"),
    ],
)
def test_check_looks_at_the_place(tmp_path: Path, pattern: str, sentence: str) -> None:
    """An address that cannot be read, and a pattern that takes our own files, are faults: exit 2."""
    from project import Project

    (tmp_path / "data.db").touch()
    project = Project(tmp_path, f"sqlite:///{tmp_path / 'data.db'}")
    text = pattern.format(absolute=tmp_path, folder=tmp_path.name)
    project.policy(f'[rules.crash]\nfiles = "{text}"\nstart = "modified"\ndelete_after = "1 day"\n')
    if "are not read" not in sentence:
        project.enroll()
        assert project.run("run", "--all").code == 2
    outcome = project.run("check")
    assert outcome.code == 2
    assert sentence in outcome.err
    assert (tmp_path / "data.db").exists()
