"""Child rows that have no reason to stay once their owner is anonymous: `"attachments.*"`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Removal:
    """The child rows themselves are deleted."""


def parse_removal(form: object) -> Removal:
    """`"delete"`, which is all that can be done to whole rows; ValueError otherwise."""
    if form == "delete":
        return Removal()
    raise ValueError('whole rows can only go: write "delete", or name a column in place of *')
