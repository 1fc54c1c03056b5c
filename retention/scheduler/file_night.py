"""The part of a night that belongs to no database: rules over files."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from retention.errors import PolicyError, Problem, RetentionError, UsageError
from retention.execution.accounts import StepCount, StepResult
from retention.execution.executor import Orders
from retention.execution.files import FilesDue, remove_due
from retention.execution.limits import Ruling, rule_on
from retention.execution.recounting.left_files import recount_files
from retention.execution.recounting.verdict import Recount
from retention.files.found import Place
from retention.files.places import LOCAL, check_address, open_place
from retention.ledger.entry import Kind
from retention.ledger.files import FileLedger
from retention.ledger.store import Ledger
from retention.planning.files import FILES, FileStep, file_rules, file_steps, problems_at
from retention.policies.file_patterns import FilePattern, parse_pattern
from retention.policies.policy import Policy
from retention.protocol.file_batch import settle_files
from retention.protocol.opening import Opened
from retention.protocol.row_files import RowFiles
from retention.scheduler.request import DatabaseNight, Request, key_folder, own_files


def file_night(
    request: Request, ledger: Ledger, run_id: str, chosen: frozenset[str]
) -> list[DatabaseNight]:
    """Every chosen rule over files; empty where the policy has none. Errors stop one rule each."""
    steps = [step for step in file_steps(request.policy, request.as_of) if step.step.rule in chosen]
    files = FileLedger(ledger)
    if not steps and not files.waiting(None):
        return []
    night = DatabaseNight(FILES)
    keys = key_folder(request.policy, request.folder)
    orders = Orders(run_id, request.policy.ledger.rows, keys, request.now, request.watch)
    try:
        _check(request.policy, request.folder, request.file)
        files.prepare()
        with keys.locked(FILES):
            place_of = partial(_place_of, request.folder)
            night.notes += settle_files(files, keys, run_id, request.now, place_of)
            night.recount = Recount(FILES)
            for step in steps:
                if not request.watch.stopping():
                    result = _one_rule(request, files, step, orders, night.recount)
                    night.results.append(result)
                    _written_down(ledger, request, run_id, result)
            if night.recount.steps:
                body = night.recount.body()
                ledger.append(Kind.RECOUNT, request.now(), run_id=run_id, body=body, durable=False)
    except RetentionError as error:
        night.error = error
    return [night]


def row_files(
    request: Request, opened: Opened, run_id: str, night: DatabaseNight
) -> RowFiles | None:
    """What a night does about files of rows, after what earlier nights left; None without any."""
    assert night.plan is not None
    files = FileLedger(opened.ledger)
    if not night.plan.files and not files.waiting(opened.database_id):
        return None
    if problems := problems_at(request.policy, _address_faults(request.policy)):
        raise PolicyError(request.file, problems)
    files.prepare()
    keys = key_folder(request.policy, request.folder)
    place_of = partial(_open, request.folder)
    found = RowFiles(
        files, night.plan.schema, night.plan.files, keys, run_id, request.now, place_of
    )
    night.files = found.done
    found.retry(opened)
    return found


def _open(folder: Path, scheme: str, root: str) -> Place:
    return open_place(scheme, root, folder)


def _one_rule(
    request: Request, files: FileLedger, step: FileStep, orders: Orders, recount: Recount
) -> StepResult:
    try:
        due = _due(request.folder, step)
        count = due.count()
        ruling = rule_on(count, request.allowed.get(step.step.rule))
        result = remove_due(files, due, count, ruling, orders, request.as_of)
        recount_files(request.policy, step, due.place, (result, ruling), recount)
        return result
    except RetentionError as error:
        return StepResult(StepCount(step.step), failed=str(error))


def _written_down(ledger: Ledger, request: Request, run_id: str, result: StepResult) -> None:
    if result.refused or result.failed:
        kind = Kind.RULE_REFUSED if result.refused else Kind.RULE_FAILED
        body = {"rule": result.count.step.rule, "why": result.refused or result.failed}
        ledger.append(kind, request.now(), run_id=run_id, body=body, durable=False)


def file_counts(
    request: Request,
) -> Iterator[tuple[str, tuple[StepCount, Ruling] | RetentionError]]:
    """The dry run of every rule over files, or of those asked for. Writes nothing."""
    for step in file_steps(request.policy, request.as_of):
        rule = step.step.rule
        if request.rules and rule not in request.rules:
            continue
        try:
            _check(request.policy, request.folder, request.file)
            count = _due(request.folder, step).count()
            yield rule, (count, rule_on(count, request.allowed.get(rule)))
        except RetentionError as error:
            yield rule, error


def file_problems(policy: Policy, folder: Path, file: str) -> tuple[Problem, ...]:
    """What is wrong with the places that rules name, on this machine."""
    faults: dict[tuple[str, str], str] = {}
    rules = list(file_rules(policy))
    own = own_files(policy, folder, file) if rules else []
    for rule in rules:
        assert rule.pattern is not None
        if fault := _fault(rule.pattern, folder, own):
            faults[(rule.name, "files")] = fault
    return problems_at(policy, faults | _address_faults(policy))


def _address_faults(policy: Policy) -> dict[tuple[str, str], str]:
    """Files of rows at addresses that nothing here reads: no row may go before they can follow."""
    faults = {}
    for rule in policy.rules.values():
        for template in rule.owned.values():
            try:
                check_address(template.scheme)
            except UsageError as error:
                faults[(rule.name, "files")] = str(error)
    return faults


def _fault(pattern: FilePattern, folder: Path, own: list[Path]) -> str:
    try:
        check_address(pattern.scheme)
    except UsageError as error:
        return str(error)
    if pattern.scheme not in LOCAL:
        return ""
    root = (folder / pattern.root).resolve()
    for path in own:
        if path.is_relative_to(root) and pattern.matches(path.relative_to(root).as_posix()):
            return (
                "the pattern takes a file this program works with: the policy, a database, the "
                "ledger or its keys; name another folder"
            )
    return ""


def _check(policy: Policy, folder: Path, file: str) -> None:
    problems = file_problems(policy, folder, file)
    if problems:
        raise PolicyError(file, problems)


def _due(folder: Path, step: FileStep) -> FilesDue:
    return FilesDue(step, open_place(step.pattern.scheme, step.pattern.root, folder))


def _place_of(folder: Path, pattern: str) -> Place:
    found = parse_pattern(pattern)
    return open_place(found.scheme, found.root, folder)
