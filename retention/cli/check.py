"""check: is the policy right. Nothing here writes to a database."""

from functools import partial
from pathlib import Path

import typer

from retention.cli import console
from retention.cli.context import (
    DEFAULT_CONFIG,
    ConfigOption,
    Context,
    JobsOption,
    JsonOption,
    load_listed,
    now,
)
from retention.cli.requests import missing_members
from retention.errors import PolicyError, Problem, RetentionError, gravest


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(check)


def check(
    jobs: JobsOption = 1, config: ConfigOption = DEFAULT_CONFIG, json: JsonOption = False
) -> None:
    """Report all faults of the policy against the real schemas, each with its line and cure."""
    from retention.reports.many import alike

    context = _load_or_faults(config, json)
    problems, unreached = _problems(context, jobs)
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
    said = [*map(str, unreached), *missing_members(context)]
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


def _problems(context: Context, jobs: int) -> tuple[list[Problem], list[RetentionError]]:
    """What is wrong in any database, and which of many could not be looked at."""
    from retention.policies.tenants import is_member
    from retention.reports.many import gathered
    from retention.scheduler.dry_run import problems_of
    from retention.scheduler.looking import each_look
    from retention.scheduler.request import of_one

    found: dict[str, tuple[Problem, ...]] = {}
    unreached: list[RetentionError] = []
    ones = ((name, of_one(context.policy, name)) for name in context.policy.databases)
    looks = [(name, partial(problems_of, one, context.folder, name, now())) for name, one in ones]
    for name, seen in each_look(looks, jobs):
        if not isinstance(seen, RetentionError):
            found[name] = seen
        elif is_member(name):
            unreached.append(seen)
        else:
            raise seen
    return gathered(found), unreached


def _file_problems(context: Context) -> tuple[Problem, ...]:
    from retention.scheduler.checking import warnings_here
    from retention.scheduler.file_night import file_problems

    faults = file_problems(context.policy, context.folder, context.file)
    return *faults, *warnings_here(context.policy, context.folder)


def _lake_problems(context: Context) -> tuple[Problem, ...]:
    from retention.scheduler.lake_night import lake_faults

    return lake_faults(context.policy, context.folder, context.file, now())
