"""What a recount looked at, what it found, and what it could not look at. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from retention.ledger.entry import JSON


class Fault(StrEnum):
    """What must not be left after a run."""

    DUE = "due"
    UNMASKED = "unmasked"
    DANGLING = "dangling"


@dataclass(frozen=True, slots=True)
class Finding:
    """Rows that are left as no run should leave them; `column` names a mask's, or a reference's."""

    fault: Fault
    table: str
    rows: int
    rule: str = ""
    column: str = ""


@dataclass(slots=True)
class StepRecount:
    """One step of the run, looked at again.

    `looked`: rows of its table that were looked at, `rows` of so many; `stopped`: due, and stopped
    by something; `freed`: due, but the run itself changed what decides that, so they go the next
    night; `skipped`: why it was not looked at. `unread`: masked columns that cannot be compared.
    """

    rule: str
    action: str
    table: str
    looked: int = 0
    rows: int = 0
    stopped: int = 0
    freed: int = 0
    skipped: str = ""
    unread: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReferenceRecount:
    """Rows that refer along `reference` to a row that is not there: before the run and after it."""

    reference: str
    before: int
    after: int
    new: int


@dataclass(slots=True)
class Recount:
    """The recount of one database after one run; `failed`: the error that ended it."""

    database: str
    steps: list[StepRecount] = field(default_factory=list)
    references: list[ReferenceRecount] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    milliseconds: int = 0
    skipped: str = ""
    failed: str = ""

    @property
    def is_fault(self) -> bool:
        """True where something is left that should not be, or nobody could look."""
        return bool(self.findings or self.failed)

    def body(self) -> dict[str, JSON]:
        """As the ledger keeps it: names and counts, never a value or a key."""
        return {
            "database": self.database,
            "steps": [_step(step) for step in self.steps],
            "references": [
                {
                    "reference": found.reference,
                    "before": found.before,
                    "after": found.after,
                    "new": found.new,
                }
                for found in self.references
            ],
            "findings": [
                {
                    "fault": str(found.fault),
                    "rule": found.rule,
                    "table": found.table,
                    "column": found.column,
                    "rows": found.rows,
                }
                for found in self.findings
            ],
            "milliseconds": self.milliseconds,
            "skipped": self.skipped,
            "failed": self.failed,
        }


def _step(step: StepRecount) -> dict[str, JSON]:
    return {
        "rule": step.rule,
        "action": step.action,
        "table": step.table,
        "looked": step.looked,
        "rows": step.rows,
        "stopped": step.stopped,
        "freed": step.freed,
        "skipped": step.skipped,
        "unread": list[JSON](step.unread),
    }


def new_rows(before: dict[tuple[object, ...], int], after: dict[tuple[object, ...], int]) -> int:
    """How many rows refer to nothing now that did not before, value by value."""
    return sum(max(0, rows - before.get(value, 0)) for value, rows in after.items())
