"""Rules and reference decisions of the policy, resolved against one database's schema."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import TypeVar

from retention.planning.clocks import Clock, ClockFault, make_clock
from retention.planning.conditions import Condition, ConditionFault, parse_condition
from retention.planning.paths import (
    Hop,
    PathFault,
    did_you_mean,
    known_table,
    resolve,
)
from retention.planning.plan import Action, ColumnMask, Floor, Step
from retention.planning.schema import ColumnKind, Reference, Schema, Table, TableKind
from retention.policies.calendar import Cutoff
from retention.policies.period import Period
from retention.policies.policy import Policy
from retention.policies.rule import Rule

Fault = tuple[tuple[str, ...], str]
_GUARDS = (ColumnKind.DATE, ColumnKind.TIMESTAMP, ColumnKind.TIMESTAMPTZ, ColumnKind.TEXT)
NO_DECISION = "block"
T = TypeVar("T")


@dataclass(slots=True)
class Resolved:
    """What the rules of one database come to, and every fault met on the way."""

    steps: list[Step] = field(default_factory=list)
    floors: list[Floor] = field(default_factory=list)
    decisions: dict[Reference, str] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)


def rules_of(policy: Policy, database: str) -> Iterator[Rule]:
    """The rules that speak of `database`."""
    only = len(policy.databases) == 1
    return (
        rule
        for rule in policy.rules.values()
        if rule.database == database or (only and not rule.database)
    )


def with_declared(policy: Policy, schema: Schema) -> tuple[Schema, list[Fault]]:
    """The schema with the references that only the policy declares, and faults in those."""
    faults: list[Fault] = []
    added: list[Reference] = []
    for label, decision in policy.references.items():
        if decision.to is None:
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
    full = Schema(
        schema.dialect, schema.tables, kept + tuple(added), schema.enrolled, schema.samples
    )
    return full, faults


def resolve_policy(policy: Policy, database: str, schema: Schema, as_of: datetime) -> Resolved:
    """Every rule of `database` as steps and floors, every reference with its decision."""
    resolved = Resolved()
    _resolve_references(policy, schema, resolved)
    for rule in rules_of(policy, database):
        _Resolver(policy, schema, rule, as_of, resolved).run()
    return resolved


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


def _resolve_references(policy: Policy, schema: Schema, resolved: Resolved) -> None:
    by_label = {found.label.replace(" ", ""): found for found in schema.references}
    named: set[str] = set()
    for label, decision in policy.references.items():
        flat = label.replace(" ", "")
        if label == "*":
            if decision.then != "as declared":
                resolved.faults.append((("references", "*"), '"*" can only be "as declared"'))
            continue
        if flat not in by_label:
            resolved.faults.append((("references", label), _unknown_reference(schema, label)))
            continue
        named.add(flat)
        resolved.decisions[by_label[flat]] = _decided(by_label[flat], decision.then)
    for flat, reference in by_label.items():
        if flat not in named:
            fallback = "as declared" if "*" in policy.references else NO_DECISION
            resolved.decisions[reference] = _decided(reference, fallback)


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


class _Resolver:
    """One rule against the schema; faults are collected, not raised."""

    def __init__(
        self, policy: Policy, schema: Schema, rule: Rule, as_of: datetime, resolved: Resolved
    ) -> None:
        self.policy = policy
        self.schema = schema
        self.rule = rule
        self.as_of = as_of
        self.resolved = resolved

    def run(self) -> None:
        table = self._try("table", lambda: known_table(self.schema, self.rule.table))
        if table is None or not self._usable(table):
            return
        before = len(self.resolved.faults)
        where = self._condition("where", self.rule.where, children=False)
        unless = self._unless()
        clock = self._clock()
        masks = self._masks()
        floor = self._floor(where, clock)
        self._named_columns(table)
        if len(self.resolved.faults) > before:
            return
        if floor is not None:
            self.resolved.floors.append(floor)
        if clock is not None:
            self._ceilings(where, unless, clock, masks)

    def fault(self, key: str, message: str) -> None:
        """Note a fault under `rules.NAME.key`."""
        path = ("rules", self.rule.name, *([key] if key else []))
        self.resolved.faults.append((path, message))

    def _try(self, key: str, attempt: Callable[[], T]) -> T | None:
        try:
            return attempt()
        except (PathFault, ClockFault, ConditionFault) as fault:
            self.fault(key, str(fault))
            return None

    def _usable(self, table: Table) -> bool:
        erases = self.rule.delete_after or self.rule.anonymize_after
        if table.kind is TableKind.VIEW:
            self.fault("table", f'"{table.name}" is a view; name the table behind it')
        elif table.obstacle:
            self.fault("table", f'"{table.name}" {table.obstacle}')
        elif erases and not table.key:
            self.fault(
                "table",
                f'"{table.name}" has no primary key, so its rows cannot be told apart; add one',
            )
        else:
            return True
        return False

    def _clock(self) -> Clock | None:
        start = self.rule.start
        if start is None:
            return None
        return self._try("start", lambda: make_clock(self.schema, self.rule, start))

    def _condition(self, key: str, text: str | None, *, children: bool) -> Condition | None:
        if text is None:
            return None
        return self._try(
            key,
            lambda: parse_condition(
                text, lambda path: resolve(self.schema, self.rule.table, path, children=children)
            ),
        )

    def _unless(self) -> tuple[tuple[str, Condition], ...]:
        found = []
        for name, text in self.rule.unless.items():
            condition = self._condition("unless", text, children=True)
            if condition is not None:
                found.append((name, condition))
        return tuple(found)

    def _masks(self) -> tuple[ColumnMask, ...]:
        masks = []
        for name, mask in self.rule.anonymize.items():
            path = self._try(
                "anonymize",
                partial(resolve, self.schema, self.rule.table, name, children=True),
            )
            if path is None:
                continue
            if any(not hop.down for hop in path.hops):
                self.fault("anonymize", f'"{name}": masks reach the row and its child rows')
                continue
            masks.append(ColumnMask(path.hops, path.table, path.column, mask))
        return tuple(masks)

    def _named_columns(self, table: Table) -> None:
        if self.rule.guard and self.rule.guard not in table.columns:
            cure = did_you_mean(self.rule.guard, table.columns)
            self.fault("guard", f'table "{table.name}" has no column "{self.rule.guard}"{cure}')
        elif self.rule.guard and table.columns[self.rule.guard].kind not in _GUARDS:
            self.fault(
                "guard", "a guard is a date or timestamp that is set once, when the row is made"
            )
        if self.rule.guard and self.rule.guard in self.rule.anonymize:
            self.fault("guard", "a masked column is no guard; name one that never changes")

    def _floor(self, where: Condition | None, clock: Clock | None) -> Floor | None:
        if self.rule.keep_at_least is None:
            return None
        protects: list[tuple[tuple[Hop, ...], str]] = []
        for text in self.rule.protects:
            path = self._try(
                "protects",
                partial(resolve, self.schema, self.rule.table, text, children=False),
            )
            if path is not None:
                protects.append((path.hops, path.column))
        cutoff = self._cutoff(self.rule.keep_at_least)
        return Floor(self.rule.name, self.rule.table, where, clock, cutoff, tuple(protects))

    def _cutoff(self, periods: tuple[Period, ...]) -> Cutoff | None:
        return self.policy.term(self.rule, periods).cutoff(self.as_of)

    def _ceilings(
        self,
        where: Condition | None,
        unless: tuple[tuple[str, Condition], ...],
        clock: Clock,
        masks: tuple[ColumnMask, ...],
    ) -> None:
        delete, anonymize = self.rule.delete_after, self.rule.anonymize_after
        deleting = self._cutoff(delete) if delete else None
        for action, periods in ((Action.DELETE, delete), (Action.ANONYMIZE, anonymize)):
            masks_only = action is Action.ANONYMIZE and masks and delete and not anonymize
            if not periods and not masks_only:
                continue
            cutoff = self._cutoff(periods) if periods else None
            self.resolved.steps.append(
                Step(
                    self.rule.name,
                    action,
                    self.rule.table,
                    where,
                    unless,
                    clock,
                    cutoff,
                    self._reason(periods or delete or (), clock, cutoff or deleting),
                    self.policy.limits_of(self.rule),
                    masks if action is Action.ANONYMIZE else (),
                    deleting if action is Action.ANONYMIZE else None,
                    self.rule.guard,
                )
            )

    def _reason(self, periods: tuple[Period, ...], clock: Clock, cutoff: Cutoff | None) -> str:
        period = ", then ".join(str(found) for found in periods)
        counted = "" if self.rule.counted_from == "event" else f"{self.rule.counted_from} of "
        counted = counted.replace("end of ", "the end of the ").replace(" of the the ", " of the ")
        if cutoff is None:
            return f"never due: {period} after {counted}{clock.text}"
        local = cutoff.instant.astimezone(self.policy.timezone)
        stamp = local.strftime("%Y-%m-%d %H:%M" if local.second == 0 else "%Y-%m-%d %H:%M:%S")
        return (
            f"due: {period} after {counted}{clock.text}, before {stamp} {self.policy.timezone.key}"
        )
