"""The dry run of a night, and what is wrong with the policy: nothing here writes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from retention.backups.outlook import Asked, outlooks
from retention.connections import engine_for
from retention.databases.database import Connection, Database
from retention.databases.faults import database_faults
from retention.databases.indexing import missing_indexes
from retention.databases.statement_time import TOOK_TOO_LONG, within_time
from retention.errors import DatabaseFailure, Problem
from retention.execution.accounts import Estimate, StepCount
from retention.execution.estimate import estimates
from retention.execution.limits import Ruling, rule_on
from retention.execution.preview import keeping_only, preview_with_floors
from retention.planning.guards import missing_guards
from retention.planning.make import make_plan, plan_and_problems, problems_of_faults
from retention.planning.plan import Floor, Plan
from retention.policies.policy import Policy
from retention.reports.copies import outlook_body
from retention.scheduler.request import Request, known_ledger
from retention.subjects.holds import require_held_tables

_TOO_LONG = (
    "{}: counting took longer than a statement may there, and was stopped; nothing was changed. "
    "`retention plan --estimate` gives a first look without counting. A longer time is set in the "
    "URL (PostgreSQL: ?options=-c%20statement_timeout=2h) or for the account"
)


@dataclass(frozen=True, slots=True)
class Preview:
    """The dry run of one database: the plan, its counts, what the limits would say."""

    plan: Plan
    counts: list[StepCount]
    rulings: list[Ruling]
    kept: dict[str, int]
    notes: list[str]


def counts_only(request: Request, name: str) -> Preview:
    """The dry run of one database. Writes nothing; a role that may only read suffices."""
    with _planned(request, name) as (database, connection, plan):
        with database_faults("setting up the connection", name), connection.begin():
            within_time(connection)
        floors = keeping_only(plan)
        if request.rules:
            floors = [floor for floor in floors if floor.rule in request.rules]
        try:
            counts, kept = preview_with_floors(
                database, connection, plan, floors, files=True, full=request.full
            )
        except DatabaseFailure as failure:
            if failure.sqlstate in TOOK_TOO_LONG:
                raise DatabaseFailure(
                    _TOO_LONG.format(name), sqlstate=failure.sqlstate
                ) from failure
            raise
        rulings = [rule_on(count, request.allowed.get(count.step.rule)) for count in counts]
        return Preview(plan, counts, rulings, kept, _notes(name, plan))


@dataclass(frozen=True, slots=True)
class Estimated:
    """A first look at one database, and the floors of rules of which there is no estimate."""

    found: list[Estimate]
    keeping: list[Floor]
    notes: list[str]


def estimates_only(request: Request, name: str) -> Estimated:
    """About what lies before each line of one database, by its statistics: nothing is counted."""
    with _planned(request, name) as (database, connection, plan):
        found = estimates(database, connection, plan)
        return Estimated(found, keeping_only(plan), _notes(name, plan))


@contextmanager
def _planned(request: Request, name: str) -> Iterator[tuple[Database, Connection, Plan]]:
    database = Database(name, engine_for(request.policy.databases[name].url, name, request.folder))
    with database.connected(read_only=True) as connection:
        schema = database.schema(connection, request.policy)
        require_held_tables(database, connection, schema)
        plan = make_plan(request.policy, name, schema, request.as_of, request.file)
        if request.rules:
            plan = plan.without(set(request.policy.rules) - request.rules)
        yield database, connection, plan


def _notes(name: str, plan: Plan) -> list[str]:
    return [*([] if plan.schema.enrolled else [_not_enrolled(name)]), *plan.warnings]


def copies_then(
    policy: Policy, folder: Path, as_of: datetime, present: datetime, due: Mapping[str, int]
) -> list[dict[str, Any]]:
    """What a night at `as_of` would do about copies; `due` rows by database. Writes nothing."""
    if not policy.backups:
        return []
    ledger = known_ledger(policy, folder)
    found = outlooks(Asked(policy, folder, ledger, as_of, present, due))
    databases = ledger.databases() if ledger else {}
    return [outlook_body(item, databases) for item in found]


def problems_of(policy: Policy, folder: Path, name: str, as_of: datetime) -> tuple[Problem, ...]:
    """Faults and warnings of the policy against one database's real schema, guards proposed."""
    database = Database(name, engine_for(policy.databases[name].url, name, folder))
    with database.connected(read_only=True) as connection:
        schema = database.schema(connection, policy)
        require_held_tables(database, connection, schema)
        plan, problems = plan_and_problems(policy, name, schema, as_of)
        if plan is None:
            return problems
        proposed = (
            missing_guards(plan) if policy.copied_by(name) and policy.ledger.rows != "none" else ()
        )
        problems = (*problems, *problems_of_faults(policy, cautions=tuple(proposed)))
        with database_faults("looking for indexes", name), connection.begin():
            found = (*problems, *missing_indexes(connection, policy, plan))
    return tuple(sorted(found, key=lambda problem: (problem.line or 0, problem.message)))


def _not_enrolled(name: str) -> str:
    return f"{name} is not enrolled yet, so it has no holds: `retention enroll {name}`"
