"""A forecast as a chart and a table: as wide as the terminal, in plain ASCII where it must be."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from retention.answers.forecast import NOT_COUNTED, Asked, Outlook

_INDENT = "    "
_BLOCKS = "▁▂▃▄▅▆▇█"
_ASCII = ".:-=+*#@"
_LABEL = 28


@dataclass(frozen=True, slots=True)
class Screen:
    """What a terminal can show: columns, and whether only ASCII."""

    width: int
    plain: bool

    @property
    def nothing(self) -> str:
        """The bar of a week in which no row falls due."""
        return "_" if self.plain else "·"

    @property
    def between(self) -> str:
        """What stands between two facts on one line."""
        return ", " if self.plain else " · "

    def wrapped(self, text: str, indent: str = _INDENT) -> list[str]:
        """`text` in lines that fit."""
        return textwrap.wrap(
            text,
            self.width,
            initial_indent=indent,
            subsequent_indent=indent,
            break_on_hyphens=False,
        )

    def cut(self, text: str, length: int) -> str:
        """`text` in `length` columns."""
        mark = "~" if self.plain else "…"
        return text if len(text) <= length else text[: length - 1] + mark


def forecast_text(asked: Asked, outlooks: Sequence[Outlook], screen: Screen) -> str:
    """What `forecast` prints."""
    start = asked.as_of.astimezone(asked.zone)
    head = (
        f"from {start:%Y-%m-%d %H:%M} {asked.zone.key}, {_weeks(asked.weeks)}; "
        "nothing is written by a forecast"
    )
    lines = [*screen.wrapped(head, ""), *screen.wrapped(NOT_COUNTED, "")]
    if not outlooks:
        return "\n".join([*lines, "", "no rule takes rows"])
    days = [moment.astimezone(asked.zone).date() for moment in asked.instants()[1:]]
    weeks = _weeks_per_bar(asked.weeks, screen)
    if asked.weeks > 1:
        lines += screen.wrapped(f"each bar is {_weeks(weeks)}", "")
    for outlook in outlooks:
        lines += ["", *_chart(outlook, days, weeks, screen)]
    return "\n".join([*lines, "", *_table(outlooks, days, screen)])


def bars(counts: Sequence[int], screen: Screen) -> str:
    """One character for each count, as high as its share of the highest."""
    levels = _ASCII if screen.plain else _BLOCKS
    highest = max(counts, default=0)
    return "".join(
        levels[(count * len(levels) - 1) // highest] if count else screen.nothing
        for count in counts
    )


def _weeks(count: int) -> str:
    return "1 week" if count == 1 else f"{count} weeks"


def _weeks_per_bar(weeks: int, screen: Screen) -> int:
    room = max(1, screen.width - len(_INDENT))
    return max(1, -(-weeks // room))


def _chart(outlook: Outlook, days: Sequence[date], per_bar: int, screen: Screen) -> Iterator[str]:
    yield from screen.wrapped(f"{outlook.rule}: {outlook.action} {outlook.table}", "")
    facts = [f"{outlook.now:,} due now", f"{sum(outlook.weeks):,} in {_weeks(len(days))}"]
    highest = max(outlook.weeks, default=0)
    if highest:
        day = days[outlook.weeks.index(highest)]
        facts.append(f"most in the week to {day.isoformat()}: {highest:,}")
    yield from screen.wrapped(screen.between.join(facts))
    summed = [sum(outlook.weeks[at : at + per_bar]) for at in range(0, len(outlook.weeks), per_bar)]
    if highest:
        yield _INDENT + bars(summed, screen)


def _table(outlooks: Sequence[Outlook], days: Sequence[date], screen: Screen) -> Iterator[str]:
    """Rules down and weeks across, `now` first, in as many blocks as the width asks for."""
    label = min(_LABEL, screen.width // 2, max(len(_label(found)) for found in outlooks))
    label = max(label, len("2026, week to"))
    wide = max(5, *(len(f"{count:,}") for found in outlooks for count in (found.now, *found.weeks)))
    room = max(1, (screen.width - label) // (wide + 2))
    full = [at for at in range(len(days)) if any(found.weeks[at] for found in outlooks)]
    for block in _blocks(full, days, room):
        year = days[next((at for at in block if at >= 0), 0)].year
        heads = ["now" if at < 0 else f"{days[at]:%m-%d}" for at in block]
        yield _line(screen.cut(f"{year}, week to", label), heads, label, wide)
        for found in outlooks:
            counts = [found.now if at < 0 else found.weeks[at] for at in block]
            texts = [f"{count:,}" if count else "-" for count in counts]
            yield _line(screen.cut(_label(found), label), texts, label, wide)
        yield ""
    empty = len(days) - len(full)
    told = f"no row falls due in {'the other ' if full else ''}{_weeks(empty)}"
    yield from screen.wrapped(told if empty else "rows fall due in every week", "")


def _blocks(full: Sequence[int], days: Sequence[date], room: int) -> Iterator[list[int]]:
    """Weeks (-1: now) that stand side by side: of one year, no more than there is room for."""
    block = [-1]
    for at in full:
        other_year = block != [-1] and days[block[-1]].year != days[at].year
        if len(block) >= room or other_year:
            yield block
            block = []
        block.append(at)
    if block:
        yield block


def _label(found: Outlook) -> str:
    return f"{found.rule} ({found.action})"


def _line(label: str, cells: Sequence[str], width: int, wide: int) -> str:
    return f"{label:<{width}}" + "".join(f"  {cell:>{wide}}" for cell in cells)
