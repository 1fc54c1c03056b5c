"""A year at Dreame: a text without a single period, so every period is decided, none defaulted."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from plain_dates import due_after, plus, rolled, then, year_end
from year import (
    AT,
    Key,
    Night,
    Row,
    Shop,
)

PROMISES = "003_6e1ae16fb4061572.txt"

ZONE = ZoneInfo("Europe/Stockholm")
OUTCOMES = """
    account restricted; account gone; account: the books keep name and address
    account: an invoice keeps it; account waits for a notice; account waits for a complaint
    account waits for a payment; notice gone; payment details; order: complaints are over
    order: a complaint is open; order: replaced; books; books: not settled; audience: withdrawn
    audience: no more sharing; audience: never agreed; device unpaired
    device of a closed account; floor plan; request: shortened; request; message; crash; held
    no date; unreadable; still to come; rolled
"""


# -- the business by day --------------------------------------------------------------------------


def at(shop: Shop) -> str:
    """A Swedish wall time of today."""
    hour = shop.chance.choice((4, 10, 16, 23))
    return f"{shop.today} {hour:02}:{shop.chance.randrange(60):02}:00"


def noon(shop: Shop) -> int:
    """Seconds since 1970 at noon UTC of today, give or take some hours."""
    moment = datetime.combine(shop.today, time(12), UTC)
    return int(moment.timestamp()) + shop.chance.randrange(-30000, 40000)


def accounts(shop: Shop) -> None:
    """New customers, closed accounts with a last notice, notices sent."""
    if shop.chance.random() < 0.2:
        shop.do(
            "INSERT INTO customers (name, phone, email, address, city, created_at)"
            " VALUES ('Ny Kund', '070', 'ny@example.se', 'Nygatan 1', 'Lund', ?)",
            at(shop),
        )
    for key in shop.some("SELECT id FROM customers WHERE closed_at IS NULL", 0.004):
        shop.do("UPDATE customers SET closed_at = ? WHERE id = ?", at(shop), key)
        notice(shop, key, "account closed")
    if shop.today.day == 20:
        shop.do("UPDATE customers SET closed_at = ? WHERE closed_at = 'okänt'", at(shop))
    if shop.chance.random() < 0.3:
        notice(shop, shop.chance.choice(shop.rows("SELECT id FROM customers"))[0], "terms")
    for key in shop.some("SELECT id FROM outbox WHERE sent_at IS NULL", 0.03):
        shop.do("UPDATE outbox SET sent_at = ? WHERE id = ?", at(shop), key)


def notice(shop: Shop, customer: Key, kind: str) -> None:
    """A notice that waits to be sent."""
    shop.do(
        "INSERT INTO outbox (customer_id, kind, email, created_at) VALUES (?, ?, 'x@example.se', ?)",
        customer,
        kind,
        at(shop),
    )


def trade(shop: Shop) -> None:
    """Orders with invoices; deliveries, replacements, complaints, payments."""
    for customer in shop.some("SELECT id FROM customers WHERE closed_at IS NULL", 0.008):
        shop.do(
            "INSERT INTO orders (customer_id, ship_name, card_holder, card_last4, placed_at)"
            " VALUES (?, 'Ny', 'NY', '0001', ?)",
            customer,
            at(shop),
        )
        order = shop.rows("SELECT max(id) FROM orders")[0][0]
        shop.do(
            "INSERT INTO invoices (customer_id, order_id, number, amount, issued_on)"
            " VALUES (?, ?, ?, 100, ?)",
            customer,
            order,
            f"N-{order}-{shop.today}",
            str(shop.today),
        )
    changes = (
        ("delivered_at", "delivered_at IS NULL", 0.1),
        ("replaced_at", "delivered_at < '2027' AND replaced_at IS NULL", 0.0005),
        ("complaint_opened_at", "complaint_opened_at IS NULL", 0.002),
        (
            "complaint_settled_at",
            "complaint_opened_at <> '' AND complaint_settled_at IS NULL",
            0.02,
        ),
    )
    for column, which, share in changes:
        for key in shop.some(f"SELECT id FROM orders WHERE {which}", share):
            shop.do(f"UPDATE orders SET {column} = ? WHERE id = ?", at(shop), key)
    for key in shop.some("SELECT id FROM invoices WHERE settled_on IS NULL", 0.01):
        shop.do("UPDATE invoices SET settled_on = ? WHERE id = ?", str(shop.today), key)


def things(shop: Shop) -> None:
    """Devices are paired, unpaired and drive around; the audience comes and goes."""
    for customer in shop.some("SELECT id FROM customers", 0.003):
        shop.do(
            "INSERT INTO devices (customer_id, serial, paired_at) VALUES (?, 'DRN', ?)",
            customer,
            at(shop),
        )
    for key in shop.some("SELECT id FROM devices WHERE unpaired_at IS NULL", 0.003):
        shop.do("UPDATE devices SET unpaired_at = ? WHERE id = ?", at(shop), key)
    for key in shop.some("SELECT id FROM devices", 0.02):
        plan = "INSERT INTO telemetry (device_id, recorded_at, floor_plan) VALUES (?, ?, 'rum')"
        shop.do(plan, key, noon(shop))
    if shop.chance.random() < 0.1:
        agreed = None if shop.chance.random() < 0.3 else at(shop)
        shop.do("INSERT INTO audience (created_at, consented_at) VALUES (?, ?)", at(shop), agreed)
    for column in ("consent_withdrawn_at", "sharing_objected_at"):
        for key in shop.some(f"SELECT id FROM audience WHERE {column} IS NULL", 0.002):
            shop.do(f"UPDATE audience SET {column} = ? WHERE id = ?", at(shop), key)


def logs(shop: Shop) -> None:
    """Requests, chat messages, crashes."""
    shop.do(
        "INSERT INTO request_log (requested_at, ip, cookie_id) VALUES (?, '198.51.100.77', 'c1')",
        noon(shop) * 1000,
    )
    if shop.chance.random() < 0.4:
        shop.do("INSERT INTO messages (sent_at, body) VALUES (?, 'Hej')", at(shop))
    if shop.chance.random() < 0.3:
        moment = datetime.fromtimestamp(noon(shop), UTC).isoformat()
        shop.do("INSERT INTO crash_reports (received_at, dump) VALUES (?, '0x')", moment)


def courts(shop: Shop) -> None:
    """A court wants an account, an order or an invoice to stay for some weeks."""
    if shop.today.day == 4 and shop.today.month % 3 == 1:
        table = ("customers", "orders", "invoices", "customers")[shop.today.month // 3]
        shop.hold(table, shop.chance.choice(shop.rows(f"SELECT id FROM {table} LIMIT 9"))[0])
    if shop.today.day == 28 and shop.today.month % 3 == 2 and shop.holds:
        shop.release(*next(iter(shop.holds)))


def live(shop: Shop) -> None:
    """One day of the business."""
    for part in (accounts, trade, things, logs, courts):
        part(shop)


# -- what the sentences say of every row ----------------------------------------------------------


def wall_day(value: object) -> date | None:
    """The day of a Swedish wall time or of a bare day; None for none, junk, and before 1990."""
    try:
        found = date.fromisoformat(str(value or "").strip()[:10])
    except ValueError:
        return None
    return found if found.year >= 1990 else None


def unreadable(value: object) -> bool:
    """There is something, and it is no day."""
    text = str(value or "").strip()
    return bool(text) and not text.startswith("0000-00-00") and wall_day(value) is None


def dated(night: Night, value: object) -> date | None:
    """The past day of one column; notes why there is none, or none yet."""
    day = wall_day(value)
    if unreadable(value):
        night.note("unreadable")
    elif day is None:
        night.note("no date")
    elif day > night.today:
        night.note("still to come")
        return None
    return day


def epoch_day(value: float | None) -> date | None:
    """The Swedish day of seconds since 1970; zero and below are no date."""
    return datetime.fromtimestamp(value, ZONE).date() if value and value > 0 else None


def working(night: Night, morning: date) -> date:
    """The morning, moved where the last day is no working day in Sweden."""
    moved = rolled(morning, "SE")
    if moved != morning and morning <= night.today < moved:
        night.note("rolled")
    return moved


def books_end(issued: date) -> date:
    """Seven years from the end of the calendar year in which the year to 30 April ended."""
    last_year = issued.year if issued < date(issued.year, 5, 1) else issued.year + 1
    return plus(year_end(date(last_year, 4, 30)), years=7)


def in_books(night: Night, row: Row) -> bool:
    """The law still wants this invoice; without a readable day, in doubt it does."""
    day = wall_day(row["issued_on"])
    return day is None or not night.is_due(books_end(day))


def is_open(order: Row) -> bool:
    """A complaint is open."""
    return order["complaint_opened_at"] is not None and order["complaint_settled_at"] is None


def judge_trade(night: Night) -> None:
    """Card data after the money can go back, orders after three years, invoices after the books."""
    for key, row in night.rows("orders"):
        delivered = dated(night, row["delivered_at"])
        if delivered is None:
            continue
        if night.held("orders", key):
            night.note("held")
            continue
        start = delivered
        if row["replaced_at"] is not None:
            night.note("order: replaced")
            start = max(delivered, date.fromisoformat(row["replaced_at"][:10]))
        if night.is_due(working(night, due_after(start, years=3))):
            if not is_open(row):
                delete_order(night, key)
                continue
            night.note("order: a complaint is open")
        withdrawal = working(night, due_after(delivered, days=14))
        if night.is_due(then(withdrawal, days=14)):
            night.change("orders", key, "payment details", card_holder=None, card_last4=None)
    for key, row in night.rows("invoices"):
        day = dated(night, row["issued_on"])
        if day is None or not night.is_due(books_end(day)):
            continue
        if row["settled_on"] is None:
            night.note("books: not settled")
        elif night.held("invoices", key):
            night.note("held")
        else:
            night.delete("invoices", key, "books")


def delete_order(night: Night, key: Key) -> None:
    """The order goes; its invoice stays and forgets it."""
    for invoice, row in night.rows("invoices"):
        if row["order_id"] == key:
            night.change("invoices", invoice, "books: order gone", order_id=None)
    night.delete("orders", key, "order: complaints are over")


def judge_accounts(night: Night) -> None:
    """30 days after closing: the account, or what the books do not need of it."""
    for key, row in night.rows("customers"):
        closed = dated(night, row["closed_at"])
        if closed is None or not night.is_due(due_after(closed)):
            continue
        if not night.held("customers", key):
            night.change("customers", key, "account restricted", processing_restricted=1)
        if not night.is_due(due_after(closed, days=30)):
            continue
        mine = [
            (one, found) for one, found in night.rows("invoices") if found["customer_id"] == key
        ]
        waits = {
            "account waits for a notice": any(
                found["sent_at"] is None and found["customer_id"] == key
                for _, found in night.rows("outbox")
            ),
            "account waits for a complaint": any(
                is_open(found) and found["customer_id"] == key for _, found in night.rows("orders")
            ),
            "account waits for a payment": any(found["settled_on"] is None for _, found in mine),
            "held": night.held("customers", key),
        }
        if any(waits.values()):
            for why, holds in waits.items():
                if holds:
                    night.note(why)
        elif mine:
            law = any(in_books(night, found) for _, found in mine)
            masked = ("email", "phone") if law else ("name", "email", "phone", "address", "city")
            night.note("account: the books keep name and address" if law else "account: blocked")
            night.change("customers", key, "account: an invoice keeps it", **dict.fromkeys(masked))
        else:
            delete_account(night, key)


def delete_account(night: Night, key: Key) -> None:
    """The account goes with what is only about it; orders stay without it."""
    for table in ("audience", "messages", "outbox"):
        for child, row in night.rows(table):
            if row["customer_id"] == key:
                night.delete(table, child, f"{table}: gone with the account")
    for child, row in night.rows("devices"):
        if row["customer_id"] == key:
            delete_device(night, child, "device: gone with the account")
    for child, row in night.rows("orders"):
        if row["customer_id"] == key:
            night.change("orders", child, "order: forgets the account", customer_id=None)
    night.delete("customers", key, "account gone")


def delete_device(night: Night, key: Key, why: str) -> None:
    """A device goes with all that it ever recorded."""
    for child, row in night.rows("telemetry"):
        if row["device_id"] == key:
            night.delete("telemetry", child, "floor plan: gone with its device")
    night.delete("devices", key, why)


def judge_devices(night: Night) -> None:
    """At the end of the day on which it was unpaired, or its account closed."""
    for key, row in night.rows("telemetry"):
        day = epoch_day(row["recorded_at"])
        if day is None:
            night.note("no date")
        elif night.is_due(due_after(day, days=90)):
            night.delete("telemetry", key, "floor plan")
    customers = night.tables["customers"]
    for key, row in night.rows("devices"):
        owner = customers.get(row["customer_id"])
        ends = (row["unpaired_at"], owner["closed_at"] if owner else None)
        if any(unreadable(value) for value in ends):
            night.note("unreadable")
            continue
        told = ("device unpaired", "device of a closed account")
        for value, why in zip(ends, told, strict=True):
            day = dated(night, value)
            if day is not None and night.is_due(due_after(day)):
                delete_device(night, key, why)
                break


def judge_audience(night: Night) -> None:
    """Out at the end of the day one withdraws or objects; at once, who never agreed."""
    for key, row in night.rows("audience"):
        if row["consented_at"] is None:
            night.delete("audience", key, "audience: never agreed")
            continue
        told = ("audience: withdrawn", "audience: no more sharing")
        ends = (row["consent_withdrawn_at"], row["sharing_objected_at"])
        for value, why in zip(ends, told, strict=True):
            day = dated(night, value)
            if day is not None and night.is_due(due_after(day)):
                night.delete("audience", key, why)
                break


def judge_logs(night: Night) -> None:
    """Each class of one vague sentence on its own number."""
    for key, row in night.rows("outbox"):
        day = dated(night, row["sent_at"])
        if day is not None and night.is_due(due_after(day, days=7)):
            night.delete("outbox", key, "notice gone")
    for key, row in night.rows("messages"):
        day = dated(night, row["sent_at"])
        if day is not None:
            next_month = plus(day.replace(day=1), months=1)
            if night.is_due(then(next_month, days=30)):
                night.delete("messages", key, "message")
    for key, row in night.rows("request_log"):
        seconds = row["requested_at"]
        day = epoch_day(seconds and seconds / 1000)
        if day is None:
            night.note("no date")
        elif night.is_due(due_after(day, days=90)):
            night.delete("request_log", key, "request")
        elif night.is_due(due_after(day, days=14)):
            network = shortened(row["ip"])
            night.change("request_log", key, "request: shortened", ip=network, cookie_id=None)
    now = datetime.combine(night.today, AT, ZONE)
    for key, row in night.rows("crash_reports"):
        if dated(night, row["received_at"]) is None:
            continue
        if datetime.fromisoformat(row["received_at"]) + timedelta(hours=72) <= now:
            night.delete("crash_reports", key, "crash")


def shortened(address: str) -> str:
    """The first three of four numbers, the first three of eight groups."""
    if ":" not in address:
        return address if address.endswith(".0") else re.sub(r"\d+$", "0", address)
    return ":".join(address.split(":")[:3]) + "::"


def judge(night: Night) -> None:
    """Every row of every table, as the sentences have it; clocks as they stood before the night."""
    judge_devices(night)
    judge_trade(night)
    judge_accounts(night)
    judge_audience(night)
    judge_logs(night)
