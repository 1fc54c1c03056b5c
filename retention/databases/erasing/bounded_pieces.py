"""Whole pieces within a limit: what one transaction may take, and tonight's portion."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from retention.databases.dialects.dialect import Dialect
from retention.databases.erasing.erase_pieces import TURN, PieceEraser
from retention.databases.erasing.windows import Both, KeyWindow, Window
from retention.databases.keys import sought_columns
from retention.databases.sql import bind
from retention.databases.taking import Taken
from retention.planning.plan import Plan, Step

Keys = list[tuple[Any, ...]]


class BoundedPieceEraser(PieceEraser):
    """Takes pieces of at most `largest` rows in all tables (None: any); what is larger stays whole."""

    def __init__(
        self, plan: Plan, dialect: Dialect, step: Step, *, keys: bool, largest: int | None
    ) -> None:
        super().__init__(plan, dialect, step, keys=keys)
        self.largest = largest
        self.too_large: Keys = []

    def take(self, connection: sa.Connection, window: Window, most: int | None) -> Taken:
        self.too_large = []
        taken = super().take(connection, window, most)
        taken.too_large = len(self.too_large)
        return taken

    def _decide(self, connection: sa.Connection, window: Window, most: int | None) -> int:
        seeds = self._set_down_seeds(connection, window, most)
        if not seeds or not self.deletes:
            return seeds
        keys = [] if most is None else self._seeds(connection)
        self._complete(connection)
        if most is None:
            if self._is_too_large(connection):
                self._leave_large(connection, window, self._seeds(connection))
            return self._due(connection)
        if self._size(connection, self.step.table) <= most and not self._is_too_large(connection):
            return self._due(connection)
        return self._fitting(connection, window, keys, most)

    def _leave_large(self, connection: sa.Connection, window: Window, keys: Keys) -> None:
        """Take each piece that is not too large by itself; those that are are found by halves."""
        waiting = [(0, len(keys))]
        while waiting:
            first, beyond = waiting.pop()
            self._take_some(connection, window, keys, first, beyond)
            if not self._is_too_large(connection):
                continue
            if beyond - first == 1:
                self.too_large.append(keys[first])
                continue
            middle = (first + beyond) // 2
            waiting += [(middle, beyond), (first, middle)]
        self._clear(connection)
        self._set_down_seeds(connection, window)
        doomed = self._temporary(self.step.table)
        for key in self.too_large:
            pairs = zip(self.table.identity, key, strict=True)
            same = (doomed.c[name] == bind(part) for name, part in pairs)
            connection.execute(sa.delete(doomed).where(*same))
        self._complete(connection)

    def _fitting(self, connection: sa.Connection, window: Window, keys: Keys, most: int) -> int:
        """Pieces that fit into what a limit leaves for tonight, found by halves; a larger one waits."""
        waiting = [(0, len(keys))]
        while waiting:
            first, beyond = waiting.pop()
            if beyond - first > 1:
                middle = (first + beyond) // 2
                waiting += [(middle, beyond), (first, middle)]
            self._take_some(connection, window, keys, first, beyond)
            own = self._size(connection, self.step.table)
            if 0 < own <= most and not self._is_too_large(connection):
                return self._due(connection)
        self._clear(connection)
        return 0

    def _take_some(
        self, connection: sa.Connection, window: Window, keys: Keys, first: int, beyond: int
    ) -> None:
        """Set down the due rows from one key up to another, with all that goes with them."""
        low = keys[first - 1] if first else None
        some = Both(window, KeyWindow(self.table.identity, low, keys[beyond - 1]))
        self._clear(connection)
        self._set_down_seeds(connection, some)
        self._complete(connection)

    def _seeds(self, connection: sa.Connection) -> Keys:
        """The keys of the rows that are set down for their own sake."""
        doomed = self._temporary(self.step.table)
        columns = [doomed.c[name] for name in self.table.identity]
        asked = sought_columns(self.dialect, self.table, doomed, self.table.identity)
        own = doomed.c[TURN].is_(None)
        found = connection.execute(sa.select(*asked).where(own).order_by(*columns))
        return [tuple(line) for line in found]

    def _is_too_large(self, connection: sa.Connection) -> bool:
        if self.largest is None:
            return False
        return sum(self._size(connection, name) for name in self.members) > self.largest

    def _size(self, connection: sa.Connection, table: str) -> int:
        query = sa.select(sa.func.count()).select_from(self._temporary(table))
        return int(connection.execute(query).scalar_one())
