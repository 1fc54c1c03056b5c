"""Whole nights over small random schemas, against the oracle: counts, contents, ledger."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import servers
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st
from naive import (
    KINDS,
    Account,
    Clock,
    ColumnMask,
    Condition,
    Night,
    Path,
    Reference,
    Row,
    Rule,
    Stored,
    Tables,
)
from test_clocks import Bench, bench_on, walking_by_index

from retention.errors import DatabaseFailure, PolicyError
from retention.execution.accounts import StepCount, StepResult
from retention.execution.preview import preview
from retention.ledger.entry import Entry
from retention.policies.calendar import CountedFrom, FinancialYears, Stage, Term
from retention.policies.period import parse_period
from retention.policies.policy import Policy

SUITE = {"deadline": None, "derandomize": True, "database": None}
CHECKS = list(HealthCheck)
ZONE = "Europe/Oslo"
AS_OF = datetime(2026, 5, 31, 22, tzinfo=UTC)
PERIODS = ("0 days", "0 days", "30 days", "30 days", "1 year", "72 hours", "2 years")
COLUMNS = {
    "c1": {"sqlite": "DATE", "postgresql": "DATE", "mysql": "DATE"},
    "c2": {"sqlite": "TIMESTAMP", "postgresql": "TIMESTAMP", "mysql": "DATETIME"},
    "c3": {"sqlite": "TEXT", "postgresql": "TEXT", "mysql": "VARCHAR(40)"},
    "flag": {"sqlite": "INTEGER", "postgresql": "INTEGER", "mysql": "INTEGER"},
    "note": {"sqlite": "TEXT", "postgresql": "TEXT", "mysql": "VARCHAR(40)"},
    "mail": {"sqlite": "TEXT", "postgresql": "VARCHAR(40)", "mysql": "VARCHAR(40)"},
    "born": {"sqlite": "DATE", "postgresql": "DATE", "mysql": "DATE"},
}
CLOCKS = ("c1", "c2", "c3")
MASKS = {
    "note": [("null",), ("text", "x")],
    "mail": [("template", "gone-{id}"), ("null",)],
    "born": [("truncate", "year"), ("truncate", "month"), ("null",)],
}
AGES = [-400, -1, 0, 1, 2, 29, 30, 31, 365, 366, 366, 731, 731, 900, 900, 900, 1500, 1500]
NONE: tuple[Any, ...] = ()
NULLS = ("is null", "is not null")


@dataclass(frozen=True)
class Declared:
    """A foreign key: what the database declares, and whether it may be NULL."""

    reference: Reference
    on_delete: str
    nullable: bool


@dataclass
class Example:
    """Tables, foreign keys, rules with their text, rows and holds."""

    tables: list[str]
    keys: list[Declared]
    rules: list[Rule] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    rows: Tables = field(default_factory=dict)
    holds: set[tuple[str, int]] = field(default_factory=set)
    tokens: str = "auto"
    masks: dict[str, tuple[str, ...]] = field(default_factory=dict)
    columns: dict[str, dict[str, str]] = field(default_factory=lambda: dict(COLUMNS))

    @property
    def indexed(self) -> bool:
        """An index on every clock: in half of the examples."""
        return sum(map(len, self.rows.values())) % 2 == 0

    @property
    def references(self) -> list[Reference]:
        """The foreign keys as the oracle reads them."""
        return [key.reference for key in self.keys]

    def policy_text(self) -> str:
        """Rules and decisions as a person writes them."""
        lines = [*self.texts, "[references]"]
        for key in self.keys:
            name, decision = f"{key.reference.table}.{key.reference.column}", key.reference.decision
            form = f'"{decision}"'
            if key.reference.when_unused:
                form = f'{{ then = {form}, when_unused = "{key.reference.when_unused}" }}'
            lines.append(f'"{name}" = {form}')
        return "\n".join(lines) + "\n"

    def ddl(self, engine: str) -> dict[str, str]:
        """The columns of each table."""
        found = {}
        for table in self.tables:
            columns = ["id INTEGER PRIMARY KEY"]
            columns += [f"{name} {kinds[engine]} NULL" for name, kinds in self.columns.items()]
            own = [key for key in self.keys if key.reference.table == table]
            columns += [
                f"{key.reference.column} INTEGER {'NULL' if key.nullable else 'NOT NULL'}"
                for key in own
            ]
            columns += [
                f"FOREIGN KEY ({key.reference.column}) REFERENCES {key.reference.parent} (id) "
                f"ON DELETE {key.on_delete}"
                for key in own
            ]
            found[table] = ", ".join(columns)
        return found

    def indexes(self) -> list[str]:
        """An index on every clock, or on none."""
        names = [(table, clock) for table in self.tables for clock in CLOCKS]
        made = [f"CREATE INDEX {table}_{clock} ON {table} ({clock})" for table, clock in names]
        return made if self.indexed else []

    def night(self, tables: Tables) -> Night:
        """The oracle over these tables."""
        return Night(tables, self.references, self.rules, self.holds, AS_OF, ZONE)


# -- examples -----------------------------------------------------------------------------------


def _term(period: str) -> Term:
    stage = Stage(parse_period(period), CountedFrom.EVENT)
    return Term((stage,), ZoneInfo(ZONE), FinancialYears.starting("01-01"))


def _name(path: Path, table: str) -> str:
    """A path as a person writes it."""
    for reference, down in path.hops:
        table = reference.table if down else reference.parent
        return f"{table}({reference.column}).{path.column}"
    return path.column


@st.composite
def _keys(draw: st.DrawFn, tables: list[str]) -> list[Declared]:
    keys = []
    for number, (child, parent) in enumerate(
        (tables[low], tables[high])
        for low, high in draw(
            st.lists(
                st.sampled_from(
                    [(low, high) for low in range(len(tables)) for high in range(low + 1)]
                ),
                min_size=1,
                max_size=4,
            )
        )
    ):
        nullable = draw(st.booleans()) or child == parent
        decisions = ["delete", "delete", "block", "detach"] if nullable else ["delete", "block"]
        actions = ["NO ACTION", "RESTRICT", "CASCADE", *(["SET NULL"] if nullable else [])]
        unused = draw(st.sampled_from(["", "", "", "delete", "anonymize"]))
        unused = "" if child == parent else unused
        decision = draw(st.sampled_from(decisions))
        reference = Reference(child, f"r{number}", parent, decision, unused)
        keys.append(Declared(reference, draw(st.sampled_from(actions)), nullable))
    return keys


def _hops(example: Example, table: str, *, down: bool) -> list[tuple[tuple[Reference, bool], ...]]:
    """One step up from the table, or one step down to it; a name for itself would mean either."""
    others = [ref for ref in example.references if ref.table != ref.parent]
    if down:
        return [((ref, True),) for ref in others if ref.parent == table]
    return [((ref, False),) for ref in others if ref.table == table]


def _plain_hops(
    example: Example, table: str, *, down: bool
) -> list[tuple[tuple[Reference, bool], ...]]:
    """Steps that a bare table name tells, because no other reference joins the two."""
    joined = [(ref.table, ref.parent) for ref in example.references]
    return [
        hops
        for hops in _hops(example, table, down=down)
        if joined.count((hops[0][0].table, hops[0][0].parent)) == 1
    ]


def _clock(draw: st.DrawFn, example: Example, table: str) -> tuple[Clock, str]:
    own = [Path(NONE, name) for name in CLOCKS]
    ups = [Path(hops, name) for hops in _hops(example, table, down=False) for name in CLOCKS]
    downs = [Path(hops, name) for hops in _hops(example, table, down=True) for name in CLOCKS]
    choice = draw(st.sampled_from(["column"] * 6 + ["latest_of"] * 3 + ["earliest_of", "first_of"]))
    if choice == "column":
        path = draw(st.sampled_from(own * 3 + ups))
        return Clock("latest_of", ((path, Stored()),)), f'start = "{_name(path, table)}"'
    pool = own * 2 + ups + (downs * 2 if choice != "first_of" else [])
    paths = draw(st.lists(st.sampled_from(pool), min_size=1, max_size=3, unique=True))
    required = draw(st.sampled_from([[], [], paths[:1] if not paths[0].hops else []]))
    start = json.dumps([_name(path, table) for path in paths])
    text = f"start = {{ {choice} = {start} }}"
    if required:
        text += f"\nrequires = {json.dumps([_name(path, table) for path in required])}"
    columns = tuple((path, Stored()) for path in paths)
    return Clock(choice, columns, tuple((path, Stored()) for path in required)), text


def _condition(
    draw: st.DrawFn, example: Example, table: str, *, children: bool, others: bool = True
) -> tuple[Condition, str]:
    paths = [Path(NONE, "flag")] * 2
    if others:
        paths += [Path(hops, "flag") for hops in _plain_hops(example, table, down=False)]
    if children:
        paths += [Path(hops, "flag") for hops in _plain_hops(example, table, down=True)]
    # what masks change and what detaching cuts; a mask's own column is compared with nothing
    paths += [Path(path.hops, draw(st.sampled_from(list(MASKS)))) for path in paths[1:]]
    paths += [Path(NONE, ref.column) for ref in example.references if ref.table == table]
    path = draw(st.sampled_from(paths))
    is_flag = path.column == "flag"
    operator = draw(st.sampled_from([*(["=", "=", "<>"] if is_flag else []), *NULLS]))
    name = path.column
    if path.hops:
        (reference, down), *_ = path.hops
        name = f"{reference.table if down else reference.parent}.{name}"
    text = f"{name} {operator}" + (" 1" if is_flag and operator not in NULLS else "")
    return Condition(path, operator, 1), text


def _masks(draw: st.DrawFn, example: Example, table: str) -> tuple[ColumnMask, ...]:
    names = draw(st.lists(st.sampled_from(list(MASKS)), min_size=1, max_size=3, unique=True))
    found = [ColumnMask(Path(NONE, name), example.masks[name]) for name in names]
    below = _hops(example, table, down=True)
    if below and draw(st.booleans()):
        hops, name = draw(st.sampled_from(below)), draw(st.sampled_from(list(MASKS)))
        found.append(ColumnMask(Path(hops, name), example.masks[name]))
    above = _hops(example, table, down=False)
    if above and draw(st.booleans()):
        hops, name = draw(st.sampled_from(above)), draw(st.sampled_from(list(MASKS)))
        found.append(ColumnMask(Path(hops, name), example.masks[name]))
    return tuple(found)


def _mask_text(rule: str, table: str, masks: tuple[ColumnMask, ...]) -> str:
    lines = [f"[rules.{rule}.anonymize]"]
    for mask in masks:
        form = '"null"' if mask.mask[0] == "null" else f'{{ {mask.mask[0]} = "{mask.mask[1]}" }}'
        lines.append(f'"{_name(mask.path, table)}" = {form}')
    return "\n".join(lines)


@st.composite
def _ceiling(draw: st.DrawFn, example: Example, name: str) -> tuple[Rule, str]:
    table = draw(st.sampled_from(example.tables))
    clock, start = _clock(draw, example, table)
    delete = draw(st.sampled_from([*PERIODS, None]))
    anonymize = draw(st.sampled_from([None, *PERIODS])) if delete else "0 days"
    masks = _masks(draw, example, table) if anonymize or draw(st.booleans()) else ()
    where = unless = None
    lines = [f"[rules.{name}]", f'table = "{table}"', start]
    if draw(st.integers(0, 3)) == 0:
        where, text = _condition(draw, example, table, children=False)
        lines.append(f"where = {json.dumps(text)}")
    if draw(st.integers(0, 3)) == 0:
        unless, text = _condition(draw, example, table, children=True)
        lines.append(f"unless = {{ stop = {json.dumps(text)} }}")
    lines += [f'delete_after = "{delete}"'] if delete else []
    lines += [f'anonymize_after = "{anonymize}"'] if anonymize else []
    lines += [_mask_text(name, table, masks)] if masks else []
    below = [hops[0][0] for hops in _hops(example, table, down=True) if masks]
    removals = [ref for ref in below if draw(st.integers(0, 3)) == 0]
    lines += [f'"{ref.table}({ref.column}).*" = "delete"' for ref in removals]
    rule = Rule(
        name,
        table,
        clock,
        _term(delete) if delete else None,
        _term(anonymize) if anonymize else None,
        where=where,
        unless=(unless,) if unless else (),
        masks=masks,
        removals=tuple(removals),
    )
    return rule, "\n".join(lines)


@st.composite
def _floor(draw: st.DrawFn, example: Example, name: str) -> tuple[Rule, str]:
    table = draw(st.sampled_from(example.tables))
    clock, start = _clock(draw, example, table)
    period = draw(st.sampled_from([*PERIODS, "forever"]))
    paths = [Path(NONE, column) for column in MASKS]
    paths += [Path(hops, column) for hops in _hops(example, table, down=False) for column in MASKS]
    protects = draw(st.lists(st.sampled_from(paths), max_size=2, unique=True))
    lines = [f"[rules.{name}]", f'table = "{table}"', f'keep_at_least = "{period}"']
    where = None
    if period != "forever":
        lines.append(start)
    if draw(st.booleans()):
        where, text = _condition(draw, example, table, children=False, others=False)
        lines.append(f"where = {json.dumps(text)}")
    if protects:
        lines.append(f"protects = {json.dumps([_name(path, table) for path in protects])}")
    forever = period == "forever"
    rule = Rule(
        name,
        table,
        None if forever else clock,
        keep=None if forever else _term(period),
        forever=forever,
        where=where,
        protects=tuple(protects),
    )
    return rule, "\n".join(lines)


def _time(draw: st.DrawFn, name: str) -> str | None:
    shape = draw(st.integers(0, 9))
    if shape == 0:
        return None
    if shape == 1 and name == "c3":
        return draw(st.sampled_from(["never", "", "2023-02-30", "1970-01-01", "0000-00-00"]))
    day = date(2026, 5, 31) - timedelta(days=draw(st.sampled_from(AGES)))
    if name == "c1":
        return day.isoformat()
    return f"{day} {draw(st.sampled_from(['00:00:00', '21:59:59', '22:00:00', '12:00:00']))}"


def _row(draw: st.DrawFn, example: Example, table: str, key: int) -> Row | None:
    row: Row = {"id": key}
    row |= {name: _time(draw, name) for name in CLOCKS}
    row["flag"] = draw(st.sampled_from([0, 0, 1, None]))
    row["note"] = draw(st.sampled_from(["hello", "x", None]))
    row["mail"] = draw(st.sampled_from(["me@example.org", f"gone-{key}", None]))
    row["born"] = draw(st.sampled_from(["1980-02-29", "1980-02-01", "1980-01-01", None]))
    for found in example.keys:
        if found.reference.table == table:
            parents = sorted(example.rows[found.reference.parent])
            choices = [*parents, *([None] if found.nullable or not parents else [])]
            row[found.reference.column] = draw(st.sampled_from(choices))
            if row[found.reference.column] is None and not found.nullable:
                return None
    return row


@st.composite
def examples(draw: st.DrawFn) -> Example:
    """Two to four tables, one to four rules, a handful of rows in each."""
    tables = [f"t{number}" for number in range(draw(st.integers(2, 4)))]
    example = Example(tables, draw(_keys(tables)), tokens=draw(st.sampled_from(["auto", "all"])))
    example.masks = {name: draw(st.sampled_from(found)) for name, found in MASKS.items()}
    made = [draw(_ceiling(example, f"a{number}")) for number in range(draw(st.integers(1, 3)))]
    made += [draw(_floor(example, f"k{number}")) for number in range(draw(st.integers(0, 2)))]
    example.rules, example.texts = [rule for rule, _ in made], [text for _, text in made]
    for table in tables:
        example.rows[table] = {}
        for key in range(1, draw(st.integers(1, 6)) + 1):
            row = _row(draw, example, table, key)
            if row is not None:
                example.rows[table][key] = row
    places = [(table, key) for table in tables for key in example.rows[table]]
    if places and draw(st.integers(0, 2)) == 0:
        example.holds = set(draw(st.lists(st.sampled_from(places), max_size=2)))
    return example


# -- properties ---------------------------------------------------------------------------------


def contents(bench: Bench, example: Example) -> Tables:
    """The tables as they stand, times and days as text."""
    found: Tables = {}
    for table in example.tables:
        names = ["id", *example.columns]
        names += [ref.column for ref in example.references if ref.table == table]
        rows = bench.values(f"SELECT {', '.join(names)} FROM {table}")
        found[table] = {
            row[0]: {name: _plain(value) for name, value in zip(names, row, strict=True)}
            for row in rows
        }
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    return value.isoformat() if isinstance(value, date) else value


def summed(count: StepCount) -> dict[str, int]:
    """A step's count by kind of outcome, as the oracle counts."""
    found = {
        "due": count.due,
        "not started": count.not_started,
        "undecidable": count.undecidable,
        "running": count.running,
        "held": count.held,
        "kept": sum(count.kept.values()),
        "blocked": sum(count.blocked.values()),
        "unless": sum(count.unless.values()),
        "waits": count.waiting,
    }
    return {kind: number for kind, number in found.items() if number}


