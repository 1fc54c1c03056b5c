"""What a policy covers of everything that looks personal, and what it leaves out. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from retention.planning.check import ACTING, losing_tables, undecided
from retention.planning.not_personal import NotPersonal
from retention.planning.personal import belonging, personal_columns
from retention.planning.plan import Plan
from retention.planning.reach import Reach, Taking, reach_of
from retention.planning.values import ValueKind
from retention.planning.vocabulary import Meaning, Vocabulary
from retention.policies.policy import Policy

Sampled = Mapping[tuple[str, str], ValueKind]


class State(StrEnum):
    """What becomes of a column that looks personal."""

    DELETED = "deleted"
    MASKED = "masked"
    KEPT_FOR_EVER = "kept for ever"
    IN_PART = "in part"
    NOT_PERSONAL = "declared not personal"
    SURVIVES = "survives anonymization"
    NEVER_ERASED = "kept, never erased"
    IN_NO_RULE = "in no rule"


UNDECIDED = "not decided"
FAULTS = (State.SURVIVES, State.NEVER_ERASED, State.IN_NO_RULE)


@dataclass(frozen=True, slots=True)
class PersonalColumn:
    """A column that looks personal, why, and what becomes of it.

    `seen` is what gave it away: its name, type or values, or that `files` says it names a file.
    """

    name: str
    meaning: Meaning
    seen: str
    state: State
    rules: tuple[str, ...] = ()
    words: str = ""
    values: ValueKind | None = None


@dataclass(frozen=True, slots=True)
class PersonalTable:
    """A table with columns that look personal, in the table's order."""

    name: str
    columns: tuple[PersonalColumn, ...]


@dataclass(frozen=True, slots=True)
class ReferenceFate:
    """A reference into a table that loses rows; `fault` or `caution` where nobody decided it."""

    label: str
    parent: str
    decision: str
    decided: bool
    fault: str = ""
    caution: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault, as a baseline knows it: where, and what. `column` is empty for a reference."""

    database: str
    table: str
    column: str
    fault: str
    seen: str = field(default="name", compare=False)


@dataclass(frozen=True, slots=True)
class Coverage:
    """One database: tables that look personal, references, and what deserves a look."""

    database: str
    counted: int
    tables: tuple[PersonalTable, ...]
    references: tuple[ReferenceFate, ...]
    cautions: tuple[str, ...]

    def warnings(self) -> Iterator[str]:
        """What fails nothing and deserves a look, each in a sentence."""
        for table in self.tables:
            partly = [column for column in table.columns if column.state is State.IN_PART]
            for told in dict.fromkeys(column.words for column in partly):
                names = ", ".join(column.name for column in partly if column.words == told)
                yield f"{table.name}: {names}: in part ({told})"
        for reference in self.references:
            if reference.caution:
                yield f"{reference.label}: {reference.caution}"
        yield from self.cautions

    def findings(self) -> Iterator[Finding]:
        """Every fault."""
        for table in self.tables:
            for column in table.columns:
                if column.state in FAULTS:
                    yield Finding(
                        self.database, table.name, column.name, column.state.value, column.seen
                    )
        for reference in self.references:
            if reference.fault:
                yield Finding(self.database, reference.label, "", UNDECIDED)


def coverage_of(policy: Policy, plan: Plan, vocabulary: Vocabulary, sampled: Sampled) -> Coverage:
    """What the policy covers in the plan's database; `sampled` holds what values looked like."""
    seen = personal_columns(plan.schema, vocabulary)
    declared = NotPersonal(policy.coverage.not_personal)
    reach = reach_of(policy, plan)
    tables = []
    for name, table in plan.schema.tables.items():
        files = {owned.column for owned in plan.files_of(name)}
        found = dict.fromkeys(files, (Meaning.FILE, "files")) | dict(seen.get(name, {}))
        columns = [
            _column(reach, declared, name, column, found.get(column), sampled.get((name, column)))
            for column in table.columns
            if column in found or (name, column) in sampled
        ]
        columns = [_with_file(column) if column.name in files else column for column in columns]
        if columns:
            tables.append(PersonalTable(name, tuple(columns)))
    return Coverage(
        plan.database,
        len(plan.schema.tables),
        tuple(tables),
        tuple(_references(policy, plan, reach)),
        (
            *_not_so_impersonal(tables),
            *_belonging(plan, reach, declared, vocabulary, {table.name for table in tables}),
        ),
    )


