"""An invented shop for connected vacuum cleaners, with the rows that make retention hard.

    python make_data.py shop.db [--seed 3] [--on 2026-01-01]

The same seed and day make the same rows. Everybody in it is invented.
"""

from __future__ import annotations

import argparse
import random
import sqlite3
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

SCHEMA = Path(__file__).with_name("schema.sql")
FIRST = "Alva Björn Cilla David Elsa Folke Greta Hugo Ines Jonas Karin Love Märta Nils Olga Per"
LAST = "Ek Lind Berg Nyström Åkesson Holm Sjö Dahl Wiik Falk"
CITIES = "Luleå Umeå Gävle Västerås Örebro Växjö Lund Ystad"
KINDS = ("order confirmation", "change of terms", "account closed")

Row = dict[str, Any]


class Shop:
    """Rows as they are made, by table; ids count from 1."""

    def __init__(self, seed: int, on: date) -> None:
        self.random = random.Random(f"dreame {seed} {on}")
        self.on = on
        self.tables: dict[str, list[Row]] = {}

    def add(self, table: str, **values: Any) -> int:
        """One row more; its id."""
        rows = self.tables.setdefault(table, [])
        rows.append({"id": len(rows) + 1, **values})
        return len(rows)

    def ago(self, most: int, least: int = 1) -> str:
        """A wall time between `most` and `least` days before the day the data are made for."""
        day = self.on - timedelta(days=self.random.randint(least, most))
        return f"{day} {self.random.randint(6, 23):02}:{self.random.randint(0, 59):02}:00"

    def name(self) -> str:
        """A name of nobody."""
        return f"{self.random.choice(FIRST.split())} {self.random.choice(LAST.split())}"


def after(moment: str, days: int) -> str:
    """The same time of day, some days later."""
    return str(datetime.fromisoformat(moment) + timedelta(days=days))


def epoch(on: date, days: float) -> int:
    """Seconds since 1970 at noon UTC so many days before `on`."""
    noon = datetime.combine(on, time(12), UTC)
    return int((noon - timedelta(days=days)).timestamp())


def customers(shop: Shop) -> None:
    """Open accounts, closed ones, and dates that are none."""
    odd = {38: "", 39: "0000-00-00 00:00:00", 40: "okänt", 41: "9999-12-31", 42: "1970-01-01"}
    for number in range(1, 49):
        name = shop.name()
        created = shop.ago(3500, 800)
        closed = odd.get(number)
        if number <= 16:
            closed = shop.ago(600, 5)
        shop.add(
            "customers",
            name=name,
            phone=f"070-{shop.random.randint(1000000, 9999999)}",
            email=f"{name.split()[0].lower()}{number}@example.se",
            address=f"Storgatan {number}",
            city=shop.random.choice(CITIES.split()),
            created_at=created,
            closed_at=closed,
        )


def order(shop: Shop, customer: int | None, placed: str) -> int:
    """An order, most of them delivered, some replaced, some complained about."""
    number = len(shop.tables.get("orders", ())) + 1
    name = shop.name()
    delivered = after(placed, 4)
    opened = shop.random.random() < 0.15
    settled = opened and shop.random.random() < 0.6
    return shop.add(
        "orders",
        customer_id=customer,
        ship_name=name,
        ship_address=f"Hamngatan {number}",
        ship_phone=f"073-{shop.random.randint(1000000, 9999999)}",
        card_holder=name.upper(),
        card_last4=f"{shop.random.randint(0, 9999):04}",
        placed_at=placed,
        delivered_at=None if number % 19 == 0 else "" if number % 23 == 0 else delivered,
        replaced_at=after(delivered, 200) if number % 11 == 0 else None,
        complaint_opened_at=after(delivered, 20) if opened else None,
        complaint_settled_at=after(delivered, 50) if settled else None,
    )


def purchases(shop: Shop) -> None:
    """Orders with invoices, ten years back; the oldest books have no order any more."""
    for number in range(1, 121):
        buyer = shop.random.randint(5, 46)
        years_old = number > 80
        placed = shop.ago(1180, 10) if number <= 80 else shop.ago(3300, 1300)
        kept = None if years_old else order(shop, buyer, placed)
        issued: str | None = placed[:10]
        if number in (20, 95):
            issued = None if number == 20 else "okänd"
        shop.add(
            "invoices",
            customer_id=buyer,
            order_id=kept,
            number=f"D-{number:05}",
            amount=shop.random.randint(500, 15000),
            issued_on=issued,
            settled_on=None if number % 9 == 0 else after(placed, 12)[:10],
        )
    shop.tables["orders"][5]["delivered_at"] = "9999-12-31"


