"""What became of the files of a batch's rows: which name led to which file stays sealed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from retention.ledger.entry import Kind
from retention.ledger.store import Ledger


@dataclass(frozen=True, slots=True)
class BatchFiles:
    """Files that rows of one batch named; `gone_at` None: not all are known to be gone.

    `waiting` counts those to try again, by the system's code for why.
    """

    named: int
    gone_at: datetime | None = None
    waiting: Mapping[str, int] = field(default_factory=dict)


def files_of_batches(ledger: Ledger, named: Mapping[int, int]) -> dict[int, BatchFiles]:
    """What became of the files of these entries ({number: how many they announced})."""
    found = {number: BatchFiles(count) for number, count in named.items() if count}
    for entry in ledger.entries(kinds={Kind.FILES_DONE}) if found else ():
        number = entry.body.get("intent")
        if isinstance(number, int) and number in found:
            gone_at = entry.at if entry.body.get("settled") else None
            found[number] = BatchFiles(named[number], gone_at, _codes(entry.body.get("waiting")))
    return found


def _codes(waiting: object) -> dict[str, int]:
    if not isinstance(waiting, dict):
        return {}
    return {str(code): count for code, count in waiting.items() if isinstance(count, int)}
