"""restriction: rows that are there and may not be processed."""

from typing import TYPE_CHECKING, Annotated

import typer

from retention.cli import console
from retention.cli.context import DEFAULT_CONFIG, ConfigOption, JsonOption, load_listed, now
from retention.cli.subjects import DatabaseOption, connected
from retention.errors import UsageError

if TYPE_CHECKING:
    from retention.databases.state import Restricted
    from retention.ledger.holds import Hold

restriction_app = typer.Typer(
    help="Restrictions: rows that are there and may not be processed.", no_args_is_help=True
)
TableArgument = Annotated[str, typer.Argument(metavar="TABLE", help="The row's table.")]
KeyArgument = Annotated[
    list[str],
    typer.Argument(
        metavar="KEY...", help="The row's key, column by column; of a lake table COLUMN=VALUE."
    ),
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
    from retention.cli.lake_holds import add_lake_request
    from retention.policies.lake_tables import is_lake
    from retention.scheduler.nightly import key_folder
    from retention.subjects.restrictions import place_request

    context = load_listed(config)
    if not reason.strip():
        raise UsageError("a restriction needs its --reason; nothing was restricted")
    if is_lake(table):
        console.data(add_lake_request(context, table, key, reason))
        return
    with connected(context, database) as (found, connection, ledger):
        keys = key_folder(context.policy, context.folder)
        name = place_request(found, connection, ledger, keys, table, tuple(key), reason, now)
    console.data(name)


@restriction_app.command("list")
def list_(
    database: DatabaseOption = None, json: JsonOption = False, config: ConfigOption = DEFAULT_CONFIG
) -> None:
    """The restrictions in force, counted by table and rule; requests one by one. No keys."""
    from retention.cli.lake_holds import lake_requests_of
    from retention.policies.lake_tables import is_lake
    from retention.subjects.restrictions import standing

    context = load_listed(config)
    entries: list[Restricted] = []
    if database is not None and is_lake(database):
        requests = lake_requests_of(context, database)
    else:
        with connected(context, database) as (found, connection, ledger):
            entries = standing(found, connection, ledger)
        requests = lake_requests_of(context) if database is None else []
    _show_list(entries, requests, json)


def _show_list(entries: "list[Restricted]", requests: "list[Hold]", json: bool) -> None:
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
        listed += [
            {
                "table": request.table,
                "rule": None,
                "request": request.hold_id,
                "rows": None,
                "since": f"{request.placed_at:%Y-%m-%dT%H:%M:%SZ}",
            }
            for request in requests
        ]
        console.json_object({"schema": "retention.restrictions/1", "restrictions": listed})
        return
    for (table, name, asked), since in counts.items():
        rows = "at request" if asked else f"{len(since):,} row{'' if len(since) == 1 else 's'}"
        console.data(f"{name}  {table}  {rows}  since {min(since)[:10]}")
    for request in requests:
        since_day = f"{request.placed_at:%Y-%m-%d}"
        console.data(f"{request.hold_id}  {request.table}  at request  since {since_day}")
    if not counts and not requests:
        console.message("no entry of retention_restriction is in force")


@restriction_app.command("lift")
def lift_(
    table: TableArgument,
    key: KeyArgument,
    database: DatabaseOption = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """End every restriction of one row; rules that restricted it do not do so again."""
    from retention.cli.lake_holds import lift_lake_request
    from retention.policies.lake_tables import is_lake
    from retention.subjects.restrictions import lift

    context = load_listed(config)
    if is_lake(table):
        console.data(f"lifted: {', '.join(lift_lake_request(context, table, key))}")
        return
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
