"""forecast, diff, promises, schema: questions about the policy. Nothing here writes anything."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from retention.cli import console
from retention.cli.context import (
    DEFAULT_CONFIG,
    ConfigOption,
    Context,
    JsonOption,
    RuleOption,
    instant,
    load,
    load_listed,
    require_listed,
)
from retention.cli.requests import known_rules
from retention.errors import LakeFailure, PolicyError, RetentionError, UsageError, gravest

if TYPE_CHECKING:
    from retention.answers.charts import Screen
    from retention.answers.difference import Compared, File
    from retention.answers.forecast import Asked, Outlook
    from retention.databases.database import Connection, Database
    from retention.planning.plan import Plan

AtOption = Annotated[str | None, typer.Option("--at", help="As of this instant or day.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(forecast)
    app.command()(diff)
    app.command()(promises)
    app.command()(schema)


def forecast(
    weeks: Annotated[
        int, typer.Option("--weeks", min=1, max=156, help="How many weeks ahead.")
    ] = 52,
    rule: RuleOption = None,
    at: AtOption = None,
    json: JsonOption = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """How many rows fall due under each rule in the weeks to come, if nothing stops them."""
    from retention.answers.charts import forecast_text
    from retention.answers.forecast import Asked, forecast_object, of_families

    context = load_listed(config)
    known_rules(context, rule or [])
    as_of = instant(at, context.policy, future=True)
    asked = Asked(context.policy, context.file, as_of, weeks, frozenset(rule or ()))
    outlooks, notes, codes = [], [], []
    for told, look in _looks(context, asked):
        try:
            outlooks += look()
        except RetentionError as error:
            notes.append(f"{told}{error}")
            codes.append(error.exit_code)
    if json:
        console.json_object(forecast_object(asked, outlooks, notes))
    else:
        console.data(forecast_text(asked, of_families(outlooks), screen()))
    _end(notes, codes, json)


def _looks(context: Context, asked: "Asked") -> "Iterator[tuple[str, Callable[[], list[Outlook]]]]":
    """Every place a forecast looks at, and how a note about it begins: databases, files, lakes."""
    from retention.answers.forecast_files import forecast_of_files
    from retention.planning.files import file_rules

    for name in context.policy.databases:
        yield "", partial(_of_database, context, asked, name)
    for found in file_rules(context.policy):
        if not asked.rules or found.name in asked.rules:
            yield f"{found.name}: ", partial(forecast_of_files, asked, context.folder, found.name)
    chosen = (rule for rule in context.policy.rules.values() if rule.of_lake)
    tables = (rule.table for rule in chosen if not asked.rules or rule.name in asked.rules)
    for address in dict.fromkeys(tables):
        yield "", partial(_of_lake, context, asked, address)


def _of_database(context: Context, asked: "Asked", name: str) -> "list[Outlook]":
    from retention.answers.forecast import forecast as forecast_of

    with opened(context, name) as (database, connection):
        return forecast_of(database, connection, asked)


def _of_lake(context: Context, asked: "Asked", address: str) -> "list[Outlook]":
    from retention.answers.forecast_lake import forecast_of_lake
    from retention.lake.table import LakeTable

    return forecast_of_lake(asked, LakeTable(address, context.folder))


def diff(
    old: Annotated[Path, typer.Argument(metavar="OLD", help="The policy as it was.")],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="The policy as it would be.")],
    at: AtOption = None,
    json: JsonOption = False,
) -> None:
    """What another policy says differently, and which rows would go tonight that would not now."""
    from retention.answers.difference import File, diff_object
    from retention.answers.difference_text import diff_text
    from retention.answers.wording import changes

    before, after = _both(old, new)
    as_of = instant(at, after.policy, future=True)
    rows, notes = _compared(before, after, as_of)
    files = File(before.policy, before.file), File(after.policy, after.file)
    found = changes(before.policy, after.policy, as_of)
    if json:
        console.json_object(diff_object(*files, as_of, found, rows, notes))
        return
    console.data(diff_text(*files, as_of, found, rows, screen()))
    _end(notes, [], json)


def promises(config: ConfigOption = DEFAULT_CONFIG, json: JsonOption = False) -> None:
    """Each sentence of the privacy policy, the rules that keep it, and what their last run did."""
    from retention.answers.promises import promises as promises_of
    from retention.answers.promises import promises_object, promises_text

    context = load(config)
    found = promises_of(context.policy, _run_bodies(context))
    if json:
        console.json_object(promises_object(context.policy, found))
    else:
        console.data(promises_text(context.policy, found, screen()))


def schema() -> None:
    """The JSON Schema of policies.toml, for editors that complete and check as one types."""
    from retention.answers.policy_schema import policy_schema

    console.json_object(policy_schema())


def _both(old: Path, new: Path) -> tuple[Context, Context]:
    """Both files parsed; UsageError with the faults of both."""
    contexts, errors = [], []
    for path in (old, new):
        try:
            contexts.append(load(path))
        except PolicyError as error:
            errors.append(error)
    _refused(errors)
    before, after = contexts
    return before, require_listed(after)


def _compared(old: Context, new: Context, as_of: datetime) -> "tuple[Compared, list[str]]":
    """The rows of all databases of the new policy, and of the lake tables of both.

    Raises UsageError with the faults of both files.
    """
    from retention.answers.difference import Compared, File, compared, on_databases_of, planned

    moved, notes = on_databases_of(old.policy, new.policy)
    files = File(moved, old.file), File(new.policy, new.file)
    rows, errors = Compared([], []), list[PolicyError]()
    for name in new.policy.databases:
        with opened(new, name) as (database, connection):
            plans = _plans(files, partial(planned, database, connection, as_of=as_of), errors)
            if not errors:
                rows.add(compared(database, connection, *plans))
    notes += _compare_lakes(new, files, as_of, rows, errors)
    _refused(errors)
    return rows, notes


def _compare_lakes(
    new: Context,
    files: "tuple[File, File]",
    as_of: datetime,
    rows: "Compared",
    errors: list[PolicyError],
) -> Iterator[str]:
    """The same for the lake tables, where the new policy would find them; what is not counted."""
    from retention.answers.difference_lake import compared_in_lake, planned_in_lake
    from retention.lake.table import LakeTable
    from retention.scheduler.request import key_folder, made_ledger
    from retention.subjects.lake_holds import held_in

    wanted = new.policy.lake_tables
    for address in dict.fromkeys((*wanted, *files[0].policy.lake_tables)):
        try:
            table = LakeTable(address, new.folder)
        except LakeFailure:
            if address in wanted:
                raise
            yield (
                f"{address}: only the old policy names it, and it cannot be read; "
                "its rows are not counted"
            )
            continue
        ledger, keys = made_ledger(new.policy, new.folder), key_folder(new.policy, new.folder)
        held = held_in(table, ledger, keys)
        plans = _plans(files, partial(planned_in_lake, table, held, as_of=as_of), errors)
        if not errors:
            rows.add(compared_in_lake(table, *plans))


def _plans(
    files: "tuple[File, File]", plan: "Callable[[File], Plan]", errors: list[PolicyError]
) -> "list[Plan]":
    """The plans of both files; the faults of each are added to `errors`."""
    found = []
    for file in files:
        try:
            found.append(plan(file))
        except PolicyError as error:
            errors.append(error)
    return found


def _refused(errors: list[PolicyError]) -> None:
    from retention.answers.difference import faults_of

    if errors:
        raise UsageError(faults_of(errors))


@contextmanager
def opened(context: Context, name: str) -> "Iterator[tuple[Database, Connection]]":
    """One database of the policy, for reading only."""
    from retention.connections import engine_for
    from retention.databases.database import Database

    engine = engine_for(context.policy.databases[name].url, name, context.folder)
    database = Database(name, engine)
    with database.connected(read_only=True) as connection:
        yield database, connection


def _run_bodies(context: Context) -> Iterator[dict[str, Any]]:
    """Runs as reports read them, newest first: those that carried out a rule not met before."""
    from retention.reports.reading import run_body
    from retention.scheduler.request import known_ledger

    ledger = known_ledger(context.policy, context.folder)
    if ledger is None:
        return
    met: set[str] = set()
    for run in ledger.runs(1_000):
        steps = run.finished.body.get("steps") if run.finished else None
        listed = steps if isinstance(steps, list) else []
        rules = {str(step["rule"]) for step in listed if isinstance(step, dict)}
        if run.finished is None or rules - met:
            yield run_body(ledger, run.run_id)
        met |= rules


def _end(notes: list[str], codes: list[int], json: bool) -> None:
    for note in [] if json else notes:
        console.message(note)
    if codes:
        raise typer.Exit(gravest(codes))


def screen() -> "Screen":
    """The terminal as it is: plain ASCII for NO_COLOR, TERM=dumb and whatever is not UTF-8."""
    from retention.answers.charts import Screen

    encoding = (sys.stdout.encoding or "").lower().replace("-", "")
    asked = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
    return Screen(console.width(), asked or encoding != "utf8")
