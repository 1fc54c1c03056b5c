"""A year at the marketplace: a cancelled account goes that night, and only required law keeps."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from plain_dates import due_after, plus, year_end
from year import (
    AT,
    Key,
    Night,
    Row,
    Shop,
)

PROMISES = "004_07f82f1a33d7d8cc.txt"

ZONE = ZoneInfo("Europe/Istanbul")
ENDS = {
    "cancelled_at": "account cancelled",
    "erasure_granted_at": "request granted",
    "service_ended_at": "service ended",
}
CHILDREN = ("profile_history", "enquiries", "cookies", "fraud_flags")
SURVIVORS = ("service_log", "subscriptions", "invoices", "erasure_requests")
OUTCOMES = """
    account cancelled; account cancelled, typed in days later; service stopped; service ended
    request granted; nobody came for two years; silent, not warned; old value; answered
    unanswered, gone with its member; log: device; log: a year; log: a member less
    cookie rejected; cookie unused; consent withdrawn; proof of consent no longer required
    never consented; books; books: never settled; flag; who asked; register; held; no date
    unreadable; still to come
"""


# -- the business by day --------------------------------------------------------------------------


def at(shop: Shop, days: int = 0, hour: int = 14) -> str:
    """A moment of today, or of a day before it, with Turkey's offset."""
    return f"{shop.today - timedelta(days=days)}T{hour:02}:{shop.chance.randrange(60):02}:00+03:00"


def members_come_and_go(shop: Shop) -> None:
    """Sign-ups, log-ins, warnings, cancellations by phone, the end of a service."""
    number = shop.rows("SELECT max(id) FROM members")[0][0] or 0
    if shop.chance.random() < 0.3:
        shop.do(
            "INSERT INTO members (company_name, contact_name, email, registered_at, last_login_at)"
            " VALUES ('Yeni Ticaret', 'Yeni Üye', ?, ?, ?)",
            f"yeni{number}-{shop.today}@example.com",
            at(shop, hour=10),
            at(shop, hour=11),
        )
    for key in shop.some("SELECT id FROM members WHERE warned_at IS NULL", 0.02):
        shop.do("UPDATE members SET last_login_at = ? WHERE id = ?", at(shop), key)
    nearly = str(shop.today - timedelta(days=700))
    silent = (
        "SELECT id FROM members WHERE warned_at IS NULL AND id % 4 <> 0"
        f" AND coalesce(last_login_at, registered_at) < '{nearly}'"
    )
    for key in shop.some(silent, 0.5):
        shop.do("UPDATE members SET warned_at = ? WHERE id = ?", at(shop), key)
    for key in shop.some("SELECT id FROM members WHERE cancelled_at IS NULL", 0.002):
        leave(shop, key, "cancelled_at", shop.chance.choice((-1, 0, 2)))
    for key in shop.some("SELECT id FROM members WHERE service_ended_at IS NULL", 0.0006):
        leave(shop, key, "service_ended_at", 0)
    if (shop.today.month, shop.today.day) == (6, 10):
        shop.do("UPDATE members SET cancelled_at = ? WHERE cancelled_at = 'iptal edildi'", at(shop))


def leave(shop: Shop, key: Key, column: str, days: int) -> None:
    """The call came so many days before an agent types it in; consent ends with the account."""
    # -1: tomorrow, after midnight and before the night's run
    moment = at(shop, days, 1 if days < 0 else shop.chance.choice((0, 9, 23)))
    shop.do(
        f"UPDATE members SET {column} = ?, cancel_entered = ? WHERE id = ?", moment, at(shop), key
    )
    shop.do(
        "UPDATE subscriptions SET withdrawn_at = ? WHERE member_id = ? AND withdrawn_at IS NULL",
        moment,
        key,
    )


