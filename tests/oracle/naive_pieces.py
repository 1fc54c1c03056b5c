"""Deletions over any graph of references, row by row: what goes with what, and what stops it.

Nothing here is shared with the planner or its statements: rows are dictionaries, a piece is found
by walking from row to row.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Key = tuple[Any, ...]
Place = tuple[str, Key]


@dataclass(frozen=True)
class Link:
    """`table` refers to `parent` by the columns named after `name`; `decision` as in the policy."""

    name: str
    table: str
    parent: str
    decision: str
    declared: bool
    nullable: bool
    on_delete: str = "NO ACTION"


@dataclass(frozen=True)
class Deletion:
    """A rule that deletes rows that are old; `unless` stops those whose flag is 1, or unknown."""

    name: str
    table: str
    unless: bool


@dataclass
class Row:
    """`old`: its time is over; None: it has none. `links`: the key it refers to, by reference."""

    old: bool | None
    flag: int | None
    links: dict[str, Key | None]


@dataclass
class Tally:
    """What one step found and did."""

    outcomes: dict[str, int] = field(default_factory=dict)
    also: dict[tuple[str, str], int] = field(default_factory=dict)

    def add(self, found: dict[Any, int], key: Any) -> None:
        """One more."""
        found[key] = found.get(key, 0) + 1


@dataclass
class World:
    """Tables as they become; `kept`: tables whose rows with flag 2 a floor keeps for ever."""

    tables: dict[str, dict[Key, Row]]
    links: list[Link]
    rules: list[Deletion]
    kept: set[str]
    holds: set[Place]

    def delete(self, rule: Deletion) -> Tally:
        """One step: the rows that are due and that nothing stops, each with all its piece."""
        tally, going = Tally(), set[Place]()
        roots = set[Place]()
        for key, row in self.tables[rule.table].items():
            if not row.old:
                continue
            place = (rule.table, key)
            piece = self.piece(place)
            stops = self._stops(place)
            if rule.unless and row.flag in (1, None):
                stops.add("unless")
            for other in piece:
                stops |= self._stops(other) | self._excepted(other)
            outcome = next(
                (it for it in ("held", "kept", "blocked", "unless") if it in stops), "due"
            )
            tally.add(tally.outcomes, outcome)
            if outcome == "due":
                roots.add(place)
                going |= {place, *piece}
        for table, _ in going - roots:
            tally.add(tally.also, (table, "delete"))
        self._detach(going, tally)
        for table, key in going:
            del self.tables[table][key]
        return tally

    def piece(self, place: Place) -> set[Place]:
        """Every row that goes with the row; the row itself only where the references lead back."""
        found, waiting = set[Place](), [place]
        while waiting:
            new = set(self._referring(waiting.pop(), "delete")) - found
            found |= new
            waiting += new
        return found

    def goes_along(self, place: Place) -> dict[tuple[str, str], int]:
        """What goes, or is detached, with one row, whatever keeps any of them."""
        tally, piece = Tally(), self.piece(place) - {place}
        for table, _ in piece:
            tally.add(tally.also, (table, "delete"))
        self._detach(piece | {place}, tally)
        return tally.also

    def _referring(self, place: Place, decision: str) -> list[Place]:
        return [
            (link.table, key)
            for link in self.links
            if link.parent == place[0] and link.decision == decision
            for key, row in self.tables[link.table].items()
            if row.links[link.name] == place[1]
        ]

    def _stops(self, place: Place) -> set[str]:
        table, key = place
        found = {"held"} if place in self.holds else set[str]()
        if table in self.kept and self.tables[table][key].flag == 2:
            found.add("kept")
        if self._referring(place, "block"):
            found.add("blocked")
        return found

    def _excepted(self, place: Place) -> set[str]:
        flag = self.tables[place[0]][place[1]].flag
        stops = any(rule.unless for rule in self.rules if rule.table == place[0])
        return {"unless"} if stops and flag in (1, None) else set()

    def _detach(self, going: set[Place], tally: Tally) -> None:
        for link in self.links:
            for key, row in self.tables[link.table].items():
                gone = (link.parent, row.links[link.name]) in going
                if link.decision == "detach" and gone and (link.table, key) not in going:
                    row.links[link.name] = None
                    tally.add(tally.also, (link.table, "detach"))
