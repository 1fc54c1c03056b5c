"""What a rule over a lake table may say. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from retention.policies.lake_tables import place_of
from retention.policies.rule import Rule
from retention.policies.starting_point import EventStart

CAN = (
    "a lake table can delete and mask its own rows, by columns of the row: start, where, unless, "
    "only_if, keep_at_least, delete_after, delete_when, anonymize_after, anonymize_when"
)
_NOT = {
    "database": "a lake table is in no database; leave this out",
    "restrict_after": f"rows of a lake table cannot be restricted; {CAN}",
    "restrict": f"rows of a lake table cannot be restricted; {CAN}",
    "remember_in": f"a lake table's clock reads its own row, so there is nothing to remember; {CAN}",
    "together": f"rows of a lake table cannot be taken together; {CAN}",
    "guard": "rows of a lake table are named by no key, so a guard does nothing",
    "files": f"files cannot go with rows of a lake table; {CAN}",
}


def lake_rule_faults(rule: Rule) -> Iterator[tuple[str, str]]:
    """What a rule over a lake table asks for that such a table cannot do: (key, sentence)."""
    try:
        place_of(rule.table)
    except ValueError as fault:
        yield "table", str(fault)
    for key, message in _NOT.items():
        if key in rule.model_fields_set:
            yield key, message
    if isinstance(rule.start, EventStart):
        yield "start", f"events are recorded for rows of databases; {CAN}"
    if rule.limits is not None and rule.limits.over_limit == "portion":
        yield "limits", 'a lake table is changed in one commit; write over_limit = "refuse"'
