"""Forecasts against previews, against plain Python, and as a person sees them."""

from __future__ import annotations

import os
import random
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from project import Project

from retention.answers.charts import Screen, bars, forecast_text
from retention.answers.forecast import Asked, Outlook
from retention.policies.parse import parse_policy

GOLDEN = Path(__file__).parent / "golden"
UPDATE = os.environ.get("RETENTION_UPDATE_GOLDEN") == "1"
AT = datetime(2026, 11, 22, 2, 30, tzinfo=UTC)
WEEKS = 9

CLOCKS = """
[rules.visits]
table = "visits"
start = "seen_at"
delete_after = "90 days"
[rules.letters]
table = "letters"
start = "sent"
counted_from = "end of quarter"
delete_after = "1 month"
[rules.notes]
table = "notes"
start = { latest_of = ["written", "closed"] }
anonymize_after = "6 weeks"
[rules.notes.anonymize]
body = "null"
"""


def moments(chance: random.Random, count: int) -> list[datetime]:
    """Instants around the last year, some of them at midnight."""
    found = [AT - timedelta(minutes=chance.randrange(-20 * 1440, 380 * 1440)) for _ in range(count)]
    return [item.replace(hour=0, minute=0) if chance.random() < 0.3 else item for item in found]


def maybe(chance: random.Random, text: str) -> str:
    """The text as SQL, or now and then NULL."""
    return "NULL" if chance.random() < 0.1 else f"'{text}'"


def filled(project: Project, seed: int) -> None:
    """Three tables with random dates: a timestamp, a date, and two columns of text."""
    chance = random.Random(seed)
    project.sql(
        "CREATE TABLE visits (id INTEGER PRIMARY KEY, seen_at TIMESTAMP NULL)",
        "CREATE TABLE letters (id INTEGER PRIMARY KEY, sent DATE)",
        "CREATE TABLE notes (id INTEGER PRIMARY KEY, written VARCHAR(40), closed VARCHAR(40),"
        " body VARCHAR(40))",
    )
    for number, moment in enumerate(moments(chance, 60)):
        stamp, day = f"{moment:%Y-%m-%d %H:%M:%S}", f"{moment:%Y-%m-%d}"
        later = f"{moment + timedelta(days=chance.randrange(40)):%Y-%m-%dT%H:%M:%SZ}"
        body = maybe(chance, "hello")
        project.sql(
            f"INSERT INTO visits VALUES ({number}, {maybe(chance, stamp)})",
            f"INSERT INTO letters VALUES ({number}, {maybe(chance, day)})",
            f"INSERT INTO notes VALUES ({number}, {maybe(chance, day)}, {maybe(chance, later)},"
            f" {body})",
        )


def forecast(project: Project, *more: str) -> dict[str, list[int]]:
    """`forecast --json`: for each rule and action the rows of now and of each week."""
    arguments = ("--weeks", str(WEEKS), "--at", AT.isoformat(), "--json", *more)
    outcome = project.run("forecast", *arguments)
    assert outcome.code == 0, outcome.err + outcome.out
    return {
        f"{found['rule']} {found['action']}": [found["now"], *found["weeks"]]
        for found in outcome.json["rules"]
    }


@pytest.mark.parametrize("seed", [1, 2])
def test_weeks_add_up_to_the_previews_at_their_ends(project: Project, seed: int) -> None:
    """Where only clocks decide, now and the weeks up to an instant are what a plan finds then."""
    filled(project, seed)
    project.policy(CLOCKS, zone="Europe/Oslo")
    found = forecast(project)
    assert set(found) == {"visits delete", "letters delete", "notes anonymize"}
    for week in (0, 3, 6, WEEKS):
        plan = project.plan((AT + timedelta(weeks=week)).isoformat())
        assert {name: sum(counts[: week + 1]) for name, counts in found.items()} == {
            name: plan[name]["due"] for name in found
        }


