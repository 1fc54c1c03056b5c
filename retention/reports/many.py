"""Many databases of one shape on one screen: sums, and the exceptions by name. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from retention.errors import Problem
from retention.policies.tenants import LABEL, family_of, is_member

Body = Mapping[str, Any]
NAMED = 3
"""How many of many alike are named."""
_SUMS = (
    *("due", "not_started", "undecidable", "running", "kept", "blocked", "held", "restricted"),
    *("waiting", "rows", "erased", "anonymized", "restricted_now", "remembered", "left"),
    *("batches", "milliseconds", "portion"),
)
_COUNTS = ("kept_by", "blocked_by", "unless")
_SAID = {"limit": "REFUSED", "refused": "REFUSED", "failed": "FAILED"}


def summed(bodies: Iterable[Body]) -> list[dict[str, Any]]:
    """Rules as plans and runs tell them, those over many databases once, with their sums.

    `databases` says how many; `most` names the one with most rows due; `exceptions` has what a
    limit or an error stopped, by name.
    """
    groups: dict[tuple[str, ...], list[Body]] = {}
    for number, body in enumerate(bodies):
        alone = () if is_member(body["database"]) else (str(number),)
        keys = ("rule", "action", "table")
        place = family_of(body["database"])
        groups.setdefault((*(str(body[key]) for key in keys), place, *alone), []).append(body)
    return [_sum(found) for found in groups.values()]


def _sum(bodies: list[Body]) -> dict[str, Any]:
    first = dict(bodies[0])
    if not is_member(first["database"]):
        return first
    for key in _SUMS:
        if any(body.get(key) is not None for body in bodies):
            first[key] = sum(body.get(key) or 0 for body in bodies)
    for key in _COUNTS:
        first[key] = _added(body.get(key, {}) for body in bodies)
    first["also"] = _alongside(bodies)
    first["exceptions"] = _few(
        [
            f"{word} in {body['database']}: {body[key]}"
            for body in bodies
            for key, word in _SAID.items()
            if body.get(key)
        ]
    )
    first |= dict.fromkeys(set(_SAID) & set(first), "")
    most = max(bodies, key=lambda body: int(body["due"]))
    first |= {"database": family_of(first["database"]), "databases": len(bodies)}
    return first | {"most": (most["database"], most["due"]) if most["due"] else None}


def _few(said: list[str]) -> list[str]:
    rest = len(said) - NAMED
    return said[:NAMED] + ([f"and {rest:,} more; --json has them all"] if rest > 0 else [])


def _added(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for found in counts:
        for name, count in found.items():
            total[name] = total.get(name, 0) + count
    return total


def _alongside(bodies: list[Body]) -> list[dict[str, Any]]:
    total: dict[tuple[str, str], dict[str, Any]] = {}
    for also in (also for body in bodies for also in body["also"]):
        known = total.setdefault((also["table"], also["action"]), {**also, "due": 0, "done": 0})
        for key in ("due", "done"):
            known[key] += also.get(key, 0)
    return list(total.values())


def alike(messages: Iterable[str], families: Iterable[str]) -> list[str]:
    """Messages, each once; of those that differ by the name of one of many databases, a few."""
    names = "|".join(map(re.escape, families))
    member = re.compile(rf"\b({names})/{LABEL.pattern}", re.ASCII) if names else None
    shapes: dict[str, list[str]] = {}
    for message in dict.fromkeys(messages):
        shape = member.sub(r"\1/…", message) if member else message
        shapes.setdefault(shape, []).append(message)
    told: list[str] = []
    for shape, found in shapes.items():
        told += found[:NAMED]
        if len(found) > NAMED:
            told.append(f"{len(found) - NAMED:,} more: {shape}")
    return told


def gathered(found: Mapping[str, Iterable[Problem]]) -> list[Problem]:
    """The problems of every database, each once; of some of many databases, with their names."""
    places: dict[tuple[str, Problem], list[str]] = {}
    of: dict[str, int] = {}
    for name, problems in found.items():
        of[family_of(name)] = of.get(family_of(name), 0) + 1
        for problem in dict.fromkeys(problems):
            place = family_of(name) if is_member(name) else ""
            places.setdefault((place, problem), []).append(name)
    return [
        problem if not place or len(names) == of[place] else _of_some(problem, names, of[place])
        for (place, problem), names in places.items()
    ]


def _of_some(problem: Problem, names: list[str], of: int) -> Problem:
    rest = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    where = f"{', '.join(names[:NAMED])}{rest}, of {of:,} databases"
    return Problem(
        problem.path,
        f"{problem.message} (in {where})",
        problem.line,
        problem.severity,
        problem.statement,
    )
