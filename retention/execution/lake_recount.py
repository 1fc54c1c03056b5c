"""After a run over a lake table, an independent look: one plain scan, judged in Python.

Nothing is shared with the predicates that decided: each start is read on its own and walked forwards
through the calendar, each masked column must be what its mask leaves. Only conditions that a person
wrote are asked of the table. It reads the version that the run left; what others write later is for
the next night.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import islice

from retention.databases.statements.lake_texts import count_text, scan_text
from retention.errors import LakeFailure
from retention.execution.accounts import StepResult
from retention.execution.recount import MOST_ROWS, PAGE
from retention.execution.recounting.changes import Change, changes_of, may_have_been_freed
from retention.execution.recounting.judge import Judge, Keys
from retention.execution.recounting.lake_rows import needed
from retention.execution.recounting.unmasked import Masks
from retention.execution.recounting.verdict import Fault, Finding, Recount, StepRecount
from retention.lake.table import LakeTable
from retention.planning.lake import over
from retention.planning.plan import Action, Plan
from retention.policies.policy import Policy


def recount_lake(
    table: LakeTable, policy: Policy, plan: Plan, results: Sequence[StepResult]
) -> Recount:
    """What is left after the run that should not be; an error of the table is in `failed`."""
    found = Recount(table.address)
    acted = [result for result in results if result.count.due]
    if not acted:
        return found
    started = time.monotonic()
    carried_out = plan.without({it.count.step.rule for it in results if it.refused})
    try:
        done = [result for result in results if not result.refused]
        changes = changes_of(carried_out, done)
        _Recounter(table, over(policy, table.address), carried_out, found, acted, changes).look()
    except LakeFailure as failure:
        found.failed = str(failure)
    found.milliseconds = round((time.monotonic() - started) * 1000)
    return found


class _Recounter:
    """One scan for all steps of one run."""

    def __init__(
        self,
        table: LakeTable,
        policy: Policy,
        plan: Plan,
        found: Recount,
        acted: Sequence[StepResult],
        changes: Sequence[Change],
    ) -> None:
        self.table = table
        self.found = found
        self.rows = needed(plan)
        self.judge = Judge(plan, policy, self.rows)
        self.changes = changes
        self.steps: list[tuple[StepResult, StepRecount, Masks | None]] = []
        for result in acted:
            step = result.count.step
            account = StepRecount(step.rule, str(step.action), step.table)
            account.skipped = "refused" if result.refused else "failed" if result.failed else ""
            found.steps.append(account)
            if not account.skipped:
                masked = step.action is Action.ANONYMIZE
                masks = Masks(self.judge, step, lambda *_: True) if masked else None
                account.unread = masks.unread if masks else ()
                self.steps.append((result, account, masks))
        self.left = [0] * len(self.steps)

    def look(self) -> None:
        """The whole table, or its first million rows."""
        query = scan_text(
            self.judge.plan, self.table.address, self.rows.columns, self.rows.asked_for
        )
        lines = self.table.rows(query)
        looked = 0
        while looked < MOST_ROWS and self.steps:
            page = list(islice(lines, PAGE))
            texts = self.rows.take(looked, page)
            keys = self.judge.page(self.table.address, self.rows.columns, texts)
            looked += len(page)
            for at in range(len(self.steps)):
                self._page(at, keys)
            if len(page) < PAGE:
                break
        for _, account, _ in self.steps:
            account.looked = looked
            account.rows = self.table.count(count_text()) if looked >= MOST_ROWS else looked
        self._findings()

    def _page(self, at: int, keys: Keys) -> None:
        result, account, masks = self.steps[at]
        step, plan = result.count.step, self.judge.plan
        freed = may_have_been_freed(plan, plan.steps.index(step), self.changes)
        due = self.judge.due(step, keys)
        if masks is not None:
            masks.look(account, freed, due)
            return
        stopped = self.judge.stopped(step, due)
        account.stopped += len(stopped)
        left = len(due - stopped)
        account.freed += left if freed else 0
        self.left[at] += 0 if freed else left

    def _findings(self) -> None:
        for left, (result, _, masks) in zip(self.left, self.steps, strict=True):
            step = result.count.step
            if masks is not None:
                self.found.findings += masks.findings()
            elif left:
                self.found.findings.append(Finding(Fault.DUE, step.table, left, step.rule))
