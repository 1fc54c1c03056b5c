"""Make the platform: python make_data.py shop.db [--seed N] [--on YYYY-MM-DD]

Invented people, the same for the same seed, as they are in the database on that day.
"""

import argparse
import random
import sqlite3
from datetime import date, timedelta
from pathlib import Path

WORDS = ("shoes", "pizza", "travel", "books", "lamps", "tea")


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
        for name, ended in (("coupons", None), ("lottery", -1060), ("club", 60), ("forum", -1110)):
            day = ended and str(given.on + timedelta(days=ended))
            people.add("services", name=name, ended_on=day)
        for name, removed in (("wish list", None), ("friend finder", 100), ("quiz", -10)):
            day = removed and str(given.on + timedelta(days=removed))
            people.add("features", name=name, removed_on=day)
        for number in range(1, 101):
            people.account(number)
        for _ in range(40):
            people.visitor()
        for _ in range(24):
            people.dispute()
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
        """A time of that day."""
        return f"{day} {self.chance.randrange(24):02}:{self.chance.randrange(60):02}:00"

    def add(self, table, **values):
        names, marks = ", ".join(values), ", ".join("?" * len(values))
        statement = f"INSERT INTO {table} ({names}) VALUES ({marks})"
        return self.shop.execute(statement, tuple(values.values())).lastrowid

    def maybe(self, share, least, most):
        """A time of a day so many days back, or none."""
        return self.moment(self.ago(least, most)) if self.chance.random() < share else None

    def account(self, number):
        chance = self.chance
        closed = self.maybe(0.6, 1, 1400)
        account = self.add(
            "accounts",
            service_id=chance.choice((1, 1, 1, 1, 2, 3, 4)),
            username=f"sparare{number}",
            email=f"sparare{number}@example.se",
            created_at=self.moment(self.ago(1500, 3000)),
            closed_at=closed or chance.choice((None, "")),
            closed_by=chance.choice(("user", "user", "company")) if closed else None,
            erasure_demanded_at=self.maybe(0.15, 0, 20),
            authenticated_at=self.maybe(0.3, 0, 20),
        )
        self.add("credentials", account_id=account, password_hash="(hash)")
        for _ in range(chance.randrange(3)):
            self.add(
                "searches",
                account_id=account,
                keyword=chance.choice(WORDS),
                searched_at=self.moment(self.ago(0, 150)),
            )
        if chance.random() < 0.6:
            self.transaction(account)
        if chance.random() < 0.15:
            ended = str(self.ago(1, 1400)) if chance.random() < 0.7 else None
            self.add("sanctions", account_id=account, reason="false codes", ended_on=ended)
        if chance.random() < 0.3:
            self.add(
                "partner_consents",
                account_id=account,
                partner="a shop",
                given_at=self.moment(self.ago(100, 900)),
                withdrawn_at=self.maybe(0.3, 0, 10),
            )
        if chance.random() < 0.5:
            feature = chance.randint(1, 3)
            self.add("feature_data", account_id=account, feature_id=feature, data="(list)")

    def transaction(self, account):
        chance = self.chance
        transaction = self.add(
            "transactions",
            account_id=account,
            price=chance.randrange(10, 500),
            method=chance.choice(("card", "swish")),
            done_on=str(self.ago(1, 3200)),
        )
        if chance.random() < 0.7:
            self.add(
                "ratings",
                transaction_id=transaction,
                stars=chance.randint(1, 5),
                text="well",
                rated_at=self.moment(self.ago(0, 500)),
            )

    def visitor(self):
        chance = self.chance
        self.add(
            "web_logs",
            ip=f"192.0.2.{chance.randrange(256)}",
            browser="Browser",
            language="sv",
            accessed_at=self.moment(self.ago(0, 260)),
        )
        self.add(
            "imported_contacts",
            source=chance.choice(("broker", "partner", "social platform")),
            email=f"bought{chance.randrange(999)}@example.se",
            obtained_at=self.maybe(0.9, 0, 60),
        )
        self.add(
            "cookies",
            token=f"{chance.randrange(16**8):08x}",
            set_at=self.moment(self.ago(0, 260)),
            refused_at=self.maybe(0.2, 0, 3),
        )

    def dispute(self):
        chance = self.chance
        filed = chance.choice((self.ago(30, 2000), self.ago(3400, 4100)))
        settled = filed + timedelta(days=chance.randrange(300))
        is_open = chance.random() < 0.4
        dispute = self.add(
            "disputes",
            about="a picture",
            filed_on=str(filed),
            settled_on=None if is_open else str(min(settled, self.on)),
        )
        parties = zip(("complainant", "respondent"), chance.sample(range(1, 101), 2), strict=True)
        for role, account in parties:
            self.add("dispute_parties", dispute_id=dispute, account_id=account, role=role)

    def awkward(self):
        """Dates nobody can read, of the future, and of a leap day."""
        for closed in (
            "nej",
            "2034-01-01 00:00:00",
            "0000-00-00",
            "2023-02-29",
            "2024-02-29 23:59:00",
        ):
            self.add(
                "accounts",
                service_id=1,
                username="odd",
                email="odd@example.se",
                created_at="2020-01-01 00:00:00",
                closed_at=closed,
            )
        for obtained in (None, "", "1970-01-01 00:00:00"):
            email = "undated@example.se"
            self.add("imported_contacts", source="broker", email=email, obtained_at=obtained)
        self.add(
            "accounts",
            service_id=1,
            username="demanded in the future",
            email="later@example.se",
            created_at="2020-01-01 00:00:00",
            erasure_demanded_at=f"{self.on + timedelta(days=90)} 12:00:00",
            authenticated_at=f"{self.on} 01:00:00",
        )


if __name__ == "__main__":
    main()
