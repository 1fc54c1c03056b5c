"""Where the five privacy policies differ, and that the examples keep to it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from year import EXAMPLES, Shop, rules_of

from retention.errors import PolicyError


def policy_of(example: str) -> str:
    """The example's policies.toml."""
    return (EXAMPLES / example / "policies.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize("example", ["boqi", "okrabattkod"])
def test_where_deletion_alone_is_promised_no_rule_anonymizes(example: str) -> None:
    """The words are "destroy or delete" and "erase": to anonymize would need another policy."""
    used = {key for rule in rules_of(example).values() for key in rule}
    assert not {key for key in used if key.startswith("anonymize")}
    assert "delete_after" in used


def test_three_years_are_counted_from_a_stated_start() -> None:
    """The sentence has no start of its own: every rule that keeps it names one."""
    sentence = "Generelt sett vil vi bevare din informasjon i3 år."
    keepers = [rule for rule in rules_of("panyu").values() if sentence in rule.get("promise", "")]
    assert keepers
    assert all(rule["start"] and rule["delete_after"] == "3 years" for rule in keepers)


def ceilings() -> list[str]:
    """The rules of dreame that delete after a period."""
    return [name for name, rule in rules_of("dreame").items() if "delete_after" in rule]


@pytest.mark.parametrize("name", ceilings())
def test_a_class_without_a_period_is_refused_not_defaulted(name: str, tmp_path: Path) -> None:
    """Take one rule's periods away, as the privacy policy does, and nothing at all runs."""
    before, head, rest = policy_of("dreame").partition(f"[rules.{name}]\n")
    rule, end, after = rest.partition("\n\n")
    bare = re.sub(r"(?m)^(\w+_after|keep_at_least|protects) .*\n?", "", rule)
    (tmp_path / "policies.toml").write_text(before + head + bare + end + after, encoding="utf-8")
    with pytest.raises(PolicyError, match="nothing happens: write delete_after"):
        Shop(tmp_path, 1)


@pytest.mark.parametrize(
    ("required", "permitted"),
    [
        ("tr.commercial.books", "tr.limitation.general"),
        ("tr.hosting.logs.min", "tr.hosting.logs.max"),
        ("tr.ecommessage.consent", "tr.consumer.defect"),
    ],
)
def test_only_law_that_requires_keeping_may_keep(
    required: str, permitted: str, tmp_path: Path
) -> None:
    """A limitation period, or the most a law allows, is no floor: the policy says "require"."""
    text = policy_of("pazaryeri")
    written = f'keep_at_least   = "{required}"'
    if written not in text:
        written = f'keep_at_least = "{required}"'
    (tmp_path / "policies.toml").write_text(
        text.replace(written, written.replace(required, permitted)), encoding="utf-8"
    )
    with pytest.raises(PolicyError, match="it allows keeping, it does not require it"):
        Shop(tmp_path, 1)
