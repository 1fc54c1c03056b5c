"""What one batch took: keys and counts, table by table."""

from __future__ import annotations

from dataclasses import dataclass, field

from retention.databases.keys import TakenKeys
from retention.planning.owned_files import OwnedFile
from retention.planning.plan import Action, Plan, Step
from retention.planning.schema import Table

FileValues = tuple[str | None, ...]
"""The columns of one row that a file's template reads, as text, in the order of its fields."""


@dataclass(slots=True)
class Taken:
    """Rows that a batch erased, anonymized, restricted or detached, by table; keys where asked for.

    `due` counts the rule's own rows that were anonymized, by themselves or by their child rows.
    `files` holds what tells the files of rows that went, or whose name for them was masked.
    `seconds` is how long the batch's statements took, from its lock on. `too_large` counts due rows
    that stay because too many rows would go with them.
    """

    due: dict[str, int] = field(default_factory=dict)
    erased: dict[str, int] = field(default_factory=dict)
    anonymized: dict[str, int] = field(default_factory=dict)
    restricted: dict[str, int] = field(default_factory=dict)
    remembered: dict[str, int] = field(default_factory=dict)
    detached: dict[str, int] = field(default_factory=dict)
    keys: dict[str, TakenKeys] = field(default_factory=dict)
    files: dict[OwnedFile, list[FileValues]] = field(default_factory=dict)
    seconds: float = 0.0
    too_large: int = 0

    @property
    def rows(self) -> int:
        """Rows touched in all tables."""
        done = (self.erased, self.anonymized, self.restricted, self.remembered, self.detached)
        return sum(count for counts in done for count in counts.values())

    def own_rows(self, step: Step) -> int:
        """Rows of the step's own table that were dealt with, those that went along included."""
        own = self.due.get(step.table, 0) or self.restricted.get(step.table, 0)
        erased = self.erased.get(step.table, 0)
        return max(own, erased) if step.action is Action.DELETE else own + erased

    def note_keys(self, table: str, keys: TakenKeys) -> None:
        """Keep the keys of rows of a table, beside those that are known."""
        if keys:
            self.keys.setdefault(table, TakenKeys()).add(keys)


def set_columns(plan: Plan, table: Table) -> list[str]:
    """What a set of rows is known by: its identity, its guard, and all that other rows refer to.

    Where the rows may be the last users of others, it knows what they refer to as well; where they
    own files, what names these.
    """
    names = [*table.identity]
    names += [
        column
        for reference in plan.schema.of(table.name)
        if reference.parent in plan.unused
        for column in reference.referring_columns
    ]
    names += [
        column
        for reference in plan.schema.referring_to(table.name)
        for column in reference.parent_columns
    ]
    names += [name for owned in plan.files_of(table.name) for name in owned.template.fields]
    guard = plan.guard_of(table.name)
    if guard is not None:
        names.append(guard)
    return list(dict.fromkeys(names))
