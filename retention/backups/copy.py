"""One copy of a database, and whether it can bring erased rows back. Pure: no I/O, no clock.

A copy is clean by content, by position or by clock, in that order of strength; everything else,
and everything in doubt, is dirty.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal

PLACED = frozenset({"pgbackrest", "command"})
"""The kinds of sets whose copies may know their place in a server's log."""

MARGIN = timedelta(minutes=15)
"""How far the clocks of two machines may be apart where nothing better than a clock is known."""


class Proof(StrEnum):
    """What shows that copies are clean, the strongest first; `DECLARED`: nobody looked."""

    CONTENT = "content"
    POSITION = "position"
    CLOCK = "clock"
    DECLARED = "declared"

    @property
    def told(self) -> str:
        """The proof in words that follow "gone since"."""
        return {
            Proof.CONTENT: "by the marker in each copy",
            Proof.POSITION: "by each copy's place in the server's log",
            Proof.CLOCK: "by the clock alone, the weakest proof",
            Proof.DECLARED: "as declared; nobody looked",
        }[self]


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a server's log: PostgreSQL's system identifier, timeline and LSN (bytes)."""

    system: str
    timeline: int
    lsn: int

    def compares_with(self, other: Position) -> bool:
        """TRUE where both are of one log, so that their LSNs say which is later."""
        return (self.system, self.timeline) == (other.system, other.timeline)


@dataclass(frozen=True, slots=True)
class BackupCopy:
    """One copy as its listing tells it.

    `start` is the earliest instant its contents can stem from, `finished` the instant from which
    its time to be kept counts. `databases` are the ids of all it can hold, None where that is not
    known. `markers` are batches (by database id) that its contents surely have; they prove it
    clean only where it is `one_snapshot`. `depends_on` names copies it cannot be restored without.
    """

    id: str
    kind: Literal["logical", "physical", "log", "files"]
    start: datetime | None
    finished: datetime | None
    databases: frozenset[str] | None = None
    markers: Mapping[str, int] = field(default_factory=dict)
    one_snapshot: bool = False
    position: Position | None = None
    depends_on: tuple[str, ...] = ()
    expires_at: datetime | None = None
    held_until: datetime | None = None
    readable: bool = True
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class Inventory:
    """What a listing of one set of backups gave, or why it cannot be relied on."""

    copies: tuple[BackupCopy, ...]
    complete: bool
    observed_at: datetime
    why_incomplete: str = ""


@dataclass(frozen=True, slots=True)
class Erasure:
    """Rows of one database that left with its batches up to `sequence`, all committed by `at`.

    `position` is a place in the server's log after the last of them.
    """

    database_id: str
    sequence: int
    at: datetime
    position: Position | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether one copy is clean of one erasure: by which proof, or, with `proof` None, why not."""

    proof: Proof | None
    why: str

    @property
    def clean(self) -> bool:
        """FALSE where the copy may bring the rows back."""
        return self.proof is not None


def judge(copy: BackupCopy, erasure: Erasure) -> Verdict:
    """Can a restore of this copy bring back what the erasure took?"""
    if copy.databases is not None and erasure.database_id not in copy.databases:
        return Verdict(Proof.CONTENT, "it holds other databases")
    marker = copy.markers.get(erasure.database_id)
    if marker is not None and marker < erasure.sequence:
        return Verdict(None, f"its marker stands at batch {marker}, before {erasure.sequence}")
    if marker is not None and copy.one_snapshot:
        return Verdict(Proof.CONTENT, f"its marker stands at batch {marker}")
    place, wanted = copy.position, erasure.position
    if place is not None and wanted is not None and place.compares_with(wanted):
        if place.lsn < wanted.lsn:
            return Verdict(
                None, f"it starts at {lsn_text(place.lsn)} of the log, before the erasure"
            )
        return Verdict(Proof.POSITION, f"it starts at {lsn_text(place.lsn)} of the log")
    return _by_clock(copy, erasure)


def _by_clock(copy: BackupCopy, erasure: Erasure) -> Verdict:
    if copy.kind == "log":
        return Verdict(None, "its place in the log cannot be compared with the erasure")
    if copy.start is None:
        return Verdict(None, "nobody knows when it was begun")
    if copy.start < erasure.at:
        return Verdict(None, "it was begun before the erasure")
    if copy.start < erasure.at + MARGIN:
        return Verdict(None, "it was begun so soon after the erasure that the clocks do not tell")
    return Verdict(Proof.CLOCK, "it was begun after the erasure")


def lsn_text(lsn: int) -> str:
    """An LSN as PostgreSQL writes it: `0/2000028`."""
    return f"{lsn >> 32:X}/{lsn & 0xFFFFFFFF:X}"


def horizons(copies: Iterable[BackupCopy]) -> dict[str, datetime | None]:
    """When each copy goes: its own time, or that of the last copy that needs it; None: never."""
    found = {copy.id: copy for copy in copies}
    needed_by: dict[str, list[str]] = {}
    for copy in found.values():
        for other in copy.depends_on:
            needed_by.setdefault(other, []).append(copy.id)
    return {name: _latest([found[i] for i in _with_users(name, needed_by)]) for name in found}


def _with_users(name: str, needed_by: Mapping[str, list[str]]) -> set[str]:
    """The copy and all that cannot be restored without it, whatever the length of the chain."""
    reached, waiting = {name}, [name]
    while waiting:
        for user in needed_by.get(waiting.pop(), ()):
            if user not in reached:
                reached.add(user)
                waiting.append(user)
    return reached


def _latest(copies: Iterable[BackupCopy]) -> datetime | None:
    ends: list[datetime] = []
    for copy in copies:
        if copy.expires_at is None:
            return None
        ends.append(max(copy.expires_at, copy.held_until or copy.expires_at))
    return max(ends)


@dataclass(frozen=True, slots=True)
class Dirty:
    """A copy that may bring rows back, why, and when it goes (None: nobody knows)."""

    copy: BackupCopy
    why: str
    goes_at: datetime | None


@dataclass(frozen=True, slots=True)
class LastCopy:
    """What a listing says of one erasure: its dirty copies, and the weakest proof of the others.

    `proof` is None where no clean copy was needed, because the listing has none.
    """

    dirty: tuple[Dirty, ...]
    proof: Proof | None

    @property
    def never(self) -> bool:
        """TRUE where a copy that may bring rows back has no known end."""
        return any(found.goes_at is None for found in self.dirty)

    @property
    def gone_at(self) -> datetime | None:
        """When the last dirty copy goes; None where there is none, or where that is never."""
        ends = [found.goes_at for found in self.dirty if found.goes_at is not None]
        return max(ends) if ends and not self.never else None


def last_copy_gone(erasure: Erasure, inventory: Inventory) -> LastCopy:
    """Which copies of a listing can still bring back what the erasure took, and until when."""
    ends = horizons(inventory.copies)
    dirty: list[Dirty] = []
    proofs: list[Proof] = []
    for copy in inventory.copies:
        verdict = judge(copy, erasure)
        if verdict.proof is None:
            dirty.append(Dirty(copy, verdict.why, ends[copy.id]))
        else:
            proofs.append(verdict.proof)
    strength = list(Proof)
    return LastCopy(tuple(dirty), max(proofs, key=strength.index, default=None))


def missing_links(copies: Iterable[BackupCopy]) -> set[str]:
    """Copies that others need and that the listing does not have: it cannot be the whole of it."""
    found = list(copies)
    return {name for copy in found for name in copy.depends_on} - {copy.id for copy in found}
