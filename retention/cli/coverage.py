"""coverage: is everything that looks personal in a rule? Nothing here writes to a database."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
from retention.cli.forecasts import opened, screen
from retention.errors import PolicyError, RetentionError, StorageError, UsageError, gravest

if TYPE_CHECKING:
    from retention.answers.coverage import Asked, Survey
    from retention.planning.coverage import Finding
    from retention.scheduler.looking import Look


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(coverage)


def coverage(
    sample: Annotated[
        bool, typer.Option("--sample", help="Look at up to 1,000 rows of each table, too.")
    ] = False,
    baseline: Annotated[
        Path | None, typer.Option("--baseline", help="Known faults; only new ones fail.")
    ] = None,
    write_baseline: Annotated[
        Path | None, typer.Option("--write-baseline", help="Write the faults here as known.")
    ] = None,
    jobs: JobsOption = 1,
    json: JsonOption = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Is every column that looks personal in a rule, or declared not to be? Fit for CI."""
    from retention.answers.baseline import no_longer_there, told
    from retention.answers.coverage import Asked, coverage_object, entry_warnings
    from retention.answers.coverage_text import coverage_text
    from retention.cli.vocabulary import vocabulary

    context = load_listed(config)
    if baseline is not None and write_baseline is not None:
        raise UsageError("--baseline and --write-baseline exclude each other; nothing was done")
    known = _read(baseline) if baseline is not None else frozenset()
    asked = Asked(context.policy, context.file, now().replace(microsecond=0), vocabulary(), sample)
    surveys, notes, codes = _surveys(context, asked, jobs)
    faults = [fault for item in surveys for fault in item.coverage.findings()]
    if write_baseline is not None:
        known = frozenset(faults)
        if not codes:
            _write(write_baseline, known)
    gone = no_longer_there(asked, surveys, known)
    if not codes:
        schemas = [item.schema for item in surveys]
        notes += [found.render(context.file) for found in entry_warnings(asked, schemas)]
    notes += [f"{told(fault)}: no longer there; take it out of {baseline}" for fault in gone]
    if json:
        console.json_object(coverage_object(asked, surveys, known, gone, notes))
    else:
        console.data(coverage_text(asked, surveys, known, screen()))
        for note in notes:
            console.message(note)
    codes += [2] if set(faults) - known else []
    if codes:
        raise typer.Exit(gravest(codes))


def _surveys(
    context: Context, asked: "Asked", jobs: int
) -> "tuple[list[Survey], list[str], list[int]]":
    """Every database of the policy; the faults of the policy in all of them are told at once."""
    from retention.answers.coverage import as_families
    from retention.scheduler.looking import each_look

    surveys: list[Survey] = []
    notes: list[str] = []
    codes: list[int] = []
    wrong: list[PolicyError] = []
    for _, found in each_look(_looks(context, asked), jobs):
        if isinstance(found, PolicyError):
            wrong.append(found)
            continue
        errors = (found,) if isinstance(found, RetentionError) else found.unread
        notes += map(str, errors)
        codes += [error.exit_code for error in errors]
        if not isinstance(found, RetentionError):
            surveys.append(found)
    if wrong:
        problems = dict.fromkeys(problem for error in wrong for problem in error.problems)
        raise PolicyError(context.file, tuple(problems))
    return as_families(surveys), notes, codes


def _looks(context: Context, asked: "Asked") -> "list[Look[Survey]]":
    """At every database, then at every lake table."""
    from retention.scheduler.request import of_one

    looks: list[Look[Survey]] = []
    for name in context.policy.databases:
        policy = of_one(context.policy, name)
        one = replace(context, policy=policy), replace(asked, policy=policy)
        looks.append((name, partial(_survey, *one, name)))
    for address in context.policy.lake_tables:
        looks.append((address, partial(_lake_survey, context.folder, asked, address)))
    return looks


def _survey(context: Context, asked: "Asked", name: str) -> "Survey":
    from retention.answers.coverage import survey

    with opened(context, name) as (database, connection):
        return survey(database, connection, asked)


def _lake_survey(folder: Path, asked: "Asked", address: str) -> "Survey":
    from retention.answers.coverage import lake_survey
    from retention.lake.table import LakeTable

    return lake_survey(LakeTable(address, folder), asked)


def _read(path: Path) -> "frozenset[Finding]":
    from retention.answers.baseline import read_baseline

    try:
        return read_baseline(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as fault:
        raise StorageError(
            f"{path} cannot be read; nothing was looked at. Write a baseline with "
            "`retention coverage --write-baseline FILE`"
        ) from fault


def _write(path: Path, known: "frozenset[Finding]") -> None:
    from retention.answers.baseline import baseline_text

    try:
        path.write_text(baseline_text(known), encoding="utf-8")
    except OSError as fault:
        raise StorageError(f"{path} could not be written; the baseline is as it was") from fault
    console.message(f"{path}: {len(known):,} known fault{'' if len(known) == 1 else 's'}")
