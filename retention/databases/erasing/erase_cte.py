"""PostgreSQL: lock, then decide and take everything in one data-modifying statement.

First the locks, because the next statement sees what was committed while they were waited for: a
child row inserted or changed meanwhile is seen, and either goes counted or keeps its parent.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import sqlalchemy as sa

from retention.databases.dialects.dialect import Dialect
from retention.databases.erasing.alone import reads_others
from retention.databases.erasing.batch_locks import BatchLocks
from retention.databases.erasing.cte_answer import Answer, Part, Query
from retention.databases.erasing.cte_files import FilePart, files_masked, files_of
from retention.databases.erasing.cte_rows import detached_values, goes_with, under
from retention.databases.erasing.last_users import unused_deletions
from retention.databases.erasing.locking import lock_tables
from retention.databases.erasing.restricting import entries_for, into, moved_columns, values_of
from retention.databases.erasing.system_columns import (
    ADDRESS,
    OURS,
    PART,
    at_addresses,
    locked_by_us,
    with_system_columns,
)
from retention.databases.erasing.unit_sets import UnitSets
from retention.databases.erasing.windows import Window
from retention.databases.sql import Row, Truth, any_of, joined_to_any, row_of
from retention.databases.statements.predicates import Predicates
from retention.databases.statements.unused import Leaving, within
from retention.databases.taking import Taken, set_columns
from retention.planning.masked_columns import MaskGroup
from retention.planning.plan import Action, Plan, Step
from retention.planning.schema import Reference, Table


class CteEraser:
    """Rows locked by this transaction are decided and taken, children with their parents."""

    def __init__(self, plan: Plan, dialect: Dialect, step: Step, *, keys: bool) -> None:
        self.plan = plan
        self.dialect = dialect
        self.step = step
        self.keys = keys
        self.table = plan.schema.tables[step.table]
        self.predicates = Predicates(plan, dialect)
        self.units = None if step.unit is None else UnitSets(plan, dialect, step)
        self.locks = BatchLocks(plan, step, reads_others=reads_others(plan, dialect, step))
        self._is_doomed = self.units.doomed if self.units else partial(self.predicates.doomed, step)

    def prepare(self, connection: sa.Connection) -> None:
        """Note the units that are due, where the step takes whole units."""
        if self.units is not None:
            self.units.prepare(connection)

    def take(self, connection: sa.Connection, window: Window, most: int | None) -> Taken:
        lock_tables(connection, self.plan, self.step)
        if self.units is not None:
            if not self.units.gather(connection, window, most):
                return Taken()
            window, most = self.units, None
        if not connection.execute(self.lock(window)).scalar_one():
            return Taken()
        self._lock_others(connection, window)
        while self.units is not None and not self.units.settled(connection, locked_by_us):
            connection.execute(self.lock(window))
            self._lock_others(connection, window)
        rows = connection.execute(self.statement(window, most)).fetchall()
        return self._read(rows)

    def lock(self, window: Window) -> sa.Select[Any]:
        """Locks the window's candidates in key order and counts them."""
        row = row_of(self.table)
        locked = (
            sa.select(sa.literal_column("1").label("one"))
            .select_from(row)
            .where(window.holds(row), self._is_doomed(row))
            .order_by(*(row.c[name] for name in self.table.key))
            .with_for_update(of=row)
            .subquery("locked")
        )
        return sa.select(sa.func.count()).select_from(locked)

    def _lock_others(self, connection: sa.Connection, window: Window) -> None:
        for query in (*self.locks.on_companions(window), *self.locks.on_used(window)):
            connection.execute(query)

    def statement(self, window: Window, most: int | None) -> Query:
        """Decides the doomed rows once, and takes them and what goes with them."""
        doomed = self._doomed(window, most)
        match self.step.action:
            case Action.DELETE:
                root = self._delete_root(doomed)
                parts: list[Part] = [("erased", self.step.table, self.table, root)]
                parts += self._deletions({self.step.table: root}, doomed)
                return self._answer(parts, [*files_of(self.plan, self.dialect, parts)])
            case Action.RESTRICT:
                return self._restrictions(doomed)
            case _:
                parts = self._updates(doomed) + self._deletions({}, doomed)
                masked = files_masked(self.plan, self.predicates, self.step, doomed)
                return self._answer(parts, [*files_of(self.plan, self.dialect, parts), *masked])

    def _doomed(self, window: Window, most: int | None) -> sa.CTE:
        row = with_system_columns(row_of(self.table))
        columns = [row.c[name] for name in set_columns(self.plan, self.table)]
        query = (
            sa.select(*columns, row.c["ctid"].label(ADDRESS), row.c["tableoid"].label(PART))
            .where(window.holds(row), self._is_doomed(row))
            .where(locked_by_us(row))
        )
        if most is not None:
            query = query.order_by(*(row.c[name] for name in self.table.key)).limit(most)
        return query.cte("doomed")

    def _deletions(self, gone: dict[str, sa.CTE], doomed: sa.CTE) -> list[Part]:
        parts: list[Part] = []
        companions = self.plan.gone_with(self.step)
        for index, (name, references) in enumerate(companions.taken.items(), start=1):
            table = self.plan.schema.tables[name]
            row = row_of(table)
            goes = [goes_with(self.plan, row, found, gone) for found in references]
            goes += [
                sa.and_(joined_to_any(found, row, doomed), self.predicates.may_go(name, row))
                for found in self.step.removals
                if found.table == name
            ]
            gone[name] = (
                sa.delete(row)
                .where(any_of(*goes))
                .returning(*self._returned(table, row))
                .cte(f"gone_{index}")
            )
            parts.append(("erased", name, table, gone[name]))
        leaving = Leaving(self.plan, self.dialect, gone, partial(self._taken, gone))
        parts += [
            ("erased", use.table, self.plan.schema.tables[use.table], found)
            for use, found in unused_deletions(self.plan, self.step, leaving)
        ]
        parts += self._masked_unused(leaving)
        cut: dict[str, list[Reference]] = {}
        for reference in companions.detached:
            cut.setdefault(reference.table, []).append(reference)
        for along in cut.values():
            parts += self._detach(along, gone, leaving)
        return parts

    def _masked_unused(self, leaving: Leaving) -> Iterator[Part]:
        for index, (use, masks) in enumerate(self.plan.last_masks(self.step), start=1):
            table = self.plan.schema.tables[use.table]
            row = with_system_columns(row_of(table))
            updated = (
                sa.update(row)
                .where(row.c["xmax"] == sa.literal_column(OURS))
                .where(leaving.left_anonymous(use, row, self.step.rule))
                .where(self.predicates.any_to_mask(masks, row))
                .values(self.predicates.new_values(masks, row))
                .returning(*self._returned(table, row))
                .cte(f"unused_masked_{index}")
            )
            yield "anonymized", use.table, table, updated

    def _delete_root(self, doomed: sa.CTE) -> sa.CTE:
        row = with_system_columns(row_of(self.table))
        return (
            sa.delete(row)
            .where(at_addresses(self.table, row, doomed))
            .returning(*self._returned(self.table, row))
            .cte("gone_0")
        )

    def _taken(self, gone: dict[str, sa.CTE], name: str, row: Row) -> Truth:
        """TRUE for a row that goes with its parents."""
        taken = self.plan.gone_with(self.step).taken.get(name, ())
        goes = [goes_with(self.plan, row, reference, gone) for reference in taken]
        return any_of(*goes)

    def _detach(
        self, references: list[Reference], gone: dict[str, sa.CTE], leaving: Leaving
    ) -> list[Part]:
        """One UPDATE for all references of a table: a statement changes a row only once."""
        table = self.plan.schema.tables[references[0].table]
        number = list(self.plan.schema.tables).index(table.name)
        row = with_system_columns(row_of(table))
        cuts = [goes_with(self.plan, row, reference, gone) for reference in references]
        goes = leaving.goes(table.name, row)
        hits = (
            sa.select(
                row.c["ctid"].label(ADDRESS),
                row.c["tableoid"].label(PART),
                *(cut.label(f"cut_{index}") for index, cut in enumerate(cuts)),
            )
            .where(any_of(*cuts), sa.true() if goes is None else sa.not_(goes))
            .cte(f"hits_{number}")
        )
        updated = (
            sa.update(row)
            .where(row.c["ctid"] == hits.c[ADDRESS], row.c["tableoid"] == hits.c[PART])
            .where(at_addresses(table, row, hits))
            .values(detached_values(row, references, hits))
            .returning(
                *self._returned(table, row),
                *(hits.c[f"cut_{index}"] for index in range(len(cuts))),
            )
            .cte(f"detached_{number}")
        )
        found = [
            sa.select(updated).where(updated.c[f"cut_{index}"]).cte(f"cut_{number}_{index}")
            for index in range(len(cuts))
        ]
        return [("detached", table.name, table, rows) for rows in found]

    def _updates(self, doomed: sa.CTE) -> list[Part]:
        parts: list[Part] = [("due", self.step.table, self.table, doomed)]
        for index, group in enumerate(self.step.mask_groups):
            table = self.plan.schema.tables[group.table]
            row = with_system_columns(row_of(table))
            updated = (
                sa.update(row)
                .where(self._masked(group, row, doomed))
                .where(self.predicates.any_to_mask(group.masks, row))
                .values(self.predicates.new_values(group.masks, row))
                .returning(*self._returned(table, row))
                .cte(f"masked_{index}")
            )
            parts.append(("anonymized", table.name, table, updated))
        return parts

    def _restrictions(self, doomed: sa.CTE) -> Query:
        step, row = self.step, with_system_columns(row_of(self.table))
        here = at_addresses(self.table, row, doomed)
        if not step.moves and not values_of(step):
            noted = entries_for(self.plan, self.dialect, step, doomed).cte("noted")
            return self._answer([("restricted", step.table, self.table, doomed)]).add_cte(noted)
        if not step.moves:
            changed = sa.update(row).where(here).values(values_of(step))
            found = changed.returning(*self._returned(self.table, row)).cte("restricted")
            return self._answer([("restricted", step.table, self.table, found)])
        columns = dict.fromkeys((*moved_columns(self.table), *set_columns(self.plan, self.table)))
        left = sa.delete(row).where(here).returning(*(row.c[name] for name in columns)).cte("left")
        moved = sa.select(*(left.c[name] for name in moved_columns(self.table)))
        arrived = into(self.plan, step, moved).cte("arrived")
        return self._answer([("restricted", step.table, self.table, left)]).add_cte(arrived)

    def _masked(self, group: MaskGroup, row: Row, doomed: sa.CTE) -> Truth:
        """The doomed rows lead to the row; one that may be shared is locked, and not used else."""
        if group.up:
            key = self.table.identity
            freed = self.predicates.freed(self.step, lambda own: within(own, key, doomed, key))
            reached = freed.reached(group, row, lambda own: within(own, key, doomed, key))
            ours = row.c["xmax"] == sa.literal_column(OURS)
            return sa.and_(ours, reached, freed.only(group, row))
        (way,) = group.ways
        if way:
            return under(self.plan, row, way, doomed)
        return at_addresses(self.table, row, doomed)

    def _returned(self, table: Table, row: Row) -> list[sa.ColumnElement[Any]]:
        columns: list[sa.ColumnElement[Any]] = [
            row.c[name] for name in set_columns(self.plan, table)
        ]
        return columns or [sa.literal_column("1").label("one")]

    def _answer(self, parts: list[Part], files: Sequence[FilePart] = ()) -> Query:
        answer = Answer(self.plan, self.dialect, self.step, parts)
        if not self.keys:
            self._read = answer.read_counts
            return answer.counts()
        packed = None if files else answer.packed()
        if packed is not None:
            self._read = answer.read_packed
            return packed
        self._read = partial(answer.read_listed, files=files)
        return answer.listed(files)
