"""A step that has nothing to do costs the scans of later steps nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import servers
from hypothesis import given
from hypothesis import strategies as st
from project import HEAD, Project
from test_one_scan import statements
from test_walks import AS_OF, SUITE, TIMES, place

from retention.connections import engine_for
from retention.databases.database import Database
from retention.databases.statements.gone import GoneSets
from retention.execution.preview import preview
from retention.planning.make import make_plan
from retention.policies.parse import parse_policy

TABLES = ("orders", "items", "notes")
RULES = """
[references]
"items.order_id" = "delete"
"notes.item_id" = "detach"

[rules."orders"]
table = "orders"
start = "at"
delete_after = "3 years"

[rules."items"]
table = "items"
start = "at"
delete_after = "2 years"

[rules."texts"]
table = "notes"
start = "at"
anonymize_after = "6 months"
anonymize = { text = "null" }

[rules."notes"]
table = "notes"
start = "at"
delete_after = "1 year"
"""


class Shop:
    """Orders, their items, and notes on those; each with a rule of its own."""

    def __init__(self, project: Project) -> None:
        self.project = project
        at = TIMES[project.dialect]
        project.sql(
            f"CREATE TABLE orders (id BIGINT PRIMARY KEY, at {at})",
            f"CREATE TABLE items (id BIGINT PRIMARY KEY, at {at}, order_id BIGINT,"
            " FOREIGN KEY (order_id) REFERENCES orders (id))",
            f"CREATE TABLE notes (id BIGINT PRIMARY KEY, at {at}, text VARCHAR(20),"
            " item_id BIGINT, FOREIGN KEY (item_id) REFERENCES items (id))",
        )
        self.policy = parse_policy(HEAD.format(zone="UTC", url=project.url) + RULES)

    def fill(self, rows: list[tuple[int, int, int]]) -> None:
        """For each number the years of an order, its item and a note on that."""
        found = [f"DELETE FROM {name}" for name in reversed(TABLES)]
        for number, years in enumerate(rows):
            day = [f"'{AS_OF.year - ago}-01-01'" for ago in years]
            found += [
                f"INSERT INTO orders VALUES ({number}, {day[0]})",
                f"INSERT INTO items VALUES ({number}, {day[1]}, {number})",
                f"INSERT INTO notes VALUES ({number}, {day[2]}, 'a text', {number})",
            ]
        self.project.sql(*found)

    def counted(self) -> tuple[dict[str, tuple[object, ...]], list[str]]:
        """What a preview counts for each step, and what it asked of the database."""
        database = Database("main", engine_for(self.project.url, "main", self.project.folder))
        with database.connected() as connection:
            schema = database.schema(connection, self.policy)
            plan = make_plan(self.policy, "main", schema, AS_OF)
            with statements(database.engine) as asked:
                counts = preview(database, connection, plan)
        database.engine.dispose()
        return {it.step.name: (it.due, it.also, it.rows, it.stopped) for it in counts}, asked


@pytest.fixture(scope="module", params=servers.ENGINES)
def shop(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Shop]:
    """A shop, on each engine."""
    with place(request.param, request, tmp_path_factory.mktemp("shop")) as project:
        yield Shop(project)


def test_where_nothing_is_due_each_table_is_read_by_one_statement(shop: Shop) -> None:
    """Whatever the number of rules, and whatever goes along with what."""
    shop.fill([(0, 0, 0)] * 3)
    found, asked = shop.counted()
    assert [due for due, *_ in found.values()] == [0, 0, 0, 0]
    counting = [text for text in asked if re.search(r"\bcount\(", text) and "step_" in text]
    for name in TABLES:
        assert len([text for text in counting if re.search(rf"\b{name}\b", text)]) == 1
    assert len(counting) == len(TABLES)
    assert not [text for text in asked if "gone_" in text]


@SUITE
@given(st.lists(st.tuples(*[st.integers(0, 4)] * 3), max_size=6))
def test_to_know_that_steps_are_idle_changes_no_count(
    shop: Shop, rows: list[tuple[int, int, int]]
) -> None:
    """What is counted is what would be counted if every step were asked what it takes."""
    shop.fill(rows)
    found, _ = shop.counted()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(GoneSets, "idle", property(lambda _: set(), lambda *_: None), raising=False)
        every, _ = shop.counted()
    assert found == every
