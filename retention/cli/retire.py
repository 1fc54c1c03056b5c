"""retire: leave is taken of a database that is gone for good."""

from typing import Annotated

import typer

from retention.cli import console
from retention.cli.context import DEFAULT_CONFIG, ConfigOption, load_listed, now
from retention.errors import UsageError


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(retire)


def retire(
    database: Annotated[str, typer.Argument(help="As runs name it, such as tenants/north.")],
    by: Annotated[str, typer.Option("--by", help="Who answers for it; stays in the ledger.")] = "",
    reason: Annotated[
        str, typer.Option("--reason", help="Why; stays in the ledger, so it names no person.")
    ] = "",
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Take leave of a database that is gone for good; its copies are followed to the last."""
    from retention.protocol.retiring import retire as carry_out
    from retention.scheduler.nightly import key_folder, ledger_of

    if not by.strip() or not reason.strip():
        raise UsageError(
            "say who answers for it and why with --by NAME --reason TEXT; nothing was written"
        )
    context = load_listed(config)
    policy = context.policy
    if database in policy.databases or database in policy.lake_tables:
        raise UsageError(
            f"{database} is in the policy, or in a list it names: take it out there first. "
            "Nothing was written"
        )
    ledger, keys = ledger_of(policy, context.folder), key_folder(policy, context.folder)
    for sentence in carry_out(ledger, keys, database, by.strip(), reason.strip(), now()):
        console.data(sentence)
