"""Erase and mask again by token, batch by batch, what a restore brought back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from retention.backups.reapplying.erased import DELETE, Batch, Erased, Erasures
from retention.backups.reapplying.key_sets import Seen
from retention.backups.reapplying.past_rules import PastRules
from retention.backups.reapplying.returned import CHUNK, Chunk, Returned
from retention.databases.erasing.choosing import eraser_for
from retention.databases.erasing.erase import Eraser
from retention.databases.erasing.named_rows import NamedRow, NamedWindow, doomed_rows
from retention.databases.faults import ConnectionLost, database_faults
from retention.errors import DatabaseFailure
from retention.ledger.entry import JSON, month_of
from retention.ledger.keys import KeyFolder
from retention.ledger.tokens import tokens_for
from retention.planning.plan import Plan, Step
from retention.planning.schema import Schema, Table
from retention.protocol.batch import Work, run_batch
from retention.protocol.opening import Clock, Opened

Listed = Callable[[str, Sequence[str], str], None]
"""Told of a row that a person must look at: its table, its key, and why."""

UNSURE = "no guard tells whether it is still the row that was erased"
STAYS = "a hold, a floor, a condition or a row that refers to it keeps it"


@dataclass(slots=True)
class Account:
    """What became of what one rule once did to one table.

    `back`: rows that were there again. `again`: taken again by token. `left`: still there at the
    end. `unsure` and `issued_again` as in `Chunk`; `untold`: rows that no token names, by reason.
    """

    erased: Erased
    rule_stands: bool
    back: int = 0
    again: int = 0
    left: int = 0
    unsure: int = 0
    issued_again: int = 0
    untold: Counter[str] = field(default_factory=Counter)
    failed: str = ""

    def body(self) -> dict[str, JSON]:
        """As the ledger and reports have it."""
        return {
            "rule": self.erased.rule,
            "action": self.erased.action,
            "table": self.erased.table,
            "rule_stands": self.rule_stands,
            "back": self.back,
            "again": self.again,
            "left": self.left,
            "unsure": self.unsure,
            "issued_again": self.issued_again,
            "untold": dict(self.untold),
            "failed": self.failed,
        }


@dataclass(frozen=True, slots=True)
class Terms:
    """How a reapply works: who runs it, with which keys, tokens or not, and when to stop."""

    run_id: str
    as_of: datetime
    keys: KeyFolder
    now: Clock
    tokens: bool
    stopping: Callable[[], bool]


class Reapply:
    """What the ledger knows to be gone, looked for in the database and taken again."""

    def __init__(self, opened: Opened, past: PastRules, erasures: Erasures, terms: Terms) -> None:
        self.opened = opened
        self.past = past
        self.terms = terms
        self.schema = past.plan.schema
        self.erasures = dict(_in_order(self.schema, erasures))
        self.accounts = {
            erased: Account(erased, past.unchanged(erased)) for erased in self.erasures
        }
        self.left: dict[str, list[NamedRow]] = {}

    def look(self, listed: Listed | None = None) -> None:
        """Count who is back, before anything is done."""
        for account, found, chunk in self._walk():
            account.back += len(chunk.same)
            account.unsure += len(chunk.unsure)
            account.issued_again += len(chunk.other)
            _list(listed, found, chunk.unsure, UNSURE)

    def take(self) -> bool:
        """One pass over all tables; TRUE where another may find more: rows were taken and others
        stopped, and a row that was blocked goes once what blocked it is gone."""
        total = stopped = 0
        for account, found, rows in _gathered(self._walk()):
            if not account.failed:
                taken = self._take(account, found, rows)
                account.again += taken
                total += taken
                stopped += len(rows) - taken
        return bool(total and stopped)

    def settle(self, listed: Listed | None) -> None:
        """Count what is left, and tell of the rows that a person must look at."""
        self.left.clear()
        for account in self.accounts.values():
            account.unsure = account.issued_again = 0
        for account, found, chunk in self._walk(untold=True):
            account.left += len(chunk.same)
            if account.erased.action == DELETE:
                self.left.setdefault(found.table.name, []).extend(chunk.same)
            account.unsure += len(chunk.unsure)
            account.issued_again += len(chunk.other)
            _list(listed, found, chunk.same, STAYS)
            _list(listed, found, chunk.unsure, UNSURE)

    def tokens_of_left(self, at: datetime) -> dict[str, tuple[int, bytes]]:
        """Tokens of the erased rows that stay, so that no later night takes them for ghosts."""
        month, found = month_of(at), {}
        for table, rows in self.left.items():
            if rows:
                keys, guards = [row.key for row in rows], [row.guard for row in rows]
                master = self.terms.keys.key(month)
                made = tokens_for(keys, guards, master, month, self.opened.database_id, table)
                found[table] = (made.width, made.blob)
        return found

    def _walk(self, *, untold: bool = False) -> Iterator[tuple[Account, _Found, Chunk]]:
        """Every erasure with what is there of it; masked rows only where something is to mask."""
        seen: dict[tuple[str, str], Seen] = {}
        for erased, batches in self.erasures.items():
            account = self.accounts[erased]
            found = self._found(erased)
            if found is None:
                if untold:
                    account.untold["what the rule said then cannot be read"] += _rows(batches)
                continue
            known = seen.setdefault((erased.action, erased.table), Seen())
            returned = Returned(self.opened, self.terms.keys, found.table, found.step.guard, known)
            for chunk in returned.chunks(batches):
                if self.terms.stopping():
                    return
                yield account, found, self._still(found, chunk)
            if untold:
                account.untold += returned.untold

    def _found(self, erased: Erased) -> _Found | None:
        step = self.past.step_of(erased)
        if step is None:
            return None
        plan, named = step
        dialect, secret = self.opened.database.dialect, self.terms.keys.pseudonym_key
        eraser = eraser_for(plan, dialect, named, secret, keys=True, portion=False)
        return _Found(self.schema.tables[erased.table], plan, named, eraser)

    def _still(self, found: _Found, chunk: Chunk) -> Chunk:
        """Of a masking only the rows that are not masked, or not yet."""
        if found.step.action == DELETE:
            return chunk
        return Chunk(self._unmasked(found, chunk.same), self._unmasked(found, chunk.unsure), [])

    def _unmasked(self, found: _Found, rows: list[NamedRow]) -> list[NamedRow]:
        if not rows:
            return []
        with database_faults("looking rows up", self.opened.database.name):
            dialect = self.opened.database.dialect
            window = self._window(found, rows)
            return doomed_rows(self.opened.connection, found.plan, dialect, found.step, window)

    def _window(self, found: _Found, rows: list[NamedRow]) -> NamedWindow:
        dialect = self.opened.database.dialect
        return NamedWindow(dialect, found.table, found.step.guard, tuple(rows))

    def _take(self, account: Account, found: _Found, rows: list[NamedRow]) -> int:
        terms = self.terms
        eraser = found.eraser
        work = Work(
            found.step, eraser, terms.tokens, True, terms.run_id, terms.as_of, terms.keys, terms.now
        )
        try:
            if not found.prepared:
                with database_faults(f"preparing {found.step.name}", self.opened.database.name):
                    eraser.prepare(self.opened.connection)
                found.prepared = True
            taken = run_batch(self.opened, work, self._window(found, rows), None)
        except ConnectionLost:
            raise
        except DatabaseFailure as failure:
            account.failed = str(failure)
            return 0
        return taken.due.get(found.step.table, 0)


def _gathered(
    walk: Iterable[tuple[Account, _Found, Chunk]],
) -> Iterator[tuple[Account, _Found, list[NamedRow]]]:
    """The rows to take, as many as a batch has: a commit for each chunk would cost the most."""
    rows: list[NamedRow] = []
    last: tuple[Account, _Found] | None = None
    for account, found, chunk in walk:
        if last is not None and last[1] is not found and rows:
            yield *last, rows
            rows = []
        last = account, found
        rows += chunk.same
        while len(rows) >= CHUNK:
            yield account, found, rows[:CHUNK]
            rows = rows[CHUNK:]
    if last is not None and rows:
        yield *last, rows


@dataclass(slots=True)
class _Found:
    """An erasure's table, the plan and step that repeat it, and who carries it out."""

    table: Table
    plan: Plan
    step: Step
    eraser: Eraser
    prepared: bool = False


def _list(listed: Listed | None, found: _Found, rows: list[NamedRow], why: str) -> None:
    if listed is not None:
        for row in rows:
            listed(found.table.name, row.texts[: len(found.table.key)], why)


def _rows(batches: Sequence[Batch]) -> int:
    return sum(batch.rows for batch in batches)


def _in_order(schema: Schema, erasures: Erasures) -> Iterator[tuple[Erased, list[Batch]]]:
    """Deletions before masks, rows before those that refer to them, so that these go along."""
    above: dict[str, int] = {}

    def depth(table: str, walked: tuple[str, ...] = ()) -> int:
        if table not in above:
            parents = {found.parent for found in schema.of(table)} - {table, *walked}
            above[table] = 1 + max(
                (depth(parent, (*walked, table)) for parent in sorted(parents)), default=0
            )
        return above[table]

    order = sorted(erasures, key=lambda found: (found.action != DELETE, depth(found.table)))
    return ((erased, erasures[erased]) for erased in order)
