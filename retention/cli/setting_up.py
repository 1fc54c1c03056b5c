"""demo, init, enroll: the first five minutes."""

from pathlib import Path
from typing import Annotated

import typer

from retention.cli import console
from retention.cli.context import (
    DEFAULT_CONFIG,
    ConfigOption,
    Context,
    known_databases,
    load_listed,
    now,
)
from retention.errors import StorageError, UsageError


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(demo)
    app.command()(init)
    app.command()(enroll)


def demo(folder: Annotated[Path, typer.Argument(help="Where to write it.")]) -> None:
    """Write the demo shop, a SQLite database with some thousand rows, and its policies.toml."""
    from retention.cli.demo.shop import write_demo

    for path in write_demo(folder, now()):
        console.data(str(path))
    console.message(
        f"next: cd {folder} && retention enroll --all && retention plan && retention run --all"
    )


def init(
    database: Annotated[str, typer.Option("--database", help="The URL of the database.")],
    output: Annotated[
        Path, typer.Option("--output", help="Where to write; never overwritten.")
    ] = DEFAULT_CONFIG,
) -> None:
    """Read the schema and write a starter policies.toml in which every rule is commented out."""
    from retention.cli.starter import starter_policy
    from retention.cli.vocabulary import vocabulary
    from retention.connections import engine_for, sqlite_file
    from retention.databases.database import Database

    found = Database("main", engine_for(database, "--database", Path.cwd()))
    with found.connected(read_only=True) as connection:
        schema = found.schema(connection)
    url = _url_beside(output, database, sqlite_file(found.engine))
    text = starter_policy(schema, url, vocabulary())
    try:
        with output.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(
            f"{output} exists; nothing was written. Name another file with --output"
        ) from None
    except OSError as fault:
        raise StorageError(
            f"{output} could not be written. Name a file in a folder that exists and that you may "
            "write to with --output"
        ) from fault
    console.data(str(output))
    console.message("next: uncomment the rules you mean, then `retention check`")


def _url_beside(output: Path, url: str, file: Path | None) -> str:
    """The URL as the policy in `output` needs it: SQLite files are named from its own folder."""
    if file is None or "${" in url or output.resolve().parent == Path.cwd():
        return url
    return f"sqlite:///{file.resolve()}"


def enroll(
    database: Annotated[str | None, typer.Argument(help="One database of the policy.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="Every database of the policy.")] = False,
    moved: Annotated[bool, typer.Option("--moved", help="It lives in a new place now.")] = False,
    clone: Annotated[bool, typer.Option("--clone", help="It is a copy, to be its own.")] = False,
    ddl: Annotated[
        bool, typer.Option("--ddl", help="Print the statements and GRANTs for someone who may.")
    ] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Make our four small tables in a database, and its entry in the ledger."""
    from retention.connections import engine_for
    from retention.databases.database import Database
    from retention.ledger.store import open_ledger
    from retention.protocol.enrolling import enroll as enroll_one
    from retention.protocol.enrolling import enroll_clone, enroll_moved

    context = load_listed(config)
    names = _chosen(database, all_, context)
    databases = [
        Database(name, engine_for(context.policy.databases[name].url, name, context.folder))
        for name in names
    ]
    if ddl:
        for found in databases:
            _print_ddl(found)
        return
    if moved and clone:
        raise UsageError("--moved and --clone exclude each other; nothing was done")
    for found in databases:
        with found.connected():
            pass
    engine = engine_for(context.policy.ledger.url, "ledger", context.folder)
    ledger = open_ledger(engine, create=True, at=now())
    act = enroll_moved if moved else enroll_clone if clone else enroll_one
    for found in databases:
        with found.connected() as connection:
            console.data(act(found, connection, ledger, now))


def _chosen(database: str | None, all_: bool, context: Context) -> list[str]:
    from retention.policies.tenants import family_of

    known = list(context.policy.databases)
    if database is not None:
        chosen = [name for name in known if database in (name, family_of(name))]
        if not chosen:
            raise UsageError(
                f"there is no [databases.{database}]; known: {known_databases(context)}. "
                "Nothing was done"
            )
        return chosen
    if all_ or len(known) == 1:
        return known
    raise UsageError(f"name a database ({known_databases(context)}), or --all; nothing was done")


def _print_ddl(found: object) -> None:
    from retention.databases.database import Database
    from retention.databases.state_ddl import ddl, grants

    assert isinstance(found, Database)
    console.data(f"-- {found.name}")
    for statement in (*ddl(found.engine), *grants(found.engine)):
        console.data(statement)
