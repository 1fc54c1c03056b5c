"""Make the shop: python make_data.py shop.db [--seed N] [--on YYYY-MM-DD]

Invented people, the same for the same seed, as they are in the shop's database on that day.
"""

import argparse
import random
import sqlite3
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

NAMES = ("Aase", "Bjarne", "Camilla", "Dina", "Espen", "Frida", "Geir", "Hedda", "Ivar", "Johanne")


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
        for number in range(1, 91):
            people.account(number)
        for _ in range(50):
            people.request(None)
            people.cookie(None)
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
        return f"{day}T{self.chance.randrange(24):02}:{self.chance.randrange(60):02}:00Z"

    def add(self, table, **values):
        names, marks = ", ".join(values), ", ".join("?" * len(values))
        statement = f"INSERT INTO {table} ({names}) VALUES ({marks})"
        return self.shop.execute(statement, tuple(values.values())).lastrowid

    def account(self, number):
        chance = self.chance
        created = self.ago(740, 2400)
        seen = self.ago(740, 1400) if chance.random() < 0.75 else None
        account = self.add(
            "accounts",
            name=f"{chance.choice(NAMES)} {number}",
            email=f"customer{number}@example.no",
            phone=f"4{chance.randrange(10**7):07}",
            address=f"Kirkegata {number}, Bergen" if chance.random() < 0.9 else None,
            created_at=self.moment(created),
            last_seen_at=self.moment(max(seen, created)) if seen else chance.choice((None, "")),
        )
        for _ in range(chance.choice((0, 0, 1, 2))):
            placed = self.ago(740, 1300)
            order = self.add(
                "orders",
                account_id=account,
                placed_at=self.moment(placed),
                gift_note=chance.choice((None, "happy birthday")),
            )
            issued = self.ago(700, 2500)
            amount = chance.randrange(50, 900)
            self.add(
                "invoices",
                account_id=account,
                order_id=order if chance.random() < 0.7 else None,
                issued_on=str(issued),
                amount=amount,
            )
        if chance.random() < 0.5:
            self.consent(account)
        if chance.random() < 0.2:
            self.request(account)
        if chance.random() < 0.4:
            self.cookie(account)
        if chance.random() < 0.12:
            lifted = str(self.ago(0, 30)) if chance.random() < 0.3 else None
            received = str(self.ago(40, 400))
            self.add("court_orders", account_id=account, received_on=received, lifted_on=lifted)

    def consent(self, account):
        chance = self.chance
        withdrawn = self.moment(self.ago(0, 20)) if chance.random() < 0.3 else None
        consent = self.add(
            "consents",
            account_id=account,
            purpose=chance.choice(("newsletter", "sms", "partners")),
            given_at=self.moment(self.ago(30, 700)),
            withdrawn_at=withdrawn,
            channel=chance.choice(("settings", "unsubscribe", "contact")) if withdrawn else None,
        )
        self.add("marketing_profiles", consent_id=consent, interests="gadgets")

    def request(self, account):
        chance = self.chance
        received = self.ago(1, 1300)
        closed = received + timedelta(days=chance.randrange(60)) if chance.random() < 0.85 else None
        request = self.add(
            "requests",
            account_id=account,
            kind=chance.choice(("access", "erase", "complaint", "objection")),
            email=f"writer{chance.randrange(999)}@example.no",
            letter="what do you know of me?",
            received_at=self.moment(received),
            closed_at=self.moment(min(closed, self.on)) if closed else None,
        )
        if chance.random() < 0.4:
            verified = self.moment(self.ago(0, 2))
            if chance.random() < 0.6:
                verified = chance.choice((None, ""))
            self.add(
                "id_documents",
                request_id=request,
                copy="(scan)",
                received_at=self.moment(received),
                verified_at=verified,
            )

    def cookie(self, account):
        chance = self.chance
        seen = datetime.combine(self.ago(1, 1300), datetime.min.time(), UTC)
        self.add(
            "cookies",
            account_id=account,
            token=f"{chance.randrange(16**8):08x}",
            last_seen_at=int(seen.timestamp()) + chance.randrange(86400),
            opted_out=int(chance.random() < 0.2),
        )

    def awkward(self):
        """Dates nobody can read, in the future, at the end of February, and of a broken import."""
        for seen in ("yesterday", "2033-03-03T00:00:00Z", "0000-00-00", "2022-02-30", "1899-12-30"):
            self.add(
                "accounts",
                name="Odd Date",
                email=f"{seen[:10]}@example.no",
                created_at="2021-02-28T23:30:00Z",
                last_seen_at=seen,
            )
        self.add("cookies", token="never seen", last_seen_at=0)
        self.add("cookies", token="seen in 2038", last_seen_at=2**31)


if __name__ == "__main__":
    main()
