"""The shop in Panyu: "generally 3 years" from the last sign of life, each exception with its reason."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime

from plain_dates import due_after, rolled, then, year_end
from year import (
    Night,
    Row,
    Shop,
)

PROMISES = "001_2c17a0862c804fc4.txt"


def live(shop: Shop) -> None:
    """One day in Panyu: people come back, order, withdraw, complain; courts write."""
    at = _times(shop)
    for key in shop.some("SELECT id FROM accounts WHERE length(last_seen_at) = 20", 0.002):
        shop.do("UPDATE accounts SET last_seen_at = ? WHERE id = ?", next(at), key)
    for key in shop.some("SELECT id FROM accounts", 0.0005):
        shop.do("INSERT INTO orders (account_id, placed_at) VALUES (?, ?)", key, next(at))
        shop.do(
            "INSERT INTO invoices (account_id, order_id, issued_on, amount) "
            "SELECT account_id, id, ?, 50 FROM orders ORDER BY id DESC LIMIT 1",
            str(shop.today),
        )
    for key in shop.some("SELECT id FROM consents WHERE withdrawn_at IS NULL", 0.005):
        shop.do("UPDATE consents SET withdrawn_at = ? WHERE id = ?", next(at), key)
    for key in shop.some("SELECT id FROM accounts", 0.001):
        shop.do(
            "INSERT INTO consents (account_id, purpose, given_at) VALUES (?, 'sms', ?)",
            key,
            next(at),
        )
        shop.do(
            "INSERT INTO marketing_profiles (consent_id, interests) SELECT max(id), 'x' FROM consents"
        )
    for key in shop.some("SELECT id FROM requests WHERE closed_at IS NULL", 0.03):
        shop.do("UPDATE requests SET closed_at = ? WHERE id = ?", next(at), key)
    for key in shop.some("SELECT id FROM id_documents WHERE coalesce(verified_at, '') = ''", 0.03):
        shop.do("UPDATE id_documents SET verified_at = ? WHERE id = ?", next(at), key)
    for key in shop.some("SELECT id FROM cookies WHERE opted_out = 0", 0.002):
        shop.do("UPDATE cookies SET opted_out = 1 WHERE id = ?", key)
    for key in shop.some("SELECT id FROM court_orders WHERE coalesce(lifted_on, '') = ''", 0.01):
        shop.do("UPDATE court_orders SET lifted_on = ? WHERE id = ?", str(shop.today), key)
    for key in shop.some("SELECT id FROM accounts", 0.0005):
        shop.do(
            "INSERT INTO court_orders (account_id, received_on) VALUES (?, ?)", key, str(shop.today)
        )
    _newcomers(shop, at)
    for table, key in list(shop.holds):
        if shop.chance.random() < 0.03:
            shop.release(table, key)
    if shop.today.day in (5, 20):
        table = shop.chance.choice(("accounts", "orders", "requests", "marketing_profiles"))
        key = shop.chance.choice(shop.rows(f"SELECT id FROM {table}"))[0]
        if (table, key) not in shop.holds:
            shop.hold(table, key)


def _times(shop: Shop) -> Iterator[str]:
    """Times of the rest of the day, UTC; the last are of the next day in Oslo."""
    while True:
        yield f"{shop.today}T{shop.chance.randrange(3, 24):02}:{shop.chance.randrange(60):02}:00Z"


def _newcomers(shop: Shop, at: Iterator[str]) -> None:
    if shop.chance.random() < 0.1:
        email = f"new{shop.today}@example.no"
        shop.do("INSERT INTO accounts (email, created_at) VALUES (?, ?)", email, next(at))
    if shop.chance.random() < 0.2:
        shop.do(
            "INSERT INTO requests (kind, email, received_at) VALUES ('erase', 'x', ?)", next(at)
        )
        shop.do(
            "INSERT INTO id_documents (request_id, copy, received_at) SELECT max(id), 'x', ? "
            "FROM requests",
            next(at),
        )
    if shop.chance.random() < 0.2:
        seen = int(shop.now.timestamp()) + shop.chance.randrange(70_000)
        shop.do("INSERT INTO cookies (token, last_seen_at) VALUES ('t', ?)", seen)


# -- the promises, in plain dates ---------------------------------------------------------------


def judge(night: Night) -> None:
    """What the privacy policy wants of this night."""
    started = {key: _last_sign_of_life(night, key, row) for key, row in night.rows("accounts")}
    for key, row in night.rows("invoices"):
        if night.is_due(_books_end(row)):
            night.delete("invoices", key, "invoice: the books let it go")
    _consents(night)
    for key, row in night.rows("id_documents"):
        verified = row["verified_at"]
        if not verified:
            night.note("id document: still needed")
        elif datetime.fromisoformat(verified) <= night.now:
            night.delete("id_documents", key, "id document: served")
        else:
            night.note("id document: verified later today")
    for key, row in night.rows("requests"):
        closed = night.day(row["closed_at"])
        due = closed and rolled(due_after(closed, years=3), "NO")
        nothing = {"email": None, "letter": None, "account_id": None}
        if night.held("requests", key):
            night.note("request: held")
        elif night.is_due(due):
            night.change("requests", key, "request: anonymous", **nothing)
    _cookies(night)
    for key, row in night.rows("court_orders"):
        lifted = night.day(row["lifted_on"])
        if lifted and night.is_due(due_after(lifted, years=3)):
            night.delete("court_orders", key, "court order: gone")
    for key, _ in night.rows("accounts"):
        _account(night, key, started[key])
    for key, row in night.rows("orders"):
        placed = night.day(row["placed_at"])
        assert placed
        if night.held("orders", key):
            night.note("order: held")
        elif night.is_due(due_after(placed, years=3)):
            _without_order(night, key)
            night.delete("orders", key, "order: three years old")


def _books_end(invoice: Row) -> date:
    return then(year_end(date.fromisoformat(invoice["issued_on"])), years=5)


def _last_sign_of_life(night: Night, key: int, row: Row) -> date | None:
    """The last of sign-up, visit and order; None where one of them cannot be read."""
    stored = [row["created_at"], row["last_seen_at"]]
    stored += [
        order["placed_at"] for _, order in night.rows("orders") if order["account_id"] == key
    ]
    written = [value for value in stored if value and not value.startswith("0000-00-00")]
    days = [night.day(value) for value in written]
    if None in days:
        night.note("account: a date that cannot be read")
        return None
    return max(day for day in days if day)


def _consents(night: Night) -> None:
    for key, row in night.rows("marketing_profiles"):
        withdrawn = night.day(night.tables["consents"][row["consent_id"]]["withdrawn_at"])
        if withdrawn is None:
            night.note("consent: given")
        elif night.held("marketing_profiles", key):
            night.note("consent: withdrawn, but held")
        elif night.is_due(due_after(withdrawn)):
            night.delete("marketing_profiles", key, "consent: withdrawn")


def _cookies(night: Night) -> None:
    for key, row in night.rows("cookies"):
        seen = row["last_seen_at"]
        if row["opted_out"]:
            night.change("cookies", key, "cookie: opted out", token=None)
        elif seen <= 0:
            night.note("cookie: never seen")
        else:
            day = datetime.fromtimestamp(seen, UTC).isoformat()
            found = night.day(day)
            if found and night.is_due(due_after(found, years=1)):
                night.delete("cookies", key, "cookie: a year old")


def _account(night: Night, key: int, last: date | None) -> None:
    due = last and due_after(last, years=3)
    if not night.is_due(due):
        night.note("account: in use" if due else "account: undecided")
        return
    court = [
        found
        for _, found in night.rows("court_orders")
        if found["account_id"] == key and not found["lifted_on"]
    ]
    if night.held("accounts", key) or court:
        night.note("account: a court keeps it" if court else "account: held")
        return
    books = [found for _, found in night.rows("invoices") if found["account_id"] == key]
    if books:
        gone = {"email": f"deleted-{key}@invalid", "phone": None}
        night.note("account: the books keep name and address")
        night.change("accounts", key, "account: what the books do not need", **gone)
        return
    if _holds_below(night, key):
        night.note("account: something of it is held")
        return
    _without_account(night, key)
    night.delete("accounts", key, "account: gone")


def _holds_below(night: Night, account: int) -> bool:
    consents = [key for key, row in night.rows("consents") if row["account_id"] == account]
    held = [
        night.held("marketing_profiles", key)
        for key, row in night.rows("marketing_profiles")
        if row["consent_id"] in consents
    ]
    orders = [key for key, row in night.rows("orders") if row["account_id"] == account]
    return any(held) or any(night.held("orders", key) for key in orders)


def _without_order(night: Night, order: int) -> None:
    for key, row in night.rows("invoices"):
        if row["order_id"] == order:
            night.change("invoices", key, "invoice: no longer names its order", order_id=None)


def _without_account(night: Night, account: int) -> None:
    for key, row in night.rows("requests"):
        if row["account_id"] == account:
            night.change("requests", key, "request: no longer names its account", account_id=None)
    for key, row in night.rows("orders"):
        if row["account_id"] == account:
            _without_order(night, key)
            night.delete("orders", key, "order: along with the account")
    for key, row in night.rows("consents"):
        if row["account_id"] == account:
            for profile, found in night.rows("marketing_profiles"):
                if found["consent_id"] == key:
                    night.delete("marketing_profiles", profile, "profile: along with the account")
            night.delete("consents", key, "consent: along with the account")
    for table in ("cookies", "court_orders"):
        for key, row in night.rows(table):
            if row["account_id"] == account:
                night.delete(table, key, f"{table}: along with the account")


OUTCOMES = """
    invoice: the books let it go; id document: still needed; id document: served
    id document: verified later today; request: anonymous; request: held; consent: given
    consent: withdrawn; cookie: opted out; cookie: never seen; cookie: a year old
    account: in use; account: a court keeps it; account: held; account: gone
    account: a date that cannot be read; account: the books keep name and address
    account: what the books do not need; order: three years old
    request: no longer names its account; invoice: no longer names its order
    cookies: along with the account; consent: along with the account
"""
