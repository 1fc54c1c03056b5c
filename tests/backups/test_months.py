"""Monthly keys: shown, kept while a copy may need them, destroyed with their tokens."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from copies import back_up
from hypothesis import given
from hypothesis import strategies as st
from project import Project
from shops import CUSTOMERS, NIGHT, REFERENCES, customers, ledger_of, shop

from retention.backups.reapplying.months import (
    KeyMonth,
    Owed,
    destroy_months,
    destroyable,
    gone_until,
)
from retention.ledger.keys import KeyFolder

NAMES = [f"20{year}-{month:02d}" for year in (25, 26) for month in range(1, 13)]
PRESENT = datetime(2026, 11, 22, tzinfo=UTC)


def end_of(month: str) -> datetime:
    """The first instant after a month, told by the calendar alone."""
    day = datetime.fromisoformat(f"{month}-28T00:00:00+00:00")
    while day.strftime("%Y-%m") == month:
        day += timedelta(days=1)
    return day


@given(
    st.lists(
        st.tuples(st.sampled_from(NAMES), st.sets(st.sampled_from("abc"))), unique_by=lambda m: m[0]
    ),
    st.dictionaries(
        st.sampled_from("abc"), st.datetimes(datetime(2024, 12, 1), datetime(2027, 1, 1))
    ),
)
def test_a_key_goes_only_when_no_copy_is_older_than_the_end_of_its_month(
    months: list[tuple[str, set[str]]], confirmed: dict[str, datetime]
) -> None:
    """Every database it speaks of is confirmed up to the month's end, and the month is over."""
    gone_until = {name: at.replace(tzinfo=UTC) for name, at in confirmed.items()}
    kept = [KeyMonth(month, True, None, 1, 0, databases) for month, databases in months]
    chosen = destroyable(kept, gone_until, PRESENT)
    for found in kept:
        over = end_of(found.month) <= PRESENT
        confirmed_all = all(
            name in gone_until and gone_until[name] >= end_of(found.month)
            for name in found.databases
        )
        assert (found.month in chosen) == (over and confirmed_all)


@given(
    st.lists(
        st.builds(
            Owed,
            st.sampled_from(["nightly", "weekly"]),
            st.sampled_from("ab"),
            st.integers(1, 6).map(lambda day: datetime(2026, 1, day, tzinfo=UTC)),
            st.booleans(),
        )
    )
)
def test_a_database_is_free_of_copies_up_to_what_every_set_has_confirmed(owed: list[Owed]) -> None:
    """At that instant every set has confirmed something as late, and owes nothing as early."""
    found = gone_until(owed)
    for database in "ab":
        own = [one for one in owed if one.database_id == database]
        sets = {one.backups for one in own}
        free = [
            one.at
            for one in own
            if all(
                any(
                    o.confirmed and o.at >= one.at
                    for o in own
                    if o.backups == name and early(own, o)
                )
                for name in sets
            )
        ]
        assert found.get(database) == max(free, default=None)


def early(own: list[Owed], one: Owed) -> bool:
    """Nothing that its set still owes is as early."""
    return not any(o.backups == one.backups and not o.confirmed and o.at <= one.at for o in own)


def test_keys_are_listed_and_destroyed_with_their_tokens(project: Project) -> None:
    """Without a confirmed listing nothing goes; with one the tokens go, and the chain stays whole."""
    shop(project)
    project.night(NIGHT)
    ledger, keys = ledger_of(project), KeyFolder(project.folder / "ledger.db-keys")
    (month,) = project.run("ledger", "keys", "--json").json["months"]
    assert month["linkable"]
    assert month["tokens"] == 10 + 20 + 4
    later = end_of(month["month"]) + timedelta(days=40)
    (database_id,) = ledger.databases()
    assert destroy_months(ledger, keys, {}, later) == []
    assert destroy_months(ledger, keys, {"another": later}, later) == []
    assert destroy_months(ledger, keys, {database_id: later}, later) == [month["month"]]
    assert "destroyed on" in project.run("ledger", "keys").out
    assert keys.months() == []
    assert project.run("ledger", "verify").code == 0


def test_a_lost_key_leaves_the_rules_and_says_so(project: Project) -> None:
    """Rules that stand erase again; what only tokens would reach is told, not done."""
    shop(project)
    restore = back_up(project)
    project.night(NIGHT)
    (month,) = project.run("ledger", "keys", "--json").json["months"]
    (project.folder / "ledger.db-keys" / month["month"]).unlink()
    assert "KEY LOST" in project.run("ledger", "keys").out
    restore()
    project.policy(CUSTOMERS + REFERENCES)
    done = project.run("backups", "reapply")
    assert done.code == 0, done.out + done.err
    assert f"the key of {month['month']} is gone" in done.out
    assert "tickets" in done.out
    assert customers(project) == set(range(2, 21, 2))
