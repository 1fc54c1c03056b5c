"""backups reapply: a restore does not bring anyone back."""

import csv
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
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
    known_databases,
    load_listed,
    stop_signals,
)
from retention.cli.requests import request_for
from retention.errors import StorageError, UsageError

if TYPE_CHECKING:
    from retention.backups.reapplying.replay import Listed


def register(backups_app: typer.Typer) -> None:
    """Add the command to the group."""
    backups_app.command("reapply")(reapply)


def reapply(
    database: Annotated[
        str | None, typer.Argument(help="One database of the policy; the only one.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show who is back; nothing is written.")
    ] = False,
    list_: Annotated[
        Path | None,
        typer.Option("--list", help="Write the keys of rows that a person must look at (CSV)."),
    ] = None,
    allow: Annotated[
        list[str] | None,
        typer.Option(
            "--allow", metavar="RULE=COUNT", help="Let this rule pass its limit once, up to COUNT."
        ),
    ] = None,
    json: JsonOption = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Erase again, after a restore, everybody whom the ledger knows to be gone."""
    from retention.cli.reapply_text import reapply_text
    from retention.cli.working import allowance
    from retention.scheduler.reapplying import reapply as carry_out

    context = load_listed(config)
    name = _chosen(context, database)
    as_of = instant(None, context.policy, future=False)
    allowed = dict(allowance(text) for text in allow or ())
    with stop_signals() as signals, _listing(list_) as listed:
        from retention.execution.executor import Watch

        watch = Watch(lambda *_: None, *signals)
        request = request_for(context, as_of, None, watch=watch, everything=True, allowed=allowed)
        told = carry_out(request, name, look_only=dry_run, listed=listed)
    body: dict[str, Any] = told.body()
    if json:
        console.json_object(body)
    else:
        console.data(reapply_text(body, context.policy.timezone))
    if told.exit_code:
        raise typer.Exit(told.exit_code)


def _chosen(context: Context, name: str | None) -> str:
    known = context.policy.databases
    if name is None and len(known) > 1:
        raise UsageError(f"name one of {known_databases(context)}; nothing was done")
    chosen = name or next(iter(known))
    if chosen not in known:
        raise UsageError(f"there is no [databases.{chosen}]; known: {known_databases(context)}")
    return chosen


@contextmanager
def _listing(path: Path | None) -> "Iterator[Listed | None]":
    """A CSV file that only its owner may read, where one was asked for; never an existing one."""
    if path is None:
        yield None
        return
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags, 0o600)
    except FileExistsError:
        raise UsageError(
            f"{path} exists; nothing was done. Name another file with --list"
        ) from None
    except OSError as fault:
        raise StorageError(f"{path} could not be written; nothing was done") from fault
    with open(descriptor, "w", encoding="utf-8", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(["table", "why", "key"])

        def listed(table: str, key: Sequence[str], why: str) -> None:
            lines.writerow([table, why, *key])

        yield listed
