"""One run among others: what it says of itself when it starts, and what it must share with them."""

from __future__ import annotations

import os
import socket

from retention import __version__
from retention.errors import UsageError
from retention.ledger.entry import JSON, Kind, month_of
from retention.ledger.keys import key_proof, same_key
from retention.ledger.store import Ledger
from retention.scheduler.request import Request, key_folder
from retention.scheduler.sharding import Shard

_LOOKED_BACK = 1_000


def require_one_host(request: Request, ledger: Ledger) -> None:
    """UsageError where several hosts would write into a ledger that is a file of one of them."""
    if request.on_several_hosts and ledger.engine.dialect.name == "sqlite":
        raise UsageError(
            "--executor dask and --shard are for several hosts, and the ledger is an SQLite file, "
            "which one host may write; nothing was done. Keep the ledger in PostgreSQL or MariaDB, "
            "or work side by side on this host with --jobs"
        )


def started(ledger: Ledger, request: Request, run_id: str, chosen: frozenset[str]) -> str:
    """Write down that the run began; returns the proof of its key where other hosts need the same.

    StorageError where a host that began earlier this month has another key.
    """
    body: dict[str, JSON] = {
        "as_of": request.as_of.isoformat(),
        "version": __version__,
        "policy_sha256": request.policy.sha256,
        "rules": list[JSON](sorted(chosen)),
        "process": os.getpid(),
        "host": socket.gethostname(),
        **shard_body(request),
    }
    at, key = request.now(), ""
    if request.on_several_hosts and request.policy.ledger.rows != "none":
        keys = key_folder(request.policy, request.folder)
        key = key_proof(keys, month_of(at))
        body["key"] = key
    number = ledger.append(Kind.RUN_STARTED, at, run_id=run_id, body=body).number
    if key:
        # looked at once written: of two that begin at the same time one comes first
        for entry in ledger.newest(Kind.RUN_STARTED, _LOOKED_BACK):
            theirs = str(entry.body.get("key", ""))
            if entry.number < number and theirs.startswith(f"{month_of(at)} "):
                same_key(key_folder(request.policy, request.folder), theirs)
    return key


def shard_body(request: Request) -> dict[str, JSON]:
    """The part that the run is about, where it is a part."""
    return {"shard": str(request.shard)} if request.shard.of > 1 else {}


def others_are_well(ledger: Ledger, shard: Shard) -> bool:
    """TRUE where the last run of every other part ended without an error."""
    if shard.of == 1:
        return True
    errors: dict[str, bool] = {}
    for entry in ledger.newest(Kind.RUN_FINISHED, _LOOKED_BACK):
        errors.setdefault(str(entry.body.get("shard", "")), bool(entry.body.get("errors")))
    others = (str(Shard(index, shard.of)) for index in range(1, shard.of))
    return not any(errors.get(other, True) for other in others)
