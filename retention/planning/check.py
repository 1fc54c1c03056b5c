"""Faults and warnings that need the whole plan: contradictions, masks, references."""

from __future__ import annotations

from collections.abc import Iterator

from retention.planning.excluding import exclude
from retention.planning.plan import Action, ColumnMask, Floor, Plan, Step
from retention.planning.references import Fault
from retention.planning.restricting import lost_to_moves
from retention.planning.schema import Column, ColumnKind, Reference
from retention.policies.masking import Constant, Network, Null, Prefix, Round, Template, Truncate
from retention.policies.policy import Policy

_TEXTUAL = (ColumnKind.TEXT, ColumnKind.OTHER)
_TEMPORAL = (ColumnKind.DATE, ColumnKind.TIMESTAMP, ColumnKind.TIMESTAMPTZ)
ACTING = ("CASCADE", "SET NULL", "SET DEFAULT")
_NUMERIC = (ColumnKind.INTEGER, ColumnKind.DECIMAL, ColumnKind.FLOAT)


def contradictions(policy: Policy, plan: Plan) -> Iterator[Fault]:
    """A floor above a delete ceiling on the same clock, and masks that a stopped deletion lacks."""
    for step in plan.steps:
        if step.action is not Action.DELETE:
            continue
        for floor in plan.floors_on(step.table):
            if _same_clock(step, floor) and _above(floor, step):
                yield (
                    ("rules", floor.rule, "keep_at_least"),
                    f"keeps longer than rules.{step.rule}.delete_after, on the same clock",
                )
                yield (
                    ("rules", step.rule, "delete_after"),
                    f"deletes before rules.{floor.rule}.keep_at_least allows: "
                    f"keep {_words(policy, floor.rule)} on the same clock; raise the ceiling "
                    "or lower the floor",
                )
        yield from _maskless(plan, step)


def _same_clock(step: Step, floor: Floor) -> bool:
    same_rows = floor.where is None or floor.where == step.where
    return step.clock is not None and step.clock == floor.clock and same_rows


def _above(floor: Floor, step: Step) -> bool:
    return step.deadline is not None and floor.deadline.above(step.deadline)


def _words(policy: Policy, rule: str) -> str:
    return str(policy.rules[rule].keep_at_least)


def _maskless(plan: Plan, step: Step) -> Iterator[Fault]:
    """A deletion that a floor protecting named columns may stop needs masks for the others."""
    if any(other.rule == step.rule and other.masks for other in plan.steps):
        return
    for floor in plan.floors:
        if exclude(floor.where, step.where) or exclude(floor.where, step.when):
            continue
        own = [column for hops, column in floor.protects if _target(floor, hops) == step.table]
        stops = not (_same_clock(step, floor) and not _above(floor, step))
        if own and stops:
            yield (
                ("rules", step.rule, "delete_when" if step.when else "delete_after"),
                f"rules.{floor.rule} keeps {', '.join(own)} and stops this deletion meanwhile; "
                f"write [rules.{step.rule}.anonymize] for what must go on time",
            )


def _target(floor: Floor, hops: tuple[object, ...]) -> str:
    return getattr(hops[-1], "target", floor.table) if hops else floor.table


def mask_faults(plan: Plan) -> Iterator[Fault]:
    """Masks that their column cannot hold, and two different masks for one column."""
    seen: dict[tuple[str, str], list[tuple[Step, ColumnMask]]] = {}
    for step in plan.steps:
        yield from (
            (("rules", step.rule, "anonymize"), fault) for fault in _ways_faults(plan, step)
        )
        for mask in step.masks:
            column = plan.schema.tables[mask.table].columns[mask.column]
            path = ("rules", step.rule, "anonymize")
            yield from ((path, f'"{column.name}": {fault}') for fault in _unfit(plan, mask, column))
            known = seen.setdefault((mask.table, mask.column), [])
            for first, other in known:
                if other.mask != mask.mask and not _apart(first, step):
                    yield path, _masked_otherwise(column, first)
            known.append((step, mask))


