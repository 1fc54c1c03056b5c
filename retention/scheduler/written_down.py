"""What the ledger keeps of one place's night, beside its batches."""

from __future__ import annotations

from functools import partial

from retention.ledger.entry import Kind
from retention.ledger.store import Ledger
from retention.scheduler.request import DatabaseNight, Request


def write_down(
    ledger: Ledger, place_id: str, request: Request, run_id: str, night: DatabaseNight
) -> None:
    """The rules that were refused or failed, and the recount."""
    write = partial(ledger.append, run_id=run_id, database_id=place_id, durable=False)
    for result in night.results:
        if result.refused or result.failed:
            kind = Kind.RULE_REFUSED if result.refused else Kind.RULE_FAILED
            body = {"rule": result.count.step.rule, "why": result.refused or result.failed}
            write(kind, request.now(), body=body)
    if night.recount is not None:
        write(Kind.RECOUNT, request.now(), body=night.recount.body())
