"""What repeats a table's rows inside the database is named before they go."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import servers
from project import Project

DELETES = """
[rules.posts]
table = "posts"
start = "written_on"
delete_after = "1 year"
"""
MASKS = """
[rules.posts]
table = "posts"
start = "written_on"
anonymize_after = "1 year"
[rules.posts.anonymize]
body = { text = "[erased]" }
"""
INDEXES = {
    "fts5": "USING fts5(body, content='posts', content_rowid='id')",
    "fts4": 'USING fts4(content="posts", body)',
}


@pytest.fixture
def sqlite(tmp_path: Path) -> Project:
    """A project over SQLite, the engine with full-text indexes in tables of their own."""
    return Project(tmp_path, f"sqlite:///{tmp_path / 'shop.db'}")


@pytest.fixture
def postgresql(postgresql_server: str, tmp_path: Path) -> Iterator[Project]:
    """A project over PostgreSQL, the engine with materialized views."""
    with servers.fresh_database(postgresql_server) as url:
        yield Project(tmp_path, url)


def posts(project: Project) -> None:
    """One old post and one young one."""
    project.sql(
        "CREATE TABLE posts (id INTEGER PRIMARY KEY, body VARCHAR(20), written_on DATE)",
        "INSERT INTO posts VALUES (1, 'tulip', '2020-01-01'), (2, 'daisy', '2026-05-01')",
    )


def told(project: Project, rules: str) -> str:
    """What `check` prints, on one line."""
    project.policy(rules)
    outcome = project.run("check")
    return " ".join((outcome.out + outcome.err).split())


def found(project: Project, word: str) -> list[tuple[int]]:
    """The rows in which the index finds the word."""
    return project.rows(f"SELECT rowid FROM words WHERE words MATCH '{word}'")


@pytest.mark.parametrize("module", INDEXES)
def test_an_index_that_nothing_keeps_in_step_is_named_with_its_trigger(
    sqlite: Project, module: str
) -> None:
    """Without the trigger the words would be found for ever; with the one that is told they go."""
    posts(sqlite)
    sqlite.sql(
        f"CREATE VIRTUAL TABLE words {INDEXES[module]}",
        "INSERT INTO words (words) VALUES ('rebuild')",
    )
    text = told(sqlite, DELETES)
    assert '"words" is a full-text index over "posts"' in text
    trigger = text[text.index("CREATE TRIGGER") : text.index("END") + 3]
    sqlite.sql(trigger)
    assert "full-text" not in told(sqlite, DELETES)
    sqlite.enroll()
    assert sqlite.run("run", "--all").code == 0
    assert (found(sqlite, "tulip"), found(sqlite, "daisy")) == ([], [(2,)])


def test_a_masked_word_is_found_until_a_trigger_takes_it_out(sqlite: Project) -> None:
    """A mask of a column that the index reads; one of another column says nothing."""
    posts(sqlite)
    sqlite.sql(
        f"CREATE VIRTUAL TABLE words {INDEXES['fts5']}",
        "INSERT INTO words (words) VALUES ('rebuild')",
        "ALTER TABLE posts ADD COLUMN author VARCHAR(20)",
    )
    assert "full-text" not in told(sqlite, MASKS.replace("body =", "author ="))
    text = told(sqlite, MASKS)
    sqlite.sql(text[text.index("CREATE TRIGGER") : text.index("END") + 3])
    assert "full-text" not in told(sqlite, MASKS)
    sqlite.enroll()
    assert sqlite.run("run", "--all").code == 0
    assert (found(sqlite, "tulip"), found(sqlite, "erased")) == ([], [(1,)])


def test_parts_of_a_virtual_table_are_no_tables_to_rule(sqlite: Project) -> None:
    """Neither its parts nor an index over another table; `coverage` does not list them."""
    posts(sqlite)
    sqlite.sql(
        "CREATE VIRTUAL TABLE notes USING fts4(email, body)",
        f"CREATE VIRTUAL TABLE words {INDEXES['fts4']}",
    )
    for table, why in (
        ("notes_content", 'is a part of the virtual table "notes"'),
        ("words", 'is a full-text index over "posts"; name that table'),
    ):
        assert why in told(sqlite, DELETES.replace('"posts"', f'"{table}"'))
    sqlite.policy(DELETES)
    listed = {table["table"] for table in sqlite.run("coverage", "--json").json["tables"]}
    assert "notes" in listed
    assert not listed & {"notes_content", "words"}


def test_a_materialized_view_is_named_however_far_above(postgresql: Project) -> None:
    """One that reads the table through a view repeats its rows, too; a plain view does not."""
    posts(postgresql)
    postgresql.sql(
        "CREATE VIEW plain AS SELECT id, body FROM posts",
        "CREATE MATERIALIZED VIEW far AS SELECT body FROM plain",
        "CREATE MATERIALIZED VIEW other AS SELECT 1 AS one",
    )
    for rules in (DELETES, MASKS):
        text = told(postgresql, rules)
        assert "REFRESH MATERIALIZED VIEW far" in text
        assert "other" not in text
        assert '"plain" is' not in text
