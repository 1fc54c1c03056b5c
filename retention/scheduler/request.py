"""What is asked of a night, what became of it, and where ledger and keys lie."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from retention.backups.copy import Position
from retention.backups.night import SetNight
from retention.connections import engine_for, sqlite_file
from retention.errors import Interrupted, RetentionError, StorageError, gravest
from retention.execution.accounts import StepResult
from retention.execution.executor import Watch
from retention.execution.recounting.verdict import Recount
from retention.ledger.existing import NoLedger
from retention.ledger.keys import KeyFolder
from retention.ledger.store import Ledger, open_ledger
from retention.planning.plan import Plan
from retention.policies.policy import Policy
from retention.protocol.opening import Clock
from retention.protocol.row_files import RowFilesDone
from retention.scheduler.sharding import WHOLE, Shard


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of a night: the policy, the instant, and what a person said on top.

    `jobs`: how many databases are worked on side by side, by processes of this machine, or by the
    workers of the Dask cluster at `scheduler`. `shard`: the part of them that this run is about.
    `full`: count what is not due in large tables, too.
    """

    policy: Policy
    folder: Path
    file: str
    as_of: datetime
    now: Clock
    watch: Watch
    rules: frozenset[str] = frozenset()
    everything: bool = False
    allowed: Mapping[str, int] = field(default_factory=dict)
    jobs: int = 1
    full: bool = False
    scheduler: str = ""
    shard: Shard = WHOLE

    @property
    def on_several_hosts(self) -> bool:
        """TRUE where others may work under the ledger at the same time, elsewhere."""
        return bool(self.scheduler) or self.shard.of > 1


@dataclass(slots=True)
class DatabaseNight:
    """What became of one database: its plan, results and recount, or the error that stopped it."""

    database: str
    plan: Plan | None = None
    results: list[StepResult] = field(default_factory=list)
    recount: Recount | None = None
    position: Position | None = None
    notes: list[str] = field(default_factory=list)
    files: RowFilesDone | None = None
    error: RetentionError | None = None

    @property
    def exit_code(self) -> int:
        """The gravest of what happened here."""
        codes = [self.error.exit_code] if self.error else []
        codes += [3 for result in self.results if result.refused]
        codes += [1 for result in self.results if result.failed]
        codes += [1] if self.files is not None and self.files.left else []
        codes += [1] if self.recount is not None and self.recount.is_fault else []
        return gravest(codes)


@dataclass(slots=True)
class Night:
    """A whole run."""

    run_id: str
    as_of: datetime
    databases: list[DatabaseNight]
    copies: list[SetNight] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    interrupted: Interrupted | None = None

    @property
    def exit_code(self) -> int:
        """0, or the gravest over all databases and their copies."""
        if self.interrupted is not None:
            return self.interrupted.exit_code
        codes = [night.exit_code for night in self.databases]
        return gravest([*codes, *(found.exit_code for found in self.copies)])


def of_one(policy: Policy, name: str) -> Policy:
    """The policy with this database only: no worker needs the passwords of the others."""
    update = {"databases": {name: policy.databases[name]}, "listed": policy.families}
    return policy.model_copy(update=update)


def ledger_of(policy: Policy, folder: Path) -> Ledger:
    """The ledger the policy names; StorageError where `enroll` has not made it yet."""
    return open_ledger(engine_for(policy.ledger.url, "ledger", folder))


def known_ledger(policy: Policy, folder: Path) -> Ledger | None:
    """The ledger; None before `enroll`, and to an account that cannot read it."""
    try:
        return ledger_of(policy, folder)
    except StorageError:
        return None


def made_ledger(policy: Policy, folder: Path) -> Ledger | None:
    """The ledger; None before `enroll`. StorageError where it is there and cannot be read."""
    try:
        return ledger_of(policy, folder)
    except NoLedger:
        return None


def key_folder(policy: Policy, folder: Path) -> KeyFolder:
    """Where the monthly keys lie: `[ledger] keys`, else a folder beside the ledger."""
    if policy.ledger.keys:
        return KeyFolder(folder / policy.ledger.keys)
    engine = engine_for(policy.ledger.url, "ledger", folder)
    if engine.dialect.name == "sqlite" and engine.url.database:
        file = Path(engine.url.database)
        return KeyFolder(file.with_name(file.name + "-keys"))
    return KeyFolder(folder / "retention-keys")


def own_files(policy: Policy, folder: Path, file: str) -> list[Path]:
    """The files of this machine that no rule may take: the policy, databases, ledger and keys."""
    engines = [engine_for(found.url, name, folder) for name, found in policy.databases.items()]
    engines.append(engine_for(policy.ledger.url, "ledger", folder))
    found = [Path(file).resolve(), (key_folder(policy, folder).path / "2026-01").resolve()]
    for path in filter(None, map(sqlite_file, engines)):
        beside = ("", "-wal", "-shm", "-journal", ".retention-lock")
        found += [path.with_name(path.name + ending).resolve() for ending in beside]
    return found
