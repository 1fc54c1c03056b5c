"""Rules over files, shown and carried out: the same counts, limits and results as for rows."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime

from retention.execution.accounts import FileCount, StepCount, StepResult
from retention.execution.executor import Orders
from retention.execution.limits import Ruling
from retention.files.found import UNREAD, Found, PassedOver, Place
from retention.ledger.files import FileLedger
from retention.planning.files import FileOutcome, FileStep
from retention.protocol.file_batch import FilesDone, FileWork, run_file_batch

BATCH = 500
"""Files announced by one entry of the ledger: each costs one flush to its disk."""


@dataclass(frozen=True, slots=True)
class FilesDue:
    """One step over the place its files lie in."""

    step: FileStep
    place: Place

    def count(self) -> StepCount:
        """Every file that matches, by what becomes of it; FileFailure where none can be read."""
        outcomes: Counter[FileOutcome] = Counter()
        passed: Counter[str] = Counter()
        size, oldest = 0, None
        for found in self.place.walk(self.step.pattern):
            if isinstance(found, PassedOver):
                passed[_words(found)] += 1
                continue
            outcome = self.step.outcome(found.name, found.modified)
            outcomes[outcome] += 1
            if outcome is FileOutcome.DUE:
                size += found.size
                oldest = _earlier(oldest, self.step.day(found.name, found.modified))
        return StepCount(
            self.step.step,
            outcomes[FileOutcome.DUE],
            outcomes[FileOutcome.NOT_STARTED],
            outcomes[FileOutcome.UNDECIDABLE],
            outcomes[FileOutcome.RUNNING],
            rows=outcomes.total(),
            files=FileCount(size, oldest, dict(passed)),
        )

    def due(self) -> Iterator[Found]:
        """The files that are due, in the order of their paths."""
        outcome = self.step.outcome
        for found in self.place.walk(self.step.pattern):
            if isinstance(found, PassedOver):
                continue
            if outcome(found.name, found.modified) is FileOutcome.DUE:
                yield found


def _words(found: PassedOver) -> str:
    return f"{found.what} ({found.code})" if found.code else found.what


def _earlier(one: date | None, other: date | None) -> date | None:
    return min(filter(None, (one, other)), default=None)


def remove_due(
    files: FileLedger,
    due: FilesDue,
    count: StepCount,
    ruling: Ruling,
    orders: Orders,
    as_of: datetime,
) -> StepResult:
    """Carry one step out, unless a limit refused it."""
    result = StepResult(count, refused=ruling.refused)
    if ruling.refused or not count.due:
        result.failed = "" if ruling.refused else _failure(result)
        return result
    work = FileWork(due.step, due.place, orders.run_id, as_of, orders.keys, orders.now)
    started = time.monotonic()
    for batch in _batches(due.due(), ruling.most):
        if orders.watch.stopping():
            break
        _note(result, run_file_batch(files, work, batch))
        orders.watch.advanced(count.step, result.done, count.due)
    result.seconds = time.monotonic() - started
    result.failed = _failure(result)
    return result


def _batches(found: Iterable[Found], most: int | None) -> Iterator[list[Found]]:
    batch: list[Found] = []
    for number, file in enumerate(found, start=1):
        batch.append(file)
        full = number == most
        if full or len(batch) == BATCH:
            yield batch
            batch = []
        if full:
            return
    if batch:
        yield batch


def _note(result: StepResult, done: FilesDone) -> None:
    result.batches += 1
    # a file that somebody else removed meanwhile is gone all the same
    result.done += done.removed + done.absent
    files = result.files
    files.bytes += done.bytes
    files.linked += done.linked
    files.changed += done.changed
    for code, count in done.failed.items():
        files.failed[code] = files.failed.get(code, 0) + count


def _failure(result: StepResult) -> str:
    """Why the rule has not done all it should, in a sentence; no path."""
    parts = []
    if result.files.failed:
        codes = ", ".join(f"{code} {count:,}" for code, count in result.files.failed.items())
        total = sum(result.files.failed.values())
        parts.append(f"{total:,} files could not be removed ({codes}); the next run tries again")
    passed = result.count.files.passed_over if result.count.files else {}
    unread = sum(count for words, count in passed.items() if words.startswith(UNREAD))
    if unread:
        parts.append(f"{unread:,} folders could not be read: what lies in them was not looked at")
    return ". ".join(parts)
