"""Chance and the present of the demo shop, and the people it is drawn for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import TypeVar

from retention.cli.demo import pools

Row = tuple[object, ...]
Item = TypeVar("Item")

YEAR = timedelta(days=365.25)
DAY = timedelta(days=1)
LATIN = str.maketrans("æøåÆØÅ", "eoaEOA")


@dataclass(frozen=True)
class Person:
    """Somebody who shops, asks or subscribes."""

    name: str
    email: str
    phone: str

    def say(self, sentence: str, number: int = 0) -> str:
        """`sentence` with what it quotes of this person filled in."""
        return sentence.format(name=self.name, email=self.email, phone=self.phone, number=number)


@dataclass(frozen=True)
class Customer:
    """One account; `until` is when it was closed, or the shop's present."""

    id: int
    person: Person
    address: str
    town: tuple[str, str]
    created_at: datetime
    closed_at: datetime | None
    until: datetime


@dataclass(frozen=True)
class Order:
    """One order with its lines (product, quantity, price, greeting)."""

    id: int
    customer: Customer
    placed_at: datetime
    completed_at: datetime | None
    lines: tuple[tuple[int, int, int, str | None], ...]

    @property
    def total(self) -> int:
        """What the lines come to."""
        return sum(quantity * price for _, quantity, price, _ in self.lines)


@dataclass(frozen=True)
class Dice:
    """Chance and the present, for everything the shop is made of."""

    random: Random
    as_of: datetime

    def chance(self, share: float) -> bool:
        """True in `share` of the throws."""
        return self.random.random() < share

    def pick(self, items: Sequence[Item]) -> Item:
        """Any of `items`."""
        return items[self.random.randrange(len(items))]

    def between(self, first: datetime, last: datetime) -> datetime:
        """A whole second from `first` to `last`."""
        seconds = int((last - first).total_seconds())
        return first + timedelta(seconds=self.random.randrange(max(seconds, 0) + 1))

    def within(self, span: timedelta) -> datetime:
        """An instant of the last `span`."""
        return self.between(self.as_of - span, self.as_of)

    def instants(self, count: int, span: timedelta) -> list[datetime]:
        """`count` instants of the last `span`, in order."""
        return sorted(self.within(span) for _ in range(count))

    def person(self, number: int) -> Person:
        """The `number`th person; the number keeps the address unique."""
        first, last = self.pick(pools.FIRST_NAMES), self.pick(pools.LAST_NAMES)
        host = self.pick(("example.org", "example.com"))
        email = f"{first}.{last}{number}@{host}".lower().translate(LATIN)
        return Person(f"{first} {last}", email, f"+47 000 {number // 1000:02} {number % 1000:03}")

    def ip(self) -> str:
        """An address of a network that is set aside for examples."""
        return self.pick(pools.NETWORKS).format(1 + self.random.randrange(254))


def text(instant: datetime | None) -> str | None:
    """An instant as the shop stores it."""
    return None if instant is None else f"{instant:%Y-%m-%d %H:%M:%S}"
