"""After a run, an independent look: is anything left that should be gone?

Before the first batch: for every reference into a table that is about to lose rows, the rows that
refer to nothing already; and the highest key of each table. After the last one, for every step that
had something to do and was neither refused, failed nor cut to a portion: its table is read page by
page, each start is read in Python and walked forwards through the calendar, and a row that is due
must be kept, held, blocked or excepted. Columns to mask are read again and must be what the mask
leaves. Rows that refer to nothing are counted again, and none may be new.

Nothing is shared with the statements that decided or erased; only conditions that a person wrote
are asked in SQL the same way. Rows that surely run, or plainly hold what their masks leave, are passed
over by the database in one scan; all others are read, up to `MOST_ROWS` of them. For each reference
there is one anti-join before and one after. Writes nothing to the database.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from retention.databases.database import Database
from retention.databases.statements.early_rows import Early
from retention.databases.statements.open_rows import OpenRows
from retention.databases.statements.recounting import PlainRows, RowKey, Texts
from retention.errors import DatabaseFailure
from retention.execution.accounts import StepResult
from retention.execution.limits import Ruling
from retention.execution.recounting.before import MOST_VALUES, Before, connected, dangling_rows
from retention.execution.recounting.changes import changes_of, may_have_been_freed
from retention.execution.recounting.judge import Judge, Keys
from retention.execution.recounting.unmasked import Masks
from retention.execution.recounting.unnamed import unnamed_table
from retention.execution.recounting.verdict import (
    Fault,
    Finding,
    Recount,
    ReferenceRecount,
    StepRecount,
    new_rows,
)
from retention.planning.plan import Action, Plan, Step
from retention.policies.policy import Policy

Narrow = tuple[Early | OpenRows, ...]

MOST_ROWS = 1_000_000
PAGE = 5_000


@dataclass(frozen=True, slots=True)
class Looking:
    """What a recount is of: one plan over one database, until a signal wants the run to stop."""

    database: Database
    policy: Policy
    plan: Plan
    stopping: Callable[[], bool]


def recount(looking: Looking, before: Before, done: Sequence[tuple[StepResult, Ruling]]) -> Recount:
    """What is left after the run that should not be; an error of the database is in `failed`."""
    found = Recount(looking.database.name)
    if not before.newest:
        return found
    started = time.monotonic()
    carried_out = looking.plan.without(
        {result.count.step.rule for result, _ in done if result.refused}
    )
    try:
        with connected(looking.database, carried_out) as rows:
            judge = Judge(carried_out, looking.policy, rows)
            results = [result for result, _ in done]
            recounter = _Recounter(judge, before, results, found, looking.stopping)
            for result, ruling in done:
                recounter.step(result, ruling)
            recounter.references()
    except DatabaseFailure as failure:
        found.failed = str(failure)
    found.milliseconds = round((time.monotonic() - started) * 1000)
    return found


class _Recounter:
    """Goes over the steps of one run."""

    def __init__(
        self,
        judge: Judge,
        before: Before,
        results: Sequence[StepResult],
        found: Recount,
        stopping: Callable[[], bool],
    ) -> None:
        self.judge = judge
        self.rows: PlainRows = judge.rows
        self.plan = judge.plan
        self.before = before
        self.found = found
        self.stopping = stopping
        done = [result for result in results if not result.refused]
        # of these the index shows the early rows, and a count of the others would be a scan
        self.large = {found.count.step.table for found in results if found.count.about is not None}
        self.changes = changes_of(self.plan, done)

    def step(self, result: StepResult, ruling: Ruling) -> None:
        """Look at one step again, where there was something to do."""
        step = result.count.step
        if not result.count.due or step.action not in (Action.DELETE, Action.ANONYMIZE):
            return
        account = StepRecount(step.rule, str(step.action), step.table)
        self.found.steps.append(account)
        account.skipped = self._why_not(result, ruling)
        if account.skipped:
            return
        account.rows = result.count.rows
        freed = may_have_been_freed(self.plan, self.plan.steps.index(step), self.changes)
        if step.action is Action.DELETE:
            left = self._walk(step, account, partial(self._left, step, account, freed), None)
            if left:
                self.found.findings.append(Finding(Fault.DUE, step.table, left, step.rule))
        else:
            masks = Masks(self.judge, step, self.before.was_there)
            account.unread = masks.unread
            self._walk(step, account, partial(masks.look, account, freed), masks)
            self.found.findings += masks.findings()

    def _why_not(self, result: StepResult, ruling: Ruling) -> str:
        if result.refused or result.failed:
            return "refused" if result.refused else "failed"
        if self.stopping():
            return "stopped by a signal"
        unnamed = unnamed_table(self.plan, result.count.step)
        if unnamed is not None:
            return f'"{unnamed}" has no primary key'
        if result.too_large:
            return "a piece is larger than a limit allows"
        return "a portion only" if ruling.most is not None else ""

    def _walk(
        self, step: Step, account: StepRecount, look: Callable[[Keys], int], masks: Masks | None
    ) -> int:
        """The table page by page, each page in one snapshot; the rows left, added up."""
        left = 0
        own = _own_columns(step)
        ways = self._ways(step, masks)
        total, worth = self._tally(step.table, ways)
        is_all, few = not worth, worth < PAGE
        after: RowKey | None = None
        while not is_all and account.looked < MOST_ROWS:
            if self.stopping():
                account.skipped = "stopped by a signal"
                break
            with self.rows.snapshot():
                page, is_all = self._page(step.table, own, after, ways, few)
                account.looked += len(page)
                due = self.judge.due(step, self.judge.page(step.table, own, page))
                if due:
                    left += look({key for key in due if self.before.was_there(step.table, key)})
            after = next(reversed(page), None)
            known, ways = ways, self._ways(step, masks)
            few = ways != known
        if total is None and (not is_all or (ways != ((),) and step.table not in self.large)):
            total = self._rows_in(step.table)
        account.rows = account.looked if total is None else total
        # rows that were passed over in the database were looked at, too
        account.looked = account.rows if is_all else account.looked
        return left

    def _rows_in(self, table: str) -> int:
        with self.rows.snapshot():
            return self.rows.rows_in(table)

    def _ways(self, step: Step, masks: Masks | None) -> tuple[Narrow, ...]:
        """What rows must be to be worth a look, of one kind or another; each page tells more of it."""
        early = self.judge.early(step)
        open_rows = masks.open_rows() if masks else ()
        return tuple((*early, kind) for kind in open_rows) or (early,)

    def _tally(self, table: str, ways: tuple[Narrow, ...]) -> tuple[int | None, int]:
        """The rows of the table, and how many are worth a look; not counted where some always are, or
        where an index leads to them.
        """
        if len(ways) > 1 or table in self.large or not self.rows.may_be_none(ways[0]):
            return None, PAGE if ways == ((),) else 1
        with self.rows.snapshot():
            return self.rows.tally(table, ways[0])

    def _page(
        self, table: str, own: list[str], after: RowKey | None, ways: tuple[Narrow, ...], few: bool
    ) -> tuple[dict[RowKey, Texts], bool]:
        """The next rows, and whether they are all that are left."""
        found = self._as_they_lie(table, own, after, ways) if few else None
        if found is not None:
            return found, True
        # a join for each page would read as much as all pages without it
        every = (kind for kind in ways[0] if len(ways) == 1 or isinstance(kind, Early))
        alone = tuple(kind for kind in every if not kind.hops)
        page = self.rows.page(table, own, after, alone, PAGE)
        return page, len(page) < PAGE

    def _as_they_lie(
        self, table: str, own: list[str], after: RowKey | None, ways: tuple[Narrow, ...]
    ) -> dict[RowKey, Texts] | None:
        """All to which one of the ways leads, where these are few: the key is a longer way to them."""
        found: dict[RowKey, Texts] = {}
        for way in ways:
            page = self.rows.page(table, own, after, way, PAGE, False)
            if len(page) == PAGE:
                return None
            found |= page
        return found

    def _left(self, step: Step, account: StepRecount, freed: bool, due: Keys) -> int:
        """Rows that are due must be stopped by something; how many are not."""
        stopped = self.judge.stopped(step, due)
        account.stopped += len(stopped)
        left = len(due) - len(stopped)
        account.freed += left if freed else 0
        return 0 if freed else left

    def references(self) -> None:
        """Count rows that refer to nothing again; none may be new."""
        for references, earlier in self.before.dangling.items():
            if self.stopping():
                self.found.skipped = "stopped by a signal"
                return
            now = dangling_rows(self.rows, references)
            # of more values than are counted, others may be among them the second time
            known = now if len(earlier) < MOST_VALUES else {it: now.get(it, 0) for it in earlier}
            new = new_rows(earlier, known)
            table, label = references[0].table, references[0].label
            label = f"{label} → {references[0].parent}"
            self.found.references.append(
                ReferenceRecount(label, sum(earlier.values()), sum(now.values()), new)
            )
            if new:
                self.found.findings.append(Finding(Fault.DANGLING, table, new, column=label))


def _own_columns(step: Step) -> list[str]:
    """Columns of the row itself that its clock reads."""
    if step.clock is None:
        return []
    columns = (*step.clock.columns, *step.clock.requires)
    return list(
        dict.fromkeys(
            column.path.column for column in columns if column.path.is_own and column.event is None
        )
    )
