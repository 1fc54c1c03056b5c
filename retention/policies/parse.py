"""policies.toml as text -> Policy. All faults at once, each with its line and its key's path."""

from __future__ import annotations

import difflib
import hashlib
import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from retention.errors import PolicyError, Problem
from retention.policies.backups import BackupSettings, backup_faults, with_versions
from retention.policies.policy import (
    Coverage,
    DatabaseSettings,
    LedgerSettings,
    Policy,
    ReferenceDecision,
    StatuteSettings,
)
from retention.policies.positions import key_positions, line_of
from retention.policies.rule import Limits, Rule
from retention.policies.rule_faults import rule_faults
from retention.policies.statutes import Statute
from retention.policies.tenants import DatabaseList

Path = tuple[str | int, ...]
_PASSWORD = re.compile(r"(://[^:/@\s\"'${}]+:)([^@\s\"'${}]+)(@)")
_QUERY_SECRET = re.compile(r"((?:password|passwd|pwd|sslpassword)=)([^&\s\"'${}]+)", re.IGNORECASE)
_MODELS: dict[str, type[BaseModel]] = {
    "databases": DatabaseSettings,
    "rules": Rule,
    "references": ReferenceDecision,
    "backups": BackupSettings,
    "statutes": StatuteSettings,
}
_TABLES: dict[str, type[BaseModel]] = {
    "ledger": LedgerSettings,
    "limits": Limits,
    "coverage": Coverage,
}


def parse_policy(
    text: str, file: str = "policies.toml", catalogue: Mapping[str, Statute] | None = None
) -> Policy:
    """The policy in `text`; `catalogue` holds the statutes that its rules may name.

    Raises PolicyError with every fault of the file. Faults against the real schema are found by
    `planning.check`.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as fault:
        raise PolicyError(file, (_syntax_problem(str(fault)),)) from None
    positions = key_positions(text)
    kept = without_secrets(text)
    document |= {
        "sha256": hashlib.sha256(kept.encode()).hexdigest(),
        "text": kept,
        "catalogue": dict(catalogue or {}),
        "listed": (),
    }
    try:
        policy = _with_own_statutes(Policy.model_validate(document))
        problems = tuple(_own_faults(policy, positions))
    except ValidationError as fault:
        problems = tuple(_problem(detail, positions) for detail in fault.errors())
        problems += tuple(_faults_beside(document, fault, positions))
    if problems:
        raise PolicyError(file, tuple(sorted(problems, key=lambda found: found.line or 0)))
    return policy.model_copy(update={"backups": with_versions(policy.backups, policy.lake_tables)})


def _faults_beside(
    document: dict[str, Any], fault: ValidationError, positions: dict[Path, int]
) -> Iterator[Problem]:
    """What is wrong with the rules that can be read; nothing where more than rules is broken."""
    broken = {detail["loc"][1] for detail in fault.errors() if detail["loc"][:1] == ("rules",)}
    written = document.get("rules")
    if not isinstance(written, dict):
        return
    rules = {name: rule for name, rule in written.items() if name not in broken}
    try:
        policy = Policy.model_validate({**document, "rules": rules})
    except (ValidationError, KeyError):
        return
    yield from _own_faults(_with_own_statutes(policy), positions)


def _with_own_statutes(policy: Policy) -> Policy:
    own: dict[str, Statute] = {}
    for name, settings in policy.statutes.items():
        try:
            own[name] = settings.statute(name)
        except ValueError:
            continue
    return policy.model_copy(update={"catalogue": {**policy.catalogue, **own}})


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
        nested: dict[str, type[BaseModel]] = {"limits": Limits, "urls": DatabaseList}
        model = _MODELS[str(path[0])]
        model = nested.get(str(path[2]), model) if len(path) > 3 else model
    elif len(path) == 2 and path[0] in _TABLES:
        model = _TABLES[str(path[0])]
    names = [
        name
        for name in model.model_fields
        if name not in {"name", "sha256", "text", "catalogue", "listed"}
    ]
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
    for name, settings in policy.statutes.items():
        try:
            settings.statute(name)
        except ValueError as fault:
            yield ("statutes", name, "period"), str(fault)
    yield from _promise_faults(policy)
    for name, database in policy.databases.items():
        for message in _list_faults(policy, name, database):
            yield ("databases", name, "urls"), message
    for name, backups in policy.backups.items():
        for key, message in backup_faults(backups, [*policy.databases, *policy.lake_tables]):
            yield ("backups", name, key), message
    for rule in policy.rules.values():
        for key, message in rule_faults(policy, rule):
            yield ("rules", rule.name, key), message


def _promise_faults(policy: Policy) -> Iterator[tuple[Path, str]]:
    """Sentences without words or reason, and those that a rule keeps after all."""
    keepers = {
        _words(sentence): rule.name for rule in policy.rules.values() for sentence in rule.promise
    }
    for sentence, reason in policy.not_by_this_software.items():
        path = ("not_by_this_software", sentence)
        keeper = keepers.get(_words(sentence))
        if not sentence.strip():
            yield path, "an empty sentence; write the sentence of the privacy policy"
        if not reason.strip():
            yield path, "no reason; write why this software does not keep it, and who or what does"
        if keeper:
            yield path, f"rules.{keeper} keeps this sentence; write it in one of the two places"


def _words(sentence: str) -> str:
    """A sentence however its lines are broken."""
    return " ".join(sentence.split())


def _list_faults(policy: Policy, name: str, database: DatabaseSettings) -> Iterator[str]:
    if "/" in name:
        yield "a slash stands between the name of a list and its members; take another name"
    query = database.urls.query if database.urls else None
    other = policy.databases.get(query.database) if query else None
    if query is not None and (other is None or other.urls is not None):
        yield f"the list is read from [databases.{query.database}], which needs a url of its own"
