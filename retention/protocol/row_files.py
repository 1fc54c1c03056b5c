"""Files that belong to rows: announced, sealed, with the batch that takes the rows; removed after it.

Never before the commit: a batch that was killed keeps rows and files. Never forgotten: what could
not be removed stays announced, and every run tries again until it is gone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from retention.databases.faults import database_faults
from retention.databases.reading import reading
from retention.databases.statements.file_names import still_named
from retention.databases.taking import FileValues, Taken
from retention.errors import RetentionError
from retention.files.found import Found, Place
from retention.files.removing import Fate, Removal, make_durable, remove
from retention.ledger.entry import JSON, Entry, stamp
from retention.ledger.files import FileLedger, Waiting, seal
from retention.ledger.files import opened as unsealed
from retention.ledger.keys import KeyFolder
from retention.planning.owned_files import OwnedFile
from retention.planning.schema import Schema
from retention.policies.file_templates import FileTemplate, UnsafeName, parse_template
from retention.protocol import points
from retention.protocol.opening import Clock, Opened

Named = dict[OwnedFile, list[FileValues]]
PlaceOf = Callable[[str, str], Place]
"""Opens the place below `scheme://root`."""


@dataclass(slots=True)
class RowFilesDone:
    """What became of files of rows; `waiting` counts those to try again, by the system's code.

    `since`: when the oldest of these should have gone (UTC).
    """

    removed: int = 0
    absent: int = 0
    shared: int = 0
    waiting: dict[str, int] = field(default_factory=dict)
    since: datetime | None = None

    @property
    def left(self) -> int:
        """Files that should be gone and are not known to be."""
        return sum(self.waiting.values())

    @property
    def counted(self) -> int:
        """Files whose fate is known."""
        return self.removed + self.absent + self.shared + self.left

    def wait(self, code: str, count: int = 1) -> None:
        """Count files that are tried again."""
        self.waiting[code] = self.waiting.get(code, 0) + count

    def note(self, removal: Removal) -> None:
        """Count one file."""
        if removal.fate is Fate.REMOVED:
            self.removed += 1
        elif removal.fate is Fate.ABSENT:
            self.absent += 1
        else:
            self.wait(removal.code or "no regular file")

    def add(self, other: RowFilesDone) -> None:
        """Count another batch's."""
        self.removed += other.removed
        self.absent += other.absent
        self.shared += other.shared
        for code, count in other.waiting.items():
            self.wait(code, count)
        self.since = min(filter(None, (self.since, other.since)), default=None)

    @property
    def any(self) -> bool:
        """TRUE where there was a file at all."""
        return bool(self.removed or self.absent or self.shared or self.waiting)

    def body(self) -> dict[str, JSON]:
        """As the ledger keeps it."""
        counts = {"removed": self.removed, "absent": self.absent, "shared": self.shared}
        since = {"waiting_since": stamp(self.since)} if self.since and self.waiting else {}
        return {**counts, "waiting": dict(self.waiting), **since}


