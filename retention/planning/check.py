"""Faults and warnings that need the whole plan: contradictions, references, lost evidence."""

from __future__ import annotations

from collections.abc import Iterator

from retention.planning.declared import flat_label, may_be_shared
from retention.planning.detaching import detach_faults
from retention.planning.evidence_checks import clocks_masked_away, floors_masked_away
from retention.planning.excluding import exclude
from retention.planning.mask_ways import unmasked_when_unused
from retention.planning.plan import Action, Floor, Plan, Step
from retention.planning.references import Fault
from retention.planning.restricting import lost_to_moves
from retention.planning.schema import Reference
from retention.policies.policy import Policy

ACTING = ("CASCADE", "SET NULL", "SET DEFAULT")


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
    yield from dict.fromkeys(floors_masked_away(plan))


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
    yield from unmasked_when_unused(plan)
    for reference, decision in plan.decisions.items():
        if reference.parent not in losing_tables(plan):
            continue
        if decision == "detach":
            for fault in detach_faults(plan.schema, reference):
                yield ("references", reference.label), fault
        parent = plan.schema.tables[reference.parent]
        takes = decision in ("delete", "detach") and reference.declared
        if takes and may_be_shared(parent, reference.parent_columns):
            yield (
                ("references", reference.label),
                f'several rows of "{reference.parent}" may have the key that "{reference.label}" '
                "refers to, and the database lets none of them go before the last; make the key "
                'unique, or write "block"',
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
    yield from dict.fromkeys(clocks_masked_away(plan))
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
            if reader.clock.remembered is not None:
                continue
            for path in reader.clock.evidence():
                if path.reads_children and path.table in lost:
                    yield (
                        ("rules", reader.rule, "start"),
                        f"the clock reads {path.table}.{path.column}, which rules.{eraser.rule} "
                        "deletes on its own clock: from then on it starts from what is left; write "
                        f'remember_in = "{reader.table}.…", a column for the start',
                    )


def undecided(policy: Policy, plan: Plan) -> Iterator[Reference]:
    """References into tables that lose rows for which the policy says nothing."""
    if "*" in policy.references:
        return
    named = set(map(flat_label, policy.references))
    losing = losing_tables(plan)
    for reference in plan.schema.references:
        if reference.copied_from:
            continue
        if reference.parent in losing and reference.label not in named:
            yield reference
