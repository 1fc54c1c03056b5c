"""Functions of ours that SQLite calls: what its own cannot tell of addresses and JSON."""

from __future__ import annotations

import json
import sqlite3
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

_Pairs = list[tuple[str, Any]]


class _Object:
    """A JSON object with all its pairs, in their order, a key twice where it stands twice."""

    def __init__(self, pairs: _Pairs) -> None:
        self.pairs = pairs

    def has_twice(self, key: str) -> bool:
        """TRUE where the key stands more than once."""
        return sum(name == key for name, _ in self.pairs) > 1


class _Number(str):
    """A number as it was written."""


def register(connection: sqlite3.Connection) -> None:
    """Make our functions known to a connection."""
    connection.create_function("retention_network", 3, network_of, deterministic=True)
    connection.create_function("retention_json", 2, json_of, deterministic=True)


def network_of(value: Any, v4: int, v6: int) -> str | None:
    """The network of an address in text, its zone left out; NULL for anything else."""
    try:
        address = ip_address(str(value))
    except ValueError:
        return None
    if isinstance(address, IPv4Address):
        return str(_cut_v4(address, v4))
    if address.ipv4_mapped is not None:
        return f"::ffff:{_cut_v4(address.ipv4_mapped, v4)}"
    kept = int(address) >> (128 - v6) << (128 - v6)
    return str(IPv6Address(kept))


def _cut_v4(address: IPv4Address, width: int) -> IPv4Address:
    return IPv4Address(int(address) >> (32 - width) << (32 - width))


@lru_cache(
    maxsize=4, typed=True
)  # a statement asks several times for the document of the row it is at
def json_of(value: Any, paths: str) -> str | None:
    """A document with its keys written plainly; NULL where it is no JSON.

    NULL as well where a key on the way to one of `paths` stands twice. A column declared JSON
    keeps a document that is a number as a number.
    """
    try:
        document = json.loads(
            str(value) if isinstance(value, int | float) else value,
            object_pairs_hook=_Object,
            parse_int=_Number,
            parse_float=_Number,
            parse_constant=_refused,
        )
        if any(_is_doubtful(document, path) for path in json.loads(paths)):
            return None
        return _written(document)
    except (ValueError, TypeError, RecursionError):
        return None


def _refused(constant: str) -> None:
    raise ValueError(constant)


def _is_doubtful(document: Any, path: list[str | int]) -> bool:
    for step in path:
        if isinstance(document, _Object) and isinstance(step, str):
            if document.has_twice(step):
                return True
            document = dict(document.pairs).get(step)
        elif isinstance(document, list) and isinstance(step, int) and step < len(document):
            document = document[step]
        else:
            return False
    return False


def _written(value: Any) -> str:
    match value:
        case _Number():
            return value
        case _Object():
            pairs = (f"{_written(key)}:{_written(item)}" for key, item in value.pairs)
            return "{" + ",".join(pairs) + "}"
        case list():
            return "[" + ",".join(map(_written, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