def test_a_row_counts_where_it_acts_first(project: Project) -> None:
    """Two deletions and a masking of one table: a row is deleted once, and not masked after it."""
    project.sql(
        "CREATE TABLE people (id INTEGER PRIMARY KEY, a DATE, b DATE, c DATE, name VARCHAR(9))"
    )
    project.policy("""
[rules.first]
table = "people"
start = "a"
delete_after = "30 days"
[rules.second]
table = "people"
start = "b"
delete_after = "30 days"
[rules.masks]
table = "people"
start = "c"
anonymize_after = "30 days"
[rules.masks.anonymize]
name = "null"
""")
    chance = random.Random(5)
    expected = {
        name: Counter[int]() for name in ("first delete", "second delete", "masks anonymize")
    }
    for number in range(80):
        days = [AT.date() - timedelta(days=chance.randrange(-40, 50)) for _ in "abc"]
        texts = ", ".join(f"'{day}'" for day in days)
        project.sql(f"INSERT INTO people VALUES ({number}, {texts}, 'x')")
        first, second, masks = (week_of(day) for day in days)
        if first <= second and first <= WEEKS:
            expected["first delete"][first] += 1
        elif second <= WEEKS:
            expected["second delete"][second] += 1
        if masks < min(first, second) and masks <= WEEKS:
            expected["masks anonymize"][masks] += 1
    assert forecast(project) == {
        name: [counts[week] for week in range(WEEKS + 1)] for name, counts in expected.items()
    }


