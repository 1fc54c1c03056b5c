"""Sets of keys that stay small where keys are numbers that lie close together. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

_PAGE = 256


class KeySet:
    """Keys of one table: a bit each for whole numbers, by pages; all others as they are."""

    def __init__(self) -> None:
        self._pages: dict[int, int] = {}
        self._others: set[tuple[object, ...]] = set()

    def add(self, key: tuple[object, ...]) -> bool:
        """TRUE where the key was not there before."""
        number = key[0] if len(key) == 1 else None
        if not isinstance(number, int):
            before = len(self._others)
            self._others.add(key)
            return len(self._others) > before
        page, bit = divmod(number, _PAGE)
        known = self._pages.get(page, 0)
        self._pages[page] = known | 1 << bit
        return not known >> bit & 1

    def __len__(self) -> int:
        return sum(page.bit_count() for page in self._pages.values()) + len(self._others)

    def without(self, other: KeySet) -> int:
        """How many keys are not in `other`."""
        numbers = sum(
            (bits & ~other._pages.get(page, 0)).bit_count() for page, bits in self._pages.items()
        )
        return numbers + len(self._others - other._others)


@dataclass(slots=True)
class Seen:
    """The keys that tokens have named so far, by what is known of the row that is there."""

    same: KeySet = field(default_factory=KeySet)
    unsure: KeySet = field(default_factory=KeySet)
    other: KeySet = field(default_factory=KeySet)
