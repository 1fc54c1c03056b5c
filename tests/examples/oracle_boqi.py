"""boqi: deletion only, the end of every purpose "and thereafter" the limitation period."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime

from plain_dates import due_after, plus, rolled, then, year_end
from year import (
    FIRST_NIGHT,
    Night,
    Row,
    Shop,
)

PROMISES = "000_92d6f33f81bf04cf.txt"


def live(shop: Shop) -> None:
    """One day at boqi: people order, pay, complain, ask, leave; children turn up."""
    at = _times(shop)
    for key in shop.some("SELECT id FROM customers WHERE coalesce(closed_at, '') = ''", 0.01):
        shop.do("UPDATE customers SET closed_at = ? WHERE id = ?", next(at), key)
    for key in shop.some("SELECT id FROM customers WHERE survey_ended_on IS NULL", 0.01):
        shop.do("UPDATE customers SET survey_ended_on = ? WHERE id = ?", str(shop.today), key)
    for key in shop.some("SELECT id FROM customers", 0.003):
        _order(shop, key, next(at))
    for key in shop.some("SELECT id FROM orders WHERE completed_at IS NULL", 0.1):
        shop.do("UPDATE orders SET completed_at = ? WHERE id = ?", next(at), key)
    for key in shop.some("SELECT id FROM invoices WHERE coalesce(paid_on, '') = ''", 0.02):
        shop.do("UPDATE invoices SET paid_on = ? WHERE id = ?", str(shop.today), key)
    for key in shop.some("SELECT id FROM claims WHERE coalesce(settled_on, '') = ''", 0.03):
        shop.do("UPDATE claims SET settled_on = ? WHERE id = ?", str(shop.today), key)
    for key in shop.some("SELECT id FROM orders", 0.001):
        shop.do(
            "INSERT INTO claims (customer_id, order_id, opened_on) "
            "SELECT customer_id, id, ? FROM orders WHERE id = ?",
            str(shop.today),
            key,
        )
    for key in shop.some("SELECT id FROM credit_checks WHERE decided_at IS NULL", 0.3):
        shop.do("UPDATE credit_checks SET decided_at = ? WHERE id = ?", next(at), key)
    for table in ("subscribers", "sensitive_notes"):
        for key in shop.some(f"SELECT id FROM {table} WHERE consent_withdrawn_at IS NULL", 0.01):
            shop.do(f"UPDATE {table} SET consent_withdrawn_at = ? WHERE id = ?", next(at), key)
    _enquiries(shop, next(at))
    _children(shop, next(at))
    _holds(shop)


def _times(shop: Shop) -> Iterator[str]:
    """Times of the rest of the day, UTC; the last are of the next day in Oslo."""
    while True:
        yield f"{shop.today} {shop.chance.randrange(3, 24):02}:{shop.chance.randrange(60):02}:00"


def _order(shop: Shop, customer: int, at: str) -> None:
    shop.do("INSERT INTO orders (customer_id, placed_at) VALUES (?, ?)", customer, at)
    order = shop.rows("SELECT max(id) FROM orders")[0][0]
    shop.do(
        "INSERT INTO invoices (customer_id, order_id, buyer, issued_on, amount) "
        "VALUES (?, ?, 'Buyer', ?, 90)",
        customer,
        order,
        str(shop.today),
    )
    shop.do("INSERT INTO credit_checks (customer_id, score) VALUES (?, 50)", customer)


def _enquiries(shop: Shop, at: str) -> None:
    for key in shop.some("SELECT id FROM enquiries WHERE answered_at IS NULL", 0.3):
        valid = str(plus(shop.today, days=shop.chance.randrange(40)))
        shop.do(
            "UPDATE enquiries SET answered_at = ?, "
            "valid_until = CASE kind WHEN 'offer' THEN ? END WHERE id = ?",
            at,
            valid,
            key,
        )
    if shop.chance.random() < 0.2:
        shop.do(
            "INSERT INTO enquiries (kind, email, text, received_at) VALUES (?, 'x', 'y', ?)",
            shop.chance.choice(("offer", "question")),
            at,
        )


def _children(shop: Shop, at: str) -> None:
    """A new one each month; consents are given too late or withdrawn."""
    if shop.today.day == 11:
        born = plus(shop.today, years=-13, days=shop.chance.randrange(1, 90))
        consent = shop.chance.choice((None, str(shop.today)))
        shop.do(
            "INSERT INTO customers (name, email, born_on, created_at, guardian_consented_on) "
            "VALUES ('Child', 'child@example.no', ?, ?, ?)",
            str(born),
            at,
            consent,
        )
    consented = "SELECT id FROM customers WHERE guardian_consented_on IS NOT NULL"
    for key in shop.some(consented, 0.02):
        shop.do("UPDATE customers SET guardian_withdrawn_on = ? WHERE id = ?", str(shop.today), key)


def _holds(shop: Shop) -> None:
    for table, key in list(shop.holds):
        if shop.chance.random() < 0.05:
            shop.release(table, key)
    if shop.today == FIRST_NIGHT:
        shop.hold("customers", shop.rows("SELECT id FROM customers WHERE name = 'In Debt'")[0][0])
    if shop.today.day in (3, 17):
        table = shop.chance.choice(("customers", "orders", "claims", "subscribers"))
        key = shop.chance.choice(shop.rows(f"SELECT id FROM {table}"))[0]
        if (table, key) not in shop.holds:
            shop.hold(table, key)


# -- the promises, in plain dates ---------------------------------------------------------------


def thereafter(day: date | None) -> date | None:
    """The purpose ends with that day; thereafter three years, to a working day's end."""
    return day and rolled(then(due_after(day), years=3), "NO")


