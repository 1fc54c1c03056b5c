"""One night, from the first look to the last entry. Read this first.

For each database of the policy: open it, settle what an earlier run left, plan, count, ask the
limits, carry out what is allowed, write down what became of every rule, and count again. Then the
same for the rules over files and lake tables, and a look for what was erased in the copies.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

from retention import __version__
from retention.backups.copy import PLACED, Position
from retention.backups.night import SetNight, Work, purge_copies
from retention.backups.reapplying.ghosts import refuse_ghosts
from retention.backups.reapplying.months import Owed, destroy_months, gone_until
from retention.backups.records import Records
from retention.connections import engine_for
from retention.databases.database import Database
from retention.errors import Busy, DatabaseFailure, RetentionError
from retention.execution.executor import Orders, execute
from retention.execution.limits import rule_on
from retention.execution.preview import preview
from retention.execution.recount import Looking, look_before, recount
from retention.ledger.entry import JSON, Kind
from retention.ledger.store import Ledger
from retention.planning.make import make_plan
from retention.planning.plan import Plan
from retention.policies.policy import Policy
from retention.protocol.opening import Opened, open_for_work
from retention.reports.report import step_body
from retention.scheduler.file_night import file_night, row_files
from retention.scheduler.lake_night import lake_night
from retention.scheduler.request import DatabaseNight, Night, Request, key_folder, ledger_of
from retention.scheduler.run_names import holder, new_run_id
from retention.scheduler.timing import due_rules
from retention.subjects.holds import bring_holds_together
from retention.subjects.restrictions import bring_requests_together

__all__ = ["DatabaseNight", "Night", "Request", "key_folder", "ledger_of", "nightly"]


def nightly(request: Request) -> Night:
    """One whole run over every database of the policy."""
    ledger = ledger_of(request.policy, request.folder)
    ledger.save_policy(request.policy.sha256, request.policy.text)
    chosen = chosen_rules(request, ledger)
    night = Night(new_run_id(request.as_of), request.as_of, [])
    _started(ledger, request, night, chosen)
    for name in request.policy.databases:
        night.databases.append(one_database(request, ledger, night.run_id, name, chosen))
    night.databases += file_night(request, ledger, night.run_id, chosen)
    night.databases += lake_night(request, ledger, night.run_id, chosen)
    if request.watch.stopping():
        night.interrupted = request.watch.interruption()
    else:
        night.copies = _copies(request, ledger, night)
        night.notes += _keys(request, ledger, night)
    _finished(ledger, request, night, chosen)
    return night


def one_database(
    request: Request, ledger: Ledger, run_id: str, name: str, chosen: frozenset[str]
) -> DatabaseNight:
    """Everything a night does to one database; an error stops this database, not the others."""
    night = DatabaseNight(name)
    try:
        with working_on(request, ledger, name, run_id) as opened:
            night.notes += opened.notes
            night.plan = _plan(request, opened, chosen)
            refuse_ghosts(opened, night.plan, key_folder(request.policy, request.folder))
            files = row_files(request, opened, run_id, night)
            counts = preview(opened.database, opened.connection, night.plan)
            rulings = [rule_on(count, request.allowed.get(count.step.rule)) for count in counts]
            orders = Orders(
                run_id,
                _tokens(request.policy, name),
                key_folder(request.policy, request.folder),
                request.now,
                request.watch,
                files,
            )
            before = look_before(opened.database, night.plan, counts)
            execute(opened, night.plan, counts, rulings, orders, night.results)
            looking = Looking(opened.database, request.policy, night.plan, request.watch.stopping)
            night.recount = recount(looking, before, list(zip(night.results, rulings, strict=True)))
            _written_down(opened, request, run_id, night)
            night.position = _position(request.policy, opened, night.notes)
    except RetentionError as error:
        night.error = error
    return night


def _tokens(policy: Policy, database: str) -> str:
    """For which rows tokens are kept: for all that a copy may bring back, whatever rules say then."""
    copied = any(database in found.database for found in policy.backups.values())
    return "all" if copied and policy.ledger.rows == "auto" else policy.ledger.rows


def _position(policy: Policy, opened: Opened, notes: list[str]) -> Position | None:
    """A place in the server's log after everything this night did, where copies are told by it."""
    sets = policy.backups.values()
    name = opened.database.name
    if not any(name in found.database and found.kind in PLACED for found in sets):
        return None
    try:
        found = opened.database.log_position(opened.connection)
    except DatabaseFailure as failure:
        notes.append(f"{failure}; copies of {name} are judged by their time")
        return None
    return None if found is None else Position(*found)


