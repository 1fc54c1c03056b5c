"""backups list, backups check: copies of the databases, and what a restore would bring back."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from retention.cli import console
from retention.cli.context import (
    DEFAULT_CONFIG,
    ConfigOption,
    Context,
    JsonOption,
    load_listed,
    now,
)
from retention.errors import UsageError

if TYPE_CHECKING:
    from retention.backups.copy import BackupCopy
    from retention.ledger.store import Ledger


def register(app: typer.Typer) -> None:
    """Add the commands of this module to the group `backups`."""
    app.command("list")(list_)
    app.command()(check)


@dataclass(frozen=True, slots=True)
class Books:
    """The ledger, and the ids of each database by its name in the policy."""

    ledger: "Ledger"
    ids: dict[str, frozenset[str]]


def _books(context: Context) -> Books:
    from retention.backups.night import ids_by_name
    from retention.scheduler.nightly import ledger_of

    ledger = ledger_of(context.policy, context.folder)
    return Books(ledger, ids_by_name(ledger))


def list_(json: JsonOption = False, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Each set of backups and each copy: clean or dirty, since which run, why, until when."""
    from retention.backups.inventory import listing
    from retention.backups.night import place_of
    from retention.backups.records import Records
    from retention.backups.returning import Erased
    from retention.cli.shown_backups import set_body, sets_text

    context = load_listed(config)
    books = _books(context)
    erased = Erased(books.ledger, Records(books.ledger).obligations())
    bodies = []
    for name, settings in context.policy.backups.items():
        if settings.kind == "declared":
            bodies.append(set_body(name, settings, None, []))
            continue
        place = place_of(context.policy, context.folder, books.ledger, name)
        inventory = listing(place, now()).inventory
        ids = frozenset().union(*(books.ids.get(found, frozenset()) for found in settings.database))
        held = [erased.held_by(copy, ids) for copy in inventory.copies]
        bodies.append(set_body(name, settings, inventory, held))
    if json:
        console.json_object({"schema": "retention.backups/1", "backups": bodies})
    else:
        console.data(sets_text(bodies, context.policy.timezone))
    if any(body["listed"] and not body["complete"] for body in bodies):
        raise typer.Exit(74)


def check(
    copy: Annotated[str, typer.Argument(metavar="FILE_OR_ID", help="A file, or the id of a copy.")],
    json: JsonOption = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """What would come back if this copy were restored: counts by rule and table, never names."""
    from retention.backups.records import Records
    from retention.backups.returning import Erased
    from retention.cli.shown_backups import check_body, check_text

    context = load_listed(config)
    books = _books(context)
    found, ids = _wanted(context, books, copy)
    held = Erased(books.ledger, Records(books.ledger).obligations()).held_by(found, ids)
    body = check_body(held, {item: name for name, owned in books.ids.items() for item in owned})
    if json:
        console.json_object(body)
    else:
        console.data(check_text(body, context.policy.timezone))


def _wanted(context: Context, books: Books, wanted: str) -> "tuple[BackupCopy, frozenset[str]]":
    """The copy a person means: a file that is there, else one that a set lists."""
    path = Path(wanted)
    if path.is_file():
        return _file(context, path), frozenset().union(*books.ids.values())
    from retention.backups.inventory import listing
    from retention.backups.night import place_of

    failed = []
    for name, settings in context.policy.backups.items():
        if settings.kind == "declared":
            continue
        place = place_of(context.policy, context.folder, books.ledger, name)
        inventory = listing(place, now()).inventory
        if not inventory.complete:
            failed.append(f"{name}: {inventory.why_incomplete}")
        ids = frozenset().union(*(books.ids.get(found, frozenset()) for found in settings.database))
        for copy in inventory.copies:
            if copy.id == wanted or (len(wanted) >= 8 and copy.id.startswith(wanted)):
                return copy, ids
    doubt = f" These could not be listed whole: {'; '.join(failed)}." if failed else ""
    raise UsageError(
        f"there is no file {wanted}, and no copy of that name in any set of backups.{doubt} "
        "`retention backups list` names them"
    )


def _file(context: Context, path: Path) -> "BackupCopy":
    from datetime import timedelta

    from retention.backups.contents import content_of
    from retention.backups.files import Found, Reading, copy_of

    changed = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    found = Found(path.name, path.stat().st_size, changed, "", lambda: content_of(path))
    reading = Reading(context.policy.timezone, timedelta(hours=1), None)
    return copy_of(found, found.read(), reading)
