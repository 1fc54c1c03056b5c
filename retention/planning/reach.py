"""What a plan reaches: which tables lose all their rows in time, which columns are masked. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from retention.planning.plan import Action, Plan, Step
from retention.planning.schema import Reference, Schema
from retention.policies.policy import Policy
from retention.policies.rule import Rule


@dataclass(frozen=True, slots=True)
class Taking:
    """One way in which a rule takes rows or masks a column; `gap` says which rows it leaves out."""

    rule: str
    words: str
    gap: str = ""
    along: bool = False


@dataclass(frozen=True, slots=True)
class Reach:
    """Everything that becomes of tables and columns under one plan."""

    deletions: dict[str, list[Taking]]
    masks: dict[tuple[str, str], list[Taking]]
    anonymized: dict[str, list[str]]
    floors: dict[str, list[str]]
    forever: dict[str, list[Taking]]


def reach_of(policy: Policy, plan: Plan) -> Reach:
    """What becomes of each table and column, whatever the day."""
    reach = Reach({}, {}, {}, {}, {})
    for step in plan.steps:
        if step.action is Action.DELETE:
            _deleted(policy, plan, step, reach)
        elif step.deadline is not None or step.when is not None:
            _masked(policy, plan, step, reach)
    for floor in plan.floors:
        reach.floors.setdefault(floor.table, []).append(floor.rule)
        if floor.deadline.forever:
            gap = next(_chosen(policy.rules[floor.rule]), "")
            kept = Taking(floor.rule, f"kept for ever by rules.{floor.rule}", gap)
            reach.forever.setdefault(floor.table, []).append(kept)
    return reach


def _deleted(policy: Policy, plan: Plan, step: Step, reach: Reach) -> None:
    gaps = {step.table: _gap(policy, step)}
    words = f"deleted by rules.{step.rule}"
    _add(reach.deletions, step.table, Taking(step.rule, words, gaps[step.table]))
    for table, references in plan.companions(step.table).taken.items():
        if table == step.table:
            continue
        # in a circle some parents come later; every table has one that came before
        known = [reference for reference in references if reference.parent in gaps]
        found = [(_way(plan.schema, gaps, reference), reference) for reference in known]
        gap, reference = min(found, key=lambda item: bool(item[0]))
        gaps[table] = gap
        words = f"goes with {reference.parent}, by rules.{step.rule}"
        _add(reach.deletions, table, Taking(step.rule, words, gap, along=True))


def _masked(policy: Policy, plan: Plan, step: Step, reach: Reach) -> None:
    words = f"masked by rules.{step.rule}"
    for mask in step.masks:
        gaps = [_gap(policy, step), *(_orphans(plan.schema, hop.reference) for hop in mask.hops)]
        gap = next(filter(None, gaps), "")
        reach.masks.setdefault((mask.table, mask.column), []).append(Taking(step.rule, words, gap))
        rules = reach.anonymized.setdefault(mask.table, [])
        if step.rule not in rules:
            rules.append(step.rule)


def _add(found: dict[str, list[Taking]], table: str, taking: Taking) -> None:
    found.setdefault(table, []).append(taking)


def _gap(policy: Policy, step: Step) -> str:
    """Which rows of its table a step never takes, in words; nothing where it takes all in time."""
    rule = policy.rules[step.rule]
    gap = next(_chosen(rule), "")
    if gap or step.deadline is None:
        when = rule.delete_when if step.action is Action.DELETE else rule.anonymize_when
        return gap or f"only rows where {when}"
    values = [value for value, _ in step.deadline.cutoffs]
    if step.deadline.by is None or None in values:
        return ""
    return f"only rows whose {step.deadline.by.column} is {' or '.join(map(str, values))}"


def _chosen(rule: Rule) -> Iterator[str]:
    if rule.where:
        yield f"only rows where {rule.where}"
    if rule.only_if:
        yield f"only rows of people younger than {rule.only_if.younger_than.years} years"


def _way(schema: Schema, gaps: dict[str, str], reference: Reference) -> str:
    """What keeps rows of the referring table from going with the parent's."""
    return gaps.get(reference.parent, "") or _orphans(schema, reference)


def _orphans(schema: Schema, reference: Reference) -> str:
    columns = schema.tables[reference.table].columns
    loose = [name for name in reference.columns if columns[name].nullable]
    return f"rows without {loose[0]} stay" if loose and not _is_key(schema, reference) else ""


def _is_key(schema: Schema, reference: Reference) -> bool:
    """TRUE where the referring columns are the row's key: SQLite calls such a column nullable."""
    return set(reference.columns) <= set(schema.tables[reference.table].primary_key)