def _copies(request: Request, ledger: Ledger, night: Night) -> list[SetNight]:
    """What the copies of the databases still hold, and what is owed to them."""
    positions = {found.database: found.position for found in night.databases if found.position}
    run_id, as_of = night.run_id, request.as_of
    return purge_copies(
        Work(request.policy, request.folder, ledger, run_id, as_of, request.now, positions)
    )


def _keys(request: Request, ledger: Ledger, night: Night) -> list[str]:
    """A month's key goes once no copy is left that could bring back what its tokens name.

    Where a database failed, it may just have been restored, and a reapply will need every key.
    """
    if any(found.error for found in night.databases):
        return []
    owed = [
        Owed(duty.backups, duty.erasure.database_id, duty.erasure.at, not duty.open)
        for duty in Records(ledger).obligations()
    ]
    keys = key_folder(request.policy, request.folder)
    gone = destroy_months(ledger, keys, gone_until(owed), request.now())
    return [
        f"the key of {month} was destroyed, with its tokens: no copy from before its end is left"
        for month in gone
    ]


@contextmanager
def working_on(request: Request, ledger: Ledger, name: str, run_id: str = "") -> Iterator[Opened]:
    """The database under its run lock, settled, with the holds and requests that a restore lost."""
    database = Database(name, engine_for(request.policy.databases[name].url, name, request.folder))
    with database.connected() as connection, ExitStack() as stack:
        try:
            stack.enter_context(database.run_lock(connection))
            opened = open_for_work(database, connection, ledger, request.now)
        except Busy as busy:
            raise Busy(f"{busy}{holder(ledger, run_id)}") from busy
        keys = key_folder(request.policy, request.folder)
        bring_holds_together(opened, keys)
        bring_requests_together(opened, keys)
        yield opened


def chosen_rules(request: Request, ledger: Ledger) -> frozenset[str]:
    """The rules that run now: those asked for, or those due by their schedule."""
    if request.rules:
        return request.rules
    if request.everything:
        return frozenset(request.policy.rules)
    return due_rules(request.policy, ledger, request.as_of)


def _plan(request: Request, opened: Opened, chosen: frozenset[str]) -> Plan:
    schema = opened.database.schema(opened.connection, request.policy)
    plan = make_plan(request.policy, opened.database.name, schema, request.as_of, request.file)
    return plan.without(set(request.policy.rules) - chosen)


def _started(ledger: Ledger, request: Request, night: Night, chosen: frozenset[str]) -> None:
    ledger.append(
        Kind.RUN_STARTED,
        request.now(),
        run_id=night.run_id,
        body={
            "as_of": request.as_of.isoformat(),
            "version": __version__,
            "policy_sha256": request.policy.sha256,
            "rules": list[JSON](sorted(chosen)),
            "process": os.getpid(),
            "host": socket.gethostname(),
        },
    )


def _written_down(opened: Opened, request: Request, run_id: str, night: DatabaseNight) -> None:
    database_id = opened.database_id
    write = partial(opened.ledger.append, run_id=run_id, database_id=database_id, durable=False)
    for result in night.results:
        if result.refused or result.failed:
            kind = Kind.RULE_REFUSED if result.refused else Kind.RULE_FAILED
            body = {"rule": result.count.step.rule, "why": result.refused or result.failed}
            write(kind, request.now(), body=body)
    if night.recount is not None:
        write(Kind.RECOUNT, request.now(), body=night.recount.body())


def _finished(ledger: Ledger, request: Request, night: Night, chosen: frozenset[str]) -> None:
    steps: list[JSON] = [
        step_body(found.database, result) for found in night.databases for result in found.results
    ]
    errors = {found.database: str(found.error) for found in night.databases if found.error}
    ledger.append(
        Kind.RUN_FINISHED,
        request.now(),
        run_id=night.run_id,
        body={
            "as_of": request.as_of.isoformat(),
            "exit_code": night.exit_code,
            "steps": steps,
            "errors": dict(errors),
            "files": {
                found.database: found.files.body()
                for found in night.databases
                if found.files is not None and found.files.any
            },
            "served": list[JSON](sorted(served_rules(night, chosen))),
            "notes": list[JSON](
                [*(it for found in night.databases for it in found.notes), *night.notes]
            ),
            "stopped": request.watch.stopping(),
        },
    )


def served_rules(night: Night, chosen: frozenset[str]) -> set[str]:
    """The rules that need not run again for this occurrence: all that were not stopped."""
    if night.interrupted is not None:
        return set()
    served = set(chosen)
    for found in night.databases:
        if found.error is not None:
            return set()
        served -= {
            result.count.step.rule for result in found.results if result.refused or result.failed
        }
    return served
