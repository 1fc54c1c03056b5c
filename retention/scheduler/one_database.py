"""Everything a night does to one database; what `nightly` does to each of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from retention.backups.copy import PLACED, Position
from retention.backups.reapplying.ghosts import refuse_ghosts
from retention.connections import engine_for
from retention.databases.database import Database
from retention.errors import Busy, DatabaseFailure, RetentionError
from retention.execution.executor import Orders, execute
from retention.execution.limits import rule_on
from retention.execution.preview import preview
from retention.execution.recount import Looking, recount
from retention.execution.recounting.before import look_before
from retention.ledger.store import Ledger
from retention.planning.make import make_plan
from retention.planning.plan import Plan
from retention.policies.policy import Policy
from retention.protocol.opening import Opened, open_for_work
from retention.scheduler.file_night import row_files
from retention.scheduler.request import DatabaseNight, Request, key_folder
from retention.scheduler.run_names import holder
from retention.scheduler.written_down import write_down
from retention.subjects.holds import bring_holds_together, require_held_tables
from retention.subjects.restrictions import bring_requests_together


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
            counts = preview(opened.database, opened.connection, night.plan, full=request.full)
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
            write_down(opened.ledger, opened.database_id, request, run_id, night)
            night.position = _position(request.policy, opened, night.notes)
    except RetentionError as error:
        night.error = error
    return night


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


def _plan(request: Request, opened: Opened, chosen: frozenset[str]) -> Plan:
    schema = opened.database.schema(opened.connection, request.policy)
    require_held_tables(opened.database, opened.connection, schema)
    plan = make_plan(request.policy, opened.database.name, schema, request.as_of, request.file)
    return plan.without(set(request.policy.rules) - chosen)


def _tokens(policy: Policy, database: str) -> str:
    """For which rows tokens are kept: for all that a copy may bring back, whatever rules say then."""
    auto = policy.ledger.rows == "auto"
    return "all" if auto and policy.copied_by(database) else policy.ledger.rows


def _position(policy: Policy, opened: Opened, notes: list[str]) -> Position | None:
    """A place in the server's log after everything this night did, where copies are told by it."""
    name = opened.database.name
    if not any(found.kind in PLACED for found in policy.copied_by(name)):
        return None
    try:
        found = opened.database.log_position(opened.connection)
    except DatabaseFailure as failure:
        notes.append(f"{failure}; copies of {name} are judged by their time")
        return None
    return None if found is None else Position(*found)
