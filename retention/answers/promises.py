"""From promise to rule to row: what the privacy policy says, and what the last run did for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from retention.answers.charts import Screen
from retention.planning.clocks import describe
from retention.policies.policy import Policy
from retention.policies.rule import Rule

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
    left: int | None
    stopped: str = ""


@dataclass(frozen=True, slots=True)
class Promise:
    """One rule: its sentence, what it does and when, and its last run."""

    rule: str
    promise: str
    table: str
    actions: tuple[str, ...]
    last: LastRun | None


def promises(policy: Policy, bodies: Iterable[Body]) -> list[Promise]:
    """The rules in the order of the file; those without a promise last.

    `bodies` are runs as reports read them, newest first; no more of them are read than it takes.
    """
    last = _last_runs(policy, bodies)
    found = [
        Promise(rule.name, rule.promise, rule.table, tuple(actions(rule)), last.get(rule.name))
        for rule in policy.rules.values()
    ]
    return sorted(found, key=lambda item: not item.promise)


def actions(rule: Rule) -> Iterator[str]:
    """What the rule does and when, in words: `delete 90 days after requested_at`."""
    start = f" after {_counted(rule)}{describe(rule.start)}" if rule.start else ""
    if rule.keep_at_least:
        forever = rule.keep_at_least.forever
        yield f"keep {'for ever' if forever else f'at least {rule.keep_at_least}{start}'}"
    for action in _ACTIONS:
        periods = getattr(rule, f"{action}_after", None)
        condition = getattr(rule, f"{action}_when", None)
        if periods:
            yield f"{action} {periods}{start}"
        if condition:
            yield f"{action} as soon as {condition}"


def promises_object(policy: Policy, found: Sequence[Promise]) -> dict[str, Any]:
    """What `promises --json` prints."""
    return {
        "schema": PROMISES_SCHEMA,
        "policy_sha256": policy.sha256,
        "promises": [
            {
                "rule": item.rule,
                "promise": item.promise or None,
                "table": item.table,
                "actions": list(item.actions),
                "last_run": _last_body(item.last),
            }
            for item in found
        ],
    }


def promises_text(policy: Policy, found: Sequence[Promise], screen: Screen) -> str:
    """What `promises` prints."""
    lines: list[str] = []
    for item in found:
        if item.promise:
            lines += [
                *screen.wrapped(_quoted(item.promise, screen), ""),
                *_shown(item, policy, screen),
            ]
            lines.append("")
    silent = [item for item in found if not item.promise]
    if silent:
        lines.append("no sentence of the policy")
        for item in silent:
            lines += _shown(item, policy, screen)
    return "\n".join(lines).rstrip() or "no rule yet"


def _counted(rule: Rule) -> str:
    if rule.counted_from == "event":
        return ""
    told = rule.counted_from.replace("end of ", "end of the ").replace("the the", "the")
    return f"the {told} of "


def _last_runs(policy: Policy, bodies: Iterable[Body]) -> dict[str, LastRun]:
    last: dict[str, LastRun] = {}
    for body in bodies:
        for name in {*_rules_in(body, "rules"), *_rules_in(body, "committed")} - set(last):
            last[name] = _last_run(body, name)
        if {name for name, rule in policy.rules.items() if _acts(rule)} <= set(last):
            break
    return last


def _acts(rule: Rule) -> bool:
    return any(not action.startswith("keep ") for action in actions(rule))


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
        sum(item["left"] for item in steps) if steps else None,
        "; ".join(stopped),
    )


def _last_body(last: LastRun | None) -> dict[str, Any] | None:
    if last is None:
        return None
    return {
        "run": last.run,
        "as_of": last.as_of,
        "erased": last.erased,
        "anonymized": last.anonymized,
        "left": last.left,
        "stopped": last.stopped or None,
    }


def _quoted(text: str, screen: Screen) -> str:
    return f'"{text}"' if screen.plain else f"“{text}”"


def _shown(item: Promise, policy: Policy, screen: Screen) -> Iterator[str]:
    told = ", then ".join(item.actions)
    yield from screen.wrapped(f"{item.rule}, on {item.table}: {told}")
    yield from screen.wrapped(_told(item, policy, screen))
    if item.last and item.last.stopped:
        yield from screen.wrapped(f"STOPPED: {item.last.stopped}")


def _told(item: Promise, policy: Policy, screen: Screen) -> str:
    if item.last is None:
        keeps = all(action.startswith("keep ") for action in item.actions)
        return "takes nothing: it keeps rows" if keeps else "never run"
    at = datetime.fromisoformat(item.last.as_of).astimezone(policy.timezone)
    done = [
        f"{count:,} {word}"
        for count, word in ((item.last.erased, "erased"), (item.last.anonymized, "anonymized"))
        if count
    ]
    left = "stopped half-way" if item.last.left is None else f"{item.last.left:,} left"
    facts = screen.between.join([*(done or ["nothing was taken"]), left])
    return f"last run {at:%Y-%m-%d %H:%M}: {facts}"