def _apart(first: Step, second: Step) -> bool:
    return first.table == second.table and exclude(first.where, second.where)


def _masked_otherwise(column: Column, first: Step) -> str:
    return (
        f'"{column.name}" is masked otherwise by rules.{first.rule}, and a row may fall under both; '
        "let their `where` exclude each other, with `and not (…)` if need be"
    )


def _ways_faults(plan: Plan, step: Step) -> Iterator[str]:
    """Masks of rows referred to that no one statement can apply."""
    down = {step.table, *(group.table for group in step.mask_groups if not group.up)}
    lost = plan.lost_tables(step)
    if step.action is Action.ANONYMIZE and step.table in lost:
        yield f'rows of "{step.table}" would go with the child rows that go'
    for group in step.mask_groups:
        if group.table in lost:
            yield f'rows of "{group.table}" are masked by this rule, and go with it; do one of them'
        if not group.up:
            continue
        if group.table in down:
            yield f'rows of "{group.table}" are masked as child rows and as rows referred to'
        wanted = {(mask.column, mask.mask) for mask in group.masks}
        for way in group.ways:
            found = {(mask.column, mask.mask) for mask in step.masks if mask.hops == way}
            if found != wanted:
                yield f'two ways lead to "{group.table}": write the same masks for both'


def _unfit(plan: Plan, mask: ColumnMask, column: Column) -> Iterator[str]:
    table = plan.schema.tables[mask.table]
    if column.generated:
        yield "is generated by the database; mask the columns it is made from"
    if column.name in table.key:
        yield "is part of the key; a key cannot be masked"
    unique = any(column.name in columns for columns in table.unique)
    match mask.mask:
        case Null() if not column.nullable:
            yield 'is NOT NULL; write { text = "…" } or { template = "…{id}…" }'
        case Constant(value):
            yield from _constant(column, value, unique)
        case Template() as template:
            yield from _template(plan, mask, column, template, unique)
        case Truncate() if column.kind not in (*_TEMPORAL, *_TEXTUAL):
            yield f"is {column.type_text}; truncate takes a date"
        case Network() if column.kind not in (ColumnKind.INET, *_TEXTUAL):
            yield f"is {column.type_text}; network takes an address"
        case Prefix() if column.kind not in _TEXTUAL:
            yield f"is {column.type_text}; prefix takes text"
        case Round() if column.kind not in _NUMERIC:
            yield f"is {column.type_text}; round takes a number"
    if unique and isinstance(mask.mask, Truncate | Network | Prefix | Round):
        yield 'is UNIQUE; write { template = "…{id}…" }'


def _constant(column: Column, value: object, unique: bool) -> Iterator[str]:
    if unique:
        yield 'is UNIQUE, and one value for all rows is not; write { template = "…{id}…" }'
    if isinstance(value, str) and column.length is not None and len(value) > column.length:
        yield f'"{value}" is longer than its {column.length} characters'
    if isinstance(value, str) and column.kind in (*_NUMERIC, ColumnKind.BOOLEAN):
        yield f"is {column.type_text}; write {{ value = … }}"
    if isinstance(value, str) and column.kind in _TEMPORAL:
        yield f'is {column.type_text}; write "null" or {{ truncate = "year" }}'


def _template(
    plan: Plan, mask: ColumnMask, column: Column, template: Template, unique: bool
) -> Iterator[str]:
    table = plan.schema.tables[mask.table]
    masked = {
        found.column for step in plan.steps for found in step.masks if found.table == mask.table
    }
    for name in template.columns:
        if name not in table.columns:
            yield f'the template reads "{name}", which "{table.name}" does not have'
        elif name in masked:
            yield f'the template reads "{name}", which is masked: the mask would show it'
    if column.kind not in _TEXTUAL:
        yield f"is {column.type_text}; a template makes text"
    keys = {frozenset(key) for key in (table.key, *table.unique) if key}
    if unique and not any(key <= set(template.columns) for key in keys):
        yield f"is UNIQUE; put the key ({', '.join(table.key)}) into the template"
    if column.length is not None:
        longest = sum(
            len(part) if not is_column else _width(table.columns.get(part))
            for is_column, part in template.parts
        )
        if longest > column.length:
            yield f"the template can be longer than its {column.length} characters"


