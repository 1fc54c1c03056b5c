"""restriction: rows that are there and may not be processed."""

from __future__ import annotations

from typing import Annotated

import typer

from retention.cli import console
from retention.cli.context import DEFAULT_CONFIG, ConfigOption, JsonOption, load_listed, now
from retention.cli.subjects import DatabaseOption, connected
from retention.errors import UsageError

restriction_app = typer.Typer(
    help="Restrictions: rows that are there and may not be processed.", no_args_is_help=True
)
TableArgument = Annotated[str, typer.Argument(metavar="TABLE", help="The row's table.")]
KeyArgument = Annotated[
    list[str], typer.Argument(metavar="KEY...", help="The row's key, column by column.")
]


@restriction_app.command("add")
def add(
    table: TableArgument,
    key: KeyArgument,
    reason: Annotated[str, typer.Option("--reason", help="Why; kept sealed in the ledger.")] = "",
    database: DatabaseOption = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Restrict one row at the person's own request (GDPR art. 18): it is not erased meanwhile."""
    from retention.scheduler.nightly import key_folder
    from retention.subjects.restrictions import place_request

    context = load_listed(config)
    if not reason.strip():
        raise UsageError("a restriction needs its --reason; nothing was restricted")
    with connected(context, database) as (found, connection, ledger):
        keys = key_folder(context.policy, context.folder)
        name = place_request(found, connection, ledger, keys, table, tuple(key), reason, now)
    console.data(name)


@restriction_app.command("list")
def list_(
    database: DatabaseOption = None, json: JsonOption = False, config: ConfigOption = DEFAULT_CONFIG
) -> None:
    """The restrictions in force, counted by table and rule; requests one by one. No keys."""
    from retention.subjects.restrictions import standing

    context = load_listed(config)
    with connected(context, database) as (found, connection, ledger):
        entries = standing(found, connection, ledger)
    counts: dict[tuple[str, str, bool], list[str]] = {}
    for entry in entries:
        counts.setdefault((entry.table, entry.rule, entry.at_request), []).append(entry.since)
    if json:
        listed = [
            {
                "table": table,
                "rule": None if asked else name,
                "request": name if asked else None,
                "rows": len(since),
                "since": min(since),
            }
            for (table, name, asked), since in counts.items()
        ]
        console.json_object({"schema": "retention.restrictions/1", "restrictions": listed})
        return
    for (table, name, asked), since in counts.items():
        rows = "at request" if asked else f"{len(since):,} row{'' if len(since) == 1 else 's'}"
        console.data(f"{name}  {table}  {rows}  since {min(since)[:10]}")
    if not counts:
        console.message("no entry of retention_restriction is in force")


@restriction_app.command("lift")
def lift_(
    table: TableArgument,
    key: KeyArgument,
    database: DatabaseOption = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """End every restriction of one row; rules that restricted it do not do so again."""
    from retention.subjects.restrictions import lift

    context = load_listed(config)
    with connected(context, database) as (found, connection, ledger):
        names = lift(found, connection, ledger, context.policy, table, tuple(key), now)
    console.data(f"lifted: {', '.join(names)}")


@restriction_app.command("view")
def view(
    table: TableArgument, database: DatabaseOption = None, config: ConfigOption = DEFAULT_CONFIG
) -> None:
    """The DDL of a view of the rows that may be processed; nothing is made."""
    from retention.subjects.restrictions import restricted_view

    context = load_listed(config)
    with connected(context, database) as (found, connection, _):
        console.data(restricted_view(found, connection, table))
