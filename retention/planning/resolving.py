"""Rules and reference decisions of the policy, resolved against one database's schema."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import partial
from typing import Any, TypeVar

from retention.planning.clocks import Clock, ClockFault, clock_column, make_clock
from retention.planning.conditions import Condition, ConditionFault, parse_condition
from retention.planning.deadlines import Deadline, deadline_of, reason, reason_to_keep
from retention.planning.mask_paths import masks_of
from retention.planning.masked_columns import ColumnMask
from retention.planning.owned_files import OwnedFile, owned_faults, owned_files
from retention.planning.paths import (
    Hop,
    PathFault,
    did_you_mean,
    known_table,
    resolve,
)
from retention.planning.plan import Action, Floor, Step, Younger, with_unit
from retention.planning.references import Fault, decided_references
from retention.planning.remembering import remember_step, remembering
from retention.planning.restricting import (
    also_protecting,
    copied_decisions,
    following,
    keeping,
    restrict_faults,
    restriction_of,
)
from retention.planning.schema import ColumnKind, Reference, Schema, Table, TableKind
from retention.planning.units import unit_of
from retention.policies.calendar import Cutoff, age_cutoff, local_midnight
from retention.policies.periods import Periods
from retention.policies.policy import Policy
from retention.policies.rule import Rule
from retention.policies.tenants import family_of

_GUARDS = (ColumnKind.DATE, ColumnKind.TIMESTAMP, ColumnKind.TIMESTAMPTZ, ColumnKind.TEXT)
_ENDS = {
    Action.DELETE: ("delete_after", "delete_when"),
    Action.ANONYMIZE: ("anonymize_after", "anonymize_when"),
    Action.RESTRICT: ("restrict_after", ""),
}
T = TypeVar("T")


@dataclass(slots=True)
class Resolved:
    """What the rules of one database come to, and every fault met on the way."""

    steps: list[Step] = field(default_factory=list)
    floors: list[Floor] = field(default_factory=list)
    decisions: dict[Reference, str] = field(default_factory=dict)
    locked: set[Reference] = field(default_factory=set)
    files: dict[OwnedFile, None] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)


def rules_of(policy: Policy, database: str) -> Iterator[Rule]:
    """The rules that speak of `database`, or of the many that it is one of."""
    only = len(policy.families) == 1
    family = family_of(database)
    return (
        rule
        for rule in policy.rules.values()
        if rule.pattern is None
        and (rule.database == family or (only and not rule.database and not rule.of_lake))
    )


def resolve_policy(policy: Policy, database: str, schema: Schema, as_of: datetime) -> Resolved:
    """Every rule of `database` as steps and floors, every reference with its decision."""
    resolved = Resolved()
    found = decided_references(policy, schema)
    resolved.decisions, resolved.locked, resolved.faults = found
    resolved.decisions |= dict(copied_decisions(schema, resolved.decisions))
    rules = list(rules_of(policy, database))
    moved = {
        rule.table: rule.restrict.move_to
        for rule in rules
        if rule.restrict is not None and rule.restrict.move_to
    }
    for rule in rules:
        for same in (rule, following(rule), keeping(rule, moved)):
            if same is not None:
                _Resolver(policy, schema, same, as_of, resolved).run()
    return resolved


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
        masks, removals, faults = masks_of(self.schema, self.rule)
        for text in faults:
            self.fault("anonymize", text)
        younger = self._younger()
        floor = self._floor(where, clock, younger)
        unit = self._try("together", lambda: unit_of(self.schema, self.rule, table))
        self._named_columns(table)
        for text in owned_faults(self.rule, table):
            self.fault("files", text)
        if self.rule.restrict_after:
            for fault in restrict_faults(self.rule, self.schema, table):
                self.fault("restrict", fault)
        if len(self.resolved.faults) > before:
            return
        self.resolved.files |= dict.fromkeys(owned_files(self.rule, table))
        if floor is not None:
            self.resolved.floors.append(floor)
        if clock is not None:
            limits = self.policy.limits_of(self.rule)
            self.resolved.steps += filter(None, [remember_step(self.rule, clock, limits)])
        for action in _ENDS:
            step = self._step(action, clock, masks)
            if step is not None:
                more: dict[str, Any] = {"removals": removals}
                if action is Action.DELETE:
                    above = (mask for mask in masks if mask.hops and not mask.hops[-1].down)
                    more = {"above": tuple(above)}
                step = replace(step, where=where, unless=unless, younger=younger, **more)
                self.resolved.steps.append(with_unit(step, unit))

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
        if table.kind is TableKind.VIEW:
            self.fault("table", f'"{table.name}" is a view; name the table behind it')
        elif table.obstacle:
            self.fault("table", f'"{table.name}" {table.obstacle}')
        elif self.rule.restrict_after and not table.key:
            self.fault(
                "table",
                f'"{table.name}" has no primary key, so no row of it can be restricted; add one',
            )
        else:
            return True
        return False

    def _clock(self) -> Clock | None:
        start = self.rule.start
        if start is None:
            return None
        clock = self._try("start", lambda: make_clock(self.schema, self.rule, start))
        if clock is None:
            return None
        return self._try("remember_in", lambda: remembering(self.schema, self.rule, clock))

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

    def _younger(self) -> Younger | None:
        if self.rule.only_if is None:
            return None
        asked = self.rule.only_if.younger_than
        born = self._try("only_if", partial(clock_column, self.schema, self.rule, asked.column))
        if born is None:
            return None
        day = age_cutoff(self.as_of, asked.years, self.policy.timezone)
        line = Cutoff(local_midnight(day, self.policy.timezone), day)
        return Younger(replace(born, earliest_plausible=date(1880, 1, 1)), line)

    def _floor(
        self, where: Condition | None, clock: Clock | None, younger: Younger | None
    ) -> Floor | None:
        periods = self.rule.keep_at_least
        if periods is None:
            return None
        protects: list[tuple[tuple[Hop, ...], str]] = []
        for text in self.rule.protects:
            path = self._try(
                "protects",
                partial(resolve, self.schema, self.rule.table, text, children=False),
            )
            if path is not None:
                protects.append((path.hops, path.column))
        deadline = self._deadline("keep_at_least", periods)
        if deadline is None:
            return None
        name, table = self.rule.name, self.rule.table
        told = reason_to_keep(self.rule, deadline, clock.text if clock else None)
        found = Floor(name, table, where, clock, deadline, tuple(protects), younger, told)
        return also_protecting(found, self.schema)

    def _deadline(self, key: str, periods: Periods | None) -> Deadline | None:
        if periods is None:
            return None
        by = None
        if periods.by is not None:
            by = self._try(
                key, partial(resolve, self.schema, self.rule.table, periods.by, children=False)
            )
        return deadline_of(self.policy, self.rule, periods, self.as_of, by)

    def _step(
        self, action: Action, clock: Clock | None, masks: tuple[ColumnMask, ...]
    ) -> Step | None:
        after_key, when_key = _ENDS[action]
        text = getattr(self.rule, when_key, None)
        told = text or self.rule.delete_when
        when = self._condition(when_key, text, children=True)
        early = None
        if action is Action.ANONYMIZE and self.rule.anonymize and clock is not None:
            early = self._deadline("delete_after", self.rule.delete_after)
        deadline = self._deadline(after_key, getattr(self.rule, after_key))
        early_when = None
        if action is Action.ANONYMIZE and masks and when is None:
            early_when = self._condition("delete_when", self.rule.delete_when, children=True)
        dated = clock is not None and (deadline is not None or early is not None)
        if when is None and early_when is None and not dated:
            return None
        return Step(
            self.rule.name,
            action,
            self.rule.table,
            None,
            (),
            clock,
            deadline,
            self._reason(deadline or early, clock) if dated else f"due: as soon as {told}",
            self.policy.limits_of(self.rule),
            masks if action is Action.ANONYMIZE else (),
            early=early,
            guard=self.rule.guard,
            when=when,
            early_when=early_when,
            restriction=restriction_of(self.rule) if action is Action.RESTRICT else None,
        )

    def _reason(self, deadline: Deadline | None, clock: Clock | None) -> str:
        assert deadline is not None
        assert clock is not None
        return reason(self.policy, self.rule, deadline, clock.text)
