"""Coverage over one database: its live schema, the plan of this instant, a sample of values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from retention.databases.database import Connection, Database
from retention.databases.faults import database_faults
from retention.databases.statements.sampling import sample_values
from retention.errors import DatabaseFailure, PolicyError, Problem
from retention.execution.lake import lake_schema_of, sample_lake
from retention.lake.table import LakeTable
from retention.planning.coverage import Coverage, Finding, PersonalColumn, coverage_of
from retention.planning.files import file_rules
from retention.planning.lake import lake_plan, over
from retention.planning.make import plan_and_problems
from retention.planning.not_personal import NotPersonal
from retention.planning.personal import is_kept
from retention.planning.schema import Schema
from retention.planning.values import ValueKind
from retention.planning.vocabulary import Vocabulary
from retention.policies.policy import Policy
from retention.policies.positions import key_positions, line_of
from retention.policies.tenants import family_of

COVERAGE_SCHEMA = "retention.coverage/1"


@dataclass(frozen=True, slots=True)
class Asked:
    """A policy, the words that look personal, and whether values are looked at."""

    policy: Policy
    file: str
    as_of: datetime
    vocabulary: Vocabulary
    sample: bool = False


@dataclass(frozen=True, slots=True)
class Survey:
    """What one database showed; `unread` says what could not be sampled."""

    coverage: Coverage
    schema: Schema
    unread: tuple[DatabaseFailure, ...] = ()


def survey(database: Database, connection: Connection, asked: Asked) -> Survey:
    """The coverage of one database; a role that may only read suffices, enrolled or not.

    Raises PolicyError for every fault of the policy but undecided references, which coverage lists.
    """
    schema = database.schema(connection, asked.policy)
    plan, problems = plan_and_problems(asked.policy, database.name, schema, asked.as_of)
    faults = [item for item in problems if item.severity == "error" and item.path != "references"]
    if plan is None or faults:
        errors = [item for item in problems if item.severity == "error"]
        raise PolicyError(asked.file, tuple(faults or errors))
    sampled, unread = _sampled(database, connection, schema) if asked.sample else ({}, ())
    return Survey(coverage_of(asked.policy, plan, asked.vocabulary, sampled), schema, unread)


def lake_survey(table: LakeTable, asked: Asked) -> Survey:
    """The coverage of one lake table that rules name; values of its texts where they are asked for.

    Raises PolicyError for every fault of its rules, LakeFailure where it cannot be read.
    """
    schema = lake_schema_of(table, asked.policy)
    plan = lake_plan(asked.policy, schema, asked.as_of, asked.file)
    policy = over(asked.policy, table.address)
    kinds = sample_lake(table) if asked.sample else {}
    sampled = {(table.address, name): kind for name, kind in kinds.items()}
    return Survey(coverage_of(policy, plan, asked.vocabulary, sampled), schema)


def as_families(surveys: Sequence[Survey]) -> list[Survey]:
    """Of many databases of one shape one survey under their name, and those that differ from it.

    The shape is the one that most of them have.
    """
    kinds: dict[str, list[tuple[Coverage, list[Survey]]]] = {}
    for found in surveys:
        shown = replace(found.coverage, database=family_of(found.coverage.database))
        known = kinds.setdefault(shown.database, [])
        alike = next((group for coverage, group in known if coverage == shown), None)
        if alike is None:
            known.append((shown, [found]))
        else:
            alike.append(found)
    told: list[Survey] = []
    for groups in kinds.values():
        groups.sort(key=lambda group: -len(group[1]))
        told.append(replace(groups[0][1][0], coverage=groups[0][0]))
        told += [found for _, others in groups[1:] for found in others]
    return told


def _sampled(
    database: Database, connection: Connection, schema: Schema
) -> tuple[dict[tuple[str, str], ValueKind], tuple[DatabaseFailure, ...]]:
    found: dict[tuple[str, str], ValueKind] = {}
    unread = []
    for table in schema.tables.values():
        if not is_kept(table):
            continue
        try:
            with database_faults(f"sampling {table.name}", database.name), connection.begin():
                kinds = sample_values(connection, database.dialect, table)
        except DatabaseFailure as fault:
            unread.append(fault)
            continue
        found |= {(table.name, column): kind for column, kind in kinds.items()}
    return found, tuple(unread)


def entry_warnings(asked: Asked, schemas: Iterable[Schema]) -> list[Problem]:
    """Entries of `not_personal` that name nothing in any of the databases."""
    policy = asked.policy
    positions = key_positions(policy.text) if policy.text else {}
    unused = NotPersonal(policy.coverage.not_personal).unused(schemas)
    return [
        Problem(
            "coverage.not_personal",
            message,
            line_of(positions, ("coverage", "not_personal", place)),
            "warning",
        )
        for place, message in unused
    ]


def coverage_object(
    asked: Asked,
    surveys: Sequence[Survey],
    known: frozenset[Finding],
    gone: Sequence[Finding],
    notes: Sequence[str],
) -> dict[str, Any]:
    """What `coverage --json` prints: names, kinds and counts, never a value."""
    found = [item.coverage for item in surveys]
    faults = [fault for coverage in found for fault in coverage.findings()]
    return {
        "schema": COVERAGE_SCHEMA,
        "policy_sha256": asked.policy.sha256,
        "sampled": asked.sample,
        "tables": [
            {
                "database": coverage.database,
                "table": table.name,
                "columns": [_column(column) for column in table.columns],
            }
            for coverage in found
            for table in coverage.tables
        ],
        "references": [
            {
                "database": coverage.database,
                "reference": reference.label,
                "to": reference.parent,
                "decision": reference.decision,
                "decided": reference.decided,
                "fault": reference.fault or None,
                "warning": reference.caution or None,
            }
            for coverage in found
            for reference in coverage.references
        ],
        "files": [
            {"rule": rule.name, "files": rule.pattern.text}
            for rule in file_rules(asked.policy)
            if rule.pattern is not None
        ],
        "faults": [finding_body(fault) | {"known": fault in known} for fault in faults],
        "gone": [finding_body(item) for item in gone],
        "warnings": [
            {"database": coverage.database, "message": message}
            for coverage in found
            for message in coverage.warnings()
        ],
        "notes": list(notes),
    }


def finding_body(fault: Finding) -> dict[str, str | None]:
    """A fault as JSON; `column` is null for a reference."""
    return {
        "database": fault.database,
        "table": fault.table,
        "column": fault.column or None,
        "fault": fault.fault,
        "seen": fault.seen,
    }


def _column(column: PersonalColumn) -> dict[str, Any]:
    values = column.values
    return {
        "column": column.name,
        "kind": column.meaning.value,
        "seen": column.seen,
        "state": column.state.value,
        "rules": list(column.rules),
        "why": column.words or None,
        "values": values and {"form": values.form, "found": values.found, "of": values.sampled},
    }