def letters_come_and_are_answered(shop: Shop) -> None:
    """Questions of members and of others; some are answered, some asked again."""
    for _ in range(shop.chance.randrange(3)):
        shop.do(
            "INSERT INTO enquiries (member_id, sender, email, body, received_at)"
            " VALUES ((SELECT id FROM members ORDER BY id % ?, id LIMIT 1), 'S', 's', '?', ?)",
            shop.chance.randrange(2, 9),
            at(shop),
        )
        key = shop.rows("SELECT max(id) FROM enquiries")[0][0]
        shop.do("INSERT INTO attachments (enquiry_id, file_name) VALUES (?, 'ek.pdf')", key)
    for key in shop.some("SELECT id FROM enquiries WHERE answered_at IS NULL", 0.2):
        shop.do("UPDATE enquiries SET answered_at = ? WHERE id = ?", at(shop), key)
    for key in shop.some("SELECT id FROM enquiries WHERE answered_at < '2030'", 0.005):
        shop.do("UPDATE enquiries SET answered_at = NULL WHERE id = ?", key)
    for key in shop.some("SELECT id FROM members WHERE fax IS NOT NULL", 0.01):
        shop.do("UPDATE members SET fax = NULL WHERE id = ?", key)
        shop.do(
            "INSERT INTO profile_history (member_id, field, old_value, changed_at)"
            " VALUES (?, 'fax', '0224', ?)",
            key,
            at(shop),
        )


def visits(shop: Shop) -> None:
    """Lines of the log; cookies that come, come back, and are rejected."""
    someone = shop.some("SELECT id FROM members", 0.03)
    for member in [*someone, None]:
        moment = datetime.fromisoformat(at(shop, hour=shop.chance.choice((0, 13, 23))))
        shop.do(
            "INSERT INTO service_log (member_id, logged_at, ip, action, device_model)"
            " VALUES (?, ?, '203.0.113.7', 'click', 'Yunus 3')",
            member,
            int(moment.timestamp()),
        )
    if shop.chance.random() < 0.5:
        token, moment = f"{shop.chance.getrandbits(64):016x}", f"{shop.today} 09:00:00"
        shop.do(
            "INSERT INTO cookies (token, first_seen_at, last_seen_at) VALUES (?, ?, ?)",
            token,
            moment,
            moment,
        )
    for key in shop.some("SELECT id FROM cookies", 0.004):
        shop.do("UPDATE cookies SET last_seen_at = ? WHERE id = ?", f"{shop.today} 23:59:59", key)
    for key in shop.some("SELECT id FROM cookies", 0.002):
        shop.do("UPDATE cookies SET rejected_at = ? WHERE id = ?", f"{shop.today} 12:00:00", key)


def agreements_and_requests(shop: Shop) -> None:
    """Consents given, imported without, withdrawn; flags; requests, decided some days later."""
    if shop.chance.random() < 0.2:
        given = None if shop.chance.random() < 0.2 else at(shop)
        shop.do(
            "INSERT INTO subscriptions (channel, address, interests, created_at, consented_at)"
            " VALUES ('sms', '0532', 'mermer', ?, ?)",
            at(shop),
            given,
        )
    for key in shop.some("SELECT id FROM subscriptions WHERE withdrawn_at IS NULL", 0.004):
        shop.do("UPDATE subscriptions SET withdrawn_at = ? WHERE id = ?", at(shop), key)
    for key in shop.some("SELECT id FROM members", 0.001):
        flag = "INSERT INTO fraud_flags (member_id, reason, raised_at) VALUES (?, '?', ?)"
        shop.do(flag, key, at(shop))
    for key in shop.some("SELECT id FROM members", 0.001):
        shop.do(
            "INSERT INTO erasure_requests (member_id, ground, requester, received_at)"
            " VALUES (?, 1, 'biri', ?)",
            key,
            at(shop),
        )
    for request in shop.some("SELECT id FROM erasure_requests WHERE decided_at IS NULL", 0.08):
        decision = shop.chance.choice(("granted", "refused"))
        shop.do(
            "UPDATE erasure_requests SET decided_at = ?, decision = ? WHERE id = ?",
            at(shop),
            decision,
            request,
        )
        member = shop.rows("SELECT member_id FROM erasure_requests WHERE id = ?", request)[0][0]
        if decision == "granted" and member is not None:
            shop.do("UPDATE members SET erasure_granted_at = ? WHERE id = ?", at(shop), member)


