"""hold, event: what people say of single rows."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
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
    load_listed,
    now,
)
from retention.errors import StorageError, UsageError

if TYPE_CHECKING:
    from retention.databases.database import Connection, Database
    from retention.ledger.holds import Hold
    from retention.ledger.store import Ledger

hold_app = typer.Typer(
    help="Legal holds: rows that must stay, whatever a rule says.", no_args_is_help=True
)
DatabaseOption = Annotated[
    str | None, typer.Option("--database", help="Which database, where there are several.")
]


@hold_app.command("add")
def add(
    row: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TABLE KEY...]", help="The row: table and key; of a lake table COLUMN=VALUE."
        ),
    ] = None,
    table: Annotated[str | None, typer.Option("--table", help="The row's table.")] = None,
    key: Annotated[
        list[str] | None, typer.Option("--key", help="The row's key; once for each column.")
    ] = None,
    reason: Annotated[str, typer.Option("--reason", help="Why; kept sealed in the ledger.")] = "",
    review: Annotated[
        str | None, typer.Option("--review", help="Look at it again on this day.")
    ] = None,
    database: DatabaseOption = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Hold one row: no rule erases, anonymizes or takes it along until the hold is released."""
    from retention.cli.lake_holds import add_lake_hold
    from retention.policies.lake_tables import is_lake
    from retention.scheduler.nightly import key_folder
    from retention.subjects.holds import place_hold

    context = load_listed(config)
    review_on = _day(review)
    named, values = _row(row or [], table, key or [])
    if not reason.strip():
        raise UsageError("a hold needs its --reason; no hold was placed")
    if is_lake(named):
        console.data(add_lake_hold(context, named, values, reason, review_on))
        return
    with connected(context, database) as (found, connection, ledger):
        keys = key_folder(context.policy, context.folder)
        hold = place_hold(found, connection, ledger, keys, named, values, reason, review_on, now)
    console.data(hold.hold_id)


@hold_app.command("list")
def list_(
    database: DatabaseOption = None, json: JsonOption = False, config: ConfigOption = DEFAULT_CONFIG
) -> None:
    """The holds in force: table, since when, review date. Keys and reasons are not shown."""
    from retention.cli.lake_holds import lake_holds_of
    from retention.policies.lake_tables import is_lake

    context = load_listed(config)
    if database is not None and is_lake(database):
        shown = lake_holds_of(context, database)
    else:
        with connected(context, database) as (found, connection, ledger):
            holds = _holds(context, found, connection, ledger)
        shown = [hold for hold in holds if hold.released_at is None]
        shown += lake_holds_of(context) if database is None else []
    if json:
        console.json_object(
            {"schema": "retention.holds/1", "holds": [_body(hold) for hold in shown]}
        )
        return
    for hold in shown:
        review = f"  review on {hold.review_on}" if hold.review_on else ""
        console.data(f"{hold.hold_id}  {hold.table}  since {hold.placed_at:%Y-%m-%d}{review}")
    if not shown:
        console.message("no hold is in force")


@hold_app.command("release")
def release(
    hold_id: Annotated[str, typer.Argument(metavar="HOLD", help="As `hold list` prints it.")],
    database: DatabaseOption = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """End a hold; the row obeys its rules again from the next run on."""
    from retention.cli.lake_holds import release_if_lake
    from retention.subjects.holds import release_hold

    context = load_listed(config)
    if release_if_lake(context, hold_id):
        console.data(f"{hold_id} is released")
        return
    with connected(context, database) as (found, connection, ledger):
        holds = _holds(context, found, connection, ledger)
        hold = next((item for item in holds if item.hold_id == hold_id), None)
        if hold is None:
            raise UsageError(f"there is no hold {hold_id} in {found.name}; nothing was released")
        release_hold(found, connection, ledger, hold, now)
    console.data(f"{hold_id} is released")


def _row(row: list[str], table: str | None, key: list[str]) -> tuple[str, tuple[str, ...]]:
    """Table and key, given side by side or as options."""
    given = [*([table] if table else []), *row]
    if not given or not (given[1:] or key):
        raise UsageError("name the row: `retention hold add TABLE KEY`; no hold was placed")
    return given[0], (*given[1:], *key)


event_app = typer.Typer(help="Events that start a clock: { event = … }.", no_args_is_help=True)


@event_app.callback()
def _events() -> None:
    """Keep `record` a sub-command while it is the only one."""


@event_app.command("record")
def record(
    name: Annotated[str, typer.Argument(metavar="EVENT", help="As a rule's start names it.")],
    table: Annotated[str, typer.Option("--table", help="The row's table.")],
    key: Annotated[
        list[str] | None, typer.Option("--key", help="The row's key; once for each column.")
    ] = None,
    file: Annotated[
        Path | None, typer.Option("--csv", help="Many rows: a header, then keys, and `at`.")
    ] = None,
    at: Annotated[str | None, typer.Option("--at", help="When it happened; now.")] = None,
    database: DatabaseOption = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Record that something happened to a row; rules with that event start their clock there."""
    from retention.scheduler.nightly import key_folder
    from retention.subjects.events import (
        EventPlace,
        Happened,
        guard_of,
        read_events,
        record_events,
    )

    context = load_listed(config)
    moment = instant(at, context.policy, future=False)
    if bool(key) == (file is not None):
        raise UsageError("an event needs a row: give --key or --csv; nothing was recorded")
    if file is None:
        events = [Happened(tuple(key or ()), moment)]
    else:
        try:
            lines = file.read_text(encoding="utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as fault:
            raise StorageError(f"{file} cannot be read; nothing was recorded") from fault
        events = read_events(lines, moment, str(file))
    with connected(context, database) as (found, connection, ledger):
        keys = key_folder(context.policy, context.folder)
        place = EventPlace(table, guard_of(context.policy, table), keys)
        count = record_events(found, connection, ledger, name, place, events, now)
    console.data(f"{name} is recorded for {count:,} row{'' if count == 1 else 's'} of {table}")


@contextmanager
def connected(
    context: Context, name: str | None
) -> "Iterator[tuple[Database, Connection, Ledger]]":
    from retention.connections import engine_for
    from retention.databases.database import Database
    from retention.scheduler.nightly import ledger_of

    known = context.policy.databases
    if name is None and len(known) > 1:
        raise UsageError(
            f"name one of {known_databases(context)} with --database; nothing was done"
        )
    chosen = name or next(iter(known))
    if chosen not in known:
        raise UsageError(f"there is no [databases.{chosen}]; known: {known_databases(context)}")
    found = Database(chosen, engine_for(known[chosen].url, chosen, context.folder))
    with found.connected() as connection:
        yield found, connection, ledger_of(context.policy, context.folder)


def _holds(
    context: Context, found: "Database", connection: "Connection", ledger: "Ledger"
) -> "list[Hold]":
    from retention.scheduler.nightly import key_folder
    from retention.subjects.holds import PREFIX, enrolled_id

    keys = key_folder(context.policy, context.folder)
    known = ledger.holds(enrolled_id(found, connection, ledger), keys.sealing_key())
    return [hold for hold in known if hold.hold_id.startswith(PREFIX)]


def _body(hold: "Hold") -> dict[str, str | None]:
    return {
        "hold": hold.hold_id,
        "table": hold.table,
        "since": f"{hold.placed_at:%Y-%m-%d}" if hold.placed_at else None,
        "review_on": str(hold.review_on) if hold.review_on else None,
    }


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise UsageError(f'--review "{text}" is no day; write 2027-01-31') from None
