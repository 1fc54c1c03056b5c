"""Is there a ledger, and one that this version reads?"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import Engine

from retention.errors import StorageError
from retention.ledger import tables
from retention.ledger.transactions import reading


class NoLedger(StorageError):
    """There is no ledger where one should be."""


def no_ledger() -> NoLedger:
    """The error that says so, and what to do."""
    return NoLedger(
        "There is no ledger there; nothing was done. `retention enroll` creates it. If there was "
        "one, bring its newest copy back instead; one that is lost for good is left by "
        "`retention ledger rejoin`."
    )


def existing_id(engine: Engine) -> str:
    """The id of the ledger there; StorageError where there is none, or one of another version."""
    with reading(engine) as connection:
        if not sa.inspect(connection).has_table(tables.meta.name):
            raise no_ledger()
        row = connection.execute(tables.meta.select()).first()
    if row is None:
        raise no_ledger()
    if row.version != tables.VERSION:
        raise StorageError("The ledger was made by another version of retention; not opened.")
    return str(row.ledger_id)
