"""make_plan: policy + schema + as_of -> Plan, or every fault and warning at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from retention.errors import PolicyError, Problem
from retention.planning.check import contradictions, reference_faults, warnings
from retention.planning.circle_checks import circle_faults, circle_warnings
from retention.planning.clock_checks import clock_remarks
from retention.planning.derived import derived_warnings
from retention.planning.keyless import keyless_faults
from retention.planning.mask_checks import mask_faults, mask_warnings
from retention.planning.order import OrderFault, in_order
from retention.planning.owned_files import mask_faults_of_files, twice_named
from retention.planning.plan import Plan, Step
from retention.planning.references import Fault, with_declared
from retention.planning.resolving import resolve_policy
from retention.planning.restricting import with_moved
from retention.planning.schema import Schema
from retention.planning.triggers import trigger_warnings
from retention.planning.truth_words import word_faults
from retention.planning.unit_checks import unit_faults, unit_warnings
from retention.planning.unused import circles, unused_tables
from retention.policies.parse import dotted
from retention.policies.policy import Policy
from retention.policies.positions import key_positions, line_of


def make_plan(
    policy: Policy, database: str, schema: Schema, as_of: datetime, file: str = "policies.toml"
) -> Plan:
    """The Plan for `database` as of that instant; raises PolicyError with every fault."""
    plan, problems = plan_and_problems(policy, database, schema, as_of)
    errors = tuple(problem for problem in problems if problem.severity == "error")
    if errors or plan is None:
        raise PolicyError(file, errors)
    return plan


def plan_and_problems(
    policy: Policy, database: str, schema: Schema, as_of: datetime
) -> tuple[Plan | None, tuple[Problem, ...]]:
    """The Plan where there is one, and all faults and warnings, in the order of the file."""
    full, faults = with_declared(policy, schema)
    full = with_moved(policy, full)
    resolved = resolve_policy(policy, database, full, as_of)
    unused, more = unused_tables(policy, full)
    faults += [*resolved.faults, *more]
    plan = Plan(
        database,
        as_of,
        policy.timezone.key,
        policy.sha256,
        full,
        tuple(resolved.steps),
        tuple(resolved.floors),
        resolved.decisions,
        locked=frozenset(resolved.locked),
        unused=unused,
        files=tuple(resolved.files),
    )
    faults += circles(full, plan.decisions, unused)
    cautions: list[Fault] = []
    ordered: Plan | None = None
    if not faults:
        faults += [
            *contradictions(policy, plan),
            *mask_faults(plan),
            *file_faults(plan),
            *reference_faults(policy, plan),
            *keyless_faults(plan),
            *unit_faults(plan),
            *circle_faults(plan),
            *word_faults(plan),
        ]
        cautions += [*warnings(policy, plan), *mask_warnings(plan)]
        cautions += [*trigger_warnings(plan), *derived_warnings(plan), *unit_warnings(plan)]
        cautions += circle_warnings(plan)
        ordered = _ordered(plan, cautions, faults)
        cautions += clock_remarks(policy, plan)
    return ordered, problems_of_faults(policy, faults, cautions)


def file_faults(plan: Plan) -> Iterator[Fault]:
    """Files of rows that masks or other rules contradict."""
    masks = [(step.rule, mask) for step in plan.steps for mask in (*step.masks, *step.above)]
    yield from mask_faults_of_files(plan.files, masks)
    yield from twice_named(plan.files)


def _ordered(plan: Plan, cautions: list[Fault], faults: list[Fault]) -> Plan | None:
    try:
        steps = tuple(_announced(plan, step) for step in in_order(plan))
    except OrderFault as fault:
        faults.append((("rules",), str(fault)))
        return None
    return replace(plan, steps=steps, warnings=tuple(message for _, message in cautions))


def _announced(plan: Plan, step: Step) -> Step:
    """Says of a step that takes rows by pieces that a piece is one transaction, however large."""
    circles = plan.gone_with(step).circles
    if not circles:
        return step
    tables = ", ".join(table for circle in circles for table in circle)
    told = f"in whole pieces: with a row goes all below it in {tables}, in one transaction"
    return replace(step, reason=f"{step.reason}; {told}")


def problems_of_faults(
    policy: Policy, faults: Sequence[Fault] = (), cautions: Sequence[Fault] = ()
) -> tuple[Problem, ...]:
    """Faults and warnings with the lines they stand on, in the order of the file."""
    positions = key_positions(policy.text) if policy.text else {}
    found = [
        Problem(dotted(path), message, line_of(positions, path), severity)
        for severity, listed in (("error", faults), ("warning", cautions))
        for path, message in listed
    ]
    return tuple(sorted(set(found), key=lambda problem: (problem.line or 0, problem.message)))
