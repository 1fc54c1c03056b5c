"""Child rows that a masking step deletes, with all that goes with them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from retention.planning.schema import Reference


class Along(Protocol):
    """What goes with rows of one table, and what is detached."""

    @property
    def taken(self) -> Mapping[str, tuple[Reference, ...]]:
        """Tables and the references along which their rows go."""
        ...

    @property
    def detached(self) -> tuple[Reference, ...]:
        """References set to NULL."""
        ...


def removed(
    removals: Iterable[Reference], companions: Callable[[str], Along]
) -> tuple[dict[str, tuple[Reference, ...]], tuple[Reference, ...]]:
    """The tables of `removals` with their companions, parents first; and what is detached."""
    along: dict[str, dict[Reference, None]] = {}
    detached: dict[Reference, None] = {}
    for reference in removals:
        along.setdefault(reference.table, {})
        found = companions(reference.table)
        for name, references in found.taken.items():
            along.setdefault(name, {}).update(dict.fromkeys(references))
        detached.update(dict.fromkeys(found.detached))
    return {name: tuple(along[name]) for name in _parents_first(along)}, tuple(detached)


def _parents_first(along: dict[str, dict[Reference, None]]) -> list[str]:
    order: list[str] = []

    def visit(name: str) -> None:
        if name in order:
            return
        for reference in along[name]:
            visit(reference.parent)
        order.append(name)

    for name in along:
        visit(name)
    return order
