"""`--shard 2/8`: which databases one of several runs is about. Pure."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Shard:
    """The part `index` (from 0) of `of` parts; together they have every database once.

    A database stays in its part whatever else the list has. The first part also does what belongs
    to no database: files, lake tables, copies.
    """

    index: int
    of: int

    def has(self, database: str) -> bool:
        """TRUE where the database is in this part."""
        digest = hashlib.sha256(database.encode()).digest()
        return int.from_bytes(digest[:8], "big") % self.of == self.index

    @property
    def first(self) -> bool:
        """TRUE for the part that does what belongs to no database."""
        return self.index == 0

    def __str__(self) -> str:
        return f"{self.index}/{self.of}"


WHOLE = Shard(0, 1)


def parse_shard(text: str) -> Shard:
    """`2/8`; ValueError for anything else, and for an index that is not below the number."""
    found = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text, re.ASCII)
    if found is None:
        raise ValueError(f'"{text}" is not INDEX/NUMBER')
    index, of = map(int, found.groups())
    if index >= of:
        raise ValueError(f'"{text}": the index counts from 0 and is below the number')
    return Shard(index, of)