def _column(
    reach: Reach,
    declared: NotPersonal,
    table: str,
    column: str,
    seen: tuple[Meaning, str] | None,
    values: ValueKind | None,
) -> PersonalColumn:
    if seen is None:
        assert values is not None
        seen = (values.meaning, "values")
    if declared.has_column(table, column):
        return PersonalColumn(column, *seen, State.NOT_PERSONAL, values=values)
    state, takings = _fate(reach, table, column)
    rules = tuple(dict.fromkeys(taking.rule for taking in takings))
    told = [f"{item.words}, {item.gap}" if item.gap else item.words for item in takings]
    return PersonalColumn(column, *seen, state, rules, "; ".join(dict.fromkeys(told)), values)


def _with_file(column: PersonalColumn) -> PersonalColumn:
    """A column that names a file: the file goes as the name does, or stays as it does."""
    if column.state not in (State.DELETED, State.MASKED):
        return column
    return replace(column, words=f"{column.words}, and the file with it")


def _fate(reach: Reach, table: str, column: str) -> tuple[State, list[Taking]]:
    ways = (
        (State.DELETED, reach.deletions.get(table, [])),
        (State.MASKED, reach.masks.get((table, column), [])),
        (State.KEPT_FOR_EVER, reach.forever.get(table, [])),
    )
    for state, takings in ways:
        whole = [taking for taking in takings if not taking.gap]
        if whole:
            # what a rule takes by its own clock says more than what goes along
            return state, sorted(whole, key=lambda taking: taking.along)[:1]
    partly = [taking for _, takings in ways for taking in takings]
    if partly:
        return State.IN_PART, partly
    if table in reach.anonymized:
        rules = reach.anonymized[table]
        return State.SURVIVES, [Taking(rule, f"not masked by rules.{rule}") for rule in rules]
    if table in reach.floors:
        rules = reach.floors[table]
        return State.NEVER_ERASED, [Taking(rule, f"kept by rules.{rule}") for rule in rules]
    return State.IN_NO_RULE, []


def _references(policy: Policy, plan: Plan, reach: Reach) -> Iterator[ReferenceFate]:
    losing = losing_tables(plan)
    open_ones = set(undecided(policy, plan))
    for reference in plan.schema.references:
        if reference.parent not in losing:
            continue
        decision, fault, caution = plan.decisions[reference], "", ""
        action = reference.on_delete.upper()
        if reference in open_ones and action in ACTING:
            fault = f"{UNDECIDED}, and the database would act unseen (ON DELETE {action})"
        elif reference in open_ones:
            caution = f'{UNDECIDED}: it counts as "block"'
        elif decision == "block" and reference.table not in reach.deletions:
            caution = f"no rule takes rows of {reference.table}: what they refer to waits for ever"
        decided = reference not in open_ones
        yield ReferenceFate(reference.label, reference.parent, decision, decided, fault, caution)


def _not_so_impersonal(tables: list[PersonalTable]) -> Iterator[str]:
    for table in tables:
        for column in table.columns:
            if column.state is State.NOT_PERSONAL and column.values is not None:
                yield (
                    f"{table.name}.{column.name} is declared not personal, but "
                    f"{evidence(column.values)}"
                )


def evidence(values: ValueKind) -> str:
    """How many of the sampled values have the form: counts, never a value."""
    return f"{values.found:,} of {values.sampled:,} sampled values: {values.form}"


def _belonging(
    plan: Plan, reach: Reach, declared: NotPersonal, vocabulary: Vocabulary, known: set[str]
) -> Iterator[str]:
    """Tables that refer to a person and have no personal column: what was bought is personal, too."""
    losing = losing_tables(plan)
    for reference in belonging(plan.schema, vocabulary):
        table = reference.table
        if table in known or table in reach.deletions or table in reach.forever:
            continue
        if any(declared.has_column(table, name) for name in reference.columns):
            continue
        if any((table, name) in reach.masks for name in reference.columns):
            continue
        if reference.parent in losing and plan.decisions[reference] in ("delete", "detach"):
            continue
        yield (
            f"{table} refers to {reference.parent} through {','.join(reference.columns)}, and no "
            "rule takes its rows"
        )
