"""What goes with rows of a table: child rows along `delete`, theirs, and so on. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from retention.planning.circles import Circles, parents_first
from retention.planning.schema import Reference, Schema


@dataclass(frozen=True, slots=True)
class Companions:
    """What goes with rows of a table: tables in an order in which parents come first.

    `taken` maps each table to the references along which its rows go; `detached` lists references
    set to NULL. `circles`: tables of `taken` whose rows go with rows of their own table in the end.
    """

    taken: Mapping[str, tuple[Reference, ...]]
    detached: tuple[Reference, ...]
    circles: Circles = ()


def companions(schema: Schema, decisions: Mapping[Reference, str], table: str) -> Companions:
    """Walk the `delete` references down from `table`."""

    def goes_with(here: str) -> Iterable[Reference]:
        return (found for found in schema.referring_to(here) if decisions.get(found) == "delete")

    order, circles = parents_first([table], lambda here: (it.table for it in goes_with(here)))
    taken = {
        name: along
        for name in order
        if (
            along := tuple(
                found for here in order for found in goes_with(here) if found.table == name
            )
        )
    }
    detached = tuple(
        reference
        for parent in order
        for reference in schema.referring_to(parent)
        if decisions.get(reference) == "detach"
    )
    return Companions(taken, detached, circles)


def removed(
    removals: Iterable[Reference], companions_of: Callable[[str], Companions]
) -> Companions:
    """The tables of `removals`, whose rows a masking step deletes, with all that goes with those."""
    along: dict[str, dict[Reference, None]] = {}
    detached: dict[Reference, None] = {}
    for reference in removals:
        along.setdefault(reference.table, {})
        found = companions_of(reference.table)
        for name, references in found.taken.items():
            along.setdefault(name, {}).update(dict.fromkeys(references))
        detached.update(dict.fromkeys(found.detached))

    def children(here: str) -> list[str]:
        return [name for name, found in along.items() if here in {it.parent for it in found}]

    order, circles = parents_first(along, children)
    return Companions({name: tuple(along[name]) for name in order}, tuple(detached), circles)
