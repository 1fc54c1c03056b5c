"""Statutes: periods that a law sets, who it binds, and where their clock starts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from retention.policies.calendar import CountedFrom
from retention.policies.period import Period


class StatuteKind(StrEnum):
    """What a statute asks for."""

    MINIMUM = "minimum"
    MAXIMUM = "maximum"
    LIMITATION = "limitation"
    DEADLINE = "deadline"
    AGE = "age"
    PERIODICITY = "periodicity"
    RULE = "rule"


@dataclass(frozen=True, slots=True)
class Statute:
    """One entry of the catalogue."""

    id: str
    jurisdiction: str
    act: str
    section: str
    title: str
    period: Period | None
    counted_from: CountedFrom
    kind: StatuteKind
    starts: str
    binds: str
    notes: str
    as_of: date
    confidence: str
    rolls: bool

    @property
    def country(self) -> str:
        """The country whose holidays count."""
        return "" if self.jurisdiction == "EU" else self.jurisdiction
