"""One lake table, through `deltalake`: its columns, its rows by SQL, its marker. Changes nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import unquote

from retention.errors import LakeFailure, UsageError
from retention.planning.schema import Check, Column, ColumnKind, Table
from retention.policies.lake_tables import place_of

ROWS = "lake_rows"
"""The name under which statements know the rows."""

_KINDS = {
    "string": ColumnKind.TEXT,
    "boolean": ColumnKind.BOOLEAN,
    "binary": ColumnKind.BINARY,
    "date": ColumnKind.DATE,
    "timestamp": ColumnKind.TIMESTAMPTZ,
    "timestamp_ntz": ColumnKind.TIMESTAMP,
    "float": ColumnKind.FLOAT,
    "double": ColumnKind.FLOAT,
}
_WHOLE = {"byte": 8, "short": 16, "integer": 32, "long": 64}
_DECIMAL = re.compile(r"decimal\((\d+),\s*(\d+)\)")
APP, BATCH, ENTRY = "retention.ledger", "retention.batch", "retention.entry"
_COMMITS = 1_000
"""How far back a batch is looked for among the commits."""
_CONSTRAINT = "delta.constraints."
_APPEND_ONLY = (
    "is append-only (delta.appendOnly = true), so nothing in it may be deleted or masked; nothing "
    "can be done before its owner changes that"
)


class LakeTable:
    """A lake table at one version; `refresh` moves it to the newest. Raises LakeFailure.

    `handle` is the library's own table; only this room knows what to do with it.
    """

    def __init__(self, address: str, folder: Path) -> None:
        self.address = address
        self.uri = uri_of(address, folder)
        library = delta_library()
        with Faults(address, "opened"):
            self.handle: Any = library.DeltaTable(self.uri)

    @property
    def id(self) -> str:
        """The id that the table has had since it was made."""
        return str(self.handle.metadata().id)

    @property
    def version(self) -> int:
        """The version that is read."""
        return int(self.handle.version())

    @property
    def settings(self) -> Mapping[str, str]:
        """The table's properties as they were set; those left alone are not in it."""
        return {str(key): str(value) for key, value in self.handle.metadata().configuration.items()}

    @property
    def partition_columns(self) -> tuple[str, ...]:
        """The columns whose values are written into the names of folders and into the log."""
        return tuple(self.handle.metadata().partition_columns)

    def marker(self, app: str) -> int:
        """The last sequence that was committed under that name, 0 where none was."""
        found = self.handle.transaction_version(app)
        return 0 if found is None else int(found)

    def entry_of(self, app: str, sequence: int) -> str | None:
        """The ledger's entry that the commit of a batch names; None where the log has it no more."""
        with Faults(self.address, "read"):
            for commit in self.handle.history(_COMMITS):
                if (commit.get(APP), commit.get(BATCH)) == (app, str(sequence)):
                    return str(commit.get(ENTRY))
        return None

    def refresh(self) -> None:
        """Go to the newest version."""
        with Faults(self.address, "read"):
            self.handle.update_incremental()

    def schema(self) -> Table:
        """The table's columns as rules know them."""
        columns = {field.name: _column(field) for field in self.handle.schema().fields}
        settings = self.settings
        checks = tuple(
            Check(key.removeprefix(_CONSTRAINT), text)
            for key, text in settings.items()
            if key.startswith(_CONSTRAINT)
        )
        closed = settings.get("delta.appendOnly", "").lower() == "true"
        return Table(
            self.address,
            columns,
            (),
            bare_name=ROWS,
            checks=checks,
            obstacle=_APPEND_ONLY if closed else "",
        )

    def rows(self, query: str) -> Iterator[tuple[Any, ...]]:
        """The answer to a query over ROWS, a piece at a time."""
        library = delta_library()
        with Faults(self.address, "read"):
            answer = library.QueryBuilder().register(ROWS, self.handle).execute(query)
            for batch in answer:
                yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)

    def count(self, query: str) -> int:
        """The one whole number that a query answers."""
        return int(next(self.rows(query))[0])

    @contextmanager
    def rehearsal(self) -> Iterator[LakeTable]:
        """An empty table with the same columns, for the length of the block."""
        library = delta_library()
        with TemporaryDirectory() as folder:
            with Faults(self.address, "rehearsed"):
                columns, parts = self.handle.schema(), list(self.partition_columns)
                library.DeltaTable.create(folder, schema=columns, partition_by=parts)
            yield LakeTable(f"delta://{folder}", Path())

    def paths(self) -> frozenset[str]:
        """The data files that the version uses, relative to the table's folder."""
        with Faults(self.address, "read"):
            found = self.handle.get_add_actions(flatten=True)
            return frozenset(unquote(str(path)) for path in found.column("path").to_pylist())


def app_of(ledger_id: str) -> str:
    """The name of a ledger's batches in the tables that it writes to."""
    return f"retention:{ledger_id}"


def uri_of(address: str, folder: Path) -> str:
    """The address as `deltalake` takes it; a relative folder lies beside the policy."""
    try:
        scheme, path = place_of(address)
    except ValueError as fault:
        raise UsageError(f'"{address}": {fault}') from fault
    local = scheme in ("", "file")
    return str((folder / path).resolve()) if local else f"{scheme}://{path}"


def delta_library() -> Any:
    """`deltalake`, imported when the first lake table is met: it takes a tenth of a second."""
    try:
        import deltalake
    except ModuleNotFoundError as fault:
        raise UsageError(
            "a lake table needs the library deltalake, which is not installed; "
            "pip install 'retention[lake]'"
        ) from fault
    return deltalake


def _column(field: Any) -> Column:
    name = getattr(field.type, "type", None)
    kind_text = name if isinstance(name, str) else "nested"
    if kind_text in _WHOLE:
        most = 2 ** (_WHOLE[kind_text] - 1)
        whole = (-most, most - 1)
        return Column(field.name, ColumnKind.INTEGER, kind_text, field.nullable, whole=whole)
    if found := _DECIMAL.fullmatch(kind_text):
        most = 10 ** (int(found[1]) - int(found[2]))
        whole = (1 - most, most - 1)
        return Column(field.name, ColumnKind.DECIMAL, kind_text, field.nullable, whole=whole)
    kind = _KINDS.get(kind_text, ColumnKind.OTHER)
    return Column(field.name, kind, kind_text, field.nullable)


class Faults:
    """The library's errors as ours; their text may quote values, so only their kind is told."""

    def __init__(self, address: str, what: str) -> None:
        self.address = address
        self.what = what

    def __enter__(self) -> None:
        return None

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        name = type(error).__name__
        # a panic of the library below is no Exception
        ours = isinstance(error, Exception) or name == "PanicException"
        if not ours or isinstance(error, LakeFailure):
            return
        conflict = name == "CommitFailedError"
        if name == "TableNotFoundError":
            told = "there is no Delta table here; nothing was done. Correct the address"
        elif name == "DeltaProtocolError":
            told = (
                f"could not be {self.what}: it uses features that deltalake does not know ({name})"
            )
        elif conflict:
            told = "another writer changed the same rows meanwhile; the next run tries again"
        else:
            told = f"could not be {self.what} ({name}){_way_out(self.address)}"
        raise LakeFailure(f"{self.address}: {told}", conflict=conflict) from error


def _way_out(address: str) -> str:
    """What to look at where a table in an object store cannot be read."""
    if place_of(address)[0] in ("", "file"):
        return ""
    return "; see that the store can be reached, and the credentials in the environment"
