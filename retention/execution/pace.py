"""How large the next batch is: by the time that its rows may keep others waiting."""

from __future__ import annotations

from collections import deque

from retention.databases.erasing.windows import Walker

LOCK_TARGET = 0.25
"""Seconds that a batch may hold its locks."""
SMALLEST, LARGEST = 16, 262_144
HELPED = 0.75
"""What a smaller batch takes of the time of the one before, at most, if its size is what mattered."""
IN_VAIN = 2
"""After so many of them in a row that did not help, batches grow again."""
REMEMBERED = 3
"""Batches whose slowest counts: where rows lie on a disk, one batch says little of the next."""


class Pace:
    """Grows or shrinks the windows of one step."""

    def __init__(self) -> None:
        self._least: tuple[int, float] | None = None
        self._most: tuple[int, float] | None = None
        self._last: tuple[int, float] | None = None
        self._in_vain = 0
        self._costs: deque[tuple[int, float]] = deque(maxlen=REMEMBERED)

    def adapt(self, walker: Walker, seconds: float, taking: float) -> None:
        """After a batch that took so long, of which its statements took `taking` seconds.

        What a batch costs however small it is (marker, ledger, commit, the way to a far server) is no
        reason to shrink: its rows get what is left of the time, and at least as much as all else.
        Nor is what two smaller batches have not saved, such as a scan that every one of them makes.
        """
        size = walker.size
        fixed = min(self._fixed(size, seconds - taking) + self._unsaved(size, taking), seconds)
        self._costs.append((size, max(seconds - fixed, 0.001) / size))
        wanted = max(LOCK_TARGET - fixed, fixed) / self._slowest(size)
        walker.size = int(min(LARGEST, max(SMALLEST, min(size * 2.0, max(size * 0.5, wanted)))))

    def _unsaved(self, size: int, taking: float) -> float:
        """Seconds that statements take whatever the size, while larger batches show nothing else."""
        before, took = self._last or (size, taking)
        if size > before:
            # more rows that took no longer: the rows are not what takes the time
            stuck = self._in_vain >= IN_VAIN and taking * HELPED <= took
            self._in_vain = IN_VAIN if stuck else 0
        elif size < before * HELPED:
            self._in_vain = 0 if taking < took * HELPED else self._in_vain + 1
        if self._last is None or not before * HELPED <= size <= before:
            self._last = size, taking
        if self._in_vain < IN_VAIN:
            return 0.0
        self._costs.clear()
        return taking

    def _slowest(self, size: int) -> float:
        """Seconds of one row in the slowest of the last batches; much smaller ones, from when the size
        was still growing, are no measure: they read what was in no cache yet.
        """
        return max(cost for rows, cost in self._costs if rows * 4 > size)

    def _fixed(self, size: int, beside: float) -> float:
        """Seconds that no row costs: where the line through the least and the largest batch begins.

        Nothing while all were of one size; a commit of scattered rows takes longer the more they are.
        """
        if self._least is None or size <= self._least[0]:
            self._least = size, beside
        if self._most is None or size >= self._most[0]:
            self._most = size, beside
        (small, little), (large, much) = self._least, self._most
        if small == large:
            return 0.0
        each = max(0.0, (much - little) / (large - small))
        return max(0.0, little - each * small)
