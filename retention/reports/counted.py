"""Sentences on what was counted for a rule. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from retention.reports.file_facts import file_facts


def rule_facts(body: Mapping[str, Any]) -> Iterator[str]:
    """What is said of a rule beside its numbers."""
    yield from _pieces(body)
    yield from file_facts(body)


def _pieces(body: Mapping[str, Any]) -> Iterator[str]:
    """That rows belong together and are more than a batch; nothing where they are not."""
    if body.get("largest_piece"):
        yield f"Largest piece: up to {body['largest_piece']:,} rows in one transaction"
    if body.get("too_large") and not body["refused"]:
        large = f"{body['too_large']:,} stay"
        yield f"{large}: more rows would go with each than a limit allows in one transaction"
