"""What stands behind `delete_after` and its like: periods, statutes, lists, choices by a column."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from retention.policies.period import Period, parse_period

_STATUTE = re.compile(r"^[a-z]{2,3}(\.[a-z0-9][a-z0-9_-]*)+$")


@dataclass(frozen=True, slots=True)
class StatuteId:
    """The id of a statute: `no.limitation.general`."""

    id: str

    def __str__(self) -> str:
        return self.id


Item = Period | StatuteId


@dataclass(frozen=True, slots=True)
class Periods:
    """Periods one after the other; with `by`, a list for each value of that column.

    The key None is "otherwise"; without it, a value not named has no period.
    """

    choices: tuple[tuple[str | None, tuple[Item, ...]], ...]
    by: str | None = None

    def items(self) -> Iterator[Item]:
        """Every period and statute named."""
        for _, items in self.choices:
            yield from items

    @property
    def forever(self) -> bool:
        """TRUE for "forever", which stands alone."""
        return any(isinstance(item, Period) and item.forever for item in self.items())

    @property
    def statutes(self) -> tuple[str, ...]:
        """The ids of the statutes named, each once."""
        ids = [item.id for item in self.items() if isinstance(item, StatuteId)]
        return tuple(dict.fromkeys(ids))

    def told(self, word: Callable[[Item], str]) -> str:
        """The whole in words, each period and statute as `word` says it."""
        lists = [", then ".join(word(item) for item in items) for _, items in self.choices]
        return lists[0] if self.by is None else f"{' or '.join(lists)} by {self.by}"

    def __str__(self) -> str:
        return self.told(str)


def parse_periods(form: object) -> Periods:
    """The periods written as `form`; ValueError with a sentence where they cannot be read."""
    if isinstance(form, Mapping) and "by" in form:
        return _choice(form)
    return Periods(((None, _list(form)),))


def parse_ceiling(form: object) -> Periods:
    """As `parse_periods`, without "forever", which is for floors."""
    periods = parse_periods(form)
    if periods.forever:
        raise ValueError('"forever" is for keep_at_least; leave the key out to keep for ever')
    return periods


def _choice(form: Mapping[object, object]) -> Periods:
    by = form["by"]
    if not isinstance(by, str) or len(form) < 2:
        raise ValueError('write { by = "country", NO = "3 years", otherwise = "10 years" }')
    choices = [
        (None if name == "otherwise" else str(name), _list(item))
        for name, item in form.items()
        if name != "by"
    ]
    return Periods(tuple(sorted(choices, key=lambda choice: choice[0] is None)), by)


def _list(form: object) -> tuple[Item, ...]:
    if isinstance(form, str):
        return (_item(form),)
    if isinstance(form, list) and form and all(isinstance(item, str) for item in form):
        items = tuple(_item(item) for item in form)
        if any(isinstance(item, Period) and item.forever for item in items):
            raise ValueError('"forever" stands alone, never in a list')
        return items
    raise ValueError(
        'a period is text such as "3 years", a statute such as "no.limitation.general", or a list '
        "of these, one after the other"
    )


def _item(text: str) -> Item:
    return StatuteId(text) if _STATUTE.match(text.strip()) else parse_period(text)
