"""From what a person typed to a Request."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from retention.cli.context import Context, now
from retention.errors import Interrupted, UsageError

if TYPE_CHECKING:
    from retention.execution.executor import Watch
    from retention.scheduler.nightly import Request
    from retention.scheduler.sharding import Shard


def request_for(
    context: Context,
    as_of: datetime,
    rules: list[str] | None,
    *,
    watch: Watch | None = None,
    everything: bool = False,
    allowed: Mapping[str, int] | None = None,
    jobs: int = 1,
    full: bool = False,
    scheduler: str = "",
    shard: Shard | None = None,
) -> Request:
    """The Request behind plan, run and serve; UsageError for a rule that does not exist."""
    from retention.scheduler.nightly import Request
    from retention.scheduler.sharding import WHOLE

    known_rules(context, [*(rules or ()), *(allowed or {})])
    return Request(
        context.policy,
        context.folder,
        context.file,
        as_of,
        now,
        watch or silent_watch(),
        frozenset(rules or ()),
        everything,
        allowed or {},
        jobs,
        full,
        scheduler,
        shard or WHOLE,
    )


def known_rules(context: Context, names: list[str]) -> None:
    """Raises UsageError for a rule the policy does not have."""
    for name in names:
        if name not in context.policy.rules:
            known = ", ".join(context.policy.rules)
            raise UsageError(f'there is no rule "{name}"; known: {known}. Nothing was done')


def missing_members(context: Context) -> list[str]:
    """What is to be said of databases that left the lists of the policy."""
    from retention.scheduler.request import known_ledger
    from retention.scheduler.vanished import vanished

    ledger = known_ledger(context.policy, context.folder) if context.policy.listed else None
    if ledger is None:
        return []
    nights = vanished(request_for(context, now(), None), ledger)
    return [str(night.error) if night.error else night.notes[0] for night in nights]


def silent_watch() -> Watch:
    """Nobody watches and nothing interrupts: a dry run, or a test."""
    from retention.execution.executor import Watch, unseen

    return Watch(unseen, _going_on, _never)


def _going_on() -> bool:
    return False


def _never() -> Interrupted:
    raise AssertionError("nothing interrupts here")
