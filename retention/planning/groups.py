"""How large the largest group of things is that pairs join. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Hashable, Iterable


class Joined:
    """Things that pairs of them join into groups (union-find, each way halved as it is walked)."""

    def __init__(self) -> None:
        self._above: dict[Hashable, Hashable] = {}

    def join(self, one: Hashable, other: Hashable) -> None:
        """The two, and all that either was joined with, are one group."""
        self._above[self._top(one)] = self._top(other)

    def largest(self, counted: Container[Hashable] | None = None) -> int:
        """How many things the largest group has; only those `counted`, where that is given."""
        sizes = Counter(
            self._top(thing) for thing in self._above if counted is None or thing in counted
        )
        return max(sizes.values(), default=0)

    def _top(self, thing: Hashable) -> Hashable:
        above = self._above
        above.setdefault(thing, thing)
        while above[thing] != thing:
            above[thing] = above[above[thing]]
            thing = above[thing]
        return thing


def largest_group(
    pairs: Iterable[tuple[Hashable, Hashable]], counted: Container[Hashable] | None = None
) -> int:
    """The size of the largest group that the pairs make; 0 without any."""
    joined = Joined()
    for one, other in pairs:
        joined.join(one, other)
    return joined.largest(counted)
