"""What stops a row: (kind, name, condition)."""

from __future__ import annotations

from retention.databases.sql import Truth, any_of

Stop = tuple[str, str, Truth]


def grouped(stops: list[Stop]) -> list[Stop]:
    """One stop a name; held first, then kept, then blocked, so that counts name the strongest."""
    rank = ("held", "restricted", "kept", "blocked", "unless")
    merged: dict[tuple[str, str], list[Truth]] = {}
    for kind, name, stop in stops:
        merged.setdefault((kind, name), []).append(stop)
    return [
        (kind, name, any_of(*tests))
        for (kind, name), tests in sorted(merged.items(), key=lambda item: rank.index(item[0][0]))
    ]