def judge(night: Night) -> None:
    """What boqi's privacy policy wants of this night."""
    closed = {key: night.day(row["closed_at"]) for key, row in night.rows("customers")}
    notes = dict(night.rows("sensitive_notes"))
    for key, row in night.rows("claims"):
        _end(night, "claims", key, thereafter(night.day(row["settled_on"])), "claim: barred")
    for key, row in night.rows("orders"):
        if any(claim["order_id"] == key for _, claim in night.rows("claims")):
            night.note("order: waits for a claim")
            continue
        due = thereafter(night.day(row["completed_at"]))
        if _may_go(night, "orders", key, due):
            _without_order(night, key)
            night.delete("orders", key, "order: barred")
    for key, row in night.rows("invoices"):
        books = then(year_end(date.fromisoformat(row["issued_on"])), years=5)
        due = thereafter(night.day(row["paid_on"]))
        if night.is_due(due) and not night.is_due(books):
            night.note("invoice: the books keep it")
        elif due is None and night.is_due(books):
            night.note("invoice: a debt older than the books")
        elif night.is_due(due):
            night.delete("invoices", key, "invoice: gone")
    for key, row in night.rows("credit_checks"):
        _end(night, "credit_checks", key, _next_day(night, row["decided_at"]), "score: decided")
    for key, row in night.rows("enquiries"):
        _enquiry(night, key, row)
    for key, row in night.rows("subscribers"):
        withdrawn = _next_day(night, row["consent_withdrawn_at"])
        _end(night, "subscribers", key, withdrawn, "subscriber: withdrew")
    for key, row in notes.items():
        days = [night.day(row["consent_withdrawn_at"]), closed[row["customer_id"]]]
        found = [day for day in days if day]
        if found:
            _end(
                night,
                "sensitive_notes",
                key,
                due_after(min(found)),
                "note: consent or account over",
            )
    for key, row in night.rows("customers"):
        _customer(night, key, row)


def _next_day(night: Night, value: object) -> date | None:
    day = night.day(value)
    return day and due_after(day)


def _may_go(night: Night, table: str, key: int, due: date | None) -> bool:
    if not night.is_due(due):
        night.note(f"{table}: not yet" if due else f"{table}: clock not started")
        return False
    if night.held(table, key):
        night.note(f"{table}: held")
        return False
    return True


def _end(night: Night, table: str, key: int, due: date | None, why: str) -> None:
    if _may_go(night, table, key, due):
        night.delete(table, key, why)


