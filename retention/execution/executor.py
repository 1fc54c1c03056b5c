"""Carries out a Plan: step by step, window by window, every batch by the protocol."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain

from retention.databases.erasing.choosing import eraser_for
from retention.databases.erasing.walker import walker_for
from retention.databases.erasing.whole_partitions import WholePartition, partitions_first
from retention.databases.erasing.windows import Window
from retention.databases.faults import ConnectionLost, database_faults
from retention.databases.reading import reading
from retention.databases.state import tables_named
from retention.databases.taking import Taken
from retention.errors import DatabaseFailure, Interrupted
from retention.execution.accounts import StepCount, StepResult
from retention.execution.limits import Ruling, grown, refused_rules, stayed, why_refused
from retention.execution.pace import Pace
from retention.ledger.keys import KeyFolder
from retention.planning.plan import Action, Plan, Step
from retention.protocol.aside_batch import run_aside_batch, sets_aside
from retention.protocol.batch import PastLimit, Work, run_batch
from retention.protocol.opening import Clock, Opened
from retention.protocol.row_files import RowFiles


def unseen(*_: object) -> None:
    """Progress that nobody watches."""


@dataclass(frozen=True, slots=True)
class Watch:
    """What a run tells and asks while it works: progress, and whether a signal wants it to stop.

    Where databases are worked on side by side, `finished` tells how many of how many are done.
    `announced` hears a sentence before work that will hold its locks for long.
    """

    advanced: Callable[[Step, int, int], None]
    stopping: Callable[[], bool]
    interruption: Callable[[], Interrupted]
    finished: Callable[[int, int], None] = unseen
    announced: Callable[[str], None] = unseen


@dataclass(frozen=True, slots=True)
class Orders:
    """What the executor needs besides the plan: who runs it, tokens or not, keys, the time."""

    run_id: str
    tokens: str
    keys: KeyFolder
    now: Clock
    watch: Watch
    files: RowFiles | None = None


def execute(
    opened: Opened,
    plan: Plan,
    counts: list[StepCount],
    rulings: list[Ruling],
    orders: Orders,
    results: list[StepResult],
) -> None:
    """Every step that no limit refused, in the order of the plan; `results` grows as it goes.

    A rule that fails is skipped with its sentence; the others go on. Raises ConnectionLost, which
    ends the work on this database: the next run settles what was open.
    """
    refused = refused_rules(zip(counts, rulings, strict=True))
    reduced = plan.without(refused)
    failed: dict[str, str] = {}
    for count, ruling in zip(counts, rulings, strict=True):
        result = StepResult(count, refused=ruling.refused)
        results.append(result)
        if count.step.rule in refused:
            result.refused = why_refused(ruling)
            continue
        if count.step.rule in failed:
            result.failed = failed[count.step.rule]
            continue
        if count.due == 0 or orders.watch.stopping():
            continue
        plain_while = None if refused else still_plain(results)
        try:
            work = _work(opened, reduced, count.step, ruling, orders, plain_while)
            _carry_out(opened, reduced, result, ruling, work, orders.watch)
        except ConnectionLost as lost:
            result.failed = str(lost)
            raise
        except DatabaseFailure as failure:
            failed[count.step.rule] = result.failed = str(failure)


def keeps_tokens(plan: Plan, step: Step, rows: str) -> bool:
    """Tokens are kept where the rules alone could not repeat the erasure (`auto`)."""
    if step.action is Action.REMEMBER:
        return False
    if rows != "auto":
        return rows == "all"
    if step.action is Action.ANONYMIZE:
        return True
    return (
        step.clock is None
        or step.unit is not None
        or not step.clock.is_own
        or len(plan.lost_tables(step)) > 1
        or bool(plan.last_masks(step))
    )


def still_plain(results: list[StepResult]) -> int | None:
    """The version of the file in which plain comparisons find what the last step takes; None where an
    earlier one did more to its table than delete rows.
    """
    *earlier, last = results
    changed = {name for result in earlier for name in _changed_tables(result)}
    return None if last.count.step.table in changed else last.count.plain_while


def _changed_tables(result: StepResult) -> set[str]:
    """The tables in which a step did, or was to do, more than delete rows."""
    step = result.count.step
    found = {table for table, action in result.also if action != "delete"}
    if step.action is not Action.DELETE:
        found |= {step.table, step.restriction.move_to if step.restriction else step.table}
    return found


def _work(
    opened: Opened,
    plan: Plan,
    step: Step,
    ruling: Ruling,
    orders: Orders,
    plain_while: int | None,
) -> Work:
    """What every batch of the step needs."""
    tokens = keeps_tokens(plan, step, orders.tokens)
    forget = _is_spoken_of(opened, plan, step)
    files = orders.files if plan.files_gone(step) or plan.files_masked(step) else None
    eraser = eraser_for(
        plan,
        opened.database.dialect,
        step,
        orders.keys.pseudonym_key,
        keys=tokens or forget or files is not None,
        portion=ruling.most is not None,
        piece=ruling.piece,
        plain_while=plain_while,
    )
    return Work(
        step, eraser, tokens, forget, orders.run_id, plan.as_of, orders.keys, orders.now, files
    )


def _carry_out(
    opened: Opened, plan: Plan, result: StepResult, ruling: Ruling, work: Work, watch: Watch
) -> None:
    step, most, eraser = work.step, ruling.most, work.eraser
    if result.count.largest:
        rows = f"up to {result.count.largest:,} rows"
        watch.announced(f"{step.name}: the largest piece has {rows}, in one transaction")
    walker = walker_for(plan, opened.database.dialect, step, result.count.walk)
    started, pace = time.monotonic(), Pace()
    with database_faults(f"preparing {step.name}", opened.database.name):
        eraser.prepare(opened.connection)
        windows = chain(partitions_first(eraser), walker.windows(opened.connection))
    try:
        for window in _guarded(windows, opened, step):
            if watch.stopping():
                return
            begun = time.monotonic()
            remaining = None if most is None else most - _gone(result)
            room = None if ruling.ceiling is None else ruling.ceiling - _gone(result)
            if sets_aside(eraser, window):
                taken = run_aside_batch(opened, work, window, room)
            else:
                taken = run_batch(opened, work, window, remaining, room)
            _note(result, taken)
            if not isinstance(window, WholePartition):
                pace.adapt(walker, time.monotonic() - begun, taken.seconds)
            watch.advanced(step, result.done, result.count.due)
            if most is not None and _gone(result) >= most:
                return
    except PastLimit:
        result.refused = grown(step, result.count.leaving, _gone(result), ruling.broken)
    finally:
        result.seconds = time.monotonic() - started
    if result.too_large and ruling.piece is not None and step.limits.over_limit == "refuse":
        result.refused = stayed(step, result.too_large, ruling.piece)


def _gone(result: StepResult) -> int:
    """Rows of the step's own table that were dealt with, those that went along included."""
    return result.done + result.also.get((result.count.step.table, "delete"), 0)


