"""On SQLite rows are decided first and change by a plainer test, where that finds the same rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st
from project import HEAD, Project
from test_one_scan import statements
from test_walks import AS_OF, SUITE

from retention.cli.context import load_listed
from retention.connections import engine_for
from retention.databases.database import Database
from retention.databases.erasing.choosing import eraser_for
from retention.databases.erasing.walker import walker_for
from retention.errors import PolicyError
from retention.execution.accounts import StepCount, StepResult
from retention.execution.executor import still_plain
from retention.execution.preview import preview
from retention.planning.make import make_plan
from retention.planning.walks import Walk
from retention.policies.parse import parse_policy

RULES = {
    "delete": 'delete_after = "1 year"',
    "anonymize": """anonymize_after = "1 year"\nanonymize = { note = "null" }""",
    "some": """delete_after = "1 year"\nwhere = "id % 5 > 0" """,
}
DECIDES = "datetime("
"""In a condition that reads texts as times."""
OLD = ["2001-02-03 04:05:06", "2025-05-31 23:59:59", "2025-05-31", "2025-05-31T23:59:59Z"]
AT_THE_LINE = ["2025-06-01 00:00:00", "2025-06-01", "2025-06-01T00:00:00", "2025-05-31 12:00:00Z"]
AT_THE_LINE += ["2025-06-01 01:00:00+02:00", "2025-05-31 23:30:00-01:00", "2025-06-01 00:00:00.0"]
OTHER = ["2026-01-01 00:00:00", "2001-02-31 00:00:00", "1900-01-01", "", "2001", "soon", None]


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A file with a table of logs whose times are text."""
    folder: Path = tmp_path_factory.mktemp("logs")
    (folder / "data.db").touch()
    project = Project(folder, f"sqlite:///{folder / 'data.db'}")
    project.sql("CREATE TABLE logs (id INTEGER PRIMARY KEY, at TEXT, note TEXT)")
    yield project
    project.engine.dispose()


def taken(
    project: Project,
    rule: str,
    size: int,
    *,
    keys: bool,
    seen: bool,
    meanwhile: Callable[[], None] = lambda: None,
) -> tuple[list[int], list[str]]:
    """The keys that were noted, and what changed rows; `seen`: a preview went before."""
    head = HEAD.format(zone="UTC", url=project.url)
    policy = parse_policy(f'{head}[rules.logs]\ntable = "logs"\nstart = "at"\n{RULES[rule]}\n')
    database, noted = Database("main", engine_for(project.url, "main", project.folder)), list[int]()
    with database.connected() as connection, statements(database.engine) as asked:
        plan = make_plan(policy, "main", database.schema(connection, policy), AS_OF)
        (count,) = preview(database, connection, plan)
        walker = walker_for(plan, database.dialect, count.step, Walk(""))
        eraser = eraser_for(
            plan,
            database.dialect,
            count.step,
            bytes,
            keys=keys,
            portion=False,
            plain_while=count.plain_while if seen else None,
        )
        walker.size = size
        for window in walker.windows(connection):
            meanwhile()
            with connection.begin():
                found = eraser.take(connection, window, None)
            noted += [int(key) for (key,) in found.keys.get("logs", ())]  # type: ignore[arg-type]
    database.engine.dispose()
    return noted, [text for text in asked if text.startswith(("DELETE", "UPDATE"))]


def left(project: Project) -> set[int]:
    """The rows that nothing was done to."""
    rows = project.rows("SELECT id FROM logs WHERE note IS NOT NULL")
    return {key for (key,) in rows}


@settings(SUITE, max_examples=150)
@given(
    texts=st.lists(st.sampled_from([*OLD * 9, *AT_THE_LINE, *OTHER]), min_size=1, max_size=12),
    rule=st.sampled_from([*RULES]),
    size=st.integers(1, 6),
    keys=st.booleans(),
    seen=st.booleans(),
)
def test_the_rows_are_those_of_one_statement_that_decides(
    logs: Project, texts: list[str | None], rule: str, size: int, keys: bool, seen: bool
) -> None:
    """Whatever stands in the column; and the keys of all of them are noted, each once."""
    found = list[set[int]]()
    rows = [{"id": number, "at": text} for number, text in enumerate(texts)]
    for noting, trusting in ((False, False), (keys, seen)):
        with logs.engine.begin() as connection:
            connection.execute(sa.text("DELETE FROM logs"))
            connection.execute(sa.text("INSERT INTO logs VALUES (:id, :at, 'x')"), rows)
        try:
            noted, changes = taken(logs, rule, size, keys=noting, seen=trusting)
        except PolicyError:
            # too little in the column that could be a time
            assume(False)
        found.append(left(logs))
    assert found[0] == found[1]
    assert sorted(noted) == (sorted({*range(len(texts))} - found[1]) if keys else [])
    event("plainly" if any(DECIDES not in text for text in changes) else "in full")