def _width(column: Column | None) -> int:
    if column is None or column.kind is ColumnKind.INTEGER:
        return 10
    return column.length or 0


def reference_faults(policy: Policy, plan: Plan) -> Iterator[Fault]:
    """Decisions that the schema cannot carry out, and those that must not be missing."""
    for reference in undecided(policy, plan):
        if reference.on_delete.upper() in ACTING:
            yield (
                ("references",),
                f'"{reference.label}" is ON DELETE {reference.on_delete.upper()}: the database would '
                f'act unseen when rows of "{reference.parent}" go; decide it, or write '
                '"*" = "as declared"',
            )
    for reference, decision in plan.decisions.items():
        if reference.parent not in losing_tables(plan):
            continue
        columns = plan.schema.tables[reference.table].columns
        if decision == "detach" and not all(columns[name].nullable for name in reference.columns):
            yield (
                ("references", reference.label),
                f'"{reference.label}" is NOT NULL, so it cannot be detached',
            )
        if decision == "leave" and reference.declared:
            yield (
                ("references", reference.label),
                f'the database enforces "{reference.label}", so it cannot be left dangling; '
                'write "delete", "detach" or "block"',
            )


def losing_tables(plan: Plan) -> set[str]:
    """Tables that lose rows under this plan."""
    return {table for step in plan.steps for table in plan.lost_tables(step)}


def warnings(policy: Policy, plan: Plan) -> Iterator[Fault]:
    """What works but deserves a look."""
    for reference in undecided(policy, plan):
        if reference.on_delete.upper() not in ACTING:
            yield (
                ("references",),
                f'"{reference.label}" refers to "{reference.parent}", which loses rows, and has no '
                'decision: it counts as "block"',
            )
    yield from _partial(plan)
    yield from dict.fromkeys(_lost_evidence(plan))
    yield from dict.fromkeys(lost_to_moves(plan))
    yield from dict.fromkeys(_unreadable(plan))


def _partial(plan: Plan) -> Iterator[Fault]:
    """A reference that only some partitions declare: rows of the others are not protected by it."""
    losing = losing_tables(plan)
    for reference in plan.schema.references:
        if reference.partial and reference.parent in losing:
            yield (
                ("references",),
                f'"{reference.label}" is declared on some partitions of "{reference.table}" only; '
                "it is treated as one reference of the whole table",
            )


def _unreadable(plan: Plan) -> Iterator[Fault]:
    """A clock over a column in which a sample finds no date: every row is undecidable."""
    for step in plan.steps:
        for column in step.clock.columns if step.clock else ():
            sample = plan.schema.samples.get((column.path.table, column.path.column))
            if sample is not None and set(sample.shapes) == {"other"}:
                yield (
                    ("rules", step.rule, "start"),
                    f'"{column.path.column}" holds no date that can be read: none of its rows will '
                    "ever be due; name another column, or mend these values",
                )


def _lost_evidence(plan: Plan) -> Iterator[Fault]:
    """A rule that deletes what another rule's clock will still need on a later night."""
    for eraser in plan.steps:
        lost = set(plan.lost_tables(eraser))
        for reader in plan.steps:
            if reader.rule == eraser.rule or reader.clock is None:
                continue
            for path in reader.clock.evidence():
                if path.reads_children and path.table in lost:
                    yield (
                        ("rules", reader.rule, "start"),
                        f"the clock reads {path.table}.{path.column}, which rules.{eraser.rule} "
                        "deletes on its own clock: from then on it starts from what is left",
                    )


def undecided(policy: Policy, plan: Plan) -> Iterator[Reference]:
    """References into tables that lose rows for which the policy says nothing."""
    if "*" in policy.references:
        return
    named = {label.replace(" ", "") for label in policy.references}
    losing = losing_tables(plan)
    for reference in plan.schema.references:
        if reference.copied_from:
            continue
        if reference.parent in losing and reference.label not in named:
            yield reference
