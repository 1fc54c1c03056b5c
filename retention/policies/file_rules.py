"""What a rule over files may say: a pattern, a clock of its own, one period. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from retention.policies.file_patterns import NameDate
from retention.policies.policy import Policy
from retention.policies.rule import Rule
from retention.policies.starting_point import MODIFIED

_KEYS = frozenset(
    {
        "name",
        "files",
        "purpose",
        "basis",
        "promise",
        "start",
        "counted_from",
        "delete_after",
        "earliest_plausible",
        "schedule",
        "limits",
    }
)

_NO_ROWS = "a rule over files has no rows and no columns, so this key does nothing"
_NO_FLOOR = (
    "files have no floor: keep them longer with a longer delete_after, or in a folder that the "
    "pattern does not reach"
)
_NO_EXCEPTION = (
    "files have no exceptions and no holds: move what must stay to a folder that the pattern does "
    "not reach"
)
_NO_USE = {
    "keep_at_least": _NO_FLOOR,
    "protects": _NO_FLOOR,
    "unless": _NO_EXCEPTION,
    "where": _NO_EXCEPTION,
    "only_if": _NO_EXCEPTION,
}


def file_rule_faults(policy: Policy, rule: Rule) -> Iterator[tuple[str, str]]:
    """What a rule over files gets wrong by itself: (key, sentence)."""
    if rule.pattern is None:
        yield "start", "a date in a name belongs to files; name the column the clock starts from"
        return
    if rule.table:
        yield (
            "files",
            "write table or files: a rule is about rows or about files. Files that go with rows "
            f"stand under [rules.{rule.name}.files]",
        )
        return
    if "files" in policy.databases:
        yield (
            "files",
            'a database is called "files", as reports call what has none; name it otherwise',
        )
    for key in sorted(rule.model_fields_set - _KEYS):
        yield key, _NO_USE.get(key, _NO_ROWS)
    if rule.delete_after is None:
        yield "files", "nothing happens: write delete_after"
    elif rule.delete_after.by is not None:
        yield "delete_after", "files have no column to choose a period by; write one period"
    if rule.start is None:
        yield "files", 'when does the clock start? start = "modified", or { name = "%Y-%m-%d" }'
    elif rule.start != MODIFIED and not isinstance(rule.start, NameDate):
        yield (
            "start",
            'files start at "modified", or at a date in their name: { name = "%Y-%m-%d" }',
        )
