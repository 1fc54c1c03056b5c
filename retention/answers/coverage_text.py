"""Coverage as a person reads it: each table with what becomes of it, faults marked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from retention.answers.charts import Screen
from retention.answers.coverage import Asked, Survey
from retention.planning.coverage import (
    FAULTS,
    Coverage,
    Finding,
    PersonalColumn,
    PersonalTable,
    ReferenceFate,
    State,
    evidence,
)
from retention.planning.files import file_rules

_INDENT = "    "


def coverage_text(
    asked: Asked, surveys: Sequence[Survey], known: frozenset[Finding], screen: Screen
) -> str:
    """What `coverage` prints."""
    lines: list[str] = []
    for item in surveys:
        lines += [*_database(item.coverage, known, screen), ""]
    lines += _files(asked, screen)
    faults = [fault for item in surveys for fault in item.coverage.findings()]
    lines += screen.wrapped(_summary(asked, surveys, faults, known), "")
    return "\n".join(lines)


def _files(asked: Asked, screen: Screen) -> Iterator[str]:
    """The rules over files: nobody looks into files, so what they hold is not judged."""
    rules = [rule for rule in file_rules(asked.policy) if rule.pattern is not None]
    if not rules:
        return
    yield from screen.wrapped("files", "")
    for rule in rules:
        assert rule.pattern is not None
        yield from screen.wrapped(f"deleted by rules.{rule.name}: {rule.pattern.text}")
    yield ""


def _summary(
    asked: Asked, surveys: Sequence[Survey], faults: list[Finding], known: frozenset[Finding]
) -> str:
    new = [fault for fault in faults if fault not in known]
    cautions = sum(len(list(item.coverage.warnings())) for item in surveys)
    parts = [_count(len(new), "new fault" if known else "fault")]
    if len(faults) > len(new):
        parts.append(f"{len(faults) - len(new):,} known")
    parts.append(_count(cautions, "warning"))
    looked = "by names, types and sampled values" if asked.sample else "by names and types"
    return f"{', '.join(parts)}; looked at {looked}"


def _count(number: int, word: str) -> str:
    if not number:
        return f"no {word}s"
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def _database(coverage: Coverage, known: frozenset[Finding], screen: Screen) -> Iterator[str]:
    columns = [column for table in coverage.tables for column in table.columns]
    if not columns:
        yield from screen.wrapped(f"{coverage.database}: no column looks personal", "")
    else:
        tables = f"{len(coverage.tables):,} of {_count(coverage.counted, 'table')}"
        yield from screen.wrapped(
            f"{coverage.database}: {_count(len(columns), 'column')} in {tables} "
            f"look{'s' if len(columns) == 1 else ''} personal",
            "",
        )
    for table in coverage.tables:
        yield ""
        yield from screen.wrapped(table.name, "")
        yield from _table(coverage.database, table, known, screen)
    if coverage.references:
        yield ""
        yield from screen.wrapped("references into tables that lose rows", "")
        yield from _references(coverage, known, screen)
    for message in coverage.cautions:
        yield ""
        yield from screen.wrapped(f"warning: {message}", "")


def _table(
    database: str, table: PersonalTable, known: frozenset[Finding], screen: Screen
) -> Iterator[str]:
    groups: dict[tuple[str, str], list[PersonalColumn]] = {}
    for column in table.columns:
        finding = Finding(database, table.name, column.name, column.state.value)
        mark = _mark(finding, known) if column.state in FAULTS else ""
        mark = "warning: " if column.state is State.IN_PART else mark
        groups.setdefault((mark, _what(column)), []).append(column)
    for (mark, what), columns in groups.items():
        faulty = columns[0].state in FAULTS
        names = [_named(column) if faulty else column.name for column in columns]
        yield from screen.wrapped(f"{mark}{what}: {', '.join(names)}")


def _mark(finding: Finding, known: frozenset[Finding]) -> str:
    return "known: " if finding in known else "FAULT: "


def _what(column: PersonalColumn) -> str:
    if column.state in (State.IN_PART, State.SURVIVES, State.NEVER_ERASED):
        return f"{column.state.value} ({column.words})"
    return column.words or column.state.value


def _named(column: PersonalColumn) -> str:
    """A column of a fault, with what makes it look personal."""
    if column.seen == "values" and column.values is not None:
        return f"{column.name} ({evidence(column.values)})"
    how = {"type": ", by its type", "files": ", as a rule says"}.get(column.seen, "")
    told = f"{column.name} ({column.meaning.value}{how}"
    return f"{told}; {evidence(column.values)})" if column.values is not None else f"{told})"


def _references(coverage: Coverage, known: frozenset[Finding], screen: Screen) -> Iterator[str]:
    arrow = "->" if screen.plain else "→"
    names = [f"{found.label} {arrow} {found.parent}" for found in coverage.references]
    width = max(map(len, names))
    fits = len(_INDENT) + width + len("  as declared") <= screen.width
    for name, found in zip(names, coverage.references, strict=True):
        mark = _reference_mark(coverage.database, found, known)
        shown = name.ljust(width) if fits else name
        yield from screen.wrapped(f"{shown}  {found.decision}") if not mark else ()
        if mark:
            yield from screen.wrapped(f"{mark}{name}: {found.fault or found.caution}")


def _reference_mark(database: str, found: ReferenceFate, known: frozenset[Finding]) -> str:
    if found.fault:
        return _mark(Finding(database, found.label, "", "not decided"), known)
    return "warning: " if found.caution else ""
