"""Columns to mask, and the ways that lead to their rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from retention.planning.paths import Hop
from retention.policies.masking import Mask, Pseudonym


@dataclass(frozen=True, slots=True)
class ColumnMask:
    """One column to mask: of the step's row (`hops` empty), of child rows that stay, or of rows
    referred to that nothing else uses.
    """

    hops: tuple[Hop, ...]
    table: str
    column: str
    mask: Mask


@dataclass(frozen=True, slots=True)
class MaskGroup:
    """Masks of one table, and the ways that lead to its rows; `up`: rows that may be shared."""

    table: str
    ways: tuple[tuple[Hop, ...], ...]
    masks: tuple[ColumnMask, ...]
    up: bool


def told_pseudonyms(masks: Iterable[ColumnMask]) -> str:
    """What every screen adds where a column is pseudonymized: a token is not anonymity."""
    names = [mask.column for mask in masks if isinstance(mask.mask, Pseudonym)]
    return f"; {', '.join(names)} pseudonymized, still personal data" if names else ""


def grouped(masks: Iterable[ColumnMask]) -> tuple[MaskGroup, ...]:
    """The masks by the way to their rows; ways up to one table together."""
    groups: dict[object, MaskGroup] = {}
    for mask in masks:
        up = bool(mask.hops) and not mask.hops[-1].down
        name = mask.table if up else mask.hops
        known = groups.get(name, MaskGroup(mask.table, (), (), up))
        ways = tuple(dict.fromkeys((*known.ways, mask.hops)))
        first = mask.hops == ways[0]
        kept = (*known.masks, mask) if first else known.masks
        groups[name] = MaskGroup(mask.table, ways, kept, up)
    return tuple(groups.values())