def week_of(start: date) -> int:
    """The first week by whose end a row with that start is due after 30 days (0: now)."""
    due = datetime(start.year, start.month, start.day, tzinfo=UTC) + timedelta(days=31)
    return max(0, -((AT - due) // timedelta(weeks=1)))


def test_stops_are_not_counted_in_and_the_screen_says_so(project: Project) -> None:
    """A floor, a block and an `unless` change nothing in a forecast; it says that it ignores them."""
    project.sql(
        "CREATE TABLE people (id INTEGER PRIMARY KEY, gone DATE, pinned INTEGER)",
        "CREATE TABLE bills (id INTEGER PRIMARY KEY, person INTEGER REFERENCES people (id))",
        "INSERT INTO people VALUES (1, '2026-01-01', 1), (2, '2026-01-01', 0), (3, '2026-01-01', 0)",
        "INSERT INTO bills VALUES (1, 2)",
    )
    project.policy("""
[rules.people]
table = "people"
start = "gone"
delete_after = "30 days"
unless = { "pinned" = "pinned = 1" }
[rules.law]
table = "people"
where = "id = 3"
keep_at_least = "forever"
[references]
"bills.person" = { to = "people.id", then = "block" }
""")
    assert project.plan(AT.isoformat())["people delete"]["due"] == 0
    assert forecast(project)["people delete"] == [3, *[0] * WEEKS]
    shown = project.run("forecast", "--at", AT.isoformat()).out
    assert "holds, floors and blocks are not counted in" in shown


def test_conditions_ages_and_masked_rows(project: Project) -> None:
    """A condition without a clock is due now or never; children grow up; masked rows stay out."""
    project.sql(
        "CREATE TABLE imports (id INTEGER PRIMARY KEY, state VARCHAR(9))",
        "INSERT INTO imports VALUES (1, 'failed'), (2, 'failed'), (3, 'fine')",
        "CREATE TABLE pupils (id INTEGER PRIMARY KEY, born DATE, seen DATE)",
        "INSERT INTO pupils VALUES (1, '2020-01-01', '2026-11-01'),"
        " (2, '2013-12-01', '2026-11-01'), (3, '2013-12-20', '2026-11-01')",
        "CREATE TABLE mails (id INTEGER PRIMARY KEY, sent DATE, body VARCHAR(9))",
        "INSERT INTO mails VALUES (1, '2026-01-01', NULL), (2, '2026-01-01', 'x')",
    )
    project.policy("""
[rules.imports]
table = "imports"
delete_when = "state = 'failed'"
[rules.pupils]
table = "pupils"
start = "seen"
delete_after = "35 days"
only_if = { younger_than = { column = "born", years = 13 } }
[rules.mails]
table = "mails"
start = "sent"
anonymize_after = "30 days"
[rules.mails.anonymize]
body = "null"
""")
    found = forecast(project)
    assert found["imports delete"] == [2, *[0] * WEEKS]
    assert found["mails anonymize"] == [1, *[0] * WEEKS]
    assert found["pupils delete"] == [0, 0, 0, 2, *[0] * (WEEKS - 3)]


def test_a_required_value_may_lie_ahead(project: Project) -> None:
    """A clock that also requires a later value starts once that has come, as a plan finds then."""
    project.sql(
        "CREATE TABLE log (id INTEGER PRIMARY KEY, seen DATE, closed DATE)",
        "INSERT INTO log VALUES (1, '2025-01-01', '2026-01-01'), (2, '2025-01-01', '2026-12-12'),"
        " (3, '2025-01-01', NULL)",
    )
    project.policy("""
[rules.log]
table = "log"
start = "seen"
requires = ["closed"]
counted_from = "end of year"
delete_after = "1 month"
""")
    found = forecast(project)["log delete"]
    assert found == [1, 0, 0, 1, *[0] * (WEEKS - 3)]
    for week in (2, 3):
        plan = project.plan((AT + timedelta(weeks=week)).isoformat())
        assert plan["log delete"]["due"] == sum(found[: week + 1])


def test_rules_are_chosen_and_unknown_ones_refused(project: Project) -> None:
    """`--rule` leaves one rule; a rule that does not exist ends with 2."""
    filled(project, 3)
    project.policy(CLOCKS)
    assert set(forecast(project, "--rule", "letters")) == {"letters delete"}
    assert project.run("forecast", "--rule", "postcards").code == 2


def example() -> tuple[Asked, list[Outlook]]:
    """A forecast of 26 weeks with a slope, a spike and a rule under which nothing is due."""
    policy = parse_policy("""
timezone = "Europe/Oslo"
[databases.shop]
url = "sqlite:///shop.db"
[ledger]
url = "sqlite:///ledger.db"
""")
    asked = Asked(policy, "policies.toml", AT, 26)
    slope = tuple(max(0, 90 - 11 * week) for week in range(26))
    spike = tuple(1_234_567 if week == 6 else 0 for week in range(26))
    return asked, [
        Outlook("shop", "access-log", "delete", "access_log", 2188, slope),
        Outlook("shop", "bookkeeping", "delete", "invoices", 0, spike),
        Outlook("shop", "a-rule-with-a-long-name", "anonymize", "tickets", 7, (0,) * 26),
    ]


@pytest.mark.parametrize(("width", "plain"), [(60, False), (100, False), (60, True)])
def test_the_screen_is_as_it_was_looked_at(width: int, plain: bool) -> None:
    """One forecast at 60 and 100 columns, and in ASCII; no line is wider than the terminal."""
    text = forecast_text(*example(), Screen(width, plain)) + "\n"
    file = GOLDEN / f"forecast-{width}{'-plain' if plain else ''}.txt"
    if UPDATE:
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")
    assert max(map(len, text.splitlines())) <= width
    assert text.isascii() or not plain


def test_weeks_share_a_bar_where_the_terminal_is_narrow() -> None:
    """104 weeks on 60 columns: two weeks a bar, and nothing is lost."""
    asked, (first, *_) = example()
    long = Asked(asked.policy, asked.file, AT, 104)
    outlook = Outlook("shop", "log", "delete", "log", 0, first.weeks * 4)
    text = forecast_text(long, [outlook], Screen(60, False))
    assert "each bar is 2 weeks" in text
    assert max(map(len, text.splitlines())) <= 60


def test_bars_show_the_smallest_and_the_highest() -> None:
    """One row is seen beside a million, and nothing is not a bar."""
    assert bars((0, 1, 1_000_000), Screen(80, False)) == "·▁█"
    assert bars((0, 1, 1_000_000), Screen(80, True)) == "_.@"
    assert bars((0, 0), Screen(80, True)) == "__"
