"""Columns by which rows of other tables are looked for, and that no index serves. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from retention.planning.conditions import columns_of
from retention.planning.paths import Hop
from retention.planning.plan import Floor, Plan, Step
from retention.planning.schema import Pairing, Reference, Table

Place = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Search:
    """Rows of `table` are looked for by `columns`, from rows of `seeker`.

    `with_column`: it may stand in the index too. `enforced`: the database itself looks, for every
    row of `seeker` that goes. `place`: what in the policy asks for it.
    """

    table: str
    columns: tuple[str, ...]
    seeker: str
    place: Place
    with_column: str = ""
    enforced: bool = False


def unindexed(plan: Plan) -> tuple[Search, ...]:
    """The searches of a plan that read a whole table, each once; those the database makes first."""
    found: dict[tuple[str, frozenset[str]], Search] = {}
    for search in sorted(_searches(plan), key=lambda it: not it.enforced):
        if not is_served(plan.schema.tables[search.table], search):
            found.setdefault((search.table, frozenset(search.columns)), search)
    return tuple(found.values())


def is_served(table: Table, search: Search) -> bool:
    """TRUE where an index begins with the columns, or an unique one with some of them suffices."""
    wanted = set(search.columns)
    if not wanted <= set(table.columns):
        return True
    unique = (table.primary_key, *table.unique)
    if any(columns and set(columns) <= wanted for columns in unique):
        return True
    extended = wanted | {search.with_column}
    return any(
        set(columns[: len(wanted)]) == wanted or set(columns[: len(extended)]) == extended
        for columns in (*unique, *table.indexes)
    )


def _searches(plan: Plan) -> Iterator[Search]:
    for step in plan.steps:
        yield from _by_references(plan, step)
        yield from _along(("rules", step.rule), _ways(step))
        yield from _for_units(step)
    for floor in plan.floors:
        yield from _along(("rules", floor.rule), _ways_of_floor(floor))


def _by_references(plan: Plan, step: Step) -> Iterator[Search]:
    """What refers to rows that go, or that are masked or go once nothing uses them."""
    lost = set(plan.lost_tables(step))
    used = {use.table for use, _ in plan.last_masks(step)}
    used |= {hop.target for mask in step.masks for hop in mask.hops if not hop.down}
    for table in sorted(lost | used):
        for reference in plan.users_of(table):
            enforced = reference.declared and table in lost and plan.schema.dialect == "postgresql"
            yield from _down(reference, ("references", reference.label), enforced=enforced)
            # the recount asks of every row that refers whether what it names is there
            yield from _up(reference, ("references", reference.label))


def _for_units(step: Step) -> Iterator[Search]:
    if step.unit is None:
        return
    place = ("rules", step.rule, "together")
    if step.unit.reference is not None:
        yield from _along(place, [(Hop(step.unit.reference, down=True),)])
    else:
        yield Search(step.table, (step.unit.column,), step.table, place)


def _ways(step: Step) -> Iterator[tuple[Hop, ...]]:
    """The ways to other rows that a step's clock, conditions and masks take."""
    clock = step.clock
    columns = () if clock is None else (*clock.columns, *clock.requires)
    yield from (column.path.hops for column in columns)
    for condition in (step.where, step.when, step.early_when, *(one for _, one in step.unless)):
        if condition is not None:
            yield from (path.hops for path in columns_of(condition))
    yield from (mask.hops for mask in step.masks)
    yield from ((Hop(reference, down=True),) for reference in step.removals)


def _ways_of_floor(floor: Floor) -> Iterator[tuple[Hop, ...]]:
    """As of a step; from the rows whose columns a floor protects the way leads back to its own."""
    clock = floor.clock
    yield from (column.path.hops for column in clock.columns) if clock else ()
    if floor.where is not None:
        yield from (path.hops for path in columns_of(floor.where))
    for hops, _ in floor.protects:
        yield from ((Hop(hop.reference, not hop.down),) for hop in hops)


def _along(place: Place, ways: Iterable[tuple[Hop, ...]]) -> Iterator[Search]:
    for hops in ways:
        for hop in hops:
            yield from _down(hop.reference, place) if hop.down else _up(hop.reference, place)


def _down(reference: Reference, place: Place, *, enforced: bool = False) -> Iterator[Search]:
    """From a row to those that refer to it; values that are cast first are served by no index."""
    if any(_cast(pairing, "parent") for pairing in reference.pairing):
        return
    by = reference.by.column if reference.by is not None and reference.by.plain else ""
    yield Search(reference.table, reference.columns, reference.parent, place, by, enforced)


def _up(reference: Reference, place: Place) -> Iterator[Search]:
    if not any(_cast(pairing, "child") for pairing in reference.pairing):
        yield Search(reference.parent, reference.parent_columns, reference.table, place)


def _cast(pairing: Pairing, side: str) -> bool:
    """TRUE where the other side's values are found by no plain index of its column."""
    own, other = pairing.collations
    under_another = bool(other) and not own and side == "parent"
    return under_another or (pairing.text == side and not pairing.whole)
