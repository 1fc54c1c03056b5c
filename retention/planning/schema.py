"""Tables, columns and references as an adapter reports them; nothing here knows SQL."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum


class ColumnKind(StrEnum):
    """What a column holds, as far as clocks, keys and masks care."""

    DATE = "date"
    TIMESTAMP = "timestamp"
    TIMESTAMPTZ = "timestamp with zone"
    TEXT = "text"
    INTEGER = "integer"
    DECIMAL = "decimal"
    FLOAT = "float"
    BOOLEAN = "boolean"
    UUID = "uuid"
    JSON = "json"
    INET = "inet"
    ARRAY = "array"
    BINARY = "binary"
    OTHER = "other"


class TableKind(StrEnum):
    """What stands behind a table's name."""

    TABLE = "table"
    PARTITIONED = "partitioned table"
    VIEW = "view"
    DERIVED = "derived table"


@dataclass(frozen=True, slots=True)
class Column:
    """One column; `length` in characters where the database limits it.

    `choices`: the values of an enum. `whole`: the least and greatest whole number it can hold.
    `renews_itself`: the database sets it anew with every UPDATE that does not set it. `collation`:
    of its text, '' where it is the usual one or not known.
    """

    name: str
    kind: ColumnKind
    type_text: str
    nullable: bool = True
    length: int | None = None
    generated: bool = False
    choices: tuple[str, ...] = ()
    whole: tuple[int, int] | None = None
    renews_itself: bool = False
    collation: str = ""

    @property
    def holds_bytes(self) -> bool:
        """TRUE for strings of bytes, which no text can show as they are."""
        return self.kind is ColumnKind.BINARY or "BINARY" in self.type_text.upper()


@dataclass(frozen=True, slots=True)
class Check:
    """A CHECK constraint: its name, '' where it has none, and its condition as SQL."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Trigger:
    """A trigger: the events that set it off (INSERT, UPDATE, DELETE), and the tables it writes."""

    name: str
    events: frozenset[str]
    writes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Derived:
    """What repeats a table's rows: a full-text index (`module` fts3 to fts5) or a materialized view.

    `columns`: those that the index reads; `rowid`: the column that it knows rows by.
    """

    name: str
    module: str = ""
    columns: tuple[str, ...] = ()
    rowid: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """One table. `name` is how policies name it: with its schema where that is not the default.

    `partly_unique`: columns that a unique index reads which covers some rows only, or expressions.
    `ordered`: columns with which an index begins that keeps every row in its order.
    `parted_by`: the column by whose ranges rows lie in one partition or another.
    """

    name: str
    columns: Mapping[str, Column]
    primary_key: tuple[str, ...]
    kind: TableKind = TableKind.TABLE
    schema: str | None = None
    bare_name: str = ""
    unique: tuple[tuple[str, ...], ...] = ()
    indexes: tuple[tuple[str, ...], ...] = ()
    triggers: tuple[Trigger, ...] = ()
    row_address: str | None = None
    obstacle: str = ""
    partly_unique: frozenset[str] = frozenset()
    checks: tuple[Check, ...] = ()
    ordered: frozenset[str] = frozenset()
    derived: tuple[Derived, ...] = ()
    parted_by: str | None = None

    @property
    def key(self) -> tuple[str, ...]:
        """The columns that name a row: the primary key, else a unique key without NULLs."""
        if self.primary_key:
            return self.primary_key
        for columns in self.unique:
            if all(not self.columns[name].nullable for name in columns):
                return columns
        return ()

    @property
    def sought_by(self) -> tuple[str, ...]:
        """The columns by which single rows are sought: the key, or the row's address where a part of
        the key may be NULL (SQLite), which no comparison finds.
        """
        if self.row_address and any(self.columns[name].nullable for name in self.key):
            return (self.row_address,)
        return self.key

    @property
    def identity(self) -> tuple[str, ...]:
        """The columns that tell rows apart meanwhile: the key, else the row's address, if any."""
        return self.key or ((self.row_address,) if self.row_address else ())


@dataclass(frozen=True, slots=True)
class Pairing:
    """How one column is compared with the parent's, where `=` alone would not be right.

    `nothing`: values that refer to no row. `text`: the side ("child", "parent") that is text while
    the other is not; `whole`: the other is a whole number of 64 bits with a sign. `collations`: the
    child's and the parent's where they differ; the parent's decides what one key is.
    """

    nothing: tuple[str | int, ...] = ()
    text: str = ""
    whole: bool = False
    collations: tuple[str, str] = ("", "")


