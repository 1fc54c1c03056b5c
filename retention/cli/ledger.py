"""ledger: is the proof whole?"""

from typing import Annotated

import typer

from retention.cli import console
from retention.cli.context import DEFAULT_CONFIG, ConfigOption, JsonOption, load, now
from retention.errors import IntegrityError, UsageError

ledger_app = typer.Typer(help="The ledger: what was done, append-only.", no_args_is_help=True)


@ledger_app.command("verify")
def verify(json: JsonOption = False, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Walk the chain: a flipped byte, a missing tail or a swapped file ends with exit 4."""
    from retention.scheduler.nightly import ledger_of

    context = load(config)
    ledger = ledger_of(context.policy, context.folder)
    faults = ledger.verify()
    number, head = ledger.head()
    if json:
        console.json_object(
            {"schema": "retention.verify/1", "entries": number, "head": head, "faults": faults}
        )
    elif not faults:
        console.data(f"{number} entries, every hash in place; head {head}")
    if faults:
        raise IntegrityError("\n".join(faults))


@ledger_app.command("keys")
def keys(json: JsonOption = False, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """The monthly keys: which months can still be linked to rows, and how many."""
    from retention.backups.reapplying.months import months_of
    from retention.scheduler.nightly import key_folder, ledger_of

    context = load(config)
    ledger = ledger_of(context.policy, context.folder)
    months = months_of(ledger, key_folder(context.policy, context.folder))
    if json:
        found = [month.body() for month in months]
        console.json_object({"schema": "retention.keys/1", "months": found})
        return
    for month in months:
        console.data(month.sentence())
    if not months:
        console.message("there is no monthly key yet")


@ledger_app.command("rejoin")
def rejoin(
    database: Annotated[
        str | None, typer.Argument(help="One database of the policy; the only one.")
    ] = None,
    by: Annotated[str, typer.Option("--by", help="Who answers for it; stays in the ledger.")] = "",
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Go on with a ledger that was lost or rolled back; the gap is written down."""
    from retention.cli.subjects import connected
    from retention.connections import engine_for
    from retention.ledger.store import open_ledger
    from retention.protocol.rejoining import rejoin as carry_out

    if not by.strip():
        raise UsageError("say who answers for it with --by NAME; nothing was written")
    context = load(config)
    # one that was lost is made anew
    open_ledger(engine_for(context.policy.ledger.url, "ledger", context.folder), True, now())
    with connected(context, database) as (found, connection, ledger), found.run_lock(connection):
        console.data(carry_out(found, connection, ledger, by.strip(), now))