def courts(shop: Shop) -> None:
    """Every other month a court wants a member, or a letter, to stay for six weeks."""
    table = "members" if shop.today.month % 4 else "enquiries"
    if shop.today.day == 3 and shop.today.month % 2 == 0:
        key = shop.chance.choice(shop.rows(f"SELECT id FROM {table} WHERE id > 20"))[0]
        shop.hold(table, key)
        member = key
        if table == "enquiries":
            member = shop.rows("SELECT member_id FROM enquiries WHERE id = ?", key)[0][0]
        leave(shop, member, "cancelled_at", 0)
    if shop.today.day == 17 and shop.today.month % 2 == 1 and shop.holds:
        shop.release(*next(iter(shop.holds)))


def live(shop: Shop) -> None:
    """One day of the business."""
    members_come_and_go(shop)
    letters_come_and_are_answered(shop)
    visits(shop)
    agreements_and_requests(shop)
    courts(shop)


# -- what the sentences say of every row ----------------------------------------------------------


def unreadable(night: Night, value: object) -> bool:
    """There is something, and it is no day; a day in the far future is one."""
    text = str(value or "").strip()
    return bool(text) and not text.startswith(("0000-00-00", "9999")) and night.day(value) is None


def dated(night: Night, value: object) -> date | None:
    """The past day of one column; notes why there is none, or none yet."""
    day = night.day(value)
    if unreadable(night, value):
        night.note("unreadable")
    elif str(value or "").startswith("9999") or (day is not None and day > night.today):
        night.note("still to come")
        return None
    elif day is None:
        night.note("no date")
    return day


def epoch_day(value: int | None) -> date | None:
    """The Turkish day of seconds since 1970; zero and below are no date."""
    return datetime.fromtimestamp(value, ZONE).date() if value and value > 0 else None


def end_of_account(night: Night, key: Key, row: Row) -> str | None:
    """Why the member goes tonight; None: it stays."""
    ends = {name: row[name] for name in ENDS}
    if not any(unreadable(night, value) for value in ends.values()):
        for name, value in ends.items():
            day = dated(night, value)
            if day is not None and night.is_due(due_after(day)):
                entered = (name == "cancelled_at" and row["cancel_entered"]) or ""
                late = entered[:10] > str(value)[:10]
                return ENDS[name] + (", typed in days later" if late else "")
    return "nobody came for two years" if silent(night, row) else None


def silent(night: Night, row: Row) -> bool:
    """Two years without a log-in, and warned."""
    columns = ("registered_at", "last_login_at", "warned_at")
    if any(unreadable(night, row[name]) for name in columns):
        night.note("unreadable")
        return False
    days = [day for name in columns[:2] if (day := night.day(row[name])) is not None]
    over = bool(days) and night.is_due(due_after(max(days), years=2))
    warned = night.day(row["warned_at"])
    if over and warned is None:
        night.note("silent, not warned")
    return over and warned is not None and warned <= night.today


def judge_members(night: Night) -> None:
    """Whoever cancelled is gone, with all that no law requires; what it requires is nobody's."""
    for key, row in night.rows("members"):
        why = end_of_account(night, key, row)
        if why is None:
            judge_service(night, key, row)
            continue
        letters = [letter for letter, found in night.rows("enquiries") if found["member_id"] == key]
        if night.held("members", key) or any(night.held("enquiries", one) for one in letters):
            night.note("held")
            judge_service(night, key, row)
            continue
        for table in CHILDREN:
            for child, found in night.rows(table):
                if found["member_id"] == key and table == "enquiries":
                    gone = "answered" if night.day(found["answered_at"]) else "unanswered"
                    delete_letter(night, child, f"{gone}, gone with its member")
                elif found["member_id"] == key:
                    night.delete(table, child, f"{table}: gone with its member")
        for table in SURVIVORS:
            for child, found in night.rows(table):
                if found["member_id"] == key:
                    told = "log: a member less" if table == "service_log" else f"{table} stays"
                    night.change(table, child, told, member_id=None)
        night.delete("members", key, why)