def wanted(account: Account) -> dict[str, int]:
    """The oracle's count of a step, without what no count shows."""
    return {
        kind: number for kind, number in account.outcomes.items() if kind not in ("done", "deleted")
    }


def check_counts(counts: list[StepCount], accounts: list[Account]) -> None:
    """The dry run's numbers equal the oracle's, step by step, and so does what goes along."""
    for count, account in zip(counts, accounts, strict=True):
        found, expected = summed(count), wanted(account)
        if count.about is not None:
            found, expected = (_before_the_line(kinds) for kinds in (found, expected))
        assert found == expected, count.step.name
        also = {(found.table, found.action): found.due for found in count.also}
        assert also == account.also, count.step.name


def _before_the_line(kinds: dict[str, int]) -> dict[str, int]:
    """What is counted of a large table."""
    after = ("running", "not started", "undecidable")
    return {kind: number for kind, number in kinds.items() if kind not in after}


def check_results(results: list[StepResult]) -> None:
    """On a still database a run does what was counted, and everything that goes along."""
    for result in results:
        assert result.done == result.count.due, result.count.step.name
        also = {(found.table, found.action): found.due for found in result.count.also}
        assert result.also == also, result.count.step.name


def check_ledger(intents: list[Entry], before: Tables, after: Tables) -> None:
    """The ledger counts, table by table, the rows that left."""
    for table, rows in before.items():
        counted = sum(intent.body["counts"].get(table, 0) for intent in intents)
        assert counted == len(rows) - len(after[table]), table


