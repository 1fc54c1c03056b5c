"""policies.toml as text -> Policy. All faults at once, each with its line and its key's path."""

from __future__ import annotations

import difflib
import hashlib
import re
import tomllib
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from retention.errors import PolicyError, Problem
from retention.policies.policy import (
    Coverage,
    DatabaseSettings,
    LedgerSettings,
    Policy,
    ReferenceDecision,
)
from retention.policies.positions import key_positions, line_of
from retention.policies.rule import Limits, Rule

Path = tuple[str | int, ...]
_PASSWORD = re.compile(r"(://[^:/@\s\"'${}]+:)([^@\s\"'${}]+)(@)")
_QUERY_SECRET = re.compile(r"((?:password|passwd|pwd|sslpassword)=)([^&\s\"'${}]+)", re.IGNORECASE)
_MODELS: dict[str, type[BaseModel]] = {
    "databases": DatabaseSettings,
    "rules": Rule,
    "references": ReferenceDecision,
}
_TABLES: dict[str, type[BaseModel]] = {
    "ledger": LedgerSettings,
    "limits": Limits,
    "coverage": Coverage,
}


def parse_policy(text: str, file: str = "policies.toml") -> Policy:
    """The policy in `text`.

    Raises PolicyError with every fault of the file. Faults against the real schema are found by
    `planning.check`.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as fault:
        raise PolicyError(file, (_syntax_problem(str(fault)),)) from None
    positions = key_positions(text)
    kept = without_secrets(text)
    document |= {"sha256": hashlib.sha256(kept.encode()).hexdigest(), "text": kept}
    try:
        policy = Policy.model_validate(document)
        problems = tuple(_own_faults(policy, positions))
    except ValidationError as fault:
        problems = tuple(_problem(detail, positions) for detail in fault.errors())
    if problems:
        raise PolicyError(file, tuple(sorted(problems, key=lambda found: found.line or 0)))
    return policy


def without_secrets(text: str) -> str:
    """`text` with passwords written into URLs masked; this is what the ledger keeps."""
    return _QUERY_SECRET.sub(r"\1***", _PASSWORD.sub(r"\1***\3", text))


def dotted(path: Path) -> str:
    """A key's path as a person writes it: `rules.support.start`."""
    return ".".join(
        f'"{part}"' if isinstance(part, str) and "." in part else str(part) for part in path
    )


def _syntax_problem(message: str) -> Problem:
    found = re.search(r"\(at line (\d+), column (\d+)\)", message)
    line = int(found.group(1)) if found else None
    return Problem("", f"not valid TOML: {message}", line)


def _problem(detail: ErrorDetails, positions: dict[Path, int]) -> Problem:
    path: Path = tuple(part for part in detail["loc"] if part != "name")
    return Problem(dotted(path), _sentence(detail, path), line_of(positions, path))


def _sentence(detail: ErrorDetails, path: Path) -> str:
    context: dict[str, Any] = detail.get("ctx") or {}
    match detail["type"]:
        case "extra_forbidden":
            return _unknown_key(path)
        case "missing":
            return f'the key "{path[-1]}" is missing'
        case "value_error":
            return str(context.get("error", detail["msg"]))
        case "literal_error":
            return f"must be {context.get('expected')}"
        case _:
            message = detail["msg"]
            return message[0].lower() + message[1:]


def _unknown_key(path: Path) -> str:
    model: type[BaseModel] = Policy
    if len(path) >= 3 and path[0] in _MODELS:
        model = Limits if path[2] == "limits" and len(path) > 3 else _MODELS[str(path[0])]
    elif len(path) == 2 and path[0] in _TABLES:
        model = _TABLES[str(path[0])]
    names = [name for name in model.model_fields if name not in {"name", "sha256", "text"}]
    close = difflib.get_close_matches(str(path[-1]), names, n=1)
    cure = f'did you mean "{close[0]}"?' if close else f"known keys: {', '.join(sorted(names))}"
    return f'unknown key "{path[-1]}"; {cure}'


def _own_faults(policy: Policy, positions: dict[Path, int]) -> Iterator[Problem]:
    for path, message in _faults(policy):
        yield Problem(dotted(path), message, line_of(positions, path))


def _faults(policy: Policy) -> Iterator[tuple[Path, str]]:
    try:
        policy.financial_years.span()
    except ValueError as fault:
        yield ("financial_year_starts",), str(fault)
    for rule in policy.rules.values():
        yield from (
            (("rules", rule.name, key), message) for key, message in rule_faults(policy, rule)
        )


def rule_faults(policy: Policy, rule: Rule) -> Iterator[tuple[str, str]]:
    """What a rule gets wrong by itself, before any schema is known: (key, sentence)."""
    ceilings = (rule.anonymize_after, rule.delete_after)
    if not rule.keep_at_least and not any(ceilings):
        yield "table", "nothing happens: write delete_after, anonymize_after or keep_at_least"
    forever = rule.keep_at_least is not None and rule.keep_at_least[0].forever
    if rule.start is None and (any(ceilings) or (rule.keep_at_least and not forever)):
        yield "start", "a period needs a start: name the column the clock starts from"
    if rule.anonymize_after and not rule.anonymize:
        yield "anonymize_after", f"nothing to mask: write [rules.{rule.name}.anonymize]"
    if rule.anonymize and not any(ceilings):
        yield "anonymize", "masks without anonymize_after or delete_after are never used"
    if rule.protects and not rule.keep_at_least:
        yield "protects", "protects belongs to keep_at_least"
    yield from _database_faults(policy, rule)


def _database_faults(policy: Policy, rule: Rule) -> Iterator[tuple[str, str]]:
    if rule.database and rule.database not in policy.databases:
        known = ", ".join(sorted(policy.databases))
        yield "database", f"there is no [databases.{rule.database}]; known: {known}"
    if not rule.database and len(policy.databases) > 1:
        yield "table", "with several databases every rule names its database"
