"""`when_unused`: rows referred to that go, or are masked, with the last row that uses them.

A row is used by every row of any table that refers to it, except along a reference decided `leave`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from retention.planning.declared import flat_label
from retention.planning.references import Fault
from retention.planning.schema import Reference, Schema
from retention.policies.policy import Policy


@dataclass(frozen=True, slots=True)
class LastUse:
    """Rows of `table` that go with the last row that refers to them along one of `by`."""

    table: str
    by: tuple[Reference, ...]


def unused_tables(policy: Policy, schema: Schema) -> tuple[dict[str, str], list[Fault]]:
    """What becomes of rows that nothing uses any longer, by table, and the faults in that.

    Written on one reference it speaks for the row referred to, whichever reference goes last.
    """
    found: dict[str, str] = {}
    faults: list[Fault] = []
    for label, decision in policy.references.items():
        if decision.when_unused is None:
            continue
        if label == "*":
            faults.append((("references", "*"), "name the reference that has when_unused"))
            continue
        flat = flat_label(label)
        for reference in (other for other in schema.references if other.label == flat):
            wanted = found.setdefault(reference.parent, decision.when_unused)
            if wanted != decision.when_unused:
                message = f'rows of "{reference.parent}" cannot both be deleted and stay'
                faults.append((("references", label), message))
    return found, faults


def users_of(schema: Schema, decisions: Mapping[Reference, str], table: str) -> Iterator[Reference]:
    """The references along which rows of `table` are used."""
    return (found for found in schema.referring_to(table) if decisions.get(found) != "leave")


def last_uses(
    schema: Schema,
    decisions: Mapping[Reference, str],
    unused: Mapping[str, str],
    gone: tuple[str, ...],
) -> tuple[LastUse, ...]:
    """What may go with the last of the rows of `gone`, users before what they use."""
    order: list[str] = []

    def visit(table: str) -> None:
        for reference in schema.of(table):
            parent = reference.parent
            goes = unused.get(parent) == "delete" and decisions.get(reference) != "leave"
            if goes and parent not in order:
                visit(parent)
                order.insert(0, parent)

    for table in gone:
        visit(table)
    return tuple(
        LastUse(
            table,
            tuple(
                found
                for found in users_of(schema, decisions, table)
                if found.table in gone or found.table in order
            ),
        )
        for table in order
    )


def circles(
    schema: Schema, decisions: Mapping[Reference, str], unused: Mapping[str, str]
) -> Iterator[Fault]:
    """Tables whose unused rows would go with unused rows of their own table, in the end."""
    for table, action in unused.items():
        if action == "delete" and table in _above(schema, decisions, unused, table):
            label = next(found.label for found in schema.of(table) if found.parent in unused)
            yield (
                ("references",),
                f'rows of "{table}" use rows of "{table}" in the end ("{label}"): when_unused = '
                '"delete" would follow them round; decide that reference "leave" or leave it out',
            )


def _above(
    schema: Schema, decisions: Mapping[Reference, str], unused: Mapping[str, str], table: str
) -> set[str]:
    """Tables with `when_unused = "delete"` whose rows may lose a user with a row of `table`."""
    found: set[str] = set()
    waiting = [table]
    while waiting:
        for reference in schema.of(waiting.pop()):
            parent = reference.parent
            if unused.get(parent) != "delete" or decisions.get(reference) == "leave":
                continue
            if parent not in found:
                found.add(parent)
                waiting.append(parent)
    return found
