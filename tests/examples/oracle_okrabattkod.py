"""okrabattkod: deletion only, on demand or when the law has no more use; no period in the text."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from zoneinfo import ZoneInfo

from plain_dates import due_after, rolled, then
from year import (
    Night,
    Row,
    Shop,
)

PROMISES = "002_b0864bdd26c7de31.txt"

ZONE = "Europe/Stockholm"


def live(shop: Shop) -> None:
    """One day on the platform: people visit, buy, leave, demand; the company shuts some out."""
    at = _times(shop)
    for column, share in (("closed_at", 0.003), ("erasure_demanded_at", 0.002)):
        for key in shop.some(f"SELECT id FROM accounts WHERE {column} IS NULL", share):
            shop.do(f"UPDATE accounts SET {column} = ? WHERE id = ?", next(at), key)
    demanded = "erasure_demanded_at IS NOT NULL AND authenticated_at IS NULL"
    for key in shop.some(f"SELECT id FROM accounts WHERE {demanded}", 0.1):
        shop.do("UPDATE accounts SET authenticated_at = ? WHERE id = ?", next(at), key)
    for table, column, share in (
        ("partner_consents", "withdrawn_at", 0.01),
        ("cookies", "refused_at", 0.005),
    ):
        for key in shop.some(f"SELECT id FROM {table} WHERE {column} IS NULL", share):
            shop.do(f"UPDATE {table} SET {column} = ? WHERE id = ?", next(at), key)
    for table, column in (("sanctions", "ended_on"), ("disputes", "settled_on")):
        for key in shop.some(f"SELECT id FROM {table} WHERE {column} IS NULL", 0.01):
            shop.do(f"UPDATE {table} SET {column} = ? WHERE id = ?", str(shop.today), key)
    _visitors(shop, at)
    _disputes(shop)
    if (shop.today.month, shop.today.day) == (7, 14):
        shop.do("UPDATE services SET ended_on = ? WHERE name = 'coupons'", str(shop.today))
        shop.do("UPDATE features SET removed_on = ? WHERE name = 'wish list'", str(shop.today))
    for key in shop.some("SELECT id FROM accounts WHERE closed_at IS NULL", 0.001):
        shop.do(
            "UPDATE accounts SET closed_at = ?, closed_by = 'company' WHERE id = ?", next(at), key
        )
    for table, key in list(shop.holds):
        if shop.chance.random() < 0.03:
            shop.release(table, key)
    if shop.today.day in (2, 12, 22):
        table = shop.chance.choice(("accounts", "accounts", "searches", "transactions", "web_logs"))
        key = shop.chance.choice(shop.rows(f"SELECT id FROM {table}"))[0]
        if (table, key) not in shop.holds:
            shop.hold(table, key)


def _times(shop: Shop) -> Iterator[str]:
    """Local times of the rest of the day."""
    while True:
        yield f"{shop.today} {shop.chance.randrange(3, 24):02}:{shop.chance.randrange(60):02}:00"


def _visitors(shop: Shop, at: Iterator[str]) -> None:
    if shop.chance.random() < 0.4:
        shop.do("INSERT INTO web_logs (ip, accessed_at) VALUES ('192.0.2.1', ?)", next(at))
        shop.do("INSERT INTO cookies (token, set_at) VALUES ('c', ?)", next(at))
    if shop.chance.random() < 0.2:
        moment = next(at)
        shop.do(
            "INSERT INTO imported_contacts (source, email, obtained_at) VALUES ('broker', 'x', ?)",
            moment,
        )
        shop.do("INSERT INTO searches (keyword, searched_at) VALUES ('tea', ?)", moment)
    for key in shop.some("SELECT id FROM accounts WHERE closed_at IS NULL", 0.002):
        shop.do(
            "INSERT INTO transactions (account_id, price, method, done_on) VALUES (?, 5, 'card', ?)",
            key,
            str(shop.today),
        )
        shop.do(
            "INSERT INTO ratings (transaction_id, stars, rated_at) "
            "SELECT max(id), 4, ? FROM transactions",
            next(at),
        )


def _disputes(shop: Shop) -> None:
    for key in shop.some("SELECT id FROM accounts", 0.0005):
        shop.do("INSERT INTO disputes (filed_on) VALUES (?)", str(shop.today))
        shop.do(
            "INSERT INTO dispute_parties (dispute_id, account_id, role) "
            "SELECT max(id), ?, 'respondent' FROM disputes",
            key,
        )


# -- the promises, in plain dates ---------------------------------------------------------------


def judge(night: Night) -> None:
    """What the privacy policy, and the law where it is silent, want of this night."""
    accounts = dict(night.rows("accounts"))
    closed = {key: _day(row["closed_at"]) for key, row in accounts.items()}
    features = night.tables["features"]
    simple = (
        ("web_logs", "accessed_at", {"months": 6}, "log"),
        ("searches", "searched_at", {"months": 3}, "search"),
        ("ratings", "rated_at", {"years": 1}, "rating"),
        ("imported_contacts", "obtained_at", {"months": 1}, "import"),
        ("partner_consents", "withdrawn_at", {}, "consent"),
    )
    for key, row in night.rows("transactions"):
        _transaction(night, key, row)
    for table, column, period, name in simple:
        for key, row in night.rows(table):
            day = _day(row[column])
            _end(night, table, key, day and due_after(day, **period), name)
    for table, column, years, name in (
        ("sanctions", "ended_on", 3, "sanction"),
        ("disputes", "settled_on", 10, "dispute"),
    ):
        for key, row in night.rows(table):
            _end(night, table, key, _barred(row[column], years), name)
    for key, row in night.rows("dispute_parties"):
        if row["dispute_id"] not in night.tables["disputes"]:
            night.delete("dispute_parties", key, "party: along with the dispute")
    for key, row in night.rows("feature_data"):
        removed = _day(features[row["feature_id"]]["removed_on"])
        _end(night, "feature_data", key, removed and due_after(removed), "feature data")
    for key in list(night.tables["credentials"]):
        day = closed[key]
        _end(night, "credentials", key, day and due_after(day), "credentials")
    _cookies(night)
    for key, row in accounts.items():
        _account(night, key, row)


def _day(value: object) -> date | None:
    """The day of a local time; None for none, and for what is none."""
    try:
        found = datetime.fromisoformat(str(value or "-")).date()
    except ValueError:
        return None
    return found if found.year >= 1990 else None


def _unreadable(value: object) -> bool:
    return bool(value) and _day(value) is None and not str(value).startswith("0000-00-00")


def _barred(value: object, years: int) -> date | None:
    day = _day(value)
    return day and rolled(due_after(day, years=years), "SE")


def _end(night: Night, table: str, key: int, due: date | None, name: str) -> None:
    if not night.is_due(due):
        night.note(f"{name}: not yet" if due else f"{name}: no date")
    elif night.held(table, key):
        night.note(f"{name}: held")
    else:
        night.delete(table, key, f"{name}: gone")


def _transaction(night: Night, key: int, row: Row) -> None:
    """Seven years after the calendar year in which the financial year (to 30 June) ended."""
    day = date.fromisoformat(row["done_on"])
    ends_in = day.year + 1 if day.month >= 7 else day.year
    if not night.is_due(then(date(ends_in + 1, 1, 1), years=7)):
        night.note("voucher: the books keep it")
        return
    if night.held("transactions", key):
        night.note("voucher: held")
        return
    for rating, found in night.rows("ratings"):
        if found["transaction_id"] == key:
            night.delete("ratings", rating, "rating: along with the voucher")
    night.delete("transactions", key, "voucher: gone")


def _cookies(night: Night) -> None:
    for key, row in night.rows("cookies"):
        made = _day(row["set_at"])
        refused = row["refused_at"]
        is_old = made is not None and night.is_due(due_after(made, months=6))
        if is_old:
            night.delete("cookies", key, "cookie: old")
        elif refused and _local(refused) <= night.now:
            night.delete("cookies", key, "cookie: refused")
        elif refused:
            night.note("cookie: refused later today")


def _local(value: str) -> datetime:
    return datetime.fromisoformat(value).replace(tzinfo=ZoneInfo(ZONE))


def _account(night: Night, key: int, row: Row) -> None:
    service = night.tables["services"][row["service_id"]]
    ends = {"closed": _day(row["closed_at"]), "the service ended": _day(service["ended_on"])}
    known = [day for day in ends.values() if day]
    if _unreadable(row["closed_at"]):
        night.note("account: closed nobody knows when")
        known = []
    reasons = {"demanded": _demanded(night, row)}
    if known:
        first = min(ends, key=lambda name: ends[name] or date.max)
        reasons[first] = _barred(str(min(known)), 3)
        if night.is_due(due_after(min(known))) and not night.held("accounts", key):
            night.change("accounts", key, "account: blocked", access_blocked=1)
    due = [reason for reason, morning in reasons.items() if night.is_due(morning)]
    if not due:
        night.note("account: here")
        return
    if night.held("accounts", key) or _holds_below(night, key):
        night.note("account: held")
        return
    disputes = night.tables["disputes"]
    parties = [found for _, found in night.rows("dispute_parties") if found["account_id"] == key]
    if any(disputes[found["dispute_id"]]["settled_on"] is None for found in parties):
        night.note("account: an open dispute")
        return
    _without_account(night, key)
    for reason in due:
        night.note(f"account: {reason}")
    del night.tables["accounts"][key]


def _demanded(night: Night, row: Row) -> date | None:
    demanded, known = _day(row["erasure_demanded_at"]), _day(row["authenticated_at"])
    if demanded and not known:
        night.note("account: a demand of somebody unknown")
    return due_after(max(demanded, known)) if demanded and known else None


def _holds_below(night: Night, account: int) -> bool:
    return any(
        night.held("searches", key)
        for key, row in night.rows("searches")
        if row["account_id"] == account
    )


def _without_account(night: Night, account: int) -> None:
    if account in night.tables["credentials"]:
        night.delete("credentials", account, "credentials: along with the account")
    for table in ("searches", "partner_consents", "feature_data", "dispute_parties"):
        for key, row in night.rows(table):
            if row["account_id"] == account:
                night.delete(table, key, f"{table}: along with the account")
    for table in ("transactions", "sanctions"):
        for key, row in night.rows(table):
            if row["account_id"] == account:
                night.change(table, key, f"{table}: no longer names its account", account_id=None)


OUTCOMES = """
    log: gone; log: not yet; search: gone; rating: gone; import: gone; import: no date; consent: gone
    consent: no date; sanction: gone; dispute: gone; dispute: no date; feature data: gone
    credentials: gone; voucher: the books keep it; voucher: gone; rating: along with the voucher
    cookie: old; cookie: refused; cookie: refused later today; party: along with the dispute
    account: here; account: held; account: blocked; account: an open dispute; account: the service ended
    account: demanded; account: closed; account: a demand of somebody unknown
    account: closed nobody knows when; transactions: no longer names its account
"""
