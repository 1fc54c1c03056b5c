"""What every command needs first: the policy, its folder, the instant, the ledger."""

from __future__ import annotations

import gc
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from retention.errors import Interrupted, RetentionError, StorageError, UsageError

if TYPE_CHECKING:
    from retention.policies.policy import Policy

ConfigOption = Annotated[
    Path, typer.Option("--config", help="The policy file.", envvar="RETENTION_CONFIG")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
RuleOption = Annotated[
    list[str] | None, typer.Option("--rule", help="Only this rule; may be repeated.")
]
FullOption = Annotated[
    bool, typer.Option("--full", help="Count what is not due in large tables, too.")
]
JobsOption = Annotated[
    int, typer.Option("--jobs", min=1, metavar="N", help="Look at so many databases side by side.")
]
DEFAULT_CONFIG = Path("policies.toml")
_TOLD = 12
_FIRST, _LAST = 1900, 9000


@dataclass(frozen=True, slots=True)
class Context:
    """A parsed policy and where it lies."""

    policy: Policy
    folder: Path
    file: str


def load(config: Path) -> Context:
    """Read and parse the policy; PolicyError with every fault, StorageError where it is missing."""
    from retention.cli.catalogue import catalogue
    from retention.policies.parse import parse_policy

    try:
        text = config.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        raise StorageError(
            f"{config} cannot be read; nothing was done. Name another file with --config, or write "
            "a first one with `retention init --database URL`."
        ) from fault
    policy = parse_policy(text, str(config), catalogue())
    if not gc.get_freeze_count():
        # the program's own objects stay to its end; looking through them takes a fifth of a night
        gc.freeze()
    return Context(policy, config.resolve().parent, str(config))


def load_listed(config: Path) -> Context:
    """As `load`, and the databases behind each `urls` listed; the first list that fails is raised."""
    return require_listed(load(config))


def require_listed(context: Context) -> Context:
    """The databases behind each `urls` in its place; the first list that fails is raised."""
    context, errors = listed(context)
    for error in errors.values():
        raise error
    return context


def listed(context: Context) -> tuple[Context, dict[str, RetentionError]]:
    """The databases behind each `urls` in its place, and which lists failed, by their name."""
    if all(found.urls is None for found in context.policy.databases.values()):
        return context, {}
    from retention.databases.listing import with_members

    policy, errors = with_members(context.policy, context.folder)
    return replace(context, policy=policy), errors


def known_databases(context: Context) -> str:
    """The names of the databases, for a message; of many, the first few."""
    names = list(context.policy.databases)
    rest = f" and {len(names) - _TOLD} more" if len(names) > _TOLD else ""
    return ", ".join(names[:_TOLD]) + rest


def known_lake_table(context: Context, address: str) -> None:
    """Raises UsageError where no rule is over that lake table."""
    if address not in context.policy.lake_tables:
        known = ", ".join(context.policy.lake_tables) or "none"
        raise UsageError(
            f"no rule is over {address}; the lake tables of the policy: {known}. Nothing was done"
        )


def now() -> datetime:
    """The present instant (UTC): the clock enters here and is handed down."""
    return datetime.now(UTC)


def instant(text: str | None, policy: Policy, *, future: bool) -> datetime:
    """The instant written as `text`, whole seconds; a bare day is its midnight in the policy's zone.

    Raises UsageError, also for an instant in the future where `future` is not allowed.
    """
    present = now().replace(microsecond=0)
    if text is None:
        return present
    moment = _parsed(text, policy)
    if not _FIRST <= moment.year <= _LAST:
        raise UsageError(f"--at {text} lies too far away; write a year from {_FIRST} to {_LAST}")
    if moment > present and not future:
        raise UsageError(
            f"--at {text} lies in the future; nothing was done. "
            "`retention plan --at` shows what a future night would do."
        )
    return moment


def _parsed(text: str, policy: Policy) -> datetime:
    from retention.policies.calendar import local_midnight

    try:
        if len(text) == 10:
            return local_midnight(date.fromisoformat(text), policy.timezone)
        found = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f'--at "{text}" is no instant; write 2026-11-22 or 2026-11-22T02:30:00+01:00'
        ) from None
    aware = found if found.tzinfo else found.replace(tzinfo=policy.timezone)
    try:
        return aware.astimezone(UTC).replace(microsecond=0)
    except OverflowError:
        return found.replace(tzinfo=UTC, microsecond=0)


@contextmanager
def stop_signals() -> Iterator[tuple[Callable[[], bool], Callable[[], Interrupted]]]:
    """SIGTERM and SIGINT ask for a stop between two batches; a second one is not needed."""
    received: list[int] = []

    def note(number: int, _: FrameType | None) -> None:
        received.append(number)

    previous = {number: signal.signal(number, note) for number in (signal.SIGTERM, signal.SIGINT)}

    def interruption() -> Interrupted:
        name = signal.Signals(received[0]).name
        return Interrupted(
            f"stopped by {name}; what was committed is in the ledger, the next run goes on",
            received[0],
        )

    try:
        yield lambda: bool(received), interruption
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
