"""Make the shop: python make_data.py shop.db [--seed N] [--on YYYY-MM-DD]

Invented people, the same for the same seed, as they are in the shop's database on that day.
"""

import argparse
import random
import sqlite3
from datetime import date, timedelta
from pathlib import Path

FIRST = ("Anne", "Berit", "Carl", "Dag", "Eva", "Finn", "Gro", "Hans", "Ida", "Jon", "Kari", "Lars")
LAST = ("Aas", "Berg", "Dahl", "Eide", "Foss", "Haug", "Lie", "Moen", "Nes", "Ruud", "Sand", "Vik")
SOURCES = ("shop", "fair", "dealer", "social platform")


def main(words=None):
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("file")
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--on", type=date.fromisoformat, default=date(2026, 1, 1))
    given = arguments.parse_args(words)
    shop = sqlite3.connect(given.file)
    shop.executescript((Path(__file__).parent / "schema.sql").read_text(encoding="utf-8"))
    people = People(shop, random.Random(given.seed), given.on)
    with shop:
        for number in range(1, 81):
            people.customer(number)
        for _ in range(60):
            people.enquiry()
            people.subscriber()
        people.children()
        people.awkward()
    shop.close()


class People:
    """Writes rows of a business that is some years old."""

    def __init__(self, shop, chance, on):
        self.shop, self.chance, self.on = shop, chance, on

    def ago(self, least, most):
        """A day so many days back."""
        return self.on - timedelta(days=self.chance.randint(least, most))

    def moment(self, day):
        """A time of that day, UTC; some are the next day in Oslo."""
        return f"{day} {self.chance.randrange(24):02}:{self.chance.randrange(60):02}:00"

    def add(self, table, **values):
        names, marks = ", ".join(values), ", ".join("?" * len(values))
        statement = f"INSERT INTO {table} ({names}) VALUES ({marks})"
        return self.shop.execute(statement, tuple(values.values())).lastrowid

    def customer(self, number):
        chance = self.chance
        name = f"{chance.choice(FIRST)} {chance.choice(LAST)}"
        created = self.ago(1300, 3200)
        is_closed = chance.random() < 0.6
        closed = self.ago(1, 1290) if is_closed else None
        surveyed = chance.random() < 0.3
        told = created + timedelta(days=chance.choice((-3, 0, 200)))
        customer = self.add(
            "customers",
            name=name,
            email=f"{name.lower().replace(' ', '.')}.{number}@example.no",
            phone=f"9{chance.randrange(10**7):07}",
            address=f"Storgata {number}, Oslo",
            born_on=str(self.ago(7000, 25000)) if chance.random() < 0.5 else None,
            created_at=self.moment(created),
            closed_at=self.moment(closed) if closed else chance.choice((None, "")),
            survey_notified_at=f"{told} 00:00:00" if surveyed else None,
            survey_ended_on=str(self.ago(0, 1200)) if surveyed and chance.random() < 0.6 else None,
        )
        for source in chance.sample(SOURCES, chance.randrange(1, 4)):
            self.add(
                "profile_sources",
                customer_id=customer,
                source=source,
                facts="buys in autumn",
                obtained_at=self.moment(created),
            )
        for _ in range(chance.randrange(3)):
            self.order(customer, name)
        if chance.random() < 0.2:
            withdrawn = self.moment(self.ago(0, 300)) if chance.random() < 0.3 else None
            self.add(
                "sensitive_notes",
                customer_id=customer,
                note="needs light without flicker",
                consented_at=self.moment(created),
                consent_withdrawn_at=withdrawn,
            )

    def order(self, customer, name):
        chance = self.chance
        placed = self.ago(5, 1290)
        is_open = chance.random() < 0.1
        done = None if is_open else min(placed + timedelta(days=chance.randrange(1, 20)), self.on)
        order = self.add(
            "orders",
            customer_id=customer,
            placed_at=self.moment(placed),
            completed_at=self.moment(done) if done else None,
            ship_to=f"{name}, at work",
        )
        issued = self.ago(1, 2500)
        paid = issued + timedelta(days=chance.randrange(30))
        self.add(
            "invoices",
            customer_id=customer,
            order_id=order,
            buyer=f"{name}, Oslo",
            issued_on=str(issued),
            paid_on=str(paid) if chance.random() < 0.85 else chance.choice((None, "")),
            amount=chance.randrange(100, 9000),
        )
        if chance.random() < 0.4:
            decided = self.moment(self.ago(0, 3)) if chance.random() < 0.8 else None
            score = chance.randrange(100)
            self.add("credit_checks", customer_id=customer, score=score, decided_at=decided)
        if chance.random() < 0.25:
            opened = self.ago(1, 1290)
            settled = opened + timedelta(days=chance.randrange(90))
            self.add(
                "claims",
                customer_id=customer,
                order_id=order if chance.random() < 0.8 else None,
                opened_on=str(opened),
                settled_on=str(settled) if chance.random() < 0.6 else chance.choice((None, "")),
                story="the lamp hums",
            )

    def enquiry(self):
        chance = self.chance
        received = self.ago(1, 1200)
        kind = chance.choice(("question", "offer"))
        answered = received + timedelta(days=1) if chance.random() < 0.9 else None
        is_offer = kind == "offer" and answered
        valid = answered + timedelta(days=chance.randrange(400)) if is_offer else None
        self.add(
            "enquiries",
            kind=kind,
            email=f"reader{chance.randrange(999)}@example.no",
            text="which lamp?",
            received_at=self.moment(received),
            answered_at=self.moment(answered) if answered else None,
            valid_until=str(valid) if valid else None,
        )

    def subscriber(self):
        withdrawn = self.moment(self.ago(0, 5)) if self.chance.random() < 0.2 else None
        self.add(
            "subscribers",
            email=f"news{self.chance.randrange(9999)}@example.no",
            consented_at=self.moment(self.ago(10, 900)),
            consent_withdrawn_at=withdrawn,
        )

    def children(self):
        """Under 13: with a guardian's consent, without, and with one that was withdrawn."""
        for years, consent, withdrawn in (
            (8, None, None),
            (12, None, None),
            (9, 300, None),
            (10, 300, 200),
            (11, 100, None),
            (14, None, None),
        ):
            child = self.add(
                "customers",
                name=f"Child of {years}",
                email=f"child{years}@example.no",
                born_on=str(self.on.replace(year=self.on.year - years) + timedelta(days=40)),
                created_at=self.moment(self.ago(30, 60)),
                guardian_consented_on=consent and str(self.on - timedelta(days=consent)),
                guardian_withdrawn_on=withdrawn and str(self.on - timedelta(days=withdrawn)),
            )
            self.add(
                "orders",
                customer_id=child,
                placed_at=self.moment(self.ago(5, 20)),
                completed_at=self.moment(self.ago(0, 4)),
            )

    def awkward(self):
        """A date nobody can read, one in the future, one before there were computers."""
        for closed in ("soon", "2031-05-01 10:00:00", "0001-01-01", "2022-02-30", "9999-12-31"):
            self.add(
                "customers",
                name="Odd Date",
                email=f"odd{closed[:4]}@example.no",
                created_at="2020-02-29 12:00:00",
                closed_at=closed,
            )
        dissatisfied = self.add(
            "customers",
            name="Never Satisfied",
            email="never@example.no",
            created_at="2019-01-01 12:00:00",
            closed_at="2021-06-30 22:30:00",
        )
        self.add(
            "claims", customer_id=dissatisfied, opened_on="2021-05-01", story="it is too bright"
        )
        debtor = self.add(
            "customers",
            name="In Debt",
            email="debt@example.no",
            created_at="2019-01-01 12:00:00",
            closed_at="2021-06-30 22:30:00",
        )
        self.add(
            "invoices", customer_id=debtor, buyer="In Debt", issued_on="2021-05-01", amount=900
        )
        settled = self.add(
            "customers",
            name="All Settled",
            email="settled@example.no",
            created_at="2019-01-01 12:00:00",
            closed_at="2021-06-30 22:30:00",
        )
        self.add("claims", customer_id=settled, opened_on="2022-01-01", settled_on="2022-11-30")
        self.add(
            "invoices",
            customer_id=settled,
            buyer="All Settled",
            issued_on="2021-05-01",
            paid_on="2024-05-01",
            amount=300,
        )
        self.add(
            "customers",
            name="Leap Day",
            email="leap@example.no",
            created_at="2020-01-01 12:00:00",
            closed_at="2024-02-29 12:00:00",
        )


if __name__ == "__main__":
    main()
