"""References: those the database declares and those the policy adds, each with its decision."""

from __future__ import annotations

from dataclasses import replace

from retention.planning.paths import PathFault, did_you_mean, known_table
from retention.planning.schema import Reference, Schema
from retention.policies.policy import Policy

Fault = tuple[tuple[str, ...], str]
NO_DECISION = "block"


def with_declared(policy: Policy, schema: Schema) -> tuple[Schema, list[Fault]]:
    """The schema with the references that only the policy declares, and faults in those."""
    faults: list[Fault] = []
    added: list[Reference] = []
    for label, decision in policy.references.items():
        if decision.to is None or _elsewhere(policy, schema, label):
            continue
        try:
            added.append(_declared(schema, label, decision.to))
        except PathFault as fault:
            faults.append((("references", label), str(fault)))
    known = {(found.table, found.columns, found.parent) for found in added}
    kept = tuple(
        found
        for found in schema.references
        if (found.table, found.columns, found.parent) not in known
    )
    return replace(schema, references=kept + tuple(added)), faults


def _declared(schema: Schema, label: str, to: str) -> Reference:
    table, columns = _split(schema, label)
    parent, parent_columns = _split(schema, to)
    if len(columns) != len(parent_columns):
        raise PathFault(f'"{label}" and "{to}" name different numbers of columns')
    return Reference(table, columns, parent, parent_columns, declared=False)


def _split(schema: Schema, label: str) -> tuple[str, tuple[str, ...]]:
    place, _, columns = label.rpartition(".")
    table = known_table(schema, place)
    names = tuple(name.strip() for name in columns.split(","))
    for name in names:
        if name not in table.columns:
            raise PathFault(
                f'table "{place}" has no column "{name}"{did_you_mean(name, table.columns)}'
            )
    return place, names


def decided_references(
    policy: Policy, schema: Schema
) -> tuple[dict[Reference, str], set[Reference], list[Fault]]:
    """Every reference with its decision, those whose table a batch locks, and the faults."""
    decisions: dict[Reference, str] = {}
    locked: set[Reference] = set()
    faults: list[Fault] = []
    by_label = {
        found.label.replace(" ", ""): found for found in schema.references if not found.copied_from
    }
    named: set[str] = set()
    for label, decision in policy.references.items():
        flat = label.replace(" ", "")
        if label == "*":
            if decision.then != "as declared":
                faults.append((("references", "*"), '"*" can only be "as declared"'))
            continue
        if flat not in by_label and _elsewhere(policy, schema, label):
            continue
        if flat not in by_label:
            faults.append((("references", label), _unknown_reference(schema, label)))
            continue
        named.add(flat)
        if decision.lock:
            locked.add(by_label[flat])
            if schema.dialect == "mysql":
                message = "MariaDB cannot lock a table within a transaction; leave lock out"
                faults.append((("references", label), message))
        decisions[by_label[flat]] = _decided(by_label[flat], decision.then)
    for flat, reference in by_label.items():
        if flat not in named:
            fallback = "as declared" if "*" in policy.references else NO_DECISION
            decisions[reference] = _decided(reference, fallback)
    return decisions, locked, faults


def _elsewhere(policy: Policy, schema: Schema, label: str) -> bool:
    """TRUE for a reference that another database of the policy may have."""
    return len(policy.databases) > 1 and label.rpartition(".")[0] not in schema.tables


def _decided(reference: Reference, decision: str) -> str:
    if decision != "as declared":
        return decision
    return {"CASCADE": "delete", "SET NULL": "detach"}.get(reference.on_delete.upper(), "block")


def _unknown_reference(schema: Schema, label: str) -> str:
    place, _, column = label.rpartition(".")
    if place not in schema.tables:
        return f'there is no table "{place}"{did_you_mean(place, schema.tables)}'
    if column not in schema.tables[place].columns:
        columns = schema.tables[place].columns
        return f'table "{place}" has no column "{column}"{did_you_mean(column, columns)}'
    return (
        f'the database declares no reference on "{label}"; '
        f'write {{ to = "table.column", then = "…" }} to declare it here'
    )
