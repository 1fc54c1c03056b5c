"""Walking by the index on a clock takes the rows that a walk of the whole table takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import servers
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from project import HEAD, Project

from retention.connections import engine_for
from retention.databases.database import Connection, Database
from retention.databases.erasing.choosing import eraser_for
from retention.databases.erasing.walker import walk_of, walker_for
from retention.databases.erasing.windows import GUESSED
from retention.planning.make import make_plan
from retention.planning.plan import Plan
from retention.planning.walks import Walk
from retention.policies.parse import parse_policy

EDGE = date(2025, 6, 1)
AS_OF = datetime(2026, 6, 1, tzinfo=UTC)
TIMES = {"sqlite": "TEXT", "postgresql": "TIMESTAMP", "mysql": "DATETIME"}
KEYS = {
    "whole": ("id BIGINT NOT NULL", "id"),
    "text": ("id VARCHAR(20) NOT NULL", "id"),
    "uuid": ("id {uuid} NOT NULL", "id"),
    "composite": ("a VARCHAR(8) NOT NULL, b BIGINT NOT NULL", "a, b"),
}
RULE = """
[rules.logs]
table = "logs"
start = "at"
delete_after = "1 year"
"""
BY_INDEX, WHOLE = Walk("", by_clock=True), Walk("")
SUITE = settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


class Logs:
    """A table of logs with an index on its clock, and a rule that deletes the old ones."""

    def __init__(self, project: Project, key: str, rule: str = RULE) -> None:
        self.project, self.key, self.dialect = project, key, project.dialect
        columns, names = KEYS[key]
        columns = columns.format(uuid="UUID" if self.dialect == "postgresql" else "CHAR(36)")
        project.sql(
            f"CREATE TABLE logs ({columns}, at {TIMES[self.dialect]} NULL, note VARCHAR(20),"
            f" PRIMARY KEY ({names}))",
            "CREATE INDEX logs_at ON logs (at, note)",
        )
        self.policy = parse_policy(HEAD.format(zone="UTC", url=project.url) + rule)

    def key_of(self, number: int) -> str:
        """The key of a row as a literal; in their order neighbours lie far apart."""
        scattered = number * 7_919 % 1_000
        return {
            "whole": str(scattered),
            "text": f"'k{scattered}'",
            "uuid": f"'{scattered:08x}-0000-4000-8000-{number:012x}'",
            "composite": f"'{'AbC'[number % 3]}', {scattered}",
        }[self.key]

    def insert(self, number: int, age: int | None) -> str:
        """A row so many days older than the line; None: without a date."""
        return f"INSERT INTO logs VALUES ({self.key_of(number)}, {_when(age)}, 'row {number}')"

    def fill(self, ages: list[int | None]) -> None:
        """These rows and no others."""
        inserts = [self.insert(number, age) for number, age in enumerate(ages)]
        self.project.sql("DELETE FROM logs", *inserts)

    def left(self) -> set[int]:
        """The numbers of the rows that are there."""
        return {int(note[4:]) for (note,) in self.project.rows("SELECT note FROM logs")}

    @contextmanager
    def planned(self) -> Iterator[tuple[Connection, Database, Plan]]:
        """The plan as it stands, and a connection that may carry it out."""
        database = Database("main", engine_for(self.project.url, "main", self.project.folder))
        with database.connected() as connection:
            schema = database.schema(connection, self.policy)
            yield connection, database, make_plan(self.policy, "main", schema, AS_OF)
        database.engine.dispose()

    def walked(
        self, walk: Walk, size: int, meanwhile: Callable[[int], None] = lambda _: None
    ) -> list[int]:
        """Rows taken by each window; `meanwhile` is called before the statement of each."""
        with self.planned() as (connection, database, plan):
            (step,) = plan.steps
            eraser = eraser_for(plan, database.dialect, step, bytes, keys=True, portion=False)
            eraser.prepare(connection)
            way, taken = walker_for(plan, database.dialect, step, walk), list[int]()
            way.size = size
            for number, window in enumerate(way.windows(connection)):
                meanwhile(number)
                with connection.begin():
                    taken.append(eraser.take(connection, window, None).rows)
        return taken

    def chosen(self, rows: int) -> Walk:
        """The walk of the plan's step over a table said to have so many rows."""
        with self.planned() as (connection, database, plan), connection.begin():
            return walk_of(connection, plan, database.dialect, plan.steps[0], rows)


def _when(age: int | None) -> str:
    return "NULL" if age is None else f"'{EDGE - timedelta(days=age)} 00:00:00'"


@contextmanager
def place(engine: str, request: pytest.FixtureRequest, folder: Path) -> Iterator[Project]:
    """An empty database on one engine."""
    if engine == "sqlite":
        (folder / "data.db").touch()
        yield Project(folder, f"sqlite:///{folder / 'data.db'}")
        return
    with servers.fresh_database(request.getfixturevalue(f"{engine}_server")) as url:
        project = Project(folder, url)
        yield project
        project.engine.dispose()


CASES = [(engine, key) for engine in servers.ENGINES for key in KEYS]


