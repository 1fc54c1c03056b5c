"""The demo shop's rows, drawn from one seed and one instant: equal instants make equal shops."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from retention.cli.demo import pools
from retention.cli.demo.dice import DAY, YEAR, Customer, Dice, Order, Row, text


def customers(dice: Dice) -> list[Customer]:
    """600 accounts, every third of them closed at some time of the last six years."""
    lives: list[tuple[datetime, datetime | None]] = []
    for number in range(600):
        closed_at = dice.within(6 * YEAR) if number % 3 == 0 else None
        if closed_at:
            lives.append((dice.between(closed_at - 3 * YEAR, closed_at - 60 * DAY), closed_at))
        else:
            lives.append((dice.between(dice.as_of - 8 * YEAR, dice.as_of - DAY), None))
    lives.sort(key=lambda life: life[0])
    return [
        Customer(
            number,
            dice.person(number),
            f"{dice.pick(pools.STREETS)} {1 + dice.random.randrange(60)}",
            dice.pick(pools.TOWNS),
            created_at,
            closed_at,
            closed_at or dice.as_of,
        )
        for number, (created_at, closed_at) in enumerate(lives, 1)
    ]


def customer_rows(dice: Dice, accounts: Sequence[Customer]) -> Iterator[Row]:
    """The accounts as rows; some never gave a date of birth or a phone number."""
    for one in accounts:
        age = timedelta(days=dice.random.randrange(18 * 366, 80 * 365))
        born_on = f"{one.created_at - age:%Y-%m-%d}" if dice.chance(0.8) else None
        phone = one.person.phone if dice.chance(0.9) else None
        yield (
            one.id,
            one.person.name,
            one.person.email,
            phone,
            one.address,
            *one.town,
            born_on,
            text(one.created_at),
            text(one.closed_at),
        )


def orders(dice: Dice, accounts: Sequence[Customer]) -> list[Order]:
    """1500 orders; a few were cancelled, and the latest are on their way."""
    placed: list[tuple[datetime, Customer]] = []
    for _ in range(1500):
        customer = dice.pick(accounts)
        last = customer.until - 15 * DAY if customer.closed_at else customer.until
        placed.append((dice.between(customer.created_at, last), customer))
    placed.sort(key=lambda order: order[0])
    return [
        Order(number, customer, placed_at, _completed(dice, placed_at), _lines(dice))
        for number, (placed_at, customer) in enumerate(placed, 1)
    ]


def _completed(dice: Dice, placed_at: datetime) -> datetime | None:
    completed_at = dice.between(placed_at + DAY, placed_at + 12 * DAY)
    return None if dice.chance(0.06) or completed_at > dice.as_of else completed_at


def _lines(dice: Dice) -> tuple[tuple[int, int, int, str | None], ...]:
    lines = []
    for _ in range(1 + dice.random.randrange(3)):
        product = dice.random.randrange(len(pools.PRODUCTS))
        name = dice.pick(pools.FIRST_NAMES)
        greeting = dice.pick(pools.GREETINGS).format(name=name) if dice.chance(0.1) else None
        quantity = 1 + dice.random.randrange(3)
        lines.append((product + 1, quantity, pools.PRODUCTS[product][1], greeting))
    return tuple(lines)


def order_rows(dice: Dice, placed: Sequence[Order]) -> Iterator[Row]:
    """The orders as rows; some tell the courier what to do."""
    for order in placed:
        note = None
        if dice.chance(0.3):
            number = 1 + dice.random.randrange(60)
            note = order.customer.person.say(dice.pick(pools.DELIVERY_NOTES), number)
        yield (
            order.id,
            order.customer.id,
            text(order.placed_at),
            text(order.completed_at),
            note,
            order.total,
        )


def invoice_rows(dice: Dice, placed: Sequence[Order]) -> Iterator[Row]:
    """An invoice within days of every completed order, numbered anew each year."""
    issued: dict[int, int] = {}
    completed = [
        (min(order.completed_at + dice.random.randrange(4) * DAY, dice.as_of), order)
        for order in placed
        if order.completed_at
    ]
    completed.sort(key=lambda pair: (pair[0], pair[1].id))
    for id_, (issued_at, order) in enumerate(completed, 1):
        issued[issued_at.year] = issued.get(issued_at.year, 0) + 1
        buyer = order.customer
        yield (
            id_,
            order.id,
            buyer.id,
            f"{issued_at.year}-{issued[issued_at.year]:05}",
            f"{issued_at:%Y-%m-%d}",
            buyer.person.name,
            f"{buyer.address}, {' '.join(buyer.town)}",
            order.total,
        )


def support_rows(dice: Dice, accounts: Sequence[Customer]) -> tuple[list[Row], list[Row]]:
    """400 tickets of the last 22 months, a quarter from strangers, and their messages."""
    tickets: list[Row] = []
    messages: list[Row] = []
    for number, opened_at in enumerate(dice.instants(400, 670 * DAY), 1):
        asker = dice.pick(accounts)
        known = asker.created_at <= opened_at and dice.chance(0.8)
        person = asker.person if known else dice.person(10_000 + number)
        closed_at: datetime | None = dice.between(opened_at, opened_at + 20 * DAY)
        if dice.chance(0.06) or (closed_at and closed_at > dice.as_of):
            closed_at = None
        phone = person.phone if dice.chance(0.5) else None
        tickets.append(
            (
                number,
                asker.id if known else None,
                person.email,
                person.name,
                phone,
                dice.ip(),
                dice.pick(pools.SUBJECTS),
                text(opened_at),
                text(closed_at),
            )
        )
        for sent_at, author, sentence in _conversation(dice, opened_at, closed_at):
            messages.append(
                (len(messages) + 1, number, text(sent_at), author, person.say(sentence))
            )
    return tickets, messages


def _conversation(
    dice: Dice, opened_at: datetime, closed_at: datetime | None
) -> Iterator[tuple[datetime, str, str]]:
    yield opened_at, "customer", dice.pick(pools.QUESTIONS)
    last = closed_at or min(opened_at + 20 * DAY, dice.as_of)
    for sent_at in sorted(dice.between(opened_at, last) for _ in range(dice.random.randrange(5))):
        author, sentences = dice.pick((("customer", pools.QUESTIONS), ("shop", pools.REPLIES)))
        yield sent_at, author, dice.pick(sentences)
    if dice.chance(0.1):
        late = dice.between(last, last + 200 * DAY)
        if late <= dice.as_of:
            yield late, "customer", dice.pick(pools.QUESTIONS)


def review_rows(dice: Dice, accounts: Sequence[Customer]) -> Iterator[Row]:
    """300 reviews, every fourth by somebody who was not logged in."""
    for number in range(1, 301):
        author = dice.pick(accounts)
        posted_at = dice.between(author.created_at, author.until)
        yield (
            number,
            author.id if number % 4 else None,
            1 + dice.random.randrange(len(pools.PRODUCTS)),
            dice.pick(pools.REVIEWS),
            1 + dice.random.randrange(5),
            text(posted_at),
        )


def subscriber_rows(dice: Dice, accounts: Sequence[Customer]) -> Iterator[Row]:
    """500 addresses: some never confirmed, some withdrew, two of them today."""
    for number in range(1, 499):
        known = number % 2 == 0
        email = accounts[number].person.email if known else dice.person(20_000 + number).email
        if number % 8 == 1:
            yield number, email, text(dice.within(100 * DAY)), None, None
            continue
        signed_up_at = dice.within(6 * YEAR)
        consented_at = dice.between(signed_up_at, min(signed_up_at + DAY, dice.as_of))
        withdrawn_at = dice.between(consented_at, dice.as_of) if dice.chance(0.2) else None
        yield number, email, text(signed_up_at), text(consented_at), text(withdrawn_at)
    for number in (499, 500):
        since = text(dice.as_of - 400 * DAY)
        yield (
            number,
            dice.person(20_000 + number).email,
            since,
            since,
            text(dice.as_of - timedelta(minutes=number - 498)),
        )


def access_log_rows(dice: Dice) -> Iterator[Row]:
    """4000 visits of 200 days, and eight rows whose date is missing, ahead or impossible."""
    visits = [text(visit) for visit in dice.instants(3992, 200 * DAY)]
    odd = [
        None,
        None,
        "",
        "0000-00-00 00:00:00",
        "0001-01-01 00:00:00",
        f"{dice.as_of.year - 1}-02-30 10:15:00",
        "not a date",
        text(dice.as_of + 400 * DAY),
    ]
    for number, requested_at in enumerate(visits + odd, 1):
        yield (
            number,
            requested_at,
            dice.ip(),
            dice.pick(pools.PATHS),
            dice.pick(pools.USER_AGENTS),
        )


def cart_rows(dice: Dice, accounts: Sequence[Customer]) -> Iterator[Row]:
    """300 carts: three undated ones of closed accounts, many of visitors, one from the future."""
    gone = sorted((one for one in accounts if one.closed_at), key=lambda one: one.until)
    for number, (owner, updated) in enumerate(zip(gone, (None, "", None), strict=False), 1):
        yield number, owner.id, text(owner.until - DAY), updated, None
    for number, created_at in enumerate(dice.instants(296, 130 * DAY), 4):
        owner = dice.pick(accounts)
        known = owner.created_at < created_at < owner.until
        updated_at = dice.between(created_at, min(created_at + 5 * DAY, dice.as_of))
        note = None
        if dice.chance(0.2):
            note = dice.pick(pools.CART_NOTES).format(name=dice.pick(pools.FIRST_NAMES))
        yield number, owner.id if known else None, text(created_at), text(updated_at), note
    yield 300, None, text(dice.as_of - DAY), text(dice.as_of + 30 * DAY), None


def cart_item_rows(dice: Dice) -> Iterator[Row]:
    """Two or three goods in every cart."""
    carts = [cart for cart in range(1, 301) for _ in range(2 + cart % 2)]
    for number, cart in enumerate(carts, 1):
        product = 1 + dice.random.randrange(len(pools.PRODUCTS))
        yield number, cart, product, 1 + dice.random.randrange(3)
