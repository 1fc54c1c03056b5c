"""Column paths (`customers.closed_at`, `messages.sent_at`) resolved along references."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from retention.planning.schema import Column, Reference, Schema, Table
from retention.policies.lake_tables import is_lake

_SEGMENT = re.compile(r"^(?P<table>[^()]+?)(?:\((?P<via>[^()]+)\))?$")


class PathFault(ValueError):
    """A path that names nothing, or more than one thing; the message says what would be right."""


@dataclass(frozen=True, slots=True)
class Hop:
    """One step along a reference: down to the rows that refer, or up to the row referred to."""

    reference: Reference
    down: bool

    @property
    def target(self) -> str:
        """The table the step arrives in."""
        return self.reference.table if self.down else self.reference.parent


@dataclass(frozen=True, slots=True)
class ColumnPath:
    """A column of `table`, reached from the rule's table by `hops` (none: the row's own)."""

    hops: tuple[Hop, ...]
    table: str
    column: str

    @property
    def is_own(self) -> bool:
        """True for a column of the row itself."""
        return not self.hops

    @property
    def reads_children(self) -> bool:
        """True where the path goes down to rows that refer to this one."""
        return any(hop.down for hop in self.hops)


def turned(hops: tuple[Hop, ...]) -> tuple[Hop, ...]:
    """The same way walked back, from its end to where it began."""
    return tuple(Hop(hop.reference, not hop.down) for hop in reversed(hops))


def resolve(schema: Schema, table: str, path: str, *, children: bool) -> ColumnPath:
    """The column `path` names, seen from `table`.

    `children` allows one step down to child rows (and ups from there), and makes a table's name
    along its reference to itself mean the child rows. Raises PathFault.
    """
    if "." not in path:
        return ColumnPath((), table, _column(schema.tables[table], path).name)
    place, _, column = path.rpartition(".")
    if place == table and not any(found.parent == table for found in schema.of(table)):
        return ColumnPath((), table, _column(schema.tables[table], column).name)
    hops = _hops(schema, table, place, children=children)
    target = hops[-1].target
    return ColumnPath(hops, target, _column(schema.tables[target], column).name)


def resolve_table(schema: Schema, table: str, place: str, *, children: bool) -> tuple[Hop, ...]:
    """The hops from `table` to the rows `place` names (`attachments` of `attachments.*`)."""
    return _hops(schema, table, place, children=children)


def known_table(schema: Schema, name: str) -> Table:
    """The table called `name`; PathFault with the nearest name where there is none."""
    if name in schema.tables:
        return schema.tables[name]
    if name in schema.partitions:
        whole = schema.partitions[name]
        raise PathFault(f'"{name}" is a partition of "{whole}"; name "{whole}"')
    if is_lake(name):
        raise PathFault(
            f'"{name}" is a lake table: no key names its rows. `retention plan` counts them, and '
            "`retention hold add` keeps those that have certain values"
        )
    raise PathFault(f'there is no table "{name}"{did_you_mean(name, schema.tables)}')


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`; did you mean "closed_at"?` where something close exists, else nothing."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f'; did you mean "{close[0]}"?' if close else ""


def _column(table: Table, name: str) -> Column:
    if name in table.columns:
        return table.columns[name]
    raise PathFault(
        f'table "{table.name}" has no column "{name}"{did_you_mean(name, table.columns)}'
    )


def _hops(schema: Schema, table: str, place: str, *, children: bool) -> tuple[Hop, ...]:
    hops: tuple[Hop, ...] = ()
    here = table
    for segment in _segments(schema, place):
        found = _SEGMENT.match(segment)
        if found is None:
            raise PathFault(f'"{place}" is not a path; write table.column or table(column).column')
        target, via = found["table"].strip(), found["via"]
        known_table(schema, target)
        may_go_down = children and not hops
        step = _shortest(schema, here, target, via, down=may_go_down)
        hops += step
        here = target
    return hops


def _segments(schema: Schema, place: str) -> list[str]:
    """`public.customers` is one table; `favourites.accounts` is two."""
    bare = _SEGMENT.match(place)
    if bare and bare["table"] in schema.tables:
        return [place]
    return [part for part in re.split(r"\.(?![^()]*\))", place) if part]


def _shortest(
    schema: Schema, start: str, target: str, via: str | None, *, down: bool
) -> tuple[Hop, ...]:
    """The only shortest walk from `start` to `target`: ups, or one down and then ups."""
    walks: list[tuple[Hop, ...]] = [()]
    seen = {start}
    for _ in range(len(schema.tables) + 1):
        longer = [
            (*walk, hop)
            for walk in walks
            for hop in _next_hops(schema, walk[-1].target if walk else start, down and not walk)
        ]
        arrived = [walk for walk in longer if walk[-1].target == target and _goes_via(walk, via)]
        if start == target and down:
            arrived = [walk for walk in arrived if walk[-1].down]
        if len(arrived) == 1:
            return arrived[0]
        if arrived:
            raise PathFault(_unclear(start, target, arrived))
        walks = [walk for walk in longer if walk[-1].target not in seen]
        seen |= {walk[-1].target for walk in walks}
        if not walks:
            break
    raise PathFault(
        f'no reference leads from "{start}" to "{target}"; declare one under [references], such as '
        f'"{start}.column" = {{ to = "{target}.column", then = "leave" }}'
    )


def _next_hops(schema: Schema, here: str, down: bool) -> list[Hop]:
    ups = [Hop(reference, down=False) for reference in schema.of(here)]
    downs = [Hop(reference, down=True) for reference in schema.referring_to(here)] if down else []
    return downs + ups


def _goes_via(walk: tuple[Hop, ...], via: str | None) -> bool:
    if via is None:
        return True
    table, _, column = via.strip().rpartition(".")
    return any(
        ",".join(hop.reference.columns) == column and table in ("", hop.reference.table)
        for hop in walk
    )


def _unclear(start: str, target: str, walks: list[tuple[Hop, ...]]) -> str:
    choices = " or ".join(sorted({f'"{target}({walk[-1].reference.label})"' for walk in walks}))
    return f'more than one reference leads from "{start}" to "{target}"; write {choices}'
