"""What another policy would mean in rows: due under the old one, due under the new one, or both."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from retention.answers.wording import Change
from retention.databases.database import Connection, Database
from retention.databases.faults import database_faults
from retention.databases.statements.comparing import Pattern, count_taken, steps_on
from retention.errors import PolicyError
from retention.planning.make import make_plan
from retention.planning.plan import Plan
from retention.policies.policy import Policy

DIFF_SCHEMA = "retention.diff/1"


@dataclass(frozen=True, slots=True)
class File:
    """A policy and the name of its file."""

    policy: Policy
    name: str


@dataclass(frozen=True, slots=True)
class Shift:
    """Rows of one table that are due under the old policy, the new one, one and not the other.

    `rule` is empty where all rules with that action are taken together.
    """

    database: str
    rule: str
    action: str
    table: str
    old: int
    new: int
    newly: int
    no_longer: int

    @property
    def moved(self) -> bool:
        """TRUE where the rows are not the same."""
        return bool(self.newly or self.no_longer)


@dataclass(frozen=True, slots=True)
class Compared:
    """One database: a shift for each rule and action, and one for each table and action."""

    rules: list[Shift]
    tables: list[Shift]

    def add(self, other: Compared) -> None:
        """The shifts of another place."""
        self.rules.extend(other.rules)
        self.tables.extend(other.tables)


Key = tuple[str, str, str]


def planned(database: Database, connection: Connection, file: File, as_of: datetime) -> Plan:
    """The plan of one of the two policies; PolicyError with every fault."""
    schema = database.schema(connection, file.policy)
    return make_plan(file.policy, database.name, schema, as_of, file.name)


def compared(database: Database, connection: Connection, old: Plan, new: Plan) -> Compared:
    """The rows of every table that either plan works on, sorted by both; one scan for each."""
    count = partial(count_taken, connection, old, new, database.dialect)
    with database_faults("counting", database.name), connection.begin():
        return compared_by(count, database.name, old, new)


def compared_by(
    count: Callable[[str], list[Pattern]], place: str, old: Plan, new: Plan
) -> Compared:
    """What `count` finds in every table that either plan works on, as shifts of their rules."""
    rules: dict[Key, Shift] = {}
    tables: dict[Key, Shift] = {}
    names = dict.fromkeys(step.table for plan in (new, old) for step in plan.steps)
    for table in names:
        for key in _every_key(old, table) | _every_key(new, table):
            _add(rules, place, ({key}, {key}), 0)
        for before, after, rows in count(table):
            sides = (_steps(old, table, before), _steps(new, table, after))
            _add(rules, place, sides, rows)
            _add(tables, place, (_together(sides[0]), _together(sides[1])), rows)
    order = [
        (step.table, step.rule, str(step.action)) for plan in (new, old) for step in plan.steps
    ]
    listed = [rules[key] for key in dict.fromkeys(order)]
    return Compared(listed, [tables[key] for key in sorted(tables)])


def on_databases_of(old: Policy, new: Policy) -> tuple[Policy, list[str]]:
    """The old policy on the databases of the new one, and notes on rules that have none there."""
    renamed = {}
    if len(old.families) == len(new.families) == 1:
        renamed = dict(zip(old.families, new.families, strict=True))
    default = old.families[0] if len(old.families) == 1 else ""
    rules, notes = {}, []
    for name, rule in old.rules.items():
        if rule.of_lake:
            rules[name] = rule
            continue
        place = rule.database or default
        place = renamed.get(place, place)
        if place in new.families:
            rules[name] = rule.model_copy(update={"database": place})
        else:
            notes.append(
                f"rules.{name} worked in {place}, which the new policy does not name; "
                "its rows are not counted"
            )
    places = {"databases": new.databases, "listed": new.listed}
    return old.model_copy(update={**places, "rules": rules}), notes


def faults_of(errors: Sequence[PolicyError]) -> str:
    """The faults of both files, as one message."""
    return "\n".join([*map(str, errors), "nothing was compared"])


def diff_object(
    old: File,
    new: File,
    as_of: datetime,
    found: Sequence[Change],
    rows: Compared,
    notes: list[str],
) -> dict[str, Any]:
    """What `diff --json` prints."""
    return {
        "schema": DIFF_SCHEMA,
        "as_of": as_of.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "old": {"file": old.name, "policy_sha256": old.policy.sha256},
        "new": {"file": new.name, "policy_sha256": new.policy.sha256},
        "changes": [
            {
                "path": change.key,
                "kind": change.kind,
                "old": change.old,
                "new": change.new,
                "sense": change.sense or None,
            }
            for change in found
        ],
        "rules": [_body(shift) for shift in rows.rules],
        "tables": [_body(shift) for shift in rows.tables],
        "notes": notes,
    }


def _body(shift: Shift) -> dict[str, Any]:
    named = {"rule": shift.rule} if shift.rule else {}
    return named | {
        "database": shift.database,
        "table": shift.table,
        "action": shift.action,
        "due_old": shift.old,
        "due_new": shift.new,
        "newly_due": shift.newly,
        "no_longer_due": shift.no_longer,
    }


def _steps(plan: Plan, table: str, taken: Sequence[bool]) -> set[Key]:
    """The rules that take the row."""
    places = zip(steps_on(plan, table), taken, strict=True)
    found = (plan.steps[place] for place, takes in places if takes)
    return {(table, step.rule, str(step.action)) for step in found}


def _together(keys: set[Key]) -> set[Key]:
    return {(table, "", action) for table, _, action in keys}


def _add(
    sums: dict[Key, Shift], database: str, sides: tuple[set[Key], set[Key]], count: int
) -> None:
    before, after = sides
    for key in before | after:
        table, rule, action = key
        shift = sums.get(key, Shift(database, rule, action, table, 0, 0, 0, 0))
        was, is_now = key in before, key in after
        sums[key] = replace(
            shift,
            old=shift.old + was * count,
            new=shift.new + is_now * count,
            newly=shift.newly + (is_now and not was) * count,
            no_longer=shift.no_longer + (was and not is_now) * count,
        )


def _every_key(plan: Plan, table: str) -> set[Key]:
    return _steps(plan, table, [True] * len(steps_on(plan, table)))