def filled(logs: Project, sixth: str) -> None:
    """Five old rows and another."""
    rows = ", ".join(f"({key}, '2020-01-01 00:00:00', 'x')" for key in range(1, 6))
    logs.sql("DELETE FROM logs", f"INSERT INTO logs VALUES {rows}, (6, '{sixth}', 'x')")


@pytest.mark.parametrize("seen", [False, True], ids=["keys", "preview"])
@pytest.mark.parametrize("rule", ["delete", "anonymize"])
def test_rows_change_by_plain_comparisons_where_all_that_start_early_are_due(
    logs: Project, rule: str, seen: bool
) -> None:
    """One text among them that is no date, and the whole condition decides again."""
    for odd, plain in (("2024-01-01", True), ("2024-02-31", False)):
        filled(logs, odd)
        noted, changes = taken(logs, rule, 100, keys=True, seen=seen)
        assert sorted(noted) == [1, 2, 3, 4, 5, 6][: 6 if plain else 5]
        assert [DECIDES not in text for text in changes] == [plain]


@pytest.mark.parametrize("keys", [False, True])
@pytest.mark.parametrize("rule", ["delete", "anonymize"])
def test_a_file_that_somebody_wrote_to_since_is_read_again(
    logs: Project, rule: str, keys: bool
) -> None:
    """A date that became none between the preview and the batch keeps its row."""
    filled(logs, "2024-01-01")

    def spoil() -> None:
        logs.sql("UPDATE logs SET at = '2024-02-31' WHERE id = 6")

    _, changes = taken(logs, rule, 100, keys=keys, seen=True, meanwhile=spoil)
    assert left(logs) == {6}
    assert all(DECIDES in text for text in changes)


@pytest.mark.parametrize("trigger", [False, True])
def test_where_a_trigger_may_write_no_preview_is_trusted(logs: Project, trigger: bool) -> None:
    """Our own changes could change other rows then."""
    filled(logs, "2024-01-01")
    if trigger:
        logs.sql("CREATE TABLE others (id INTEGER PRIMARY KEY)")
        logs.sql("CREATE TRIGGER t AFTER DELETE ON others BEGIN UPDATE logs SET at = 'x'; END")
    try:
        _, changes = taken(logs, "delete", 100, keys=False, seen=True)
    finally:
        logs.sql("DROP TABLE IF EXISTS others")
    assert [DECIDES not in text for text in changes] == [not trigger]


def test_what_the_run_itself_changed_is_not_taken_for_seen(tmp_path: Path) -> None:
    """Rows that an earlier step deletes leave the others as they were; any other change does not."""
    (tmp_path / "data.db").touch()
    project = Project(tmp_path, f"sqlite:///{tmp_path / 'data.db'}")
    for table in ("logs", "old_logs"):
        project.sql(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, at DATE, note TEXT)")
    rules = {
        "logs": 'restrict_after = "1 year"\nrestrict = { move_to = "old_logs" }',
        "old_logs": 'delete_after = "2 years"\nanonymize_after = "1 year"\n'
        'anonymize = { note = "null" }',
    }
    project.policy(
        "".join(
            f'[rules.{table}]\ntable = "{table}"\nstart = "at"\n{rule}\n'
            for table, rule in rules.items()
        )
    )
    policy = load_listed(project.config).policy
    database = Database("main", engine_for(project.url, "main", project.folder))
    with database.connected() as connection:
        plan = make_plan(policy, "main", database.schema(connection, policy), AS_OF)
    database.engine.dispose()
    steps = {(step.table, str(step.action)): StepCount(step, plain_while=7) for step in plan.steps}
    moves, deletes = steps["logs", "restrict"], steps["old_logs", "delete"]
    masks = steps["old_logs", "anonymize"]

    def seen(*counts: StepCount, also: tuple[str, str] = ("files", "delete")) -> int | None:
        results = [StepResult(count) for count in counts]
        results[0].also[also] = 1
        return still_plain(results)

    assert (seen(deletes, masks), seen(masks, moves)) == (7, 7)
    assert (seen(masks, deletes), seen(moves, deletes)) == (None, None)
    assert seen(deletes, moves, also=("logs", "detach")) is None