def _is_spoken_of(opened: Opened, plan: Plan, step: Step) -> bool:
    """TRUE where holds, events or restrictions name rows of a table that the step takes from."""
    if not plan.lost_tables(step):
        return False
    with database_faults("reading our tables", opened.database.name), reading(opened.connection):
        named = tables_named(opened.connection)
    return bool(named & set(plan.lost_tables(step)))


def _guarded(windows: Iterator[Window], opened: Opened, step: Step) -> Iterator[Window]:
    """The windows, a driver error while looking for the next one told as ours."""
    while True:
        with database_faults(f"walking for {step.name}", opened.database.name):
            window = next(windows, None)
        if window is None:
            return
        yield window


def _note(result: StepResult, taken: Taken) -> None:
    step = result.count.step
    result.too_large += taken.too_large
    if not taken.rows:
        return
    result.batches += 1
    own = taken.due.get(step.table, 0) or taken.restricted.get(step.table, 0)
    result.done += own
    for action, counts in (
        ("delete", taken.erased),
        ("anonymize", taken.anonymized),
        ("detach", taken.detached),
    ):
        for table, count in counts.items():
            if (table, action) == (step.table, str(step.action)):
                count -= own if step.action is Action.DELETE else count
            if count:
                result.also[(table, action)] = result.also.get((table, action), 0) + count
