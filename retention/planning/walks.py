"""The way a step goes over its table."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Walk:
    """`described` for a person; `by_clock`: by the index on the step's clock."""

    described: str
    by_clock: bool = False
