"""Every error a person can meet, each with the exit code the process ends with.

    RetentionError                1  some rule or database failed, the others finished
    ├── DatabaseFailure           1  a database refused a statement (SQLSTATE and constraint only)
    ├── FileFailure               1  a folder or an object store refused (its code only)
    ├── LakeFailure               1  a lake table could not be read or changed
    ├── UsageError                2  the command line is wrong
    ├── PolicyError               2  policies.toml is wrong; carries every fault at once
    ├── SchemaError               2  the database does not fit the policy
    ├── Refused                   3  a limit, an approval or a drift stopped the work
    ├── IntegrityError            4  ledger and marker disagree, a restore was detected
    ├── StorageError             74  a file or the ledger could not be read or written
    ├── Busy                     75  another run holds the lock
    └── Interrupted         130/143  stopped by a signal; the next run goes on from here

A message says what is wrong, what was not done, and what to do next. The driver's own text quotes
row values, so it stays in ``__cause__`` and never reaches a person, a log or a report.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault (or warning) in a policy: where it stands, what is wrong, what would be right.

    `statement`: SQL that cures it, ready to paste.
    """

    path: str
    message: str
    line: int | None = None
    severity: str = "error"
    statement: str = ""

    def render(self, file: str) -> str:
        """`policies.toml:41: rules.support.start: table "tickets" has no column "closd_at"`."""
        place = f"{file}:{self.line}" if self.line else file
        mark = "warning: " if self.severity == "warning" else ""
        cure = f"\n    {self.statement};" if self.statement else ""
        return (
            f"{place}: {self.path}: {mark}{self.message}{cure}"
            if self.path
            else (f"{place}: {mark}{self.message}{cure}")
        )


class RetentionError(Exception):
    """What is wrong, what was not done, what to do next; `exit_code` ends the process."""

    exit_code = 1


class DatabaseFailure(RetentionError):
    """A database refused a statement; SQLSTATE and constraint name only, never row values."""

    exit_code = 1

    def __init__(self, message: str, *, sqlstate: str = "", transient: bool = False) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate
        self.transient = transient


class FileFailure(RetentionError):
    """A folder or an object store refused; the system's code only, never a path of a file."""


class LakeFailure(RetentionError):
    """A lake table could not be read or changed; `conflict` where another writer was faster."""

    exit_code = 1

    def __init__(self, message: str, *, conflict: bool = False) -> None:
        super().__init__(message)
        self.conflict = conflict


class UsageError(RetentionError):
    """The command line asks for something that does not exist or may not be asked for."""

    exit_code = 2


class PolicyError(RetentionError):
    """The policy has faults; all of them are in `problems`."""

    exit_code = 2

    def __init__(self, file: str, problems: tuple[Problem, ...]) -> None:
        self.file = file
        self.problems = problems
        super().__init__("\n".join(problem.render(file) for problem in problems))

    def __reduce__(self) -> tuple[Any, ...]:
        """An error comes back whole from the process where it was found."""
        return type(self), (self.file, self.problems)


class SchemaError(RetentionError):
    """The database is not what the policy needs."""

    exit_code = 2


class Refused(RetentionError):
    """The work was stopped before its first row: a limit, an approval, a drift."""

    exit_code = 3


class IntegrityError(RetentionError):
    """Ledger, marker and database do not tell the same story; nothing was changed."""

    exit_code = 4


class StorageError(RetentionError):
    """A file or the ledger could not be read or written."""

    exit_code = 74


class Busy(RetentionError):
    """Another run works on this database."""

    exit_code = 75


class Interrupted(RetentionError):
    """Stopped by a signal between two batches; what is committed is in the ledger."""

    def __init__(self, message: str, signal_number: int) -> None:
        super().__init__(message)
        self.exit_code = 128 + signal_number

    def __reduce__(self) -> tuple[Any, ...]:
        """As for PolicyError."""
        return type(self), (str(self), self.exit_code - 128)


GRAVEST_FIRST = (4, 3, 1, 2, 74, 5, 75)


def gravest(codes: list[int]) -> int:
    """The exit code of several: a signal first, then 4, 3, 1, 2, 74, 5, 75; 0 where none failed."""
    signals = [code for code in codes if code >= 128]
    if signals:
        return signals[0]
    return next((code for code in GRAVEST_FIRST if code in codes), 0)
