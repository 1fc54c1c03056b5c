"""Whole nights with rules over threads and case files (`together`), against the oracle."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
import servers
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from naive import Reference
from test_clocks import Bench, bench_on
from test_nights import (
    CHECKS,
    KNOWN,
    SUITE,
    ZONE,
    Declared,
    Example,
    check_run,
    conditions_may_turn,
    contents,
    evidence_may_go,
    examples,
    is_allowed,
    users_may_go,
)

NUMBER = {"sqlite": "INTEGER", "postgresql": "INTEGER", "mysql": "INTEGER"}
TEXT = {"sqlite": "TEXT", "postgresql": "VARCHAR(40)", "mysql": "VARCHAR(40)"}


@st.composite
def unit_examples(draw: st.DrawFn) -> Example:
    """A random example in which rules take threads (`up`) or case files (`team`) together."""
    example = draw(examples())
    example.columns["team"], teams = draw(
        st.sampled_from([(NUMBER, [None, 0, 1, 1, 2]), (TEXT, [None, "", "a", "a", "b"])])
    )
    for table in example.tables:
        decision = draw(st.sampled_from(["block", "block", "detach"]))
        thread = Reference(table, "up", table, decision)
        example.keys.append(
            Declared(thread, draw(st.sampled_from(["NO ACTION", "SET NULL"])), True)
        )
        for key, row in example.rows[table].items():
            earlier = [other for other in example.rows[table] if other <= key]
            row["team"] = draw(st.sampled_from(teams))
            row["up"] = draw(st.sampled_from([None, *earlier, *earlier[:-1], *earlier[:-1]]))
        _join(draw, example, table, thread)
    return example


def _join(draw: st.DrawFn, example: Example, table: str, thread: Reference) -> None:
    for number, rule in enumerate(example.rules):
        if rule.table != table or rule.is_floor:
            continue
        column = draw(st.sampled_from(["up", "up", "team", "team", ""]))
        if column:
            along = thread if column == "up" else None
            example.rules[number] = replace(rule, together=column, along=along)
            example.texts[number] = example.texts[number].replace(
                "start =", f'together = "{column}"\nstart =', 1
            )


def waits_for_itself(example: Example) -> bool:
    """Rows of one table block each other under a rule that does not take them together."""
    return any(
        rule.table == ref.table and rule.delete and rule.along != ref
        for ref in example.references
        for rule in example.rules
        if ref.table == ref.parent and ref.decision == "block"
    )


def may_be_freed(example: Example) -> bool:
    """A row for which a unit waits may go by another rule of the same night."""
    return sum(1 for rule in example.rules if rule.delete) > 1


TURNING = (evidence_may_go, users_may_go, conditions_may_turn, may_be_freed)


def check_units(bench: Bench, example: Example) -> None:
    """Two nights against the oracle; the second finds nothing left to do."""
    assume(not any(known(example) for known in (*KNOWN, waits_for_itself)))
    rows = {table: list(found.values()) for table, found in example.rows.items()}
    bench.build(example.ddl(bench.name), rows)
    bench.hold(example.holds)
    policy = bench.policy(example.policy_text(), ZONE, example.tokens)
    assume(is_allowed(bench, policy))
    check_run(bench, example, policy, example.rows)
    second = check_run(bench, example, policy, contents(bench, example))
    if not any(maybe(example) for maybe in TURNING):
        assert not [result for result in second if result.done or result.also]


@pytest.fixture(scope="module", params=servers.ENGINES)
def bench(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Bench]:
    """One database for all examples, on each engine in turn."""
    with bench_on(request.param, request, tmp_path_factory.mktemp("bench")) as found:
        yield found


@settings(max_examples=8, suppress_health_check=CHECKS, **SUITE)
@given(example=unit_examples())
def test_units_go_as_the_oracle_says(bench: Bench, example: Example) -> None:
    """Counts, contents and ledger of a night equal the oracle's, and the next finds nothing."""
    check_units(bench, example)


@pytest.mark.faults
@settings(max_examples=1_500, deadline=None, suppress_health_check=CHECKS)
@given(example=unit_examples())
def test_units_go_as_the_oracle_says_at_length(bench: Bench, example: Example) -> None:
    """The same over more than a thousand random schemas."""
    check_units(bench, example)
