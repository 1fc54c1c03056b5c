"""References: those the database declares and those the policy adds, each with its decision."""

from __future__ import annotations

from dataclasses import replace

from retention.planning.declared import declared_references, flat_label, split_label
from retention.planning.paths import PathFault, did_you_mean, known_table
from retention.planning.schema import Reference, Schema
from retention.policies.policy import Policy

Fault = tuple[tuple[str, ...], str]
NO_DECISION = "block"


def with_declared(policy: Policy, schema: Schema) -> tuple[Schema, list[Fault]]:
    """The schema with the references that only the policy declares, and faults in those.

    A reference that the database enforces stays what it is, even where the policy repeats it.
    """
    faults: list[Fault] = []
    found = list(schema.references)
    for label, decision in policy.references.items():
        if label == "*" or _elsewhere(policy, schema, label):
            continue
        try:
            known = set(map(_place, found))
            declared = declared_references(schema, label, decision)
            found += [reference for reference in declared if _place(reference) not in known]
        except PathFault as fault:
            faults.append((("references", label), str(fault)))
        if decision.detach_to is not None:
            found = [
                replace(reference, detach_to=decision.detach_to)
                if reference.label == flat_label(label)
                else reference
                for reference in found
            ]
    return replace(schema, references=tuple(found)), faults


def _place(reference: Reference) -> tuple[object, ...]:
    found = reference
    return (found.table, found.columns, found.parent, found.parent_columns, found.by)


def decided_references(
    policy: Policy, schema: Schema
) -> tuple[dict[Reference, str], set[Reference], list[Fault]]:
    """Every reference with its decision, those whose table a batch locks, and the faults."""
    decisions: dict[Reference, str] = {}
    locked: set[Reference] = set()
    faults: list[Fault] = []
    by_label: dict[str, list[Reference]] = {}
    for reference in schema.references:
        if not reference.copied_from:
            by_label.setdefault(reference.label, []).append(reference)
    named: set[str] = set()
    for label, decision in policy.references.items():
        flat = flat_label(label)
        if label == "*":
            if decision.then != "as declared":
                faults.append((("references", "*"), '"*" can only be "as declared"'))
            continue
        if flat not in by_label and (decision.to or _elsewhere(policy, schema, label)):
            continue
        if flat not in by_label:
            faults.append((("references", label), _unknown_reference(schema, label)))
            continue
        named.add(flat)
        if decision.lock:
            locked.update(by_label[flat])
            if schema.dialect == "mysql":
                message = "MariaDB cannot lock a table within a transaction; leave lock out"
                faults.append((("references", label), message))
        for reference in by_label[flat]:
            decisions[reference] = _decided(reference, decision.then)
    fallback = "as declared" if "*" in policy.references else NO_DECISION
    for reference in schema.references:
        if reference.label not in named and not reference.copied_from:
            decisions[reference] = _decided(reference, fallback)
    return decisions, locked, faults


def _elsewhere(policy: Policy, schema: Schema, label: str) -> bool:
    """TRUE for a reference that another database of the policy may have."""
    table = flat_label(label).rpartition(".")[0]
    return len(policy.families) > 1 and table not in schema.tables


def _decided(reference: Reference, decision: str) -> str:
    if decision != "as declared":
        return decision
    return {"CASCADE": "delete", "SET NULL": "detach"}.get(reference.on_delete.upper(), "block")


def _unknown_reference(schema: Schema, label: str) -> str:
    try:
        place, names = split_label(label)
        columns = known_table(schema, place).columns
    except PathFault as fault:
        return str(fault)
    for name in names:
        if name not in columns:
            return f'table "{place}" has no column "{name}"{did_you_mean(name, columns)}'
    return (
        f'the database declares no reference on "{label}"; '
        f'write {{ to = "table.column", then = "…" }} to declare it here'
    )
