"""Holds and requests on rows of lake tables: in the ledger alone, and read by every night anew."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from datetime import date

from retention.databases.statements.lake_texts import named_count
from retention.databases.statements.one_lake_row import named_values
from retention.errors import LakeFailure, UsageError
from retention.lake.table import LakeTable
from retention.ledger.entry import JSON, Kind
from retention.ledger.holds import Hold
from retention.ledger.keys import KeyFolder
from retention.ledger.store import Ledger
from retention.planning.schema import HeldRows, Table
from retention.policies.lake_tables import is_lake
from retention.protocol.lake_batch import enroll_lake, lake_lock
from retention.protocol.opening import Clock
from retention.subjects.holds import PREFIX
from retention.subjects.restrictions import PREFIX as REQUEST


def place_lake_hold(
    table: LakeTable,
    ledger: Ledger,
    keys: KeyFolder,
    words: Sequence[str],
    reason: str,
    review_on: date | None,
    now: Clock,
    prefix: str = PREFIX,
) -> tuple[Hold, int]:
    """Hold the rows that have these values (COLUMN=VALUE), and those that will; and how many do.

    `prefix` tells a legal hold from a request (REQUEST). When this returns, no later commit of ours
    takes them. Raises UsageError where no row has them, Busy while a run works on the table.
    """
    columns = table.schema()
    named = named_values(columns, words)
    with keys.locked(lake_lock(table.address)):
        rows = table.count(named_count(columns, HeldRows("", tuple(named.items()))))
        if not rows:
            raise UsageError(f"{table.address} has no row with these values; nothing was done")
        enroll_lake(table, ledger, now)
        hold = Hold(
            f"{prefix}{now():%Y%m%d}-{secrets.token_hex(3)}",
            table.id,
            table.address,
            {"values": {name: str(value) for name, value in named.items()}},
            reason,
            review_on,
        )
        ledger.place_hold(hold, now(), keys.sealing_key())
    return hold, rows


def lift_lake_requests(
    address: str, ledger: Ledger, keys: KeyFolder, words: Sequence[str], now: Clock
) -> list[str]:
    """End the request of that name, or all that name these very values; their names.

    The table is not read, so that a column that is gone stops nothing. Raises UsageError where no
    request stands.
    """
    found = [
        hold
        for hold in lake_holds(ledger, keys, prefix=REQUEST)
        # a table that was moved keeps its requests: by name they are found wherever it lies
        if list(words) == [hold.hold_id]
        or (hold.table == address and sorted(words) == sorted(_words(hold)))
    ]
    if not found:
        raise UsageError(
            f"no request in force on {address} has that name or these values; nothing was lifted. "
            "`retention restriction list` tells the names"
        )
    for hold in found:
        ledger.release_hold(hold.hold_id, now())
        body: dict[str, JSON] = {"table": hold.table, "rules": [hold.hold_id]}
        at = hold.database_id
        ledger.append(Kind.RESTRICTION_LIFTED, now(), database_id=at, body=body)
    return [hold.hold_id for hold in found]


def lake_holds(
    ledger: Ledger, keys: KeyFolder, address: str = "", prefix: str = PREFIX
) -> list[Hold]:
    """What is in force on the lake table at an address, or on all that the ledger knows."""
    ids = (
        database_id
        for database_id, name in ledger.databases().items()
        if is_lake(name) and address in ("", name)
    )
    return [
        hold
        for database_id in ids
        for hold in _of(ledger, keys, database_id)
        if hold.hold_id.startswith(prefix)
    ]


def held_in(table: LakeTable, ledger: Ledger | None, keys: KeyFolder) -> tuple[HeldRows, ...]:
    """The holds and requests that a plan has to know: by the table's id, and by its address.

    Raises LakeFailure where a column that names held rows is gone.
    """
    if ledger is None:
        return ()
    columns = table.schema()
    holds = {hold.hold_id: hold for hold in lake_holds(ledger, keys, table.address, "")}
    holds |= {hold.hold_id: hold for hold in _of(ledger, keys, table.id)}
    return tuple(_held(hold, columns) for hold in holds.values())


def _of(ledger: Ledger, keys: KeyFolder, database_id: str) -> Iterator[Hold]:
    if next(iter(ledger.newest(Kind.HOLD_PLACED, 1, database_id)), None) is None:
        # a dry run makes no key for what was never sealed
        return
    for hold in ledger.holds(database_id, keys.sealing_key()):
        if hold.released_at is None and hold.hold_id.startswith((PREFIX, REQUEST)):
            yield hold


def _held(hold: Hold, columns: Table) -> HeldRows:
    asked = hold.hold_id.startswith(REQUEST)
    try:
        named = named_values(columns, _words(hold))
    except UsageError as fault:
        kind, way_out = ("hold", "hold release")
        if asked:
            kind, way_out = ("request", f"restriction lift {hold.table}")
        raise LakeFailure(
            f"{columns.name}: a column by which {kind} {hold.hold_id} names rows is gone, or another "
            f"kind of column now. Nothing was changed: bring it back, or `retention {way_out} "
            f"{hold.hold_id}`"
        ) from fault
    return HeldRows(hold.hold_id, tuple(named.items()), asked)


def _words(hold: Hold) -> list[str]:
    values = hold.key.get("values")
    return [f"{name}={value}" for name, value in values.items()] if isinstance(values, dict) else []