def check_references(example: Example, after: Tables) -> None:
    """No row refers to one that has left."""
    for ref in example.references:
        for row in after[ref.table].values():
            assert row[ref.column] is None or row[ref.column] in after[ref.parent], ref


def check_safety(example: Example, before: Tables, after: Tables) -> None:
    """Nothing kept, held or too young has left, except as a child of a row that was due."""
    night = example.night(before)
    gone = {
        (table, key) for table, rows in before.items() for key in rows if key not in after[table]
    }
    assert not gone & example.holds
    for table, key in gone:
        assert not night._floors(table, key), (table, key)
        assert (
            _is_due(night, table, key)
            or any(
                (ref.parent, before[table][key][ref.column]) in gone
                for ref in example.references
                if ref.table == table and ref.decision == "delete"
            )
            or _was_used(example, before, gone, table, key)
            or _was_owned(example, table)
        ), (table, key)


def _was_used(
    example: Example, before: Tables, gone: set[tuple[str, int]], table: str, key: int
) -> bool:
    """The row may go with its last user, and one of its users is gone."""
    into = [ref for ref in example.references if ref.parent == table]
    return any(ref.when_unused for ref in into) and any(
        row[ref.column] == key and (ref.table, other) in gone
        for ref in into
        for other, row in before[ref.table].items()
    )


