"""What the inspector's words for an index mean."""

from __future__ import annotations

import itertools
import re
from typing import Any


def served(index: Any) -> tuple[str, ...]:
    """The columns that the index finds rows by, in their order, up to the first expression."""
    return _columns(index, ("btree", "hash", "unique"))


def ordered(index: Any) -> tuple[str, ...]:
    """The columns by which the index keeps all rows in order, up to the first expression."""
    return _columns(index, ("btree", "unique"))


def _columns(index: Any, kinds: tuple[str, ...]) -> tuple[str, ...]:
    options = index.get("dialect_options", {})
    kind = str(index.get("type") or options.get("postgresql_using") or "btree").lower()
    if _partial(index) or kind not in kinds:
        return ()
    return tuple(itertools.takewhile(lambda name: name is not None, index["column_names"]))


def plainly_unique(index: Any) -> bool:
    """TRUE for a unique index over all rows and plain columns."""
    return bool(index.get("unique")) and None not in index["column_names"] and not _partial(index)


def _partial(index: Any) -> bool:
    return any(name.endswith("_where") for name in index.get("dialect_options", {}))


def partly_unique(listed: Any, expressions: list[str], columns: list[str]) -> frozenset[str]:
    """Columns of unique indexes over some rows only, and words of those over expressions."""
    unique = [index for index in listed if index.get("unique")]
    names = {name for index in unique if _partial(index) for name in index["column_names"]}
    texts = [text for index in unique for text in index.get("expressions", ()) if text]
    words = {word.lower() for text in (*texts, *expressions) for word in re.findall(r"\w+", text)}
    return frozenset(name for name in columns if name in names or name.lower() in words)
