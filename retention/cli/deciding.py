"""check, plan, schedule: what would happen, and when. Nothing here writes to a database."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from retention.cli import console
from retention.cli.context import (
    DEFAULT_CONFIG,
    ConfigOption,
    Context,
    JsonOption,
    instant,
    load,
    load_listed,
    now,
)
from retention.cli.requests import request_for
from retention.errors import (
    GRAVEST_FIRST,
    PolicyError,
    Problem,
    RetentionError,
    StorageError,
    gravest,
)

if TYPE_CHECKING:
    from retention.execution.accounts import StepCount
    from retention.execution.limits import Ruling
    from retention.scheduler.dry_run import Preview

RuleOption = Annotated[
    list[str] | None, typer.Option("--rule", help="Only this rule; may be repeated.")
]


FullOption = Annotated[
    bool, typer.Option("--full", help="Count what is not due in large tables, too.")
]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(check)
    app.command()(plan)
    app.command()(schedule)


def check(config: ConfigOption = DEFAULT_CONFIG, json: JsonOption = False) -> None:
    """Report all faults of the policy against the real schemas, each with its line and cure."""
    from retention.reports.many import alike

    context = _load_or_faults(config, json)
    problems, unreached = _problems(context)
    problems += _file_problems(context)
    problems += _lake_problems(context)
    errors = [problem for problem in problems if problem.severity == "error"]
    if json:
        console.json_object(_check_object(context.file, problems))
    else:
        for problem in problems:
            console.message(problem.render(context.file))
        if not errors and not unreached:
            rules = len(context.policy.rules)
            console.data(f"{context.file}: {rules} rules, no faults")
    said = [*map(str, unreached), *_missing_members(context)]
    for message in alike(said, context.policy.families):
        console.message(message)
    codes = [error.exit_code for error in unreached] + [2 for _ in errors[:1]]
    if codes:
        raise typer.Exit(gravest(codes))


def _load_or_faults(config: Path, json: bool) -> Context:
    try:
        return load_listed(config)
    except PolicyError as error:
        if json:
            console.json_object(_check_object(error.file, list(error.problems)))
            raise typer.Exit(2) from None
        raise


def _check_object(file: str, problems: list[Problem]) -> dict[str, object]:
    return {
        "schema": "retention.check/1",
        "file": file,
        "problems": [
            {
                "line": problem.line,
                "path": problem.path,
                "severity": problem.severity,
                "message": problem.message,
                "statement": problem.statement or None,
            }
            for problem in problems
        ],
    }


def _problems(context: Context) -> tuple[list[Problem], list[RetentionError]]:
    """What is wrong in any database, and which of many could not be looked at."""
    from retention.policies.tenants import is_member
    from retention.reports.many import gathered
    from retention.scheduler.dry_run import problems_of

    found: dict[str, tuple[Problem, ...]] = {}
    unreached: list[RetentionError] = []
    for name in context.policy.databases:
        try:
            found[name] = problems_of(context.policy, context.folder, name, now())
        except RetentionError as error:
            if not is_member(name):
                raise
            unreached.append(error)
    return gathered(found), unreached


def _missing_members(context: Context) -> list[str]:
    """What is to be said of databases that left the lists of the policy."""
    from retention.scheduler.nightly import ledger_of
    from retention.scheduler.vanished import vanished

    if not context.policy.listed:
        return []
    try:
        ledger = ledger_of(context.policy, context.folder)
    except StorageError:
        return []
    nights = vanished(request_for(context, now(), None), ledger)
    return [str(night.error) if night.error else night.notes[0] for night in nights]


def _file_problems(context: Context) -> tuple[Problem, ...]:
    from retention.scheduler.checking import warnings_here
    from retention.scheduler.file_night import file_problems

    faults = file_problems(context.policy, context.folder, context.file)
    return *faults, *warnings_here(context.policy, context.folder)


def _lake_problems(context: Context) -> tuple[Problem, ...]:
    from retention.scheduler.lake_night import lake_faults

    return lake_faults(context.policy, context.folder, context.file, now())


def plan(
    rule: RuleOption = None,
    at: Annotated[str | None, typer.Option("--at", help="As of this instant or day.")] = None,
    json: JsonOption = False,
    sql: Annotated[bool, typer.Option("--sql", help="Print the statements of each step.")] = False,
    full: FullOption = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """The dry run: how many rows are due under each rule, why, and what goes with them."""
    from retention.cli.shown import plan_text
    from retention.planning.files import FILES
    from retention.reports.many import alike
    from retention.reports.report import plan_object
    from retention.scheduler.dry_run import copies_then, counts_only
    from retention.scheduler.file_night import file_counts
    from retention.scheduler.lake_night import lake_counts

    context = load_listed(config)
    request = request_for(context, instant(at, context.policy, future=True), rule, full=full)
    bodies, notes, codes = [], [], []
    for name in context.policy.databases:
        try:
            found = counts_only(request, name)
        except RetentionError as error:
            notes.append(str(error))
            codes.append(error.exit_code)
            continue
        if sql:
            _print_sql(found.plan)
            continue
        bodies += _bodies(name, found, rule)
        notes += found.notes
    for name, of_files in file_counts(request) if not sql else ():
        if isinstance(of_files, RetentionError):
            notes.append(f"{name}: {of_files}")
            codes.append(of_files.exit_code)
            continue
        bodies.append(_body(FILES, *of_files))
    for address, of_lake in lake_counts(request):
        if isinstance(of_lake, RetentionError):
            notes.append(str(of_lake))
            codes.append(of_lake.exit_code)
            continue
        if sql:
            _print_sql(of_lake.plan)
            continue
        bodies += _bodies(address, of_lake, rule)
        notes += of_lake.notes
    notes += _missing_members(context)
    copies = (
        []
        if sql
        else copies_then(context.policy, context.folder, request.as_of, now(), _taken(bodies))
    )
    if json:
        sha = context.policy.sha256
        console.json_object(plan_object(request.as_of, sha, bodies, notes, copies))
    elif not sql:
        console.data(plan_text(bodies, request.as_of, context.policy.timezone, copies))
    for note in [] if json else alike(notes, context.policy.families):
        console.message(note)
    if codes:
        raise typer.Exit(gravest([code for code in codes if code in GRAVEST_FIRST]))


def _bodies(place: str, found: Preview, rules: list[str] | None) -> list[dict[str, Any]]:
    """The counts of one database, and what its floors keep."""
    from retention.reports.report import floor_bodies

    counted = zip(found.counts, found.rulings, strict=True)
    bodies = [_body(place, count, ruling) for count, ruling in counted]
    floors = floor_bodies(found.plan, found.kept)
    return bodies + [body for body in floors if not rules or body["rule"] in rules]


def _body(place: str, count: StepCount, ruling: Ruling) -> dict[str, Any]:
    """One count as `plan` tells it, with what its limit would say."""
    from retention.reports.report import count_body

    body = count_body(place, count) | {"limit": ruling.refused or None, "portion": ruling.most}
    return body | {"walk": count.walk.described if count.walk else None}


def _taken(bodies: list[dict[str, Any]]) -> dict[str, int]:
    """Rows that a night would take or mask, by database."""
    found: dict[str, int] = {}
    for body in bodies:
        if body["action"] in ("delete", "anonymize") and not body.get("limit"):
            found[body["database"]] = found.get(body["database"], 0) + body["due"]
    return found


def _print_sql(found: object) -> None:
    from retention.databases.statements.explaining import statements_of
    from retention.planning.plan import Plan

    assert isinstance(found, Plan)
    for text in statements_of(found):
        console.data(text)


def schedule(config: ConfigOption = DEFAULT_CONFIG, json: JsonOption = False) -> None:
    """When each rule ran and runs next; a crontab line and a systemd timer ready to paste."""
    import shlex

    from retention.cli.shown import schedule_text
    from retention.errors import StorageError
    from retention.scheduler.nightly import ledger_of
    from retention.scheduler.timing import decisions, last_runs

    context = load(config)
    present = now().replace(microsecond=0)
    try:
        ledger = ledger_of(context.policy, context.folder)
    except StorageError:
        ledger = None
    last = last_runs(ledger) if ledger else {}
    found = decisions(context.policy, ledger, present)
    if json:
        console.json_object(_schedule_object(context, last, found))
        return
    console.data(schedule_text(context.policy, last, found))
    command = shutil.which("retention") or sys.argv[0]
    console.data(_install_text(context, shlex.quote(str(Path(command).resolve())), config))


def _schedule_object(context: Context, last: dict, found: dict) -> dict[str, object]:  # type: ignore[type-arg]
    from retention.reports.report import stamp

    return {
        "schema": "retention.schedule/1",
        "rules": [
            {
                "rule": name,
                "schedule": context.policy.schedule_of(context.policy.rules[name]),
                "last_run": stamp(last.get(name)),
                "next_run": stamp(decision.next_run),
                "due": decision.due,
                "missed": decision.missed,
                "late_seconds": int(decision.late_by.total_seconds()),
                "why": decision.reason,
            }
            for name, decision in found.items()
        ],
    }


def _install_text(context: Context, command: str, config: Path) -> str:
    from retention.scheduler.install import crontab_line, systemd_units

    written = context.policy.schedule or "0 3 * * *"
    zone = context.policy.timezone
    path = str(config.resolve())
    parts = ["# crontab", crontab_line(written, zone, f"{command} run", path)]
    try:
        units = systemd_units(written, zone, f"{command} run", path, "retention")
    except ValueError as fault:
        return "\n".join([*parts, f"# systemd: {fault}"])
    for name, text in units.items():
        parts += ["", f"# /etc/systemd/system/{name}", text.rstrip()]
    return "\n".join(parts)