@dataclass(frozen=True, slots=True)
class Discriminator:
    """A row refers only where `column` has one of `values`; `plain`: an index may serve."""

    column: str
    values: tuple[str | int, ...]
    plain: bool


@dataclass(frozen=True, slots=True)
class Reference:
    """`table.columns` refer to `parent.parent_columns`; `on_delete` as the database declares it.

    `copied_from`: the label of the reference it repeats for a table that rows are moved to.
    `partial`: the database declares it on some partitions of `table` only. `pairing` (one for each
    column, or none) and `by` say what else it takes to refer. `shared`: several parent rows may have
    the key, and a row goes with the last of them. `detach_to`: what detaching writes, None: NULL.
    `cut`: the columns it is written to where the database names some of them (ON DELETE SET NULL).
    """

    table: str
    columns: tuple[str, ...]
    parent: str
    parent_columns: tuple[str, ...]
    on_delete: str = "NO ACTION"
    declared: bool = True
    name: str = ""
    copied_from: str = ""
    partial: bool = False
    pairing: tuple[Pairing, ...] = ()
    by: Discriminator | None = None
    shared: bool = False
    detach_to: str | int | None = None
    cut: tuple[str, ...] = ()

    @property
    def cut_columns(self) -> tuple[str, ...]:
        """The columns that change in a row that is detached."""
        return self.cut or self.columns

    @property
    def referring_columns(self) -> tuple[str, ...]:
        """All columns that say whether a row refers, and to which row."""
        return self.columns if self.by is None else (*self.columns, self.by.column)

    @property
    def label(self) -> str:
        """How policies name it: `orders.customer_id`."""
        return f"{self.table}.{','.join(self.columns)}"


@dataclass(frozen=True, slots=True)
class ColumnSample:
    """Shapes seen in a sample of a clock column: how many values of each, never the values.

    `local_times` counts those with a time of day and no zone.
    """

    shapes: Mapping[str, int]
    local_times: int = 0


Value = int | str | date


@dataclass(frozen=True, slots=True)
class HeldRows:
    """Rows of a lake table that a person keeps: those that have these values in these columns.

    `at_request`: restricted at the person's own request (GDPR art. 18), not under a legal hold.
    """

    hold_id: str
    values: tuple[tuple[str, Value], ...]
    at_request: bool = False


@dataclass(frozen=True, slots=True)
class Schema:
    """Everything the plan needs to know of one database.

    `partitions` names the partitioned table of each partition; partitions are no tables here.
    `refusals`: by table, column and mask, why the column cannot hold the mask's one value.
    `gaps`: columns of clocks (table, column) that have no value in some of the first rows.
    `without_place`: enforced references whose `detach_to` names no row of the parent.
    `held`: of a lake table, whose holds and requests lie in no table beside it.
    `unheld`: no hold and no request lies on any row, as was just asked.
    """

    dialect: str
    tables: Mapping[str, Table]
    references: tuple[Reference, ...]
    enrolled: bool = False
    samples: Mapping[tuple[str, str], ColumnSample] = field(default_factory=dict)
    partitions: Mapping[str, str] = field(default_factory=dict)
    refusals: Mapping[tuple[str, str, object], str] = field(default_factory=dict)
    without_place: frozenset[Reference] = frozenset()
    gaps: frozenset[tuple[str, str]] = frozenset()
    held: tuple[HeldRows, ...] = ()
    unheld: bool = False

    def referring_to(self, table: str) -> Iterator[Reference]:
        """References whose parent is `table`."""
        return (reference for reference in self.references if reference.parent == table)

    def of(self, table: str) -> Iterator[Reference]:
        """References that rows of `table` hold."""
        return (reference for reference in self.references if reference.table == table)

    def fingerprint(self) -> str:
        """SHA-256 over tables, columns, keys and references: two runs saw the same schema."""
        shape = {
            "dialect": self.dialect,
            "tables": {
                name: {
                    "kind": table.kind,
                    "key": table.key,
                    "columns": [
                        [column.name, column.type_text, column.nullable]
                        for column in table.columns.values()
                    ],
                    "triggers": [trigger.name for trigger in table.triggers],
                }
                for name, table in sorted(self.tables.items())
            },
            "references": sorted(
                [found.label, found.parent, list(found.parent_columns), found.on_delete]
                for found in self.references
            ),
        }
        return hashlib.sha256(json.dumps(shape, sort_keys=True).encode()).hexdigest()
