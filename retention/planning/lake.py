"""Rules over lake tables: to the plan each such table is a database with one table. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from retention.errors import PolicyError, Problem
from retention.planning.clocks import TYPED
from retention.planning.make import plan_and_problems
from retention.planning.plan import Plan
from retention.planning.schema import ColumnKind, ColumnSample, HeldRows, Schema, Table
from retention.policies.masking.forms import (
    Bands,
    Constant,
    Empty,
    KeepLast,
    Mask,
    Null,
    Prefix,
    Round,
    Template,
    Truncate,
)
from retention.policies.parse import dotted
from retention.policies.policy import DatabaseSettings, Policy
from retention.policies.positions import key_positions, line_of
from retention.policies.starting_point import paths_of

ENGINE = "datafusion"
_MASKS = (
    '"null", "empty", { text = … }, { value = … }, { template = … }, { keep_last = … }, '
    "{ keep_first = … }, { prefix = … }, { truncate = … }, { round = … }, { one_of = … }"
)


def over(policy: Policy, address: str) -> Policy:
    """The policy as far as it speaks of one lake table, which is its only database."""
    rules = {
        name: rule.model_copy(update={"database": address})
        for name, rule in policy.rules.items()
        if rule.table == address
    }
    settings = DatabaseSettings(url=address)
    return policy.model_copy(
        update={"rules": rules, "references": {}, "databases": {address: settings}}
    )


def sampled_columns(policy: Policy, table: Table) -> Iterator[str]:
    """The columns whose values tell how they store dates: those of clocks and truncated ones."""
    names: dict[str, None] = {}
    for rule in policy.rules.values():
        if rule.table != table.name:
            continue
        names |= dict.fromkeys((*(paths_of(rule.start) if rule.start else ()), *rule.requires))
        names |= dict.fromkeys(
            name for name, mask in rule.anonymize.items() if isinstance(mask, Truncate)
        )
        if rule.only_if is not None:
            names[rule.only_if.younger_than.column] = None
    return (
        name for name in names if name in table.columns and table.columns[name].kind not in TYPED
    )


def lake_schema(
    table: Table, samples: Mapping[str, ColumnSample], held: tuple[HeldRows, ...] = ()
) -> Schema:
    """The one table as a schema, and what is held of it."""
    found = {(table.name, name): sample for name, sample in samples.items()}
    return Schema(ENGINE, {table.name: table}, (), samples=found, held=held)


def lake_plan(policy: Policy, schema: Schema, as_of: datetime, file: str = "policies.toml") -> Plan:
    """The plan over one lake table; raises PolicyError with every fault."""
    plan, problems = lake_problems(policy, schema, as_of)
    errors = tuple(problem for problem in problems if problem.severity == "error")
    if errors or plan is None:
        raise PolicyError(file, errors)
    return plan


def lake_problems(
    policy: Policy, schema: Schema, as_of: datetime
) -> tuple[Plan | None, tuple[Problem, ...]]:
    """The plan over one lake table where there is one, and all that is wrong with its rules."""
    (address,) = schema.tables
    plan, problems = plan_and_problems(over(policy, address), address, schema, as_of)
    if plan is None:
        return None, problems
    positions = key_positions(policy.text) if policy.text else {}
    more = []
    for step in plan.steps:
        for mask in step.masks:
            column = schema.tables[address].columns[mask.column]
            if fault := _unfit(mask.mask, column.kind):
                path = ("rules", step.rule, "anonymize")
                told = f'"{mask.column}": {fault}'
                more.append(Problem(dotted(path), told, line_of(positions, path)))
    return plan, (*problems, *dict.fromkeys(more))


def _unfit(mask: Mask, kind: ColumnKind) -> str:
    """Why a lake table cannot hold the mask; "" where it can."""
    if isinstance(mask, Null):
        return ""
    if kind in (ColumnKind.OTHER, ColumnKind.BINARY):
        return 'a nested or binary column can only be masked by "null"'
    if isinstance(mask, Truncate) and mask.ticks:
        return (
            'a count since 1970 cannot be truncated in a lake table; write "null" or { value = 0 }'
        )
    known = (Empty, Constant, Template, KeepLast, Prefix, Truncate, Round, Bands)
    return "" if isinstance(mask, known) else f"a lake table has no such mask; it can do {_MASKS}"
