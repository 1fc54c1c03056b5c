"""After a run, an independent look at the folders of rules over files: is a file left that is due?

The folders are walked and patterns matched anew, each time is walked forwards through the calendar.
Objects of other machines are listed by the same library; nothing else is shared with the run.
"""

from __future__ import annotations

import fnmatch
import os
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from retention.errors import FileFailure
from retention.execution.accounts import StepResult
from retention.execution.limits import Ruling
from retention.execution.recounting.times import DueDates, Mark, Start
from retention.execution.recounting.verdict import Fault, Finding, Recount, StepRecount
from retention.files.found import Found, Place
from retention.files.local import LocalFiles
from retention.planning.files import FileStep
from retention.policies.file_patterns import ANY_DEPTH, day_of
from retention.policies.policy import Policy

MOST_FILES = 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Dated = tuple[str, datetime | None]


def recount_files(
    policy: Policy, step: FileStep, place: Place, done: tuple[StepResult, Ruling], found: Recount
) -> None:
    """Look at one rule's folder again, where it had something to do; what is left is a finding."""
    result, ruling = done
    if not result.count.due:
        return
    account = StepRecount(step.step.rule, str(step.step.action), step.step.table)
    found.steps.append(account)
    account.skipped = _why_not(result, ruling)
    if account.skipped:
        return
    started = time.monotonic()
    try:
        left = _left(policy, step, place, account)
    except (OSError, FileFailure) as error:
        account.skipped = f"the folder could not be read again ({type(error).__name__})"
        return
    finally:
        found.milliseconds += round((time.monotonic() - started) * 1000)
    if left:
        found.findings.append(Finding(Fault.DUE, step.step.table, left, step.step.rule))


def _why_not(result: StepResult, ruling: Ruling) -> str:
    if result.refused or result.failed:
        return "refused" if result.refused else "failed"
    if result.files.changed:
        return "files changed while it ran"
    return "a portion only" if ruling.most is not None else ""


def _left(policy: Policy, step: FileStep, place: Place, account: StepRecount) -> int:
    is_due = by_calendar(policy, step)
    left = 0
    for name, modified in _listed(step, place):
        account.rows += 1
        if account.looked < MOST_FILES:
            account.looked += 1
            left += is_due(name, modified)
    return left


def by_calendar(policy: Policy, step: FileStep) -> Callable[[str, datetime | None], bool]:
    """Whether a file of that name and time is due: the calendar walked forwards."""
    rule = policy.rules[step.step.rule]
    assert rule.delete_after is not None
    ((_, items),) = rule.delete_after.choices
    dates = DueDates(policy.term(rule, items), step.now.instant)

    def is_due(name: str, modified: datetime | None) -> bool:
        start = _start(step, name, modified)
        return not isinstance(start, Mark) and dates.over(start)

    return is_due


def _start(step: FileStep, name: str, modified: datetime | None) -> Start:
    try:
        start = modified if step.by_name is None else step.by_name.read(name, step.zone)
        early = start is not None and day_of(start, step.zone) < step.earliest_plausible
    except (ValueError, OverflowError):
        return Mark.UNDECIDABLE
    return Mark.MISSING if start is None or early else start


def _listed(step: FileStep, place: Place) -> Iterator[Dated]:
    if isinstance(place, LocalFiles):
        yield from _local(place.root, step.pattern.parts)
        return
    for found in place.walk(step.pattern):
        if isinstance(found, Found):
            yield found.name, found.modified


def _local(root: Path, parts: tuple[str, ...]) -> Iterator[Dated]:
    """Regular files below the root whose path fits, links followed nowhere."""
    deepest = None if ANY_DEPTH in parts else len(parts)
    for folder, folders, files in os.walk(root, onerror=_raised, followlinks=False):
        below = Path(folder).relative_to(root).parts
        if deepest is not None and len(below) + 1 >= deepest:
            folders.clear()
        for name in files:
            path = Path(folder, name)
            if not fits((*below, name), parts) or path.is_symlink() or not path.is_file():
                continue
            yield name, _EPOCH + timedelta(microseconds=path.stat().st_mtime_ns // 1000)


def fits(names: tuple[str, ...], parts: tuple[str, ...]) -> bool:
    """TRUE where a path fits a pattern, both taken apart at their slashes."""
    if not parts:
        return not names
    if parts[0] == ANY_DEPTH:
        return any(fits(names[skipped:], parts[1:]) for skipped in range(len(names) + 1))
    return bool(names) and fnmatch.fnmatchcase(names[0], parts[0]) and fits(names[1:], parts[1:])


def _raised(error: OSError) -> None:
    raise error
