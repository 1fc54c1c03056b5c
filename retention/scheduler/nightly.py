"""One night, from the first look to the last entry. Read this first.

For each database of the policy: open it, settle what an earlier run left, plan, count, ask the
limits, carry out what is allowed, write down what became of every rule, and count again. Then the
same for the rules over files and lake tables, and a look for what was erased in the copies.
"""

from __future__ import annotations

from collections.abc import Mapping

from retention.backups.night import SetNight, Work, purge_copies
from retention.backups.reapplying.months import Owed, destroy_months, gone_until
from retention.backups.records import Records, position_text
from retention.errors import RetentionError
from retention.ledger.entry import JSON, Kind
from retention.ledger.store import Ledger
from retention.policies.lake_tables import is_lake
from retention.reports.report import step_body
from retention.scheduler.file_night import file_night
from retention.scheduler.hosts import others_are_well, require_one_host, shard_body, started
from retention.scheduler.lake_night import lake_night
from retention.scheduler.request import DatabaseNight, Night, Request, key_folder, ledger_of
from retention.scheduler.run_names import new_run_id
from retention.scheduler.side_by_side import each_database
from retention.scheduler.timing import due_rules
from retention.scheduler.vanished import vanished

__all__ = ["DatabaseNight", "Night", "Request", "key_folder", "ledger_of", "nightly"]


def nightly(request: Request, unlisted: Mapping[str, RetentionError] | None = None) -> Night:
    """One whole run over every database of the policy; `unlisted`: lists that could not be read."""
    ledger = ledger_of(request.policy, request.folder)
    with ledger.kept_open():
        return _night(request, ledger, unlisted or {})


def _night(request: Request, ledger: Ledger, unlisted: Mapping[str, RetentionError]) -> Night:
    require_one_host(request, ledger)
    ledger.save_policy(request.policy.sha256, request.policy.text)
    chosen = chosen_rules(request, ledger)
    night = Night(new_run_id(request.as_of), request.as_of, [])
    key = started(ledger, request, night.run_id, chosen)
    night.databases += each_database(request, ledger, night.run_id, chosen, key)
    night.databases += [DatabaseNight(name, error=why) for name, why in unlisted.items()]
    night.databases += vanished(request, ledger, unlisted)
    if request.shard.first:
        night.databases += file_night(request, ledger, night.run_id, chosen)
        night.databases += lake_night(request, ledger, night.run_id, chosen)
    if request.watch.stopping():
        night.interrupted = request.watch.interruption()
    elif request.shard.first:
        night.copies = _copies(request, ledger, night)
        night.notes += _keys(request, ledger, night)
    _finished(ledger, request, night, chosen)
    return night


def _copies(request: Request, ledger: Ledger, night: Night) -> list[SetNight]:
    """What the copies of the databases still hold, and what is owed to them."""
    positions = {found.database: found.position for found in night.databases if found.position}
    run_id, as_of = night.run_id, request.as_of
    return purge_copies(
        Work(request.policy, request.folder, ledger, run_id, as_of, request.now, positions)
    )


def _keys(request: Request, ledger: Ledger, night: Night) -> list[str]:
    """A month's key goes once no copy is left that could bring back what its tokens name.

    Where a database failed, it may just have been restored, and a reapply will need every key. Of
    lake tables there are no tokens.
    """
    if any(found.error for found in night.databases) or not others_are_well(ledger, request.shard):
        return []
    lakes = {found for found, name in ledger.databases().items() if is_lake(name)}
    owed = [
        Owed(duty.backups, duty.erasure.database_id, duty.erasure.at, not duty.open)
        for duty in Records(ledger).obligations()
        if duty.erasure.database_id not in lakes
    ]
    keys = key_folder(request.policy, request.folder)
    gone = destroy_months(ledger, keys, gone_until(owed), request.now())
    return [
        f"the key of {month} was destroyed, with its tokens: no copy from before its end is left"
        for month in gone
    ]


def chosen_rules(request: Request, ledger: Ledger) -> frozenset[str]:
    """The rules that run now: those asked for, or those due by their schedule."""
    if request.rules:
        return request.rules
    if request.everything:
        return frozenset(request.policy.rules)
    return due_rules(request.policy, ledger, request.as_of, request.shard)


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
            "positions": {
                found.database: position_text(found.position)
                for found in night.databases
                if found.position is not None
            },
            "stopped": request.watch.stopping(),
            **shard_body(request),
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
