"""From promise to rule to row: what the privacy policy says, and what the last run did for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from retention.answers.charts import Screen
from retention.planning.clocks import describe
from retention.policies.calendar import CountedFrom
from retention.policies.policy import Policy
from retention.policies.rule import Rule
from retention.policies.statutes import CAVEAT

PROMISES_SCHEMA = "retention.promises/1"
_ACTIONS = ("restrict", "anonymize", "delete")
Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class LastRun:
    """What the last run that carried out the rule did for it."""

    run: str
    as_of: str
    erased: int
    anonymized: int
    restricted: int
    left: int | None
    stopped: str = ""


@dataclass(frozen=True, slots=True)
class Keeper:
    """One rule: what it does and when, and its last run."""

    rule: str
    table: str
    actions: tuple[str, ...]
    last: LastRun | None


@dataclass(frozen=True, slots=True)
class Promises:
    """Each sentence with the rules that keep it; sentences kept elsewhere; rules without one."""

    kept: Mapping[str, Sequence[Keeper]]
    not_by_this_software: Mapping[str, str]
    without: Sequence[Keeper]


def promises(policy: Policy, bodies: Iterable[Body]) -> Promises:
    """Everything in the order of the file.

    `bodies` are runs as reports read them, newest first; no more of them are read than it takes.
    """
    last = _last_runs(policy, bodies)
    kept: dict[str, list[Keeper]] = {}
    without: list[Keeper] = []
    for rule in policy.rules.values():
        keeper = Keeper(rule.name, rule.about, tuple(actions(policy, rule)), last.get(rule.name))
        for sentence in rule.promise:
            kept.setdefault(sentence, []).append(keeper)
        if not rule.promise:
            without.append(keeper)
    return Promises(kept, policy.not_by_this_software, without)


def actions(policy: Policy, rule: Rule) -> Iterator[str]:
    """What the rule does and when, in words: `delete 90 days after requested_at`."""
    start = f" after {_counted(rule)}{describe(rule.start)}" if rule.start else ""
    if rule.keep_at_least:
        floor = rule.keep_at_least
        told = floor.told(policy.told)
        yield f"keep {'for ever' if floor.forever else f'at least {told}{start}'}"
    for action in _ACTIONS:
        periods = getattr(rule, f"{action}_after", None)
        condition = getattr(rule, f"{action}_when", None)
        if periods:
            yield f"{action} {periods.told(policy.told)}{start}"
        if condition:
            yield f"{action} as soon as {condition}"


def promises_object(policy: Policy, found: Promises) -> dict[str, Any]:
    """What `promises --json` prints."""
    return {
        "schema": PROMISES_SCHEMA,
        "policy_sha256": policy.sha256,
        "promises": [
            {"promise": sentence, "rules": [_body(keeper) for keeper in keepers]}
            for sentence, keepers in found.kept.items()
        ],
        "not_by_this_software": [
            {"promise": sentence, "reason": reason}
            for sentence, reason in found.not_by_this_software.items()
        ],
        "without_promise": [_body(keeper) for keeper in found.without],
        "notices": _notices(policy),
    }


def promises_text(policy: Policy, found: Promises, screen: Screen) -> str:
    """What `promises` prints."""
    lines: list[str] = []
    for sentence, keepers in found.kept.items():
        lines += screen.wrapped(_quoted(sentence, screen), "")
        for keeper in keepers:
            lines += _shown(keeper, policy, screen)
        lines.append("")
    if found.not_by_this_software:
        lines += ["not by this software", ""]
    for sentence, reason in found.not_by_this_software.items():
        lines += screen.wrapped(_quoted(sentence, screen), "")
        lines += [*screen.wrapped(reason), ""]
    if found.without:
        lines.append("no sentence of the policy")
    for keeper in found.without:
        lines += _shown(keeper, policy, screen)
    text = "\n".join(lines).rstrip() or "no rule yet"
    return "\n\n".join([text, *("\n".join(screen.wrapped(it, "")) for it in _notices(policy))])


def _notices(policy: Policy) -> list[str]:
    return [CAVEAT] if any(rule.statutes for rule in policy.rules.values()) else []


def _counted(rule: Rule) -> str:
    own = CountedFrom(rule.counted_from).told
    return own and f"{own} of "


def _last_runs(policy: Policy, bodies: Iterable[Body]) -> dict[str, LastRun]:
    last: dict[str, LastRun] = {}
    for body in bodies:
        for name in {*_rules_in(body, "rules"), *_rules_in(body, "committed")} - set(last):
            last[name] = _last_run(body, name)
        if {name for name, rule in policy.rules.items() if _acts(policy, rule)} <= set(last):
            break
    return last


def _acts(policy: Policy, rule: Rule) -> bool:
    return any(not action.startswith("keep ") for action in actions(policy, rule))


def _rules_in(body: Body, key: str) -> Iterator[str]:
    return (str(item["rule"]) for item in body.get(key) or ())


def _last_run(body: Body, rule: str) -> LastRun:
    """A run that was killed has only what it committed; what it left is not known."""
    steps = [item for item in body["rules"] if item["rule"] == rule]
    counted = steps or [item for item in body["committed"] if item["rule"] == rule]
    stopped = [str(item[key]) for item in steps for key in ("refused", "failed") if item.get(key)]
    return LastRun(
        str(body["run"]),
        str(body["as_of"]),
        sum(item["erased"] for item in counted),
        sum(item["anonymized"] for item in counted),
        sum(item["restricted_now" if steps else "restricted"] for item in counted),
        sum(item["left"] for item in steps) if steps else None,
        "; ".join(stopped),
    )


def _body(keeper: Keeper) -> dict[str, Any]:
    return {
        "rule": keeper.rule,
        "table": keeper.table,
        "actions": list(keeper.actions),
        "last_run": _last_body(keeper.last),
    }


def _last_body(last: LastRun | None) -> dict[str, Any] | None:
    if last is None:
        return None
    return {
        "run": last.run,
        "as_of": last.as_of,
        "erased": last.erased,
        "anonymized": last.anonymized,
        "restricted": last.restricted,
        "left": last.left,
        "stopped": last.stopped or None,
    }


def _quoted(text: str, screen: Screen) -> str:
    return f'"{text}"' if screen.plain else f"“{text}”"


def _shown(item: Keeper, policy: Policy, screen: Screen) -> Iterator[str]:
    told = ", then ".join(item.actions)
    yield from screen.wrapped(f"{item.rule}, on {item.table}: {told}")
    yield from screen.wrapped(_told(item, policy, screen))
    if item.last and item.last.stopped:
        yield from screen.wrapped(f"STOPPED: {item.last.stopped}")


def _told(item: Keeper, policy: Policy, screen: Screen) -> str:
    if item.last is None:
        keeps = all(action.startswith("keep ") for action in item.actions)
        return "takes nothing: it keeps rows" if keeps else "never run"
    at = datetime.fromisoformat(item.last.as_of).astimezone(policy.timezone)
    counts = {
        "erased": item.last.erased,
        "anonymized": item.last.anonymized,
        "restricted": item.last.restricted,
    }
    done = [f"{count:,} {word}" for word, count in counts.items() if count]
    left = "stopped half-way" if item.last.left is None else f"{item.last.left:,} left"
    facts = screen.between.join([*(done or ["nothing was taken"]), left])
    return f"last run {at:%Y-%m-%d %H:%M}: {facts}"
