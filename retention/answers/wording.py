"""What two policies say differently: keys added, removed and changed. Pure."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from retention.policies.parse import dotted
from retention.policies.periods import Periods
from retention.policies.policy import Policy
from retention.policies.rule import Rule

_RULES = "rules"


@dataclass(frozen=True, slots=True)
class Change:
    """One key that is not as it was: the texts on both sides, None where the key is not there.

    `sense` is "shorter" or "longer" for a period, which makes rows due earlier or later.
    """

    path: tuple[str, ...]
    old: str | None
    new: str | None
    sense: str = ""

    @property
    def kind(self) -> str:
        """Whether the key came, went or changed."""
        if self.old is None:
            return "added"
        return "removed" if self.new is None else "changed"

    @property
    def key(self) -> str:
        """The key as a person writes it."""
        return dotted(self.path)

    @property
    def rule(self) -> str:
        """The rule it belongs to; empty for everything else."""
        return self.path[1] if self.path[0] == _RULES and len(self.path) > 1 else ""


def changes(old: Policy, new: Policy, as_of: datetime) -> list[Change]:
    """Every key that differs in meaning, in the order of the new file; what is gone comes last."""
    before, after = tomllib.loads(old.text), tomllib.loads(new.text)
    found: list[Change] = []
    for name in _names(after, before):
        if name == _RULES:
            found += _rule_changes(old, new, before.get(name, {}), after.get(name, {}), as_of)
        else:
            found += _differences((name,), before.get(name), after.get(name))
    return found


def written(value: object) -> str:
    """A value as it is written in the file, on one line."""
    if isinstance(value, Mapping):
        inside = ", ".join(f"{_bare(name)} = {written(item)}" for name, item in value.items())
        return f"{{ {inside} }}" if inside else "{}"
    if isinstance(value, list):
        return f"[{', '.join(written(item) for item in value)}]"
    if isinstance(value, str | bool | int | float):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def _rule_changes(
    old: Policy, new: Policy, before: dict[str, Any], after: dict[str, Any], as_of: datetime
) -> Iterator[Change]:
    for name in _names(after, before):
        path = (_RULES, name)
        if name not in before or name not in after:
            yield Change(path, _side(before.get(name)), _side(after.get(name)))
            continue
        rules = (old.rules[name], new.rules[name])
        for key in _names(after[name], before[name]):
            if getattr(rules[0], key) == getattr(rules[1], key):
                continue
            sense = _sense(old, new, rules, key, as_of)
            values = (before[name].get(key), after[name].get(key))
            yield from _differences((*path, key), *values, sense)


def _differences(path: tuple[str, ...], old: Any, new: Any, sense: str = "") -> Iterator[Change]:
    if old == new:
        return
    if isinstance(old, dict) and isinstance(new, dict) and not sense:
        for name in _names(new, old):
            yield from _differences((*path, name), old.get(name), new.get(name))
        return
    yield Change(path, _side(old), _side(new), sense)


def _side(value: object) -> str | None:
    return None if value is None else written(value)


def _sense(old: Policy, new: Policy, rules: tuple[Rule, Rule], key: str, as_of: datetime) -> str:
    """Whether a period makes rows due earlier or later at that instant; empty where neither."""
    lines = []
    for policy, rule in zip((old, new), rules, strict=True):
        periods = getattr(rule, key)
        if not isinstance(periods, Periods) or periods.by is not None:
            return ""
        cutoff = policy.term(rule, periods.choices[0][1]).cutoff(as_of)
        lines.append(cutoff.instant if cutoff else None)
    before, after = lines
    if before == after:
        return ""
    if before is None or after is None:
        return "shorter" if before is None else "longer"
    return "shorter" if after > before else "longer"


def _names(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[str]:
    return list(dict.fromkeys((*first, *second)))


def _bare(name: object) -> str:
    text = str(name)
    plain = text.replace("-", "").replace("_", "").isalnum() and text.isascii()
    return text if plain else json.dumps(text, ensure_ascii=False)
