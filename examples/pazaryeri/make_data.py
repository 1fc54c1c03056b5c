"""An invented marketplace for firms, with the rows that make retention hard.

    python make_data.py shop.db [--seed 4] [--on 2026-01-01]

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
FIRST = "Ayşe Burak Ceren Deniz Emre Fatma Gökhan Hande İpek Kaan Lale Murat Nur Onur Pınar Selim"
LAST = "Aksoy Bulut Çelik Demir Erdem Güneş Koç Öztürk Şahin Yıldız"
GOODS = "kumaş, düğme|zeytinyağı|mermer|bakır kablo|halı|cam kavanoz|yedek parça"
DEVICES = "Yunus 3|Martı X|Kartal 12"
BREAK = "9999-12-31T00:00:00+03:00"

Row = dict[str, Any]


class Market:
    """Rows as they are made, by table; ids count from 1."""

    def __init__(self, seed: int, on: date) -> None:
        self.random = random.Random(f"pazaryeri {seed} {on}")
        self.on = on
        self.tables: dict[str, list[Row]] = {}

    def add(self, table: str, **values: Any) -> int:
        """One row more; its id."""
        rows = self.tables.setdefault(table, [])
        rows.append({"id": len(rows) + 1, **values})
        return len(rows)

    def ago(self, most: int, least: int = 1) -> str:
        """A moment in Turkey between `most` and `least` days before the day the data are made for."""
        day = self.on - timedelta(days=self.random.randint(least, most))
        return f"{day}T{self.random.randint(6, 23):02}:{self.random.randint(0, 59):02}:00+03:00"

    def name(self) -> str:
        """A name of nobody."""
        return f"{self.random.choice(FIRST.split())} {self.random.choice(LAST.split())}"


def after(moment: str, days: int) -> str:
    """The same time of day, some days later."""
    return (datetime.fromisoformat(moment) + timedelta(days=days)).isoformat()


def local(moment: str) -> str:
    """As a Turkish wall time without an offset."""
    return moment[:19].replace("T", " ")


def members(market: Market) -> None:
    """Members who use the site, who left, who fell silent, and dates that are none."""
    odd = {41: "", 42: "iptal edildi", 43: BREAK, 44: "0000-00-00"}
    for number in range(1, 56):
        name = market.name()
        registered = market.ago(3000, 900)
        silent = 20 <= number < 32
        seen = market.ago(800, 420) if silent else market.ago(60)
        left = market.ago(9, 1) if number <= 6 else odd.get(number)
        market.add(
            "members",
            company_name=f"{name.split()[1]} Ticaret {number}",
            licence_no=f"L-{market.random.randint(10**5, 10**6)}",
            credit_code=f"{market.random.randint(10**9, 10**10)}",
            company_address=f"Sanayi Caddesi {number}, Bursa",
            company_phone=f"0224 {market.random.randint(1000000, 9999999)}",
            fax=f"0224 {market.random.randint(1000000, 9999999)}" if number % 3 else None,
            main_products=market.random.choice(GOODS.split("|")),
            contact_name=name,
            email=f"uye{number}@example.com.tr",
            mobile=f"0532 {market.random.randint(1000000, 9999999)}",
            registered_at=registered,
            last_login_at=None if number == 31 else seen,
            warned_at=after(seen, 700) if silent and number % 2 else None,
            cancelled_at=left,
            cancel_entered=after(left, 3) if number <= 6 and left else None,
            erasure_granted_at=None,
            service_ended_at=market.ago(5) if number == 50 else None,
        )
    market.tables["members"][53]["registered_at"] = "kayıt yok"
    market.tables["members"][53]["warned_at"] = market.ago(900, 800)


def letters(market: Market) -> None:
    """Enquiries, of members and of others, answered and not; some with attachments."""
    for number in range(1, 61):
        received = market.ago(80, 5)
        answered = None if number % 6 == 0 else after(received, 2)
        enquiry = market.add(
            "enquiries",
            member_id=None if number % 3 == 0 else market.random.randint(1, 55),
            sender=market.name(),
            email=f"soru{number}@example.com",
            body="Fiyat listenizi gönderir misiniz?",
            received_at=received,
            answered_at={7: "", 8: "dün", 10: "2031-01-01T00:00:00Z"}.get(number, answered),
        )
        for index in range(number % 3):
            market.add("attachments", enquiry_id=enquiry, file_name=f"ek{index}.pdf", content="…")
    for number in range(1, 25):
        market.add(
            "profile_history",
            member_id=market.random.randint(7, 55),
            field="company_phone",
            old_value=f"0224 {market.random.randint(1000000, 9999999)}",
            changed_at={3: None, 4: "?"}.get(number, market.ago(4, 1)),
        )


def logs(market: Market) -> None:
    """A year and a half of the service log, and cookies in Turkish local time."""
    noon = datetime.combine(market.on, time(9), UTC)
    for number in range(1, 201):
        moment = int((noon - timedelta(days=market.random.uniform(0.5, 420))).timestamp())
        market.add(
            "service_log",
            member_id=market.random.choice([None, market.random.randint(1, 55)]),
            logged_at={11: None, 12: 0, 13: -5}.get(number, moment),
            ip=f"203.0.113.{number}" if number % 4 else f"2001:db8::{number:x}",
            action=market.random.choice(("browse", "click", "share")),
            device_model=market.random.choice(DEVICES.split("|")),
            os_version=f"{number % 9}.0",
            operator="Hattım" if number % 2 else None,
        )
    for number in range(1, 91):
        first = market.ago(400, 200)
        last = market.ago(190, 1)
        market.add(
            "cookies",
            member_id=market.random.choice([None, market.random.randint(1, 55)]),
            token=f"{market.random.getrandbits(64):016x}",
            first_seen_at=local(first),
            last_seen_at={21: None, 22: "", 23: "hiç"}.get(number, local(last)),
            rejected_at=local(last) if number % 12 == 0 else "" if number % 30 == 5 else None,
        )


def agreements(market: Market) -> None:
    """Subscriptions with consent, without, and withdrawn; everybody who left has withdrawn."""
    for number in range(1, 71):
        member = number if number <= 55 else None
        agreed = market.ago(1500, 1180) if member is None else market.ago(800, 100)
        left = member is not None and (member <= 6 or member == 50)
        ended: str | None = after(agreed, 30) if member is None else None
        if left or number % 9 == 0:
            ended = market.ago(8)
        market.add(
            "subscriptions",
            member_id=member,
            channel="email" if number % 2 else "sms",
            address=f"haber{number}@example.com.tr",
            interests="halı, kumaş" if number % 4 else None,
            created_at=agreed,
            consented_at=None if number % 20 == 0 else agreed,
            withdrawn_at={28: "", 29: "sözlü", 30: BREAK}.get(number, ended),
        )


def books(market: Market) -> None:
    """Invoices of twelve years; of some the buyer left long ago, some were never settled."""
    for number in range(1, 131):
        day = market.on - timedelta(days=market.random.randint(20, 4300))
        issued = {15: None, 16: "", 17: "29.02.2015"}.get(number, day.isoformat())
        market.add(
            "invoices",
            member_id=None if day.year < 2020 else market.random.randint(1, 55),
            number=f"PZ{number:06}",
            buyer=f"{market.name()} Ltd.",
            tax_office="Osmangazi",
            amount=market.random.randint(500, 90000),
            issued_on=issued,
            settled_on=None if number % 7 == 0 else (day + timedelta(days=30)).isoformat(),
        )


def cases(market: Market) -> None:
    """Flags of fraud, and a register of requests: open, refused, granted."""
    for number in range(1, 31):
        market.add(
            "fraud_flags",
            member_id=market.random.randint(1, 55),
            reason="aynı kart, iki firma",
            raised_at={5: None, 6: "?"}.get(number, market.ago(700)),
        )
    for number in range(1, 31):
        old = number > 14
        received = market.ago(1300, 900) if old else market.ago(40, 12)
        decided = None if number % 7 == 0 else after(received, 10)
        market.add(
            "erasure_requests",
            member_id=None if old else 34 + number,
            ground=number % 5 + 1,
            requester=f"istek{number}@example.com",
            received_at=received,
            decided_at=decided,
            decision=None if decided is None else "granted" if old else "refused",
        )


def make(path: str, seed: int, on: date) -> None:
    """Write the whole marketplace into a new database."""
    Path(path).unlink(missing_ok=True)
    market = Market(seed, on)
    for part in (members, letters, logs, agreements, books, cases):
        part(market)
    connection = sqlite3.connect(path)
    with connection:
        connection.executescript(SCHEMA.read_text(encoding="utf-8"))
        for table, rows in market.tables.items():
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
    parser.add_argument("--seed", type=int, default=4)
    parser.add_argument("--on", type=date.fromisoformat, default=date(2026, 1, 1))
    wanted = parser.parse_args(words)
    make(wanted.path, wanted.seed, wanted.on)


if __name__ == "__main__":
    main()
