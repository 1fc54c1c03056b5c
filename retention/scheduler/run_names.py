"""How runs are called, and which one is at work."""

from __future__ import annotations

import secrets
from datetime import datetime

from retention.ledger.store import Ledger


def new_run_id(as_of: datetime) -> str:
    """The name of a run: its instant, and some letters that no other has."""
    return f"{as_of:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"


def holder(ledger: Ledger, own: str) -> str:
    """Who holds the lock, as far as the ledger knows: the last run that has not finished."""
    for run in ledger.runs(5):
        if run.finished is None and run.run_id != own:
            body = run.started.body
            return (
                f": run {run.run_id} (process {body.get('process')} on {body.get('host')}, "
                f"started {run.started.at:%Y-%m-%d %H:%M:%S} UTC). Nothing was done"
            )
    return ". Nothing was done"
