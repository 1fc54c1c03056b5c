"""The difference of two policies for a terminal: the words first, and under them the rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from retention.answers.charts import Screen
from retention.answers.difference import Compared, File, Shift
from retention.answers.wording import Change

_NOTHING = "nothing is written by a diff; limits are not applied"


def diff_text(
    old: File,
    new: File,
    as_of: datetime,
    found: Sequence[Change],
    rows: Compared,
    screen: Screen,
) -> str:
    """What `diff` prints."""
    zone = new.policy.timezone
    local = f"{as_of.astimezone(zone):%Y-%m-%d %H:%M} {zone.key}"
    lines = screen.wrapped(f"{old.name} to {new.name}, as of {local}; {_NOTHING}", "")
    for change in found:
        if not change.rule:
            lines += ["", *_change(change, change.key, screen, "")]
    shown = dict.fromkeys(
        [change.rule for change in found if change.rule]
        + [shift.rule for shift in rows.rules if shift.moved]
    )
    for rule in shown:
        lines += ["", *_rule(rule, found, rows, screen)]
    same = [name for name in new.policy.rules if name not in shown]
    if same:
        told = "the same words, the same rows" if shown else "no difference"
        lines += ["", *screen.wrapped(f"{told}: {', '.join(same)}", "")]
    return "\n".join([*lines, *_tables(rows, screen)])


def _rule(rule: str, found: Sequence[Change], rows: Compared, screen: Screen) -> Iterator[str]:
    mine = [change for change in found if change.rule == rule]
    whole = [change.kind for change in mine if len(change.path) == 2]
    yield from screen.wrapped(f"rules.{rule}{f': {whole[0]}' if whole else ''}", "")
    for change in mine:
        if len(change.path) > 2:
            yield from _change(change, ".".join(change.path[2:]), screen, "    ")
    for shift in rows.rules:
        if shift.rule == rule:
            yield from screen.wrapped(_shift(shift, f"{shift.action} {shift.table}"))


def _change(change: Change, key: str, screen: Screen, indent: str) -> Iterator[str]:
    arrow = "->" if screen.plain else "→"
    match change.kind:
        case "added":
            told = f"{key} = {change.new} (added)"
        case "removed":
            told = f"{key} = {change.old} (removed)"
        case _:
            told = f"{key} = {change.old} {arrow} {change.new}"
    yield from screen.wrapped(told + (f" ({change.sense})" if change.sense else ""), indent)


def _shift(shift: Shift, name: str) -> str:
    if not shift.moved:
        return f"{name} tonight: {shift.new:,} due, the same rows as under the old policy"
    told = f"{name} tonight: {shift.new:,} due, {shift.old:,} under the old policy"
    parts = [
        f"{count:,} {words}"
        for count, words in ((shift.newly, "newly due"), (shift.no_longer, "no longer due"))
        if count
    ]
    return f"{told}; {', '.join(parts)}"


def _tables(rows: Compared, screen: Screen) -> Iterator[str]:
    moved = [shift for shift in rows.tables if shift.moved]
    if not moved:
        return
    yield ""
    yield from screen.wrapped("All rules of a table taken together:", "")
    for shift in moved:
        yield from screen.wrapped(_shift(shift, f"{shift.action} {shift.table}"))