def _was_owned(example: Example, table: str) -> bool:
    """Rows of the table may go once their owner is masked."""
    return any(ref.table == table for rule in example.rules for ref in rule.removals)


def _is_due(night: Night, table: str, key: int) -> bool:
    return any(
        rule.table == table
        and rule.delete is not None
        and night._state(rule, "delete", key) == "due"
        for rule in night.rules
    )


def check_recount(bench: Bench, example: Example, after: Tables) -> None:
    """The recount finds as many rows due and stopped as the oracle finds in what is left."""
    night = example.night(after)
    for step in bench.recount.steps:
        if step.action == "delete" and not step.freed:
            left = night._outcomes(night._named(step.rule), "delete", list(after[step.table]))
            stopped = [kind for kind in left.values() if kind in KINDS]
            assert step.stopped == len(stopped), step
            assert step.looked == len(after[step.table]) or example.indexed


def evidence_may_go(example: Example) -> bool:
    """A clock reads rows of other tables, so that another night may see another start."""
    return any(path.hops for rule in example.rules if rule.clock for path, _ in rule.clock.columns)


def users_may_go(example: Example) -> bool:
    """A row above is masked when nothing else uses it, and a later step may delete what does."""
    above = any(
        mask.path.hops and not mask.path.hops[-1][1]
        for rule in example.rules
        for mask in rule.masks
    )
    return above and any(rule.delete for rule in example.rules)


