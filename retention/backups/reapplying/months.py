"""The monthly keys: what they still link, and when they go."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

from retention.ledger.entry import JSON, Kind, month_of, stamp
from retention.ledger.keys import KeyFolder, KeyLost
from retention.ledger.store import Ledger


@dataclass(slots=True)
class KeyMonth:
    """One month: is its key there, when was it destroyed, what its tokens name.

    `tokens` counts rows, `documents` sealed lists of events; `databases` are the ids of those they
    speak of.
    """

    month: str
    has_key: bool = False
    destroyed_at: datetime | None = None
    tokens: int = 0
    documents: int = 0
    databases: set[str] = field(default_factory=set)

    @property
    def links(self) -> bool:
        """TRUE while somebody with the ledger and the key can tell whose rows went."""
        return self.has_key and bool(self.tokens or self.documents)

    def body(self) -> dict[str, JSON]:
        """As `--json` prints it."""
        return {
            "month": self.month,
            "has_key": self.has_key,
            "destroyed_at": stamp(self.destroyed_at) if self.destroyed_at else None,
            "linkable": self.links,
            "tokens": self.tokens,
            "event_lists": self.documents,
        }

    def sentence(self) -> str:
        """As a person reads it."""
        lists = "list" if self.documents == 1 else "lists"
        more = f" and {self.documents:,} {lists} of events" if self.documents else ""
        named = f"{self.tokens:,} token{'' if self.tokens == 1 else 's'}{more}"
        if self.links:
            return f"{self.month}  linkable: {named}"
        if self.has_key:
            return f"{self.month}  a key, and nothing that it opens"
        if self.destroyed_at is not None:
            return f"{self.month}  destroyed on {self.destroyed_at:%Y-%m-%d}: nothing can be linked"
        return f"{self.month}  KEY LOST: {named} say nothing; a reapply has the rules alone"


def months_of(ledger: Ledger, keys: KeyFolder) -> list[KeyMonth]:
    """Every month that has or had a key or tokens, oldest first."""
    found = {month: KeyMonth(month, has_key=True) for month in keys.months()}
    for entry in ledger.entries(kinds={Kind.KEYS_DESTROYED}):
        month = str(entry.body.get("month"))
        found.setdefault(month, KeyMonth(month)).destroyed_at = entry.at
    for month, database_id, tokens, documents in ledger.token_counts():
        named = found.setdefault(month, KeyMonth(month))
        named.tokens += tokens
        named.documents += documents
        named.databases.add(database_id)
    return [found[month] for month in sorted(found)]


@dataclass(frozen=True, slots=True)
class Owed:
    """What one set of backups owes one database: copies from before `at` must go; have they?"""

    backups: str
    database_id: str
    at: datetime
    confirmed: bool


def gone_until(owed: Iterable[Owed]) -> dict[str, datetime]:
    """For each database the instant before which no set has a copy left, as `destroyable` asks.

    In each set the last confirmed instant before everything that is still owed; of several sets
    the earliest. A database that some set has confirmed nothing for is not among them.
    """
    sets: dict[tuple[str, str], list[Owed]] = {}
    for one in owed:
        sets.setdefault((one.database_id, one.backups), []).append(one)
    found: dict[str, datetime | None] = {}
    for (database_id, _), several in sets.items():
        still = min((one.at for one in several if not one.confirmed), default=None)
        done = [one.at for one in several if one.confirmed and (still is None or one.at < still)]
        own, before = max(done, default=None), found.get(database_id, max(done, default=None))
        found[database_id] = None if own is None or before is None else min(own, before)
    return {database_id: at for database_id, at in found.items() if at is not None}


def destroyable(
    months: Iterable[KeyMonth], gone_until: Mapping[str, datetime], present: datetime
) -> list[str]:
    """The months whose key may go: nothing can be restored any more from before their end.

    `gone_until`: for each database (id) the instant before which no copy of it is left, as two
    complete listings have confirmed, in every set of backups that holds it. A database without an
    entry may have copies anywhere: what names its rows keeps its key. The month of `present` stays.
    """
    return [
        found.month
        for found in months
        if (found.has_key or found.tokens or found.documents)
        and found.month < month_of(present)
        and all(
            database in gone_until and gone_until[database] >= _end(found.month)
            for database in found.databases
        )
    ]


def _end(month: str) -> datetime:
    year, number = map(int, month.split("-"))
    return datetime(year + number // 12, number % 12 + 1, 1, tzinfo=UTC)


def destroy_months(
    ledger: Ledger, keys: KeyFolder, gone_until: Mapping[str, datetime], at: datetime
) -> list[str]:
    """Destroy what `destroyable` names, and drop its tokens; the months. Killed, it goes on next time.

    Without any confirmed database nothing goes.
    """
    if not gone_until:
        return []
    chosen = destroyable(months_of(ledger, keys), gone_until, at)
    for month in chosen:
        with suppress(KeyLost):
            keys.destroy(month)
        ledger.drop_tokens(month, at)
    return chosen
