"""Known faults of coverage in a file, so that only new ones fail: sorted, and without values."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from retention.answers.coverage import Asked, Survey, finding_body
from retention.errors import UsageError
from retention.planning.coverage import Finding

BASELINE_SCHEMA = "retention.coverage-baseline/1"


def baseline_text(faults: Iterable[Finding]) -> str:
    """The file: one line for each fault, so that two versions compare line by line."""
    ordered = sorted(set(faults), key=lambda item: (item.database, item.table, item.column))
    lines = [json.dumps(finding_body(fault), ensure_ascii=False) for fault in ordered]
    listed = ",\n    ".join(lines)
    known = f"[\n    {listed}\n  ]" if lines else "[]"
    return f'{{\n  "schema": "{BASELINE_SCHEMA}",\n  "known": {known}\n}}\n'


def read_baseline(text: str, file: str) -> frozenset[Finding]:
    """The faults a file lists; UsageError where it is no baseline."""
    try:
        found = json.loads(text)
        if found["schema"] != BASELINE_SCHEMA:
            raise ValueError
        return frozenset(_finding(item) for item in found["known"])
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UsageError(
            f"{file} is no baseline of coverage; nothing was looked at. "
            "Write one with `retention coverage --write-baseline FILE`"
        ) from None


def _finding(item: dict[str, Any]) -> Finding:
    texts = {key: item.get(key) or "" for key in ("database", "table", "column", "fault", "seen")}
    if not all(isinstance(text, str) for text in texts.values()):
        raise ValueError
    return Finding(**texts)


def no_longer_there(
    asked: Asked, surveys: Sequence[Survey], known: frozenset[Finding]
) -> list[Finding]:
    """Known faults that are gone from the databases reached.

    A fault that only values showed is not gone as long as some values were not looked at.
    """
    reached = {item.coverage.database for item in surveys}
    present = {fault for item in surveys for fault in item.coverage.findings()}
    looked = asked.sample and not any(item.unread for item in surveys)
    gone = [
        fault
        for fault in known - present
        if fault.database in reached and (looked or fault.seen != "values")
    ]
    return sorted(gone, key=lambda item: (item.database, item.table, item.column, item.fault))


def told(fault: Finding) -> str:
    """A fault in a few words: `shop: customers.fax in no rule`."""
    place = f"{fault.table}.{fault.column}" if fault.column else fault.table
    return f"{fault.database}: {place} {fault.fault}"
