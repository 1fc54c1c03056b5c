"""marker: the word that a backup tool carries along."""

from typing import Annotated, Any

import typer

from retention.cli import console
from retention.cli.context import (
    DEFAULT_CONFIG,
    ConfigOption,
    Context,
    JsonOption,
    known_databases,
    load_listed,
)
from retention.errors import IntegrityError, UsageError


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(marker)


def marker(
    database: Annotated[
        str | None, typer.Argument(help="A database of the policy; needed where there are several.")
    ] = None,
    json: JsonOption = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """The word for a backup tool's tag or comment; read it before the backup begins."""
    from retention.backups.token import token
    from retention.connections import engine_for
    from retention.databases.database import Database
    from retention.databases.faults import database_faults
    from retention.databases.state import has_marker_table, read_marker
    from retention.scheduler.nightly import ledger_of

    context = load_listed(config)
    name = _database(context, database)
    ledger = ledger_of(context.policy, context.folder)
    found = Database(name, engine_for(context.policy.databases[name].url, name, context.folder))
    row = None
    with found.connected(read_only=True) as connection:
        if has_marker_table(connection):
            with database_faults("reading the marker", name), connection.begin():
                row = read_marker(connection, ledger.ledger_id)
    if row is None:
        raise IntegrityError(
            f"{name} has no marker of this ledger; nothing was printed. "
            f"Run `retention enroll {name}` first."
        )
    word = token(row.database_id, row.complete_to)
    if json:
        body: dict[str, Any] = {"schema": "retention.marker/1", "database": name, "marker": word}
        body |= {"database_id": row.database_id, "complete_to": row.complete_to}
        console.json_object(body)
    else:
        console.data(word)


def _database(context: Context, name: str | None) -> str:
    known = list(context.policy.databases)
    if name is None and len(known) > 1:
        raise UsageError(f"name a database ({known_databases(context)}); nothing was printed")
    chosen = name or known[0]
    if chosen not in known:
        raise UsageError(f"there is no [databases.{chosen}]; known: {known_databases(context)}")
    return chosen
