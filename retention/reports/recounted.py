"""The recount of a run in sentences, from what the ledger keeps of it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from retention.planning.files import FILES

Body = Mapping[str, Any]


def summary(bodies: Iterable[Body]) -> str:
    """The recounts of all databases of a run in one sentence; "" where there was none."""
    found = [body for body in bodies if body["steps"] or body["failed"]]
    if not found:
        return ""
    steps = [step for body in found for step in body["steps"] if step["looked"]]
    references = sum(len(body["references"]) for body in found)
    parts = [_many(len({(step["rule"], step["action"]) for step in steps}), "rule")]
    parts += [_many(references, "reference")] if references else []
    looked = f"{' and '.join(parts)}, {' and '.join(_things(found))} "
    left = sum(len(body["findings"]) for body in found)
    if left:
        return f"{looked}looked at again: something was left behind"
    if any(body["failed"] for body in found):
        return f"{looked}looked at again, not all that should have been"
    return f"{looked}looked at again: nothing left behind"


def _things(bodies: list[Body]) -> Iterator[str]:
    """How many rows were looked at, and how many files."""
    sums = {"row": 0, "file": 0}
    for body in bodies:
        sums[_thing(body)] += sum(step["looked"] for step in body["steps"])
    if sums["row"] or not sums["file"]:
        yield _many(sums["row"], "row")
    if sums["file"]:
        yield _many(sums["file"], "file")


def _thing(body: Body) -> str:
    return "file" if body["database"] == FILES else "row"


def alarms(bodies: Iterable[Body]) -> list[str]:
    """What is left that should not be, and recounts that failed: a sentence each."""
    return [sentence for body in bodies for sentence in _alarms(body)]


def remarks(bodies: Iterable[Body]) -> list[str]:
    """What was not looked at, and what goes the next night."""
    return [sentence for body in bodies for sentence in _remarks(body)]


def _alarms(body: Body) -> Iterator[str]:
    for found in body["findings"]:
        rows, table = found["rows"], found["table"]
        if found["fault"] == "due":
            yield (
                f"{_many(rows, _thing(body))} of {table} {_be(rows)} still there, due under "
                f"{found['rule']} and stopped by nothing"
            )
        elif found["fault"] == "unmasked":
            yield (
                f"{_many(rows, 'row')} of {table} still {'holds' if rows == 1 else 'hold'} in "
                f"{found['column']} what {found['rule']} should have masked"
            )
        else:
            yield (
                f"{_many(rows, 'row')} of {table} {'refers' if rows == 1 else 'refer'} since this "
                f"run to something that is not there ({found['column']})"
            )
    if body["failed"]:
        yield f"the recount did not get to its end: {body['failed']}"


def _remarks(body: Body) -> Iterator[str]:
    for step in body["steps"]:
        name = f"{step['rule']} ({step['action']})"
        if step["skipped"]:
            partly = " to its end" if step["looked"] else " again"
            yield f"{name} was not looked at{partly}: {step['skipped']}"
        elif step["looked"] < step["rows"]:
            count = _many(step["rows"], _thing(body))
            yield f"{name}: {step['looked']:,} of {count} were looked at"
        if step["freed"]:
            yield (
                f"{name}: {_many(step['freed'], 'row')} became due by what this run itself did; "
                f"{'it goes' if step['freed'] == 1 else 'they go'} the next night"
            )
        if step["unread"]:
            yield f"{name}: these masks were not compared: {', '.join(step['unread'])}"
    if body["skipped"]:
        yield f"references were not all counted again: {body['skipped']}"


def _many(count: int, word: str) -> str:
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def _be(count: int) -> str:
    return "is" if count == 1 else "are"
