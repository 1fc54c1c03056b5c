"""Generated schemas: random graphs of tables, keys, actions and rows, judged row by row.

Plan, run, ledger and recount are held against a naive walk from row to row, on every engine.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
import servers
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st
from naive_pieces import Deletion, Key, Link, Row, Tally, World
from test_clocks import Bench, bench_on

from retention.databases.dialects.dialect import Dialect
from retention.databases.erasing.windows import KeyWalker
from retention.databases.state import put_hold
from retention.databases.statements.one_row import OneRow
from retention.databases.statements.one_row_asking import Place
from retention.errors import PolicyError
from retention.execution import executor, pace
from retention.execution.accounts import StepCount, StepResult
from retention.planning.plan import Plan, Step
from retention.policies.policy import Policy

SUITE = {"deadline": None, "derandomize": True, "database": None}
CHECKS = list(HealthCheck)
AS_OF = datetime(2026, 6, 1, tzinfo=UTC)
DAYS = {True: "2020-01-01", False: "2026-05-31", None: None}
KEYS = {"whole": ("id",), "text": ("id",), "pair": ("id", "part")}
COLUMN = {"whole": ("INTEGER",), "text": ("VARCHAR(20)",), "pair": ("INTEGER", "VARCHAR(20)")}
ACTIONS = ["NO ACTION", "NO ACTION", "RESTRICT", "CASCADE"]


@dataclass
class Example:
    """Tables by the kind of their key, references, rules, rows and holds; `window`: rows of a batch."""

    kinds: dict[str, str]
    links: list[Link] = field(default_factory=list)
    rules: list[Deletion] = field(default_factory=list)
    kept: set[str] = field(default_factory=set)
    rows: dict[str, dict[Key, Row]] = field(default_factory=dict)
    holds: set[tuple[str, Key]] = field(default_factory=set)
    window: int = 0

    def world(self, rows: dict[str, dict[Key, Row]]) -> World:
        """The oracle over these rows."""
        return World(copy.deepcopy(rows), self.links, self.rules, self.kept, self.holds)

    def columns(self, link: Link) -> list[str]:
        """The referring columns."""
        return [link.name, f"{link.name}b"][: len(KEYS[self.kinds[link.parent]])]

    def policy_text(self) -> str:
        """Rules and decisions as a person writes them."""
        lines = []
        for rule in self.rules:
            lines += [f"[rules.{rule.name}]", f'table = "{rule.table}"', 'start = "day"']
            lines += ['delete_after = "30 days"']
            lines += ['unless = { flagged = "flag = 1" }'] if rule.unless else []
        for table in sorted(self.kept):
            lines += [f"[rules.keep_{table}]", f'table = "{table}"', 'where = "flag = 2"']
            lines += ['keep_at_least = "forever"']
        lines.append("[references]")
        for link in self.links:
            label = f"{link.table}.{', '.join(self.columns(link))}"
            to = f'to = "{link.parent}.{", ".join(KEYS[self.kinds[link.parent]])}", '
            told = f'{{ {"" if link.declared else to}then = "{link.decision}" }}'
            lines.append(f'"{label}" = {told}')
        return "\n".join(lines) + "\n"

    def ddl(self) -> dict[str, str]:
        """The columns of each table."""
        found = {}
        for table, kind in self.kinds.items():
            pairs = zip(KEYS[kind], COLUMN[kind], strict=True)
            columns = [f"{name} {form} NOT NULL" for name, form in pairs]
            columns += ["day DATE NULL", "flag INTEGER NULL"]
            for link in self.links:
                if link.table == table:
                    forms = COLUMN[self.kinds[link.parent]]
                    null = "NULL" if link.nullable else "NOT NULL"
                    for name, form in zip(self.columns(link), forms, strict=True):
                        columns.append(f"{name} {form} {null}")
            found[table] = ", ".join([*columns, f"PRIMARY KEY ({', '.join(KEYS[kind])})"])
        return found

    def enforced(self) -> list[tuple[str, str]]:
        """The table and the text of each foreign key that the database knows."""
        return [
            (
                link.table,
                f"FOREIGN KEY ({', '.join(self.columns(link))}) REFERENCES {link.parent} "
                f"({', '.join(KEYS[self.kinds[link.parent]])}) ON DELETE {link.on_delete}",
            )
            for link in self.links
            if link.declared
        ]


# -- examples -----------------------------------------------------------------------------------


@st.composite
def _links(draw: st.DrawFn, tables: list[str]) -> list[Link]:
    found = []
    for number in range(draw(st.integers(1, 5))):
        declared, nullable = draw(st.booleans()), draw(st.booleans())
        decisions = ["delete", "delete", "delete", "delete", "block"]
        decisions += ["detach"] if nullable else []
        decisions += [] if declared else ["leave"]
        actions = [*ACTIONS, "SET NULL"] if nullable else ACTIONS
        found.append(
            Link(
                f"r{number}",
                draw(st.sampled_from(tables)),
                draw(st.sampled_from(tables)),
                draw(st.sampled_from(decisions)),
                declared,
                nullable,
                draw(st.sampled_from(actions)),
            )
        )
    return found


def _key(kind: str, number: int) -> Key:
    # no part is 0, which refers to nothing where the database enforces nothing
    part = 1 + number % 2
    return {"whole": (number,), "text": (f"k{number}",), "pair": (part, f"p{number}")}[kind]


@st.composite
def examples(draw: st.DrawFn) -> Example:
    """One to four tables that refer to one another in any way, and up to eight rows in each."""
    names = [f"t{number}" for number in range(draw(st.integers(1, 4)))]
    example = Example({name: draw(st.sampled_from(["whole", "whole", *KEYS])) for name in names})
    example.links = draw(_links(names))
    example.rules = [
        Deletion(f"a{number}", draw(st.sampled_from(names)), draw(st.booleans()))
        for number in range(draw(st.integers(1, 2)))
    ]
    example.kept = set(draw(st.lists(st.sampled_from(names), max_size=2)))
    keys = {
        table: [_key(kind, number) for number in range(1, draw(st.integers(1, 8)) + 1)]
        for table, kind in example.kinds.items()
    }
    for table, found in keys.items():
        example.rows[table] = {}
        for key in found:
            links: dict[str, Key | None] = {}
            for link in example.links:
                if link.table == table:
                    choices = [*keys[link.parent], *([None] * 2 if link.nullable else [])]
                    links[link.name] = draw(st.sampled_from(choices))
            old = draw(st.sampled_from([True, True, False, None]))
            flag = draw(st.sampled_from([0, 0, 0, 0, 0, 0, 1, 2, None]))
            example.rows[table][key] = Row(old, flag, links)
    example.window = draw(st.sampled_from([0, 1, 2]))
    places = [(table, key) for table, found in keys.items() for key in found]
    if draw(st.integers(0, 2)) == 0:
        example.holds = set(draw(st.lists(st.sampled_from(places), max_size=2)))
    return example


def frees_itself(example: Example) -> bool:
    """A row that stops another may go in the same step: that one goes in a later batch, or night."""
    for rule in example.rules:
        lost, waiting = {rule.table}, [rule.table]
        while waiting:
            here = waiting.pop()
            new = {
                link.table
                for link in example.links
                if link.parent == here and link.decision == "delete"
            } - lost
            lost |= new
            waiting += new
        for link in example.links:
            if link.decision == "block" and link.table in lost and link.parent in lost:
                return True
        excepted = any(other.unless for other in example.rules if other.table == rule.table)
        around = any(link.parent in lost for link in example.links if link.table == rule.table)
        if example.window and excepted and not rule.unless and around:
            return True
    return False


# -- properties ---------------------------------------------------------------------------------


def build(bench: Bench, example: Example) -> None:
    """The tables with their rows, and the foreign keys once the rows are there."""
    ddl, after = example.ddl(), []
    for table, text in example.enforced():
        if bench.name == "sqlite":
            ddl[table] += f", {text}"
        else:
            after.append(f"ALTER TABLE {table} ADD {text}")
    rows: dict[str, list[dict[str, Any]]] = {}
    for table, found in example.rows.items():
        rows[table] = []
        for key, row in found.items():
            line = dict(zip(KEYS[example.kinds[table]], key, strict=True))
            line |= {"day": DAYS[row.old], "flag": row.flag}
            for link in example.links:
                if link.table == table:
                    names = example.columns(link)
                    line |= dict(zip(names, row.links[link.name] or [None] * 2, strict=False))
            rows[table].append(line)
    bench.build(ddl, rows, *after)
    with bench.writing() as connection:
        for number, (table, key) in enumerate(sorted(example.holds, key=str)):
            told = "|".join(map(str, key))
            put_hold(connection, f"H-{number}", table, told, "2020-01-01T00:00:00Z", None)


def contents(bench: Bench, example: Example) -> dict[str, dict[Key, Row]]:
    """The tables as they stand."""
    found: dict[str, dict[Key, Row]] = {}
    for table, kind in example.kinds.items():
        links = [link for link in example.links if link.table == table]
        names = [*KEYS[kind], "day", "flag"]
        names += [name for link in links for name in example.columns(link)]
        found[table] = {}
        for line in bench.values(f"SELECT {', '.join(names)} FROM {table}"):
            row = dict(zip(names, line, strict=True))
            key = tuple(row[name] for name in KEYS[kind])
            days = {text: old for old, text in DAYS.items()}
            refers = {}
            for link in links:
                value = tuple(row[name] for name in example.columns(link))
                refers[link.name] = None if None in value else value
            old = days[None if row["day"] is None else str(row["day"])]
            found[table][key] = Row(old, row["flag"], refers)
    return found


def check_counts(count: StepCount, tally: Tally) -> None:
    """The dry run's numbers are the oracle's."""
    told = {
        "due": count.due,
        "held": count.held,
        "kept": sum(count.kept.values()),
        "blocked": sum(count.blocked.values()),
        "unless": sum(count.unless.values()),
    }
    assert {kind: number for kind, number in told.items() if number} == tally.outcomes
    assert {(found.table, found.action): found.due for found in count.also} == tally.also


def check_run(bench: Bench, example: Example, policy: Policy) -> list[StepResult]:
    """One run: what was counted was done, the ledger counts what left, the rest is as it was."""
    before = contents(bench, example)
    with pytest.MonkeyPatch.context() as patch:
        if example.window:
            patch.setattr(executor, "walker_for", partial(_small_windows, example.window))
            patch.setattr(pace, "SMALLEST", 1)
        results, intents = bench.night(policy, AS_OF)
    world = example.world(before)
    rules = {rule.name: rule for rule in example.rules}
    for result in results:
        check_counts(result.count, world.delete(rules[result.count.step.rule]))
        assert result.done == result.count.due
        assert result.also == {
            (found.table, found.action): found.due for found in result.count.also
        }
    after = contents(bench, example)
    assert after == world.tables
    for table, rows in before.items():
        counted = sum(intent.body["counts"].get(table, 0) for intent in intents)
        assert counted == len(rows) - len(after[table]), table
    check_references(example, before, after)
    return results


def _small_windows(size: int, plan: Plan, dialect: Dialect, step: Step, *more: object) -> KeyWalker:
    found = plan.schema.tables[step.table]
    return KeyWalker(dialect, found, found.key, size)


def check_references(
    example: Example, before: dict[str, dict[Key, Row]], after: dict[str, dict[Key, Row]]
) -> None:
    """No row that stays refers to one that has left, but where that is decided."""
    for link in example.links:
        for key, row in after[link.table].items():
            to = row.links[link.name]
            if to is not None and link.decision != "leave":
                assert to in after[link.parent], (link, key)
            if link.decision not in ("detach", "leave"):
                assert to == before[link.table][key].links[link.name]


def check_explained(bench: Bench, example: Example, policy: Policy) -> None:
    """What `explain` says goes with a row is the oracle's piece, and what that lets go of."""
    with bench.planned(policy, AS_OF) as (connection, plan), connection.begin():
        step = plan.steps[0]
        key = next(iter(example.rows[step.table]))
        table = plan.schema.tables[step.table]
        one = OneRow(connection, bench.database.dialect, plan, table, key)
        told = {(name, action): rows for name, action, rows in one.along(Place(step.table), step)}
    assert told == example.world(example.rows).goes_along((step.table, key))


