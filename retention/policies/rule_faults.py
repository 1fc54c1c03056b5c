"""What a rule gets wrong by itself, before any schema is known. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from retention.policies.file_patterns import NameDate
from retention.policies.file_rules import file_rule_faults
from retention.policies.lake_rules import lake_rule_faults
from retention.policies.periods import Periods, StatuteId
from retention.policies.policy import Policy
from retention.policies.rule import Rule
from retention.policies.statutes import StatuteKind
from retention.policies.working_days import public_holidays

_PERIODIC = (
    StatuteKind.MINIMUM,
    StatuteKind.MAXIMUM,
    StatuteKind.LIMITATION,
    StatuteKind.DEADLINE,
)


def rule_faults(policy: Policy, rule: Rule) -> Iterator[tuple[str, str]]:
    """What a rule gets wrong by itself, before any schema is known: (key, sentence)."""
    if rule.pattern is not None or (rule.start is not None and isinstance(rule.start, NameDate)):
        yield from file_rule_faults(policy, rule)
        yield from _statute_faults(policy, rule)
        return
    if not rule.table:
        yield "table", 'the key "table" is missing'
    after = (rule.restrict_after, rule.anonymize_after, rule.delete_after)
    ends = (*after, rule.anonymize_when, rule.delete_when)
    floor = rule.keep_at_least
    if not floor and not any(ends) and not rule.owned:
        yield (
            "table",
            "nothing happens: write delete_after, anonymize_after, restrict_after or keep_at_least",
        )
    if rule.start is None and (any(after) or (floor and not floor.forever)):
        yield "start", "a period needs a start: name the column the clock starts from"
    if (rule.anonymize_after or rule.anonymize_when) and not rule.anonymize:
        yield "anonymize_after", f"nothing to mask: write [rules.{rule.name}.anonymize]"
    if rule.anonymize and not any(ends):
        yield "anonymize", "masks without anonymize_after or delete_after are never used"
    if rule.delete_when and rule.delete_after:
        yield "delete_when", "write delete_when or delete_after, in two rules if both are meant"
    if rule.anonymize_when and rule.anonymize_after:
        yield "anonymize_when", "write anonymize_when or anonymize_after, in two rules if both"
    if rule.restrict and not rule.restrict_after:
        yield "restrict", "restrict says how; restrict_after says when"
    if rule.protects and not floor:
        yield "protects", "protects belongs to keep_at_least"
    yield from _idle_keys(rule, acts=any(ends))
    yield from _statute_faults(policy, rule)
    yield from lake_rule_faults(rule) if rule.of_lake else _database_faults(policy, rule)


def _idle_keys(rule: Rule, *, acts: bool) -> Iterator[tuple[str, str]]:
    """Keys that are read by nothing in this rule: whoever wrote them expects that they are."""
    written = rule.model_fields_set
    if not acts:
        for key in ("unless", "together", "guard", "schedule", "limits"):
            if key in written:
                yield key, "a rule that only keeps takes nothing, so this key does nothing"
    if rule.start is None:
        clock = (
            "requires",
            "remember_in",
            "missing",
            "earliest_plausible",
            "stored_as",
            "counted_from",
        )
        for key in (*clock, *(() if rule.only_if else ("stored_in",))):
            if key in written:
                yield key, "this belongs to a clock, and the rule has no start"


def _statute_faults(policy: Policy, rule: Rule) -> Iterator[tuple[str, str]]:
    for key in ("keep_at_least", "restrict_after", "anonymize_after", "delete_after"):
        for item in (getattr(rule, key) or Periods(())).items():
            if not isinstance(item, StatuteId):
                continue
            statute = policy.catalogue.get(item.id)
            if statute is None:
                close = difflib.get_close_matches(item.id, list(policy.catalogue), n=1)
                cure = f'did you mean "{close[0]}"?' if close else "see `retention statutes`"
                yield key, f'there is no statute "{item.id}"; {cure}'
            elif statute.period is None or statute.kind not in _PERIODIC:
                yield key, f'"{item.id}" is a {statute.kind}, which is no period to count'
            elif statute.rolls and not _has_holidays(statute.country or policy.country):
                yield (
                    key,
                    f'"{item.id}" ends on a working day; write country = "NO" or the like at the '
                    "top, so that public holidays are known",
                )
            elif key == "keep_at_least" and statute.kind is not StatuteKind.MINIMUM:
                yield (
                    key,
                    f'"{item.id}" is a {statute.kind}: it allows keeping, it does not require it; '
                    "a floor needs a statute of kind minimum, or a period of your own",
                )


def _has_holidays(country: str) -> bool:
    try:
        public_holidays(country, 2024)
    except ValueError:
        return False
    return True


def _database_faults(policy: Policy, rule: Rule) -> Iterator[tuple[str, str]]:
    if rule.database and rule.database not in policy.databases:
        known = ", ".join(sorted(policy.databases))
        yield "database", f"there is no [databases.{rule.database}]; known: {known}"
    if not rule.database and len(policy.databases) > 1:
        yield "table", "with several databases every rule names its database"
