"""How large the next batch is: by the time that its rows may keep others waiting."""

from __future__ import annotations

from retention.databases.erasing.windows import Walker

LOCK_TARGET = 0.25
"""Seconds that a batch may hold its locks."""
SMALLEST, LARGEST = 16, 262_144


class Pace:
    """Grows or shrinks the windows of one step."""

    def __init__(self) -> None:
        self._least: tuple[int, float] | None = None
        self._most: tuple[int, float] | None = None

    def adapt(self, walker: Walker, seconds: float, taking: float) -> None:
        """After a batch that took so long, of which its statements took `taking` seconds.

        What a batch costs however small it is (marker, ledger, commit, the way to a far server) is no
        reason to shrink: its rows get what is left of the time, and at least as much as all else.
        """
        fixed = min(self._fixed(walker.size, seconds - taking), seconds)
        factor = max(LOCK_TARGET - fixed, fixed) / max(seconds - fixed, 0.001)
        walker.size = int(min(LARGEST, max(SMALLEST, walker.size * min(2.0, max(0.5, factor)))))

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