def things(shop: Shop) -> None:
    """Devices, paired and unpaired, and where they drove; one of them has no owner."""
    for number in range(1, 61):
        paired = shop.ago(900, 40)
        device = shop.add(
            "devices",
            customer_id=None if number == 60 else shop.random.randint(1, 48),
            serial=f"DR{number:06}",
            nickname=f"Dammsugare {number}",
            paired_at=paired,
            unpaired_at=None if number % 8 else "trasig" if number == 32 else after(paired, 30),
        )
        for _ in range(4):
            shop.add(
                "telemetry",
                device_id=device,
                recorded_at=epoch(shop.on, shop.random.uniform(1, 130)),
                floor_plan=f"rum {shop.random.randint(1, 9)}",
            )
    for index, odd in enumerate((None, 0, -1, epoch(shop.on, -400))):
        shop.tables["telemetry"][index * 4]["recorded_at"] = odd


def advertising(shop: Shop) -> None:
    """An audience: most agreed, some never did, some have left it."""
    for number in range(1, 41):
        agreed = shop.ago(900, 30)
        shop.add(
            "audience",
            customer_id=number,
            email=f"annons{number}@example.se",
            interests="mopp, filter",
            provider="Annonsbolaget",
            created_at=agreed,
            consented_at=None if number % 13 == 0 else agreed,
            consent_withdrawn_at=shop.ago(25, 1) if number % 10 == 0 else None,
            sharing_objected_at=shop.ago(25, 1) if number % 17 == 0 else None,
        )
    shop.tables["audience"][2]["consent_withdrawn_at"] = "9999-12-31"
    shop.tables["audience"][4]["consent_withdrawn_at"] = ""


def notices(shop: Shop) -> None:
    """Notices, sent and waiting; two of those who left are still to be told."""
    for number in range(1, 31):
        created = shop.ago(20, 1)
        waiting = number % 7 == 0 or number in (3, 4)
        shop.add(
            "outbox",
            customer_id=number,
            kind=shop.random.choice(KINDS),
            email=f"kund{number}@example.se",
            created_at=created,
            sent_at=None if waiting else created,
        )


def logs(shop: Shop) -> None:
    """Requests in milliseconds, messages in local time, crashes with an offset."""
    for number in range(1, 151):
        address = f"2001:db8:{number:x}:7::1" if number % 5 == 0 else f"198.51.{number}.9"
        moment = epoch(shop.on, shop.random.uniform(0.5, 110)) * 1000
        shop.add(
            "request_log",
            requested_at={7: None, 8: 0}.get(number, moment),
            ip=address,
            cookie_id=f"c{shop.random.randint(10**8, 10**9)}",
            request="GET /produkter",
        )
    for number in range(1, 61):
        shop.add(
            "messages",
            customer_id=None if number % 20 == 0 else shop.random.randint(17, 48),
            sent_at={5: None, 6: "", 7: "igår"}.get(number, shop.ago(75)),
            body="Min robot har fastnat under soffan.",
        )
    for number in range(1, 21):
        moment = datetime.fromtimestamp(epoch(shop.on, shop.random.uniform(0.2, 6)), UTC)
        shop.add(
            "crash_reports",
            serial=f"DR{number:06}",
            received_at={9: None, 10: "n/a"}.get(number, moment.isoformat()),
            dump=f"0x{shop.random.getrandbits(64):016x}",
        )


def make(path: str, seed: int, on: date) -> None:
    """Write the whole shop into a new database."""
    Path(path).unlink(missing_ok=True)
    shop = Shop(seed, on)
    for part in (customers, purchases, things, advertising, notices, logs):
        part(shop)
    connection = sqlite3.connect(path)
    with connection:
        connection.executescript(SCHEMA.read_text(encoding="utf-8"))
        for table, rows in shop.tables.items():
            columns = list(rows[0])
            marks = ", ".join(f":{column}" for column in columns)
            connection.executemany(
                f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", rows
            )
    connection.close()


def main(words: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Make the example's database.")
    parser.add_argument("path")
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--on", type=date.fromisoformat, default=date(2026, 1, 1))
    wanted = parser.parse_args(words)
    make(wanted.path, wanted.seed, wanted.on)


if __name__ == "__main__":
    main()
