"""Sets of rows kept in temporary tables, for engines that work out a named set at every mention.

SQLite and MariaDB put the text of a common table expression at each place that names it, so that
sets built on sets grow without bound: five rules on one table made a statement that SQLite refused,
and eight took a MariaDB server down.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql import visitors

from retention.databases.dialects.dialect import Dialect
from retention.databases.sql import row_of
from retention.databases.statements.gone import GoneSets
from retention.databases.statements.holding import any_held
from retention.planning.plan import Plan
from retention.planning.schema import ColumnKind, Table

Told = Callable[[str, sa.Select[Any]], object]


@dataclass(frozen=True, slots=True)
class _Words:
    """How one engine makes a temporary table, and lets a session that may only read do so."""

    only: str
    allow: tuple[str, ...]
    forbid: tuple[str, ...]
    create: tuple[str, ...]
    drop: str


_WORDS = {
    "sqlite": _Words(
        only="PRAGMA query_only",
        allow=("PRAGMA query_only = OFF",),
        forbid=("PRAGMA query_only = ON",),
        create=(
            "CREATE TEMPORARY TABLE {name} AS {shape}",
            "CREATE UNIQUE INDEX temp.{name}_key ON {name} ({key})",
        ),
        drop="DROP TABLE IF EXISTS temp.{name}",
    ),
    # a transaction that reads stays one that reads; at READ COMMITTED a new one sees no less
    "mysql": _Words(
        only="SELECT @@tx_read_only",
        allow=("COMMIT", "SET SESSION TRANSACTION READ WRITE"),
        forbid=("COMMIT", "SET SESSION TRANSACTION READ ONLY"),
        create=("CREATE TEMPORARY TABLE {name} (PRIMARY KEY ({key})) AS {shape}",),
        drop="DROP TEMPORARY TABLE IF EXISTS {name}",
    ),
}


@contextmanager
def gone_sets(connection: sa.Connection, plan: Plan, dialect: Dialect) -> Iterator[GoneSets]:
    """The sets of a plan, for the statements of one transaction that only counts.

    A hold placed while it counts may be missed; the batches ask again.
    """
    plan = plan if any_held(connection, plan) else plan.unheld()
    with kept_sets(connection, dialect) as kept:
        yield GoneSets(plan, dialect, kept)


@contextmanager
def kept_sets(connection: sa.Connection, dialect: Dialect) -> Iterator[KeptSets | None]:
    """How sets are named on this connection; None where the engine keeps them itself."""
    kept = KeptSets(connection, dialect) if dialect.repeats_sets else None
    try:
        yield kept
    finally:
        if kept is not None:
            kept.drop()


class KeptSets:
    """Names a set: one built on other sets is worked out once, and the keys of its rows are kept.

    `told` hears of each statement that fills a temporary table. A role that may not make such
    tables gets a common table expression.
    """

    def __init__(
        self, connection: sa.Connection, dialect: Dialect, told: Told | None = None
    ) -> None:
        self.connection = connection
        self.told = told
        self._words = _WORDS[dialect.name]
        self._made: set[str] = set()

    def __call__(self, name: str, table: Table, query: sa.Select[Any]) -> sa.CTE:
        """The rows that `query` finds in `table`, as a set that is cheap to mention."""
        if not table.identity or not self._built_on_sets(query):
            return query.cte(name)
        kept = sa.table(f"retention_{name}", *(sa.column(column) for column in table.identity))
        row = row_of(table)
        if not self._keep(kept, row, query):
            return query.cte(name)
        # SQLite would seek each of the rows again; on MariaDB that was not seen to cost
        if self.connection.dialect.name == "sqlite" and _says_all(table, query):
            return sa.select(*kept.c).cte(name)
        same = sa.and_(*(kept.c[column] == row.c[column] for column in table.identity))
        known = sa.exists(sa.select(sa.literal_column("1")).select_from(kept).where(same))
        wanted = [row.c[column] for column in query.selected_columns.keys()]  # noqa: SIM118
        return sa.select(*wanted).where(known.correlate(row)).cte(name)

    def drop(self) -> None:
        """Gives the memory of the sets back."""
        if self._made:
            with self._writing():
                for name in self._made:
                    self.connection.exec_driver_sql(self._words.drop.format(name=name))
            self._made.clear()

    def _built_on_sets(self, query: sa.Select[Any]) -> bool:
        return any(
            isinstance(part, sa.CTE) or getattr(part, "name", None) in self._made
            for part in visitors.iterate(query)
        )

    def _keep(self, kept: sa.TableClause, row: sa.TableClause, query: sa.Select[Any]) -> bool:
        """The keys of the rows in a table typed like them; FALSE where the role may make none."""
        columns = [row.c[part.name] for part in kept.c]
        shape = sa.select(*columns).where(sa.literal_column("1 = 0")).compile(self.connection)
        quoted = self.connection.dialect.identifier_preparer.quote
        key = ", ".join(quoted(column.name) for column in columns)
        keys = query.with_only_columns(*(query.selected_columns[part.name] for part in kept.c))
        with self._writing():
            self.connection.exec_driver_sql(self._words.drop.format(name=kept.name))
            try:
                for words in self._words.create:
                    statement = words.format(name=kept.name, key=key, shape=shape)
                    self.connection.exec_driver_sql(statement)
            except sa.exc.DBAPIError:
                return False
            self._made.add(kept.name)
            self.connection.execute(sa.insert(kept).from_select(list(kept.c), keys))
        if self.told is not None:
            self.told(kept.name, keys)
        return True

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """A session that may only read refuses temporary tables, too, though they touch no row."""
        run = self.connection.exec_driver_sql
        only = run(self._words.only).scalar_one()
        for statement in self._words.allow if only else ():
            run(statement)
        try:
            yield
        finally:
            for statement in self._words.forbid if only else ():
                run(statement)


def _says_all(table: Table, query: sa.Select[Any]) -> bool:
    """TRUE where the kept keys are all that is asked, and compare as they do in their table."""
    numbers = all(
        name in table.columns and table.columns[name].kind is ColumnKind.INTEGER
        for name in table.identity
    )
    return numbers and set(query.selected_columns.keys()) == set(table.identity)
