"""What a night does about copies: list them, remove what is past its time, and see what still owes.

Read `purge_copies` first: it is the story of all sets of backups in one night.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from retention.backups.contents import Content
from retention.backups.copy import Dirty, Inventory, Position, last_copy_gone
from retention.backups.erased import Batch, batches, last_of_each
from retention.backups.expiring import doomed, remove
from retention.backups.inventory import Listing, Place, listing
from retention.backups.purge import Obligation, advanced, by_declaration, unwatched
from retention.backups.records import Records, read_position
from retention.backups.tools import ListingFailed
from retention.errors import RetentionError, gravest
from retention.ledger.entry import Kind
from retention.ledger.store import Ledger
from retention.policies.policy import Policy
from retention.policies.tenants import family_of

Lasts = dict[int, dict[str, Batch]]
"""The last batch of each database after an entry: the ledger is walked once for all sets."""


@dataclass(frozen=True, slots=True)
class Work:
    """What a night knows when it comes to the copies.

    `positions` are places in the servers' logs, by name of the database, read after its batches.
    """

    policy: Policy
    folder: Path
    ledger: Ledger
    run_id: str
    as_of: datetime
    now: Callable[[], datetime]
    positions: Mapping[str, Position]


@dataclass(slots=True)
class SetNight:
    """What became of one set of backups: its purges as they stand, or why it could not be listed."""

    name: str
    duties: list[Obligation] = field(default_factory=list)
    failed: str = ""

    @property
    def exit_code(self) -> int:
        """5 where a purge is overdue or never ends, 74 where the copies could not be listed."""
        codes = [5 for duty in self.duties if duty.state.is_alarm]
        return gravest([*codes, *([74] if self.failed else [])])


def purge_copies(work: Work) -> list[SetNight]:
    """Every set of the policy in turn, and what is still owed to sets that left it."""
    records = Records(work.ledger, work.run_id)
    known = records.obligations()
    found = []
    lasts: Lasts = {}
    for name in work.policy.backups:
        own = [duty for duty in known if duty.backups == name]
        found.append(_one_set(work, records, name, own, lasts))
    return found + list(_orphans(work, records, known))


def _one_set(
    work: Work, records: Records, name: str, known: list[Obligation], lasts: Lasts
) -> SetNight:
    night = SetNight(name)
    try:
        place = place_of(work.policy, work.folder, work.ledger, name)
        duties = [*known, *_newly_opened(work, records, place, known, lasts)]
        if place.settings.kind == "declared":
            after = [_declared(place, duty, work.as_of) for duty in duties]
        else:
            found = _listed(work, records, place)
            after = [advanced(duty, found.inventory, work.as_of) for duty in duties]
            dirty = dirty_copies(found.inventory, after)
            records.listed(name, found, dirty, work.now())
            night.failed = found.inventory.why_incomplete
        for before, duty in zip(duties, after, strict=True):
            if duty != before:
                records.move(duty, work.now())
        night.duties = after
    except RetentionError as error:
        night.duties, night.failed = known, str(error)
    return night


def place_of(policy: Policy, folder: Path, ledger: Ledger, name: str) -> Place:
    """Where the copies of a set are, with what the ledger knows of them."""
    ids = ids_by_name(ledger)
    known = Records(ledger).read_before(name) if policy.backups[name].kind == "files" else {}
    return Place(name, policy, folder, ids, known, ledger.ledger_id)


def ids_by_name(ledger: Ledger) -> dict[str, frozenset[str]]:
    """The ids of the databases by name; under the name of a list, those of all that were ever in it."""
    ids: dict[str, frozenset[str]] = {}
    for database_id, database in ledger.databases().items():
        for name in {database, family_of(database)}:
            ids[name] = ids.get(name, frozenset()) | {database_id}
    return ids


def _listed(work: Work, records: Records, place: Place) -> Listing:
    """The listing, a second one after what is past its time was removed."""
    found = listing(place, work.as_of)
    settings = place.settings
    gone = doomed(found.inventory, settings.keep_last, work.as_of) if settings.expire else []
    if not gone:
        return found
    records.expiring(place.name, [copy.id for copy in gone], work.now())
    try:
        remove(place, gone, work.as_of)
    except ListingFailed as failure:
        again = listing(replace(place, known={**place.known, **_read(found)}), work.as_of)
        why = again.inventory.why_incomplete or f"copies past their time are still there: {failure}"
        return Listing(replace(again.inventory, complete=False, why_incomplete=why), found.read)
    again = listing(replace(place, known={**place.known, **_read(found)}), work.as_of)
    again.read = found.read | again.read
    return again


def _read(found: Listing) -> dict[tuple[str, str], Content]:
    evidence = {copy.id: copy.evidence for copy in found.inventory.copies}
    return {(name, evidence[name]): content for name, content in found.read.items()}


def _newly_opened(
    work: Work, records: Records, place: Place, known: list[Obligation], lasts: Lasts
) -> Iterator[Obligation]:
    """One obligation for each database of the set that lost rows since its last obligation."""
    covered = {duty.erasure.database_id: duty for duty in known}
    names = work.ledger.databases()
    for name in place.settings.database:
        for database_id in sorted(place.ids.get(name, ())):
            before = covered.get(database_id)
            after = before.intent if before else 0
            if after not in lasts:
                lasts[after] = last_of_each(batches(work.ledger, after))
            last = lasts[after].get(database_id)
            # equal: a batch that was followed in doubt never was committed, and its number came again
            if last is not None and (not before or last.intent.sequence >= before.erasure.sequence):
                duty = _obligation(work, place, names[database_id], last)
                yield records.open(duty, work.now())


def _obligation(work: Work, place: Place, database: str, last: Batch) -> Obligation:
    erasure = replace(last.erasure, position=_place_after(work, database, last))
    return Obligation(
        place.name,
        erasure,
        last.intent.run_id,
        last.number,
        forecast=place.keeps_until(erasure.at),
    )


def _place_after(work: Work, database: str, last: Batch) -> Position | None:
    """A place in the server's log after the batch: read tonight, or noted by the run that made it."""
    started = next(work.ledger.entries(work.run_id, {Kind.RUN_STARTED}), None)
    before = started is not None and last.number < started.number
    if database in work.positions and (before or last.intent.run_id == work.run_id):
        return work.positions[database]
    for entry in work.ledger.entries(last.intent.run_id, {Kind.RUN_FINISHED}):
        noted = entry.body.get("positions")
        found = noted.get(database) if isinstance(noted, dict) else None
        if isinstance(found, dict):
            return read_position(found)
    return None


def _declared(place: Place, duty: Obligation, as_of: datetime) -> Obligation:
    return by_declaration(duty, place.keeps_until(duty.erasure.at), as_of)


def dirty_copies(inventory: Inventory, duties: list[Obligation]) -> list[Dirty]:
    """The copies that may bring back what any open obligation speaks of, each once."""
    found: dict[str, Dirty] = {}
    for duty in duties:
        if duty.open:
            for dirty in last_copy_gone(duty.erasure, inventory).dirty:
                found.setdefault(dirty.copy.id, dirty)
    return [found[copy.id] for copy in inventory.copies if copy.id in found]


def _orphans(work: Work, records: Records, known: list[Obligation]) -> Iterator[SetNight]:
    """What is owed in sets that the policy no longer has."""
    gone: dict[str, list[Obligation]] = {}
    for duty in known:
        if duty.backups not in work.policy.backups and duty.open:
            gone.setdefault(duty.backups, []).append(duty)
    for name, duties in gone.items():
        after = [unwatched(duty, work.as_of) for duty in duties]
        for before, duty in zip(duties, after, strict=True):
            if duty != before:
                records.move(duty, work.now())
        yield SetNight(name, after)