def conditions_may_turn(example: Example) -> bool:
    """A condition reads what a mask changes, or what is cut when rows go."""
    conditions = [found for rule in example.rules for found in (rule.where, *rule.unless) if found]
    return any(condition.path.column != "flag" for condition in conditions)


def check_night(bench: Bench, example: Example) -> None:
    """Two nights: counts, contents, ledger and safety; the second finds nothing left to do."""
    assume(not any(known(example) for known in KNOWN))
    rows = {table: list(found.values()) for table, found in example.rows.items()}
    bench.build(example.ddl(bench.name), rows, *example.indexes())
    bench.hold(example.holds)
    policy = bench.policy(example.policy_text(), ZONE, example.tokens)
    assume(is_allowed(bench, policy))
    with walking_by_index(2) if example.indexed else nullcontext():
        check_run(bench, example, policy, example.rows)
        second = check_run(bench, example, policy, contents(bench, example))
    turning = (evidence_may_go, users_may_go, conditions_may_turn)
    if not any(may(example) for may in turning):
        assert not [result for result in second if result.done or result.also]


def is_allowed(bench: Bench, policy: Policy) -> bool:
    """False where the plan refuses the policy, or nests deeper than SQLite parses."""
    try:
        with bench.planned(policy, AS_OF) as (connection, plan):
            if bench.name == "sqlite":
                preview(bench.database, connection, plan)
            return True
    except PolicyError as error:
        event(f"refused: {error.problems[0].message[-60:]}")
    except DatabaseFailure as error:
        if error.sqlstate != "SQLITE_ERROR":
            raise
        event("too deep")
    return False


