"""Tables that refer to one another in a circle: rows of one may go with rows of its own. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable

Circles = tuple[tuple[str, ...], ...]


def parents_first(
    tables: Iterable[str], children: Callable[[str], Iterable[str]]
) -> tuple[tuple[str, ...], Circles]:
    """The tables reached from `tables`, parents before children, and the circles among them.

    Within a circle every table but the first comes after one of its parents (Tarjan, 1972).
    """
    found = _Strong(children)
    for table in tables:
        if table not in found.number:
            found.visit(table)
    groups = tuple(reversed(found.groups))
    circles = tuple(
        group for group in groups if len(group) > 1 or group[0] in set(children(group[0]))
    )
    return tuple(table for group in groups for table in group), circles


def circle_of(circles: Circles, table: str) -> tuple[str, ...]:
    """The circle that the table lies in; empty where it lies in none."""
    return next((circle for circle in circles if table in circle), ())


class _Strong:
    """Strongly connected groups of tables, children first."""

    def __init__(self, children: Callable[[str], Iterable[str]]) -> None:
        self.children = children
        self.number: dict[str, int] = {}
        self.lowest: dict[str, int] = {}
        self.open: list[str] = []
        self.groups: list[tuple[str, ...]] = []

    def visit(self, table: str) -> None:
        self.number[table] = self.lowest[table] = len(self.number)
        self.open.append(table)
        for child in self.children(table):
            if child not in self.number:
                self.visit(child)
                self.lowest[table] = min(self.lowest[table], self.lowest[child])
            elif child in self.open:
                self.lowest[table] = min(self.lowest[table], self.number[child])
        if self.lowest[table] == self.number[table]:
            place = self.open.index(table)
            self.groups.append(tuple(self.open[place:]))
            del self.open[place:]
