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
from retention.policies.file_patterns import NameDate
from retention.policies.file_rules import file_rule_faults
from retention.policies.lake_rules import lake_rule_faults
from retention.policies.periods import Periods, StatuteId
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
from retention.policies.statutes import Statute, StatuteKind
from retention.policies.tenants import DatabaseList
from retention.policies.working_days import public_holidays

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
_PERIODIC = (
    StatuteKind.MINIMUM,
    StatuteKind.MAXIMUM,
    StatuteKind.LIMITATION,
    StatuteKind.DEADLINE,
)
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


def _list_faults(policy: Policy, name: str, database: DatabaseSettings) -> Iterator[str]:
    if "/" in name:
        yield "a slash stands between the name of a list and its members; take another name"
    query = database.urls.query if database.urls else None
    other = policy.databases.get(query.database) if query else None
    if query is not None and (other is None or other.urls is not None):
        yield f"the list is read from [databases.{query.database}], which needs a url of its own"


def _database_faults(policy: Policy, rule: Rule) -> Iterator[tuple[str, str]]:
    if rule.database and rule.database not in policy.databases:
        known = ", ".join(sorted(policy.databases))
        yield "database", f"there is no [databases.{rule.database}]; known: {known}"
    if not rule.database and len(policy.databases) > 1:
        yield "table", "with several databases every rule names its database"