def judge_service(night: Night, key: Key, row: Row) -> None:
    """No service from the very moment on at which the account ended."""
    ends = [row[name] for name in ENDS]
    now = datetime.combine(night.today, AT, ZONE)
    if night.held("members", key) or any(unreadable(night, value) for value in ends):
        return
    if any(night.day(value) and datetime.fromisoformat(value) <= now for value in ends):
        night.change("members", key, "service stopped", service_stopped=1)


def delete_letter(night: Night, key: Key, why: str) -> None:
    """An enquiry goes with what was attached to it."""
    for child, found in night.rows("attachments"):
        if found["enquiry_id"] == key:
            night.delete("attachments", child, "attachment")
    night.delete("enquiries", key, why)


def judge_letters(night: Night) -> None:
    """30 days after the answer; old values at the end of the day."""
    for key, row in night.rows("enquiries"):
        day = dated(night, row["answered_at"])
        if day is None or not night.is_due(due_after(day, days=30)):
            continue
        if night.held("enquiries", key):
            night.note("held")
        else:
            delete_letter(night, key, "answered")
    for key, row in night.rows("profile_history"):
        day = dated(night, row["changed_at"])
        if day is not None and night.is_due(due_after(day)):
            night.delete("profile_history", key, "old value")


def judge_logs(night: Night) -> None:
    """The device goes after 90 days, the line after the year the law requires; cookies by use."""
    for key, row in night.rows("service_log"):
        day = epoch_day(row["logged_at"])
        if day is None:
            night.note("no date")
        elif night.is_due(due_after(day, years=1)):
            night.delete("service_log", key, "log: a year")
        elif night.is_due(due_after(day, days=90)):
            nothing = dict.fromkeys(("device_model", "os_version", "operator"))
            night.change("service_log", key, "log: device", **nothing)
    for key, row in night.rows("cookies"):
        used = dated(night, row["last_seen_at"] and row["last_seen_at"][:10])
        if row["rejected_at"]:
            night.delete("cookies", key, "cookie rejected")
        elif used is not None and night.is_due(due_after(used, months=6)):
            night.delete("cookies", key, "cookie unused")


def judge_agreements(night: Night) -> None:
    """Without consent it goes; withdrawn, the interests go, and the proof after three years."""
    for key, row in night.rows("subscriptions"):
        if row["consented_at"] is None:
            made = night.day(row["created_at"])
            if made is not None and night.is_due(due_after(made)):
                night.delete("subscriptions", key, "never consented")
            continue
        day = dated(night, row["withdrawn_at"])
        if day is None:
            continue
        if night.is_due(due_after(day, years=3)):
            night.delete("subscriptions", key, "proof of consent no longer required")
        elif night.is_due(due_after(day)):
            night.change("subscriptions", key, "consent withdrawn", interests=None)


def judge_books(night: Night) -> None:
    """Ten years after the calendar year, settled or not; flags after one; requests after three."""
    for key, row in night.rows("invoices"):
        day = dated(night, row["issued_on"])
        if day is not None and night.is_due(plus(year_end(day), years=10)):
            told = "books" if row["settled_on"] else "books: never settled"
            night.delete("invoices", key, told)
    for key, row in night.rows("fraud_flags"):
        day = dated(night, row["raised_at"])
        if day is not None and night.is_due(due_after(day, years=1)):
            night.delete("fraud_flags", key, "flag")
    for key, row in night.rows("erasure_requests"):
        day = dated(night, row["decided_at"])
        if day is not None and night.is_due(due_after(day, years=3)):
            night.delete("erasure_requests", key, "register")
        elif day is not None and night.is_due(due_after(day, days=30)):
            night.change("erasure_requests", key, "who asked", requester=None)


def judge(night: Night) -> None:
    """Every row of every table, as the sentences have it."""
    judge_members(night)
    judge_letters(night)
    judge_logs(night)
    judge_agreements(night)
    judge_books(night)
