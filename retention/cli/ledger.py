"""ledger: is the proof whole?"""

from __future__ import annotations

import typer

from retention.cli import console
from retention.cli.context import DEFAULT_CONFIG, ConfigOption, JsonOption, load
from retention.errors import IntegrityError

ledger_app = typer.Typer(help="The ledger: what was done, append-only.", no_args_is_help=True)


@ledger_app.callback()
def _group() -> None:
    """Keep `verify` a sub-command while it is the only one."""


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
