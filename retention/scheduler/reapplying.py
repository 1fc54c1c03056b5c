"""One whole reapply, for one database: who is back, what was younger than the backup, the rules as
of now, then by token what they no longer reach. Until its last batch every run is refused.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime

from retention import __version__
from retention.backups.reapplying.erased import Erasures, erasures_since
from retention.backups.reapplying.past_rules import PastRules
from retention.backups.reapplying.replay import Account, Listed, Reapply, Terms
from retention.connections import engine_for
from retention.databases.database import Database
from retention.errors import gravest
from retention.execution.accounts import StepCount, StepResult
from retention.execution.executor import Orders, execute
from retention.execution.limits import Ruling, rule_on
from retention.execution.preview import preview
from retention.ledger.entry import JSON, Kind
from retention.ledger.store import Ledger
from retention.planning.make import make_plan
from retention.planning.plan import Plan
from retention.protocol.opening import Opened
from retention.protocol.reopening import (
    Reopened,
    begin_reapply,
    finish_reapply,
    open_for_reapply,
)
from retention.reports.report import stamp, step_body
from retention.scheduler.nightly import Request, key_folder, ledger_of
from retention.scheduler.run_names import new_run_id
from retention.subjects.events import bring_events_back
from retention.subjects.holds import bring_holds_together
from retention.subjects.restrictions import bring_requests_together

REAPPLY_SCHEMA = "retention.reapply/1"


@dataclass(slots=True)
class Told:
    """What a reapply found and did; `finished`: the database may be run on again."""

    database: str
    run_id: str
    since: int
    went_back_at: datetime | None
    level: bool
    accounts: list[Account] = field(default_factory=list)
    results: list[StepResult] = field(default_factory=list)
    events: tuple[int, int] = (0, 0)
    notes: list[str] = field(default_factory=list)
    finished: bool = False
    acted: bool = False
    exit_code: int = 0

    @property
    def anyone(self) -> bool:
        """TRUE where someone is back, or may be."""
        return any(account.back or account.unsure for account in self.accounts)

    def body(self) -> dict[str, JSON]:
        """As the ledger keeps it and `--json` prints it."""
        return {
            "schema": REAPPLY_SCHEMA,
            "database": self.database,
            "run": self.run_id,
            "since_batch": self.since,
            "since": stamp(self.went_back_at),
            "level": self.level,
            "tables": [account.body() for account in self.accounts],
            "rules": [step_body(self.database, result) for result in self.results],
            "events_back": self.events[0],
            "events_lost": self.events[1],
            "notes": list[JSON](self.notes),
            "acted": self.acted,
            "finished": self.finished,
            "exit_code": self.exit_code,
        }


def reapply(request: Request, name: str, *, look_only: bool, listed: Listed | None) -> Told:
    """Bring a restored database back to what the ledger says; `look_only` writes nothing.

    Raises IntegrityError where the database is another one or the ledger the one that went back.
    """
    ledger = ledger_of(request.policy, request.folder)
    with _reopened(request, ledger, name, look_only) as reopened:
        opened = reopened.opened
        schema = opened.database.schema(opened.connection, request.policy)
        plan = make_plan(request.policy, name, schema, request.as_of, request.file)
        erasures = erasures_since(ledger, opened.database_id, reopened.since)
        told = _told(request, reopened, name)
        work = _Work(request, reopened, plan, erasures, told, listed)
        work.look(look_only)
        if look_only or (reopened.level and not told.anyone):
            told.finished = reopened.level and not told.anyone
            return told
        work.act()
        return told


@contextmanager
def _reopened(request: Request, ledger: Ledger, name: str, look_only: bool) -> Iterator[Reopened]:
    database = Database(name, engine_for(request.policy.databases[name].url, name, request.folder))
    with database.connected() as connection, database.run_lock(connection):
        yield open_for_reapply(database, connection, ledger, request.now, look_only=look_only)


def _told(request: Request, reopened: Reopened, name: str) -> Told:
    opened = reopened.opened
    run_id = new_run_id(request.as_of)
    last = opened.ledger.entry_at(opened.database_id, reopened.since)
    at = last.at if last else None
    return Told(name, run_id, reopened.since, at, reopened.level, notes=list(opened.notes))


@dataclass(slots=True)
class _Work:
    """One reapply under way."""

    request: Request
    reopened: Reopened
    plan: Plan
    erasures: Erasures
    told: Told
    listed: Listed | None

    def look(self, only: bool) -> None:
        """Count who is back, from the tokens."""
        replay = self._replay()
        replay.look(self.listed if only else None)
        self.told.accounts = list(replay.accounts.values())

    def act(self) -> None:
        """Everything that writes, in order; the last batch only where nothing was left out."""
        request, opened, told = self.request, self.reopened.opened, self.told
        told.acted = True
        self._started(opened.ledger)
        begin_reapply(self.reopened)
        keys = key_folder(request.policy, request.folder)
        bring_holds_together(opened, keys)
        bring_requests_together(opened, keys)
        told.events = bring_events_back(
            opened, request.policy, self.plan.schema, keys, self.reopened.since
        )
        self._rules()
        self._ended(opened, self._tokens())

    def _replay(self) -> Reapply:
        request, opened = self.request, self.reopened.opened
        past = PastRules(
            opened.ledger,
            request.policy,
            self.plan,
            lambda policy: opened.database.schema(opened.connection, policy),
        )
        terms = Terms(
            self.told.run_id,
            request.as_of,
            key_folder(request.policy, request.folder),
            request.now,
            request.policy.ledger.rows != "none",
            request.watch.stopping,
        )
        return Reapply(opened, past, self.erasures, terms)

    def _rules(self) -> None:
        """Every rule as of now; what it had erased before the restore counts against no limit."""
        request, opened = self.request, self.reopened.opened
        counts = preview(opened.database, opened.connection, self.plan, full=True)
        rulings = [self._ruling(count) for count in counts]
        orders = Orders(
            self.told.run_id,
            request.policy.ledger.rows,
            key_folder(request.policy, request.folder),
            request.now,
            request.watch,
        )
        execute(opened, self.plan, counts, rulings, orders, self.told.results)

    def _ruling(self, count: StepCount) -> Ruling:
        before = sum(
            batch.rows
            for erased, batches in self.erasures.items()
            if (erased.rule, erased.table) == (count.step.rule, count.step.table)
            for batch in batches
        )
        rule = count.step.rule
        fresh = replace(count, due=max(0, count.due - before))
        ruling = rule_on(fresh, self.request.allowed.get(rule))
        if ruling.most is None and not ruling.refused:
            return ruling
        # a portion would leave people who were erased for later nights
        return Ruling(
            refused=f"rules.{rule} would {count.step.action} {count.due} of {count.rows} rows, "
            f"{before} of which it had before; the others are more than its limit. Nothing was "
            f"done by it. Allow it once with `retention backups reapply --allow {rule}={fresh.due}`"
        )

    def _tokens(self) -> Reapply:
        """Pass after pass by token, until one takes nothing; the next one counts what is left."""
        before = self.told.accounts
        replay = self._replay()
        while replay.take() and not self.request.watch.stopping():
            pass
        replay.settle(self.listed)
        for account, known in zip(replay.accounts.values(), before, strict=True):
            account.back = known.back
        self.told.accounts = list(replay.accounts.values())
        return replay

    def _ended(self, opened: Opened, replay: Reapply) -> None:
        told, request = self.told, self.request
        stopped = request.watch.stopping()
        codes = [3 for result in told.results if result.refused]
        codes += [1 for result in told.results if result.failed]
        codes += [1 for account in told.accounts if account.failed]
        listable = any(account.left or account.unsure for account in told.accounts)
        if not stopped and not self._relied_on() and (self.listed is not None or not listable):
            finish_reapply(opened, told.run_id, request.as_of, request.now)
            told.finished = True
        codes += [1] if listable else []
        told.exit_code = request.watch.interruption().exit_code if stopped else gravest(codes)
        at = request.now()
        opened.ledger.append_with_tokens(
            Kind.REAPPLIED,
            at,
            replay.tokens_of_left(at),
            run_id=told.run_id,
            database_id=opened.database_id,
            body=told.body(),
        )
        self._finished(opened.ledger, stopped)

    def _relied_on(self) -> bool:
        """TRUE where a rule did not run, or a batch failed, that alone reaches rows that are back."""
        stopped = {
            result.count.step.rule
            for result in self.told.results
            if result.refused or result.failed
        }
        return any(
            account.failed or (account.erased.rule in stopped and account.untold)
            for account in self.told.accounts
        )

    def _started(self, ledger: Ledger) -> None:
        request = self.request
        ledger.save_policy(request.policy.sha256, request.policy.text)
        ledger.append(
            Kind.RUN_STARTED,
            request.now(),
            run_id=self.told.run_id,
            body={
                "as_of": request.as_of.isoformat(),
                "version": __version__,
                "policy_sha256": request.policy.sha256,
                "rules": list[JSON](sorted(request.policy.rules)),
                "process": os.getpid(),
                "host": socket.gethostname(),
                "reapply": self.told.database,
            },
        )

    def _finished(self, ledger: Ledger, stopped: bool) -> None:
        request, told = self.request, self.told
        ledger.append(
            Kind.RUN_FINISHED,
            request.now(),
            run_id=told.run_id,
            body={
                "as_of": request.as_of.isoformat(),
                "exit_code": told.exit_code,
                "steps": [step_body(told.database, result) for result in told.results],
                "errors": {},
                "served": [],
                "notes": list[JSON](told.notes),
                "stopped": stopped,
            },
        )
