"""Restricting: how rows are put out of processing, and what follows them where they are moved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from retention.planning.paths import PathFault, did_you_mean, known_table
from retention.planning.plan import Floor, Plan, Restriction, Step
from retention.planning.references import Fault
from retention.planning.schema import Column, ColumnKind, Reference, Schema, Table
from retention.policies.policy import Policy
from retention.policies.rule import Rule

_KINDS: Mapping[type, tuple[ColumnKind, ...]] = {
    str: (ColumnKind.TEXT, ColumnKind.OTHER, ColumnKind.UUID, ColumnKind.INET),
    int: (ColumnKind.INTEGER, ColumnKind.DECIMAL, ColumnKind.FLOAT, ColumnKind.OTHER),
    float: (ColumnKind.DECIMAL, ColumnKind.FLOAT, ColumnKind.OTHER),
}


def restriction_of(rule: Rule) -> Restriction:
    """What the rule does to a row that is to be restricted."""
    if rule.restrict is None:
        return Restriction()
    return Restriction(tuple(rule.restrict.set.items()), rule.restrict.move_to)


def restrict_faults(rule: Rule, schema: Schema, table: Table) -> Iterator[str]:
    """Columns that are not there or cannot hold the value; a table that cannot take the rows."""
    if rule.restrict is None:
        if not table.key:
            yield f'"{table.name}" has no key, so no entry can name its rows; write restrict = …'
        return
    for name, value in rule.restrict.set.items():
        if name not in table.columns:
            cure = did_you_mean(name, table.columns)
            yield f'table "{table.name}" has no column "{name}"{cure}'
        elif not _holds(schema.dialect, table.columns[name], value):
            yield f'"{name}" is {table.columns[name].type_text}, which does not hold {value!r}'
    if rule.restrict.move_to:
        yield from _move_faults(rule.restrict.move_to, schema, table)


def _holds(dialect: str, column: Column, value: object) -> bool:
    if isinstance(value, str) and column.length is not None and len(value) > column.length:
        return False
    if isinstance(value, bool):
        loose = () if dialect == "postgresql" else (ColumnKind.INTEGER, ColumnKind.OTHER)
        return not column.generated and column.kind in (ColumnKind.BOOLEAN, *loose)
    return not column.generated and column.kind in _KINDS[type(value)]


def _move_faults(move_to: str, schema: Schema, table: Table) -> Iterator[str]:
    try:
        target = known_table(schema, move_to)
    except PathFault as fault:
        yield str(fault)
        return
    if target.name == table.name:
        yield "rows cannot be moved to the table they are in"
        return
    if not table.key or target.key != table.key:
        yield f'"{move_to}" needs the key of "{table.name}" ({", ".join(table.key) or "none"})'
    for name, column in table.columns.items():
        other = target.columns.get(name)
        if column.generated:
            continue
        if other is None:
            yield f'"{move_to}" has no column "{name}"; a row would not be moved whole'
        elif other.kind is not column.kind or other.generated:
            yield f'"{name}" is {column.type_text} here and {other.type_text} in "{move_to}"'
    for reference in schema.referring_to(table.name):
        if reference.declared and reference.table != table.name:
            yield (
                f'the database declares "{reference.label}" into "{table.name}", so its rows '
                "cannot leave it; write restrict = { set = { column = value } }"
            )


def with_moved(policy: Policy, schema: Schema) -> Schema:
    """The schema in which tables that rows are moved to refer, and are referred to, as before."""
    added: list[Reference] = []
    for rule in policy.rules.values():
        target = rule.restrict.move_to if rule.restrict else ""
        if not target or target not in schema.tables or rule.table not in schema.tables:
            continue
        known = {(found.table, found.columns, found.parent) for found in schema.references}
        for found in (*schema.of(rule.table), *schema.referring_to(rule.table)):
            copy = replace(
                found,
                table=target if found.table == rule.table else found.table,
                parent=target if found.parent == rule.table else found.parent,
                declared=False,
                name="",
                copied_from=found.label,
            )
            if (copy.table, copy.columns, copy.parent) not in known:
                added.append(copy)
    return replace(schema, references=(*schema.references, *dict.fromkeys(added)))


def copied_decisions(
    schema: Schema, decisions: Mapping[Reference, str]
) -> Iterator[tuple[Reference, str]]:
    """References of moved rows with the decision of the reference they are copied from."""
    original = {found.label: decisions[found] for found in decisions if not found.copied_from}
    for found in schema.references:
        if found.copied_from:
            yield found, original.get(found.copied_from, "block")


def following(rule: Rule) -> Rule | None:
    """The rule's later stages over the table its rows are moved to; None where they stay."""
    if rule.restrict is None or not rule.restrict.move_to:
        return None
    return rule.model_copy(
        update={"table": rule.restrict.move_to, "restrict_after": None, "restrict": None}
    )


def keeping(rule: Rule, moved: Mapping[str, str]) -> Rule | None:
    """The rule's floor over the table that rows of its table are moved to; None without either."""
    if rule.keep_at_least is None or rule.table not in moved:
        return None
    ends = ("restrict_after", "anonymize_after", "delete_after", "anonymize_when", "delete_when")
    update = dict.fromkeys((*ends, "restrict"))
    return rule.model_copy(update={"table": moved[rule.table], "anonymize": {}, **update})


def also_protecting(floor: Floor, schema: Schema) -> Floor:
    """The floor, protecting columns of moved rows as it protected them where they were."""
    copies = {(found.copied_from, found.table): found for found in schema.references}
    added = []
    for hops, column in floor.protects:
        copy = copies.get((hops[-1].reference.label, hops[-1].reference.table)) if hops else None
        if copy is not None:
            added.append(((*hops[:-1], replace(hops[-1], reference=copy)), column))
    return replace(floor, protects=(*floor.protects, *added)) if added else floor


def lost_to_moves(plan: Plan) -> Iterator[Fault]:
    """Clocks of other rules that read rows which a rule moves away."""
    for mover in plan.steps:
        if not mover.moves:
            continue
        for reader in plan.steps:
            read = reader.clock.evidence() if reader.clock and reader.rule != mover.rule else ()
            if any(path.table == mover.table for path in read):
                yield _warning(mover, reader)


def _warning(mover: Step, reader: Step) -> Fault:
    return (
        ("rules", reader.rule, "start"),
        f"the clock reads {mover.table}, from which rules.{mover.rule} moves rows away: for those "
        "its clock has no start any more",
    )