@dataclass(slots=True)
class RowFiles:
    """What batches of one database do about files of rows, and what came of it (`done`)."""

    ledger: FileLedger
    schema: Schema
    owned: tuple[OwnedFile, ...]
    keys: KeyFolder
    run_id: str
    now: Clock
    place_of: PlaceOf
    done: RowFilesDone = field(default_factory=RowFilesDone)
    _shared: int = 0

    def named(self, opened: Opened, taken: Taken) -> Named:
        """What leads to the files of a batch's rows, less those that other rows still name.

        Asked in the batch's transaction, once its rows are gone.
        """
        found = {}
        self._shared = 0
        for owned, values in taken.files.items():
            used = set(self._used(opened, owned, values))
            self._shared += len(used)
            if left := sorted(set(values) - used, key=str):
                found[owned] = left
        return found

    def count(self, named: Named) -> int:
        """How many files these are."""
        return sum(len(values) for values in named.values())

    def seal(self, named: Named, at: datetime, database_id: str) -> bytes:
        """What leads to the files, under the month's key."""
        content: list[JSON] = [
            [owned.table, owned.column, owned.template.text, [list(found) for found in values]]
            for owned, values in named.items()
        ]
        return seal(content, self.keys, at, database_id)

    def committed(self, opened: Opened, entry: Entry, sealed: bytes | None) -> None:
        """The batch is through: its files may go."""
        self.done.shared += self._shared
        if sealed is not None:
            self.remove(opened, Waiting(entry, sealed))

    def remove(self, opened: Opened, waiting: Waiting) -> None:
        """Remove the files of committed rows; what stays is announced still, for the next run."""
        done = RowFilesDone()
        try:
            for owned, values in _read(unsealed(waiting, self.keys)):
                self._remove_all(opened, owned, self._now(owned), values, done)
        except RetentionError as error:
            # how many there are, the entry says; why, its class
            done.wait(type(error).__name__, _announced(waiting) - done.counted)
        if done.waiting:
            done.since = waiting.entry.at
        self.done.add(done)
        self.ledger.close(
            waiting.entry, done.body(), self.now(), self.run_id, settled=not done.waiting
        )
        points.reached(points.FILES_CLOSED)

    def retry(self, opened: Opened) -> None:
        """Remove what earlier runs announced and could not remove, or did not get to."""
        for waiting in self.ledger.waiting(opened.database_id):
            self.remove(opened, waiting)

    def _now(self, sealed: OwnedFile) -> FileTemplate:
        """Where such files lie by the policy of today, which may have been corrected since."""
        for owned in self.owned:
            same = (owned.table, owned.column) == (sealed.table, sealed.column)
            if same and set(owned.template.fields) <= set(sealed.template.fields):
                return owned.template
        return sealed.template

    def _remove_all(
        self,
        opened: Opened,
        owned: OwnedFile,
        template: FileTemplate,
        values: Sequence[FileValues],
        done: RowFilesDone,
    ) -> None:
        used = set(self._used(opened, owned, values, alone=True))
        done.shared += len(used)
        try:
            place = self.place_of(template.scheme, template.root)
        except RetentionError as error:
            done.wait(type(error).__name__, len(values) - len(used))
            return
        removed = []
        for found in values:
            if found in used:
                continue
            try:
                path = template.filled(dict(zip(owned.template.fields, found, strict=True)))
            except UnsafeName:
                done.wait("unsafe name")
                continue
            done.note(remove(place, path, _whatever))
            removed.append(path)
            points.reached(points.REMOVED)
        make_durable(place, removed)

    def _used(
        self, opened: Opened, owned: OwnedFile, values: Sequence[FileValues], *, alone: bool = False
    ) -> list[FileValues]:
        """Those that rows still name; `alone`: in a transaction of its own."""
        table = self.schema.tables.get(owned.table)
        if table is None or not set(owned.template.fields) <= set(table.columns):
            return []
        connection, dialect = opened.connection, opened.database.dialect
        if not alone:
            return list(still_named(connection, dialect, table, owned, values))
        what = f"looking for rows that share files of {owned.column}"
        with database_faults(what, opened.database.name), reading(connection):
            return list(still_named(connection, dialect, table, owned, values))


def _whatever(_: Found) -> bool:
    """The row is gone: its file goes as it is."""
    return True


def _read(content: JSON) -> Iterator[tuple[OwnedFile, list[FileValues]]]:
    assert isinstance(content, list)
    for item in content:
        assert isinstance(item, list)
        table, column, text, values = item
        template: FileTemplate = parse_template(text)
        assert isinstance(values, list)
        named = [tuple(found) for found in values if isinstance(found, list)]
        yield OwnedFile("", str(table), str(column), template), named  # type: ignore[misc]


def _announced(waiting: Waiting) -> int:
    files = waiting.entry.body.get("files")
    return files if isinstance(files, int) else 1
