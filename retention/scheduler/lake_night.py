"""The part of a night that belongs to lake tables: each is a place of its own, as a database is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from retention.errors import PolicyError, Problem, RetentionError
from retention.execution.accounts import StepCount
from retention.execution.executor import Orders
from retention.execution.lake import (
    count_lake,
    execute_lake,
    in_one_commit,
    kept_in_lake,
    lake_schema_of,
    rehearsed,
)
from retention.execution.lake_recount import recount_lake
from retention.execution.limits import Ruling, rule_on
from retention.lake.table import LakeTable, uri_of
from retention.ledger.store import Ledger
from retention.planning.files import problems_at
from retention.planning.lake import lake_plan, lake_problems
from retention.planning.plan import Plan
from retention.planning.schema import HeldRows
from retention.policies.policy import Policy
from retention.protocol.lake_batch import lake_lock, open_lake
from retention.scheduler.dry_run import Preview
from retention.scheduler.request import (
    DatabaseNight,
    Request,
    key_folder,
    made_ledger,
    own_files,
)
from retention.scheduler.written_down import write_down
from retention.subjects.lake_holds import held_in


def lake_night(
    request: Request, ledger: Ledger, run_id: str, chosen: frozenset[str]
) -> list[DatabaseNight]:
    """Every chosen rule over lake tables; an error stops its table, not the others."""
    found = []
    for address in request.policy.lake_tables:
        if not request.watch.stopping():
            found.append(_one_table(request, ledger, run_id, address, chosen))
    return found


def _one_table(
    request: Request, ledger: Ledger, run_id: str, address: str, chosen: frozenset[str]
) -> DatabaseNight:
    night = DatabaseNight(address)
    keys = key_folder(request.policy, request.folder)
    try:
        with keys.locked(lake_lock(address)):
            table = LakeTable(address, request.folder)
            opened = open_lake(table, ledger, request.now)
            night.notes += opened.notes
            night.plan = _plan(request, table, chosen, held_in(table, ledger, keys))
            counts, rulings = _counted(request, table, night.plan)
            rows = request.policy.ledger.rows
            orders = Orders(run_id, rows, keys, request.now, request.watch)
            execute_lake(opened, night.plan, counts, rulings, orders, night.results)
            night.recount = recount_lake(table, request.policy, night.plan, night.results)
            write_down(opened.ledger, opened.table.id, request, run_id, night)
    except RetentionError as error:
        night.error = error
    return night


def _own_files_in(policy: Policy, folder: Path, file: str, address: str) -> tuple[Problem, ...]:
    """A fault of every rule of a table whose folder holds what this program works with."""
    root = Path(uri_of(address, folder))
    if not any(path.is_relative_to(root) for path in own_files(policy, folder, file)):
        return ()
    told = (
        "the table's folder holds a file this program works with (the policy, a database, the ledger "
        "or its keys), and VACUUM removes what is not the table's; keep it elsewhere"
    )
    rules = (rule.name for rule in policy.rules.values() if rule.table == address)
    return problems_at(policy, {(name, "table"): told for name in rules})


def _plan(
    request: Request, table: LakeTable, chosen: frozenset[str], held: tuple[HeldRows, ...]
) -> Plan:
    if faults := _own_files_in(request.policy, request.folder, request.file, table.address):
        raise PolicyError(request.file, faults)
    schema = lake_schema_of(table, request.policy, held)
    plan = lake_plan(request.policy, schema, request.as_of, request.file)
    return plan.without(set(request.policy.rules) - chosen)


def _counted(
    request: Request, table: LakeTable, plan: Plan
) -> tuple[list[StepCount], list[Ruling]]:
    counts = count_lake(table, plan)
    allowed = request.allowed
    return counts, [
        in_one_commit(count, rule_on(count, allowed.get(count.step.rule))) for count in counts
    ]


def lake_counts(request: Request) -> Iterator[tuple[str, Preview | RetentionError]]:
    """The dry run of every lake table. Writes nothing."""
    keys = key_folder(request.policy, request.folder)
    for address in request.policy.lake_tables:
        try:
            ledger = made_ledger(request.policy, request.folder)
            table = LakeTable(address, request.folder)
            chosen = request.rules or frozenset(request.policy.rules)
            plan = _plan(request, table, chosen, held_in(table, ledger, keys))
            counts, rulings = _counted(request, table, plan)
            kept = kept_in_lake(table, plan)
            yield address, Preview(plan, counts, rulings, kept, list(plan.warnings))
        except RetentionError as error:
            yield address, error


def lake_faults(policy: Policy, folder: Path, file: str, as_of: datetime) -> tuple[Problem, ...]:
    """Faults and warnings of the rules over lake tables, against the real tables."""
    found: list[Problem] = []
    for address in policy.lake_tables:
        found += _own_files_in(policy, folder, file, address)
        table = LakeTable(address, folder)
        schema = lake_schema_of(table, policy)
        plan, problems = lake_problems(policy, schema, as_of)
        found += problems
        if plan is not None and not any(item.severity == "error" for item in problems):
            faults = {(step.rule, "table"): told for step, told in rehearsed(table, plan)}
            found += problems_at(policy, faults)
    return tuple(found)