@pytest.fixture(scope="module", params=CASES, ids=" ".join)
def logs(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Logs]:
    """The table under each kind of key, on each engine."""
    engine, key = request.param
    with place(engine, request, tmp_path_factory.mktemp("logs")) as project:
        yield Logs(project, key)


AGES = st.lists(st.sampled_from([None, -400, -1, 0, 0, 1, 1, 1, 2, 500]), max_size=14)


@SUITE
@given(ages=AGES, size=st.integers(1, 5))
def test_both_walks_take_the_rows_that_are_due(
    logs: Logs, ages: list[int | None], size: int
) -> None:
    """Old rows go and all others stay, whichever way; many of one time are cut into windows, too."""
    due = {number for number, age in enumerate(ages) if age is not None and age > 0}
    for walk in (BY_INDEX, WHOLE):
        logs.fill(ages)
        taken = logs.walked(walk, size)
        assert logs.left() == set(range(len(ages))) - due
        assert sum(taken) == len(due)
    logs.fill(ages)
    assert max(logs.walked(BY_INDEX, size)) <= size


RUNS = st.lists(st.tuples(st.integers(-60, 200), st.integers(1, 40)), min_size=1, max_size=4)


@settings(SUITE, max_examples=25)
@given(runs=RUNS, far=st.booleans(), size=st.integers(1, 7))
def test_windows_of_whole_numbers_hold_every_row_once_and_few_rows_each(
    numbers: Logs, runs: list[tuple[int, int]], far: bool, size: int
) -> None:
    """Numbers that lie close, or with gaps, up to the last number there is."""
    keys = {first + step for first, length in runs for step in range(length)}
    keys |= {2**63 - 1 - step for step in range(9)} if far else set()
    numbers.project.sql("DELETE FROM logs", _numbered(keys))
    taken = numbers.walked(WHOLE, size)
    assert sum(taken) == len(keys)
    assert not numbers.left()
    if numbers.dialect != "postgresql":
        assert max(taken) <= size
        assert len(taken) <= 2 * len(keys) / size + GUESSED * (len(runs) + far) + 2


def _numbered(keys: set[int]) -> str:
    rows = ", ".join(f"({key}, {_when(9)}, 'row {number}')" for number, key in enumerate(keys))
    return f"INSERT INTO logs VALUES {rows}"


@pytest.fixture(scope="module", params=servers.ENGINES)
def numbers(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Logs]:
    """The table under a whole number, on each engine."""
    with place(request.param, request, tmp_path_factory.mktemp("numbers")) as project:
        yield Logs(project, "whole")


def test_a_date_extended_between_window_and_statement_keeps_its_row(logs: Logs) -> None:
    """The window was found with the old date; the statement reads the new one."""
    logs.fill([2, 3, 4, 5, 6, 7])

    def extend(number: int) -> None:
        if number == 0:
            logs.project.sql(f"UPDATE logs SET at = {_when(-9)} WHERE note IN ('row 5', 'row 0')")

    logs.walked(BY_INDEX, 2, extend)
    assert logs.left() == {0, 5}


def test_rows_that_come_behind_the_walk_do_not_disturb_it(logs: Logs) -> None:
    """What comes ahead of it goes as well; what comes behind it is left for another night."""
    logs.fill([10, 20, 30, 40])

    def add(number: int) -> None:
        if number == 1:
            logs.project.sql(logs.insert(8, 50), logs.insert(9, 5))

    logs.walked(BY_INDEX, 2, add)
    assert logs.left() == {8}
    logs.walked(BY_INDEX, 2)
    assert not logs.left()


def test_the_index_leads_where_little_is_due(logs: Logs) -> None:
    """A handful of old rows is sought by the index, a large part by a walk of the table."""
    logs.fill([1, 2, None, -1])
    assert logs.chosen(rows=4_000) == Walk("index on at", by_clock=True)
    assert not logs.chosen(rows=4).by_clock


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        ('delete_when = "note is null"', "no clock"),
        ('start = { latest_of = ["at", "seen_at"] }\ndelete_after = "1 year"', "two columns"),
        ('start = "at"\ntogether = "note"\ndelete_after = "1 year"', "whole units"),
        ('start = "seen_at"\ndelete_after = "1 year"', "an index over some rows, or in no order"),
    ],
)
def test_no_index_leads_that_would_miss_rows(project: Project, rule: str, why: str) -> None:
    """Rows may be due that lie elsewhere in the index on `at`, or in none."""
    head = '[rules.logs]\ntable = "logs"\n'
    time = TIMES[project.dialect]
    logs = Logs(project, "whole", f"{head}{rule}\n")
    project.sql(f"ALTER TABLE logs ADD COLUMN seen_at {time} NULL")
    if project.dialect != "mysql":
        project.sql("CREATE INDEX logs_partly ON logs (seen_at) WHERE note IS NOT NULL")
    if project.dialect == "postgresql":
        project.sql("CREATE INDEX coarse ON logs USING brin (seen_at)")
    assert not logs.chosen(rows=1_000_000).by_clock, why
