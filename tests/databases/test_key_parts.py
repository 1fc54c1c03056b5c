"""A key of several columns as one text: no two keys read the same."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from project import Project

from retention.databases.key_parts import NO_PART, joined_parts, parted

PARTS = st.text(alphabet="a~|0é\n", max_size=6)
KEYS = st.integers(1, 4).flatmap(lambda width: st.lists(PARTS, min_size=width, max_size=width))
MEMBERS = """
[rules.members]
table = "members"
start = { event = "left" }
delete_after = "1 year"
"""


@given(KEYS)
def test_the_parts_come_back(key: list[str]) -> None:
    """Whatever is in them, the empty text included."""
    assert parted(joined_parts(key), len(key)) == key


@given(st.lists(st.one_of(st.none(), PARTS), min_size=2, max_size=3), st.data())
def test_two_keys_have_two_texts(key: list[str | None], data: st.DataObject) -> None:
    """NULL is neither an empty text nor any other."""
    other = data.draw(st.lists(st.one_of(st.none(), PARTS), min_size=len(key), max_size=len(key)))
    assert (joined_parts(key) == joined_parts(other)) == (key == other)


def test_null_is_found_by_no_key() -> None:
    """It reads as its sign, which names no row."""
    assert parted(joined_parts(["a", None]), 2) == ["a", NO_PART]


def members(project: Project, *keys: tuple[str, str], collation: str = "") -> None:
    """Rows keyed by two texts, all without an event."""
    project.sql(
        f"CREATE TABLE members (a varchar(20) {collation}, b varchar(20), PRIMARY KEY (a, b))"
    )
    for first, second in keys:
        project.sql(f"INSERT INTO members VALUES ('{first}', '{second}')")
    project.policy(MEMBERS)
    project.enroll()


def left(project: Project, *key: str) -> None:
    """Record that the member has left, long ago, and let a night pass."""
    words = [word for part in key for word in ("--key", part)]
    outcome = project.run(
        "event", "record", "left", "--table", "members", *words, "--at", "2020-01-01"
    )
    assert outcome.code == 0, outcome.err
    project.night("2026-06-01")


def test_an_event_is_of_one_row(project: Project) -> None:
    """The row whose key reads the same without marks stays, and what is said of it."""
    members(project, ("a|b", "c"), ("a", "b|c"), ("a~", "|b"), ("a", "~|b"))
    left(project, "a", "b|c")
    assert sorted(project.rows("SELECT a, b FROM members")) == [
        ("a", "~|b"),
        ("a|b", "c"),
        ("a~", "|b"),
    ]
    left(project, "a~", "|b")
    assert sorted(project.rows("SELECT a, b FROM members")) == [("a", "~|b"), ("a|b", "c")]


def test_a_hold_is_on_one_row(project: Project) -> None:
    """It is found again by the same parts, and keeps no other row."""
    members(project, ("a|b", "c"), ("a", "b|c"))
    outcome = project.run("hold", "add", "members", "a|b", "c", "--reason", "claim")
    assert outcome.code == 0, outcome.err
    left(project, "a", "b|c")
    left(project, "a|b", "c")
    assert project.rows("SELECT a, b FROM members") == [("a|b", "c")]
    told = project.run("explain", "members", "a|b", "c")
    assert "held by H-" in told.out


def test_blanks_at_the_end_of_a_key_count(server_project: Project) -> None:
    """Where the column tells them apart, so do our own tables."""
    mariadb = server_project.dialect == "mysql"
    collation = "CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin" if mariadb else ""
    members(server_project, ("a", "x"), ("a ", "x"), collation=collation)
    left(server_project, "a", "x")
    assert server_project.rows("SELECT concat(a, '.') FROM members") == [("a .",)]