def _enquiry(night: Night, key: int, row: Row) -> None:
    answered = night.day(row["answered_at"])
    if row["kind"] == "question":
        _end(night, "enquiries", key, thereafter(answered), "question: barred")
        return
    valid = night.day(row["valid_until"])
    if answered and valid and valid >= night.today:
        night.note("offer: still open")
    if answered:
        last = max(day for day in (answered, valid) if day)
        _end(night, "enquiries", key, due_after(last), "offer: lapsed")


def _customer(night: Night, key: int, row: Row) -> None:
    orders = [order for order, found in night.rows("orders") if found["customer_id"] == key]
    claims = [found for _, found in night.rows("claims") if found["customer_id"] == key]
    claims += [found for _, found in night.rows("claims") if found["order_id"] in orders]
    is_held = night.held("customers", key) or any(night.held("orders", order) for order in orders)
    if _is_child_without_consent(night, row):
        if is_held or claims:
            night.note("child: waits for a claim or a hold")
            return
        for order in orders:
            _without_order(night, order)
            night.delete("orders", order, "child: an order goes along")
        _without_customer(night, key)
        night.delete("customers", key, "child: gone at once")
        return
    end = _purposes_end(night, row)
    due = thereafter(end)
    if end and night.is_due(due_after(end)) and not night.held("customers", key):
        night.change("customers", key, "customer: nothing but claims", claims_only=1)
    if not night.is_due(due):
        night.note("customer: limitation runs" if due else "customer: a purpose is open")
        return
    debts = [
        found
        for _, found in night.rows("invoices")
        if found["customer_id"] == key and not found["paid_on"]
    ]
    for reason, stops in (("held", is_held), ("order", orders), ("claim", claims), ("debt", debts)):
        if stops:
            night.note(f"customer: kept by {reason}")
            return
    _without_customer(night, key)
    night.delete("customers", key, "customer: gone")


def _is_child_without_consent(night: Night, row: Row) -> bool:
    born = night.day(row["born_on"])
    if born is None:
        return False
    has_consent = row["guardian_consented_on"] and not row["guardian_withdrawn_on"]
    birthday = (
        date(born.year + 13, 3, 1) if (born.month, born.day) == (2, 29) else plus(born, years=13)
    )
    if night.today < birthday and has_consent:
        night.note("child: a guardian consents")
    return night.today < birthday and not has_consent


def _purposes_end(night: Night, row: Row) -> date | None:
    """The end of the account, and of the survey where the customer was told of it in time."""
    ends = [night.day(row["closed_at"])]
    told = row["survey_notified_at"]
    if told and datetime.fromisoformat(told) <= datetime.fromisoformat(row["created_at"]):
        ends.append(night.day(row["survey_ended_on"]))
    elif told:
        night.note("survey: told too late, so it keeps nothing")
    known = [day for day in ends if day]
    return max(known) if len(known) == len(ends) else None


def _without_order(night: Night, order: int) -> None:
    for key, row in night.rows("invoices"):
        if row["order_id"] == order:
            night.change("invoices", key, "invoice: no longer names its order", order_id=None)


def _without_customer(night: Night, customer: int) -> None:
    for table in ("profile_sources", "credit_checks", "sensitive_notes"):
        for key, row in night.rows(table):
            if row["customer_id"] == customer:
                night.delete(table, key, f"{table}: along with the account")
    for table in ("invoices", "enquiries"):
        for key, row in night.rows(table):
            if row["customer_id"] == customer:
                night.change(table, key, f"{table}: no longer names its account", customer_id=None)


OUTCOMES = """
    claim: barred; order: barred; order: waits for a claim; invoice: gone; score: decided
    invoice: the books keep it; invoice: a debt older than the books; orders: clock not started
    question: barred; offer: lapsed; offer: still open; subscriber: withdrew
    note: consent or account over; child: gone at once; child: an order goes along
    child: a guardian consents; customer: gone; customer: a purpose is open
    customer: nothing but claims; customer: limitation runs; customer: kept by held
    customer: kept by order; customer: kept by claim
    customer: kept by debt; survey: told too late, so it keeps nothing
    profile_sources: along with the account; invoices: no longer names its account
    subscribers: clock not started
"""
