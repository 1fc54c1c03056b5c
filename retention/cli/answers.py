"""explain: one row's whole story. Nothing here writes to a database."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from retention.cli import console
from retention.cli.context import (
    DEFAULT_CONFIG,
    ConfigOption,
    Context,
    JsonOption,
    instant,
    known_databases,
    known_lake_table,
    load_listed,
)
from retention.errors import StorageError, UsageError

if TYPE_CHECKING:
    from retention.answers.explain import Books
    from retention.answers.row_rules import Asked
    from retention.answers.row_story import Story


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(explain)


def explain(
    table: Annotated[str, typer.Argument(help="The row's table.")],
    key: Annotated[
        list[str],
        typer.Argument(
            metavar="KEY...",
            help="The row's key, a value each column; of a lake table COLUMN=VALUE.",
        ),
    ],
    database: Annotated[
        str | None, typer.Option("--database", help="Which database, where there are several.")
    ] = None,
    at: Annotated[str | None, typer.Option("--at", help="As of this instant or day.")] = None,
    sql: Annotated[
        bool, typer.Option("--sql", help="Print the statements that were asked.")
    ] = False,
    json: JsonOption = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """One row's story: why it is here, when it goes, what goes with it, what proves it is gone."""
    from retention.answers.row_object import explain_object
    from retention.answers.row_screen import Screen

    context = load_listed(config)
    as_of = instant(at, context.policy, future=True)
    story = _story(context, database, table, tuple(key), as_of)
    if json:
        found = explain_object(story)
        console.json_object(found | ({"statements": list(story.statements)} if sql else {}))
        return
    if sql:
        console.data("\n\n".join(story.statements))
        return
    console.data(Screen(console.width(), context.policy.timezone).explain(story))
    for note in story.notes:
        console.message(note)


def _story(
    context: Context, database: str | None, table: str, key: tuple[str, ...], as_of: datetime
) -> "Story":
    from retention.answers.explain import explain as tell
    from retention.answers.explain import explain_lake_row
    from retention.cli.forecasts import opened
    from retention.lake.table import LakeTable
    from retention.policies.lake_tables import is_lake

    books = _books(context)
    asked = _asked(context, books, table, key, as_of)
    if is_lake(table):
        known_lake_table(context, table)
        return explain_lake_row(asked, LakeTable(table, context.folder), books)
    with opened(context, _database(context, database)) as (found, connection):
        return tell(asked, found, connection, books)


def _asked(
    context: Context, books: "Books", table: str, key: tuple[str, ...], as_of: datetime
) -> "Asked":
    from retention.answers.row_rules import Asked
    from retention.answers.row_story import NextRun
    from retention.scheduler.due import next_due
    from retention.scheduler.timing import decisions

    policy = context.policy
    found = decisions(policy, books.ledger, as_of)
    runs = {rule: NextRun(item.due, item.next_run) for rule, item in found.items()}

    def first_run(rule: str, moment: datetime) -> datetime | None:
        schedule = policy.schedule_of(policy.rules[rule])
        if schedule is None:
            return None
        return next_due(schedule, policy.timezone, moment - timedelta(seconds=1))

    return Asked(policy, table, key, as_of, runs, first_run)


def _database(context: Context, name: str | None) -> str:
    known = context.policy.databases
    if name is None and len(known) > 1:
        raise UsageError(
            f"name one of {known_databases(context)} with --database; nothing was looked up"
        )
    chosen = name or next(iter(known))
    if chosen not in known:
        raise UsageError(f"there is no [databases.{chosen}]; known: {known_databases(context)}")
    return chosen


def _books(context: Context) -> "Books":
    from retention.answers.explain import Books
    from retention.scheduler.nightly import key_folder, ledger_of

    keys = key_folder(context.policy, context.folder)
    try:
        return Books(ledger_of(context.policy, context.folder), keys)
    except StorageError as fault:
        return Books(None, keys, str(fault))