def check_nights(bench: Bench, example: Example) -> None:
    """Two nights against the oracle: where the first leaves nothing due, the second does nothing."""
    assume(not frees_itself(example))
    build(bench, example)
    policy = bench.policy(example.policy_text(), "UTC")
    try:
        with bench.planned(policy, AS_OF):
            pass
    except PolicyError as error:
        event(f"refused: {error.problems[0].message[-60:]}")
        assume(False)
    check_explained(bench, example, policy)
    first = check_run(bench, example, policy)
    event("erased" if any(result.done for result in first) else "nothing due")
    event("along" if any(result.also for result in first) else "nothing along")
    if any(result.done for result in first):
        check_run(bench, example, policy)


@pytest.fixture(scope="module", params=servers.ENGINES)
def bench(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Bench]:
    """One database for all examples, on each engine in turn."""
    with bench_on(request.param, request, tmp_path_factory.mktemp("bench")) as found:
        yield found


@settings(max_examples=12, suppress_health_check=CHECKS, **SUITE)
@given(example=examples())
def test_pieces_of_any_graph_go_whole_or_stay(bench: Bench, example: Example) -> None:
    """Counts, contents, ledger and references of generated schemas are the oracle's."""
    check_nights(bench, example)


@pytest.mark.faults
@settings(max_examples=1_500, deadline=None, suppress_health_check=CHECKS)
@given(example=examples())
def test_pieces_of_any_graph_go_whole_or_stay_at_length(bench: Bench, example: Example) -> None:
    """The same over more than a thousand generated schemas."""
    check_nights(bench, example)