def frees_itself(example: Example) -> bool:
    """A row that blocks may go with another parent."""
    children = {ref.table for ref in example.references if ref.decision == "delete"}
    children |= {ref.parent for ref in example.references if ref.when_unused}
    children |= {ref.table for rule in example.rules for ref in rule.removals}
    blocks = [ref for ref in example.references if ref.decision == "block"]
    return any(ref.table in children or ref.table == ref.parent for ref in blocks)


KNOWN = [frees_itself]


def check_run(bench: Bench, example: Example, policy: Policy, before: Tables) -> list[StepResult]:
    """One run against the oracle."""
    results, intents = bench.night(policy, AS_OF)
    counts = [result.count for result in results]
    night = example.night(before)
    accounts = night.run([(count.step.rule, str(count.step.action)) for count in counts])
    check_counts(counts, accounts)
    after = contents(bench, example)
    assert after == night.now
    check_results(results)
    check_ledger(intents, before, after)
    check_references(example, after)
    check_safety(example, before, after)
    check_recount(bench, example, after)
    for account in accounts:
        for kind in account.outcomes:
            event(kind)
    return results


@pytest.fixture(scope="module", params=servers.ENGINES)
def bench(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Bench]:
    """One database for all examples, on each engine in turn."""
    with bench_on(request.param, request, tmp_path_factory.mktemp("bench")) as found:
        yield found


@settings(max_examples=20, suppress_health_check=CHECKS, **SUITE)
@given(example=examples())
def test_a_night_is_what_the_oracle_says(bench: Bench, example: Example) -> None:
    """Counts, contents and ledger of a night equal the oracle's, and the next finds nothing."""
    check_night(bench, example)


@pytest.mark.faults
@settings(max_examples=1_500, deadline=None, suppress_health_check=CHECKS)
@given(example=examples())
def test_a_night_is_what_the_oracle_says_at_length(bench: Bench, example: Example) -> None:
    """The same over more than a thousand random schemas."""
    check_night(bench, example)
