"""The catalogue of statutes: complete, usable by the calendar, searchable, and strict when read."""

from __future__ import annotations

import csv
import re
from datetime import date, timedelta
from importlib.resources import files
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from retention.policies.calendar import CountedFrom, FinancialYears, Stage, Term, local_day
from retention.policies.period import parse_period
from retention.policies.statutes import Statute, StatuteKind, parse_catalogue, search

TEXT = files("retention.policies").joinpath("statutes.toml").read_text(encoding="utf-8")
CATALOGUE = parse_catalogue(TEXT)
ROWS_FILE = Path(__file__).parents[3] / "shared" / "data" / "statutes.csv"
ROWS = (
    list(csv.DictReader(ROWS_FILE.read_text(encoding="utf-8").splitlines()))
    if ROWS_FILE.exists()
    else []
)
KINDS = {
    "min_retention": "minimum",
    "min_retention+max_retention": "minimum",
    "min_retention then erase": "minimum",
    "max_retention": "maximum",
}
WITH_PERIOD = [statute for statute in CATALOGUE.values() if statute.period is not None]
ENTRY = {
    "jurisdiction": '"NO"',
    "act": '"An act"',
    "title": '"Claims"',
    "kind": '"limitation"',
    "period": '"3 years"',
    "starts": '"the due date"',
    "binds": '"creditors"',
    "confidence": '"high"',
}


def catalogue_of(**keys: str | None) -> str:
    """A catalogue of one entry, with some keys changed, added, or left out (None)."""
    lines = [f"{key} = {value}" for key, value in {**ENTRY, **keys}.items() if value is not None]
    return "\n".join(["as_of = 2026-11-21", '[statutes."no.some.claim"]', *lines])


def due(statute: str, start: str, zone: str, years: str = "01-01") -> date:
    """The local day on which a row with that start is due under a statute."""
    found = CATALOGUE[statute]
    term = Term((stage_of(found),), ZoneInfo(zone), FinancialYears.starting(years))
    instant = term.due_at(date.fromisoformat(start))
    assert instant is not None
    return local_day(instant, term.zone)


def stage_of(statute: Statute, country: str = "SE") -> Stage:
    """The statute as a stage of the calendar, in a policy of `country`."""
    assert statute.period is not None
    roll = statute.country or country if statute.rolls else None
    return Stage(statute.period, statute.counted_from, roll)


# ── The entries ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.skipif(not ROWS, reason="the researched rows are not beside this repository")
def test_every_researched_row_is_in_the_catalogue() -> None:
    """The catalogue has the rows' ids, and no others."""
    assert set(CATALOGUE) == {row["id"] for row in ROWS}


@pytest.mark.parametrize("row", ROWS, ids=[row["id"] for row in ROWS])
def test_an_entry_says_what_its_row_says(row: dict[str, str]) -> None:
    """Jurisdiction, act, section, period and kind are the researched ones."""
    statute = CATALOGUE[row["id"]]
    written = row["period_iso8601"]
    kind = row["notes"].removeprefix("kind=").split(";")[0].strip()
    assert statute.jurisdiction == row["jurisdiction"]
    assert row["act"] in (statute.act, "same")
    assert statute.section == row["section"].removeprefix("-")
    assert statute.period == (parse_period(written) if written else None)
    assert statute.kind == KINDS.get(kind, kind)


@pytest.mark.parametrize("row", ROWS, ids=[row["id"] for row in ROWS])
def test_an_entry_claims_no_more_confidence_than_its_row(row: dict[str, str]) -> None:
    """Of mixed wording the lower word counts, and what is open or pending is never high."""
    words = ["high", "medium", "low"]
    rank = words.index(CATALOGUE[row["id"]].confidence)
    assert rank >= max(words.index(word) for word in words if word in row["confidence"])
    if "open" in row["confidence"] or "pending" in row["confidence"]:
        assert rank > 0


def test_no_id_is_written_twice() -> None:
    """TOML refuses the second, and the sentence says so."""
    with pytest.raises(ValueError, match=r"not valid TOML.*no\.limitation\.general"):
        parse_catalogue(TEXT + '\n[statutes."no.limitation.general"]\n')


@pytest.mark.parametrize("statute", CATALOGUE.values(), ids=list(CATALOGUE))
def test_an_id_begins_with_its_country(statute: Statute) -> None:
    """`no.limitation.general` is Norwegian; a part of a country counts as the country."""
    assert statute.id.split(".")[0].upper() == statute.jurisdiction.partition("-")[0]
    assert statute.as_of == date(2026, 11, 21)


@pytest.mark.parametrize("statute", WITH_PERIOD, ids=[statute.id for statute in WITH_PERIOD])
@pytest.mark.parametrize("start", [date(2020, 2, 29), date(2024, 12, 31), date(2026, 6, 15)])
def test_every_period_gives_a_working_term(statute: Statute, start: date) -> None:
    """Each has an end after its start, on a day whose holidays are known where it rolls."""
    zone = ZoneInfo("Europe/Oslo")
    instant = Term((stage_of(statute),), zone, FinancialYears.starting("07-01")).due_at(start)
    assert instant is not None
    assert local_day(instant, zone) > start
    if statute.rolls:
        assert (local_day(instant, zone) - timedelta(days=1)).weekday() < 5


@pytest.mark.parametrize("statute", CATALOGUE.values(), ids=list(CATALOGUE))
def test_only_limitations_and_deadlines_in_days_roll(statute: Statute) -> None:
    """A duty to keep ends on a Sunday, too, and hours are elapsed time."""
    if statute.rolls:
        assert statute.kind in (StatuteKind.LIMITATION, StatuteKind.DEADLINE)
        assert statute.period is not None
        assert not statute.period.elapsed


@pytest.mark.parametrize(
    ("statute", "country"),
    [
        ("no.limitation.general", "NO"),
        ("eu.gdpr.request", ""),
        ("uk.vat", "GB"),
        ("uk.limitation.scotland", "GB-SCT"),
        ("us.ca.requests", "US-CA"),
    ],
)
def test_a_country_is_spelled_as_holidays_are_known(statute: str, country: str) -> None:
    """ISO 3166, and nothing for acts of the Union, where the policy's country counts."""
    assert CATALOGUE[statute].country == country


# ── Worked examples ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("statute", "start", "zone", "years", "expected"),
    [
        ("no.bookkeeping.primary", "2024-11-20", "Europe/Oslo", "01-01", "2030-01-01"),
        ("no.bookkeeping.secondary", "2024-11-20", "Europe/Oslo", "07-01", "2029-01-01"),
        # 15 June 2014 is a Sunday, so Monday is the last day.
        ("no.limitation.general", "2011-06-15", "Europe/Oslo", "01-01", "2014-06-17"),
        ("no.limitation.general", "2011-06-16", "Europe/Oslo", "01-01", "2014-06-17"),
        ("se.bookkeeping", "2024-03-01", "Europe/Stockholm", "01-01", "2032-01-01"),
        ("se.bookkeeping", "2008-09-01", "Europe/Stockholm", "07-01", "2017-01-01"),
        ("tr.tax.books", "2014-10-01", "Europe/Istanbul", "01-01", "2020-01-01"),
        ("uk.tax.company", "2011-08-01", "Europe/London", "04-01", "2018-04-01"),
        ("dk.bookkeeping", "1999-05-05", "Europe/Copenhagen", "01-01", "2005-01-01"),
        ("fi.books", "2023-10-10", "Europe/Helsinki", "04-01", "2034-04-01"),
        ("fi.vouchers", "2023-10-10", "Europe/Helsinki", "04-01", "2031-01-01"),
        ("lu.books", "2024-07-07", "Europe/Luxembourg", "01-01", "2035-01-01"),
        # The end of 31 December 2028, a Sunday, and then New Year's Day.
        ("de.limitation.general", "2025-03-03", "Europe/Berlin", "01-01", "2029-01-03"),
        # A month from 30 November 2026 is 30 December, a Wednesday.
        ("eu.gdpr.request", "2026-11-30", "Europe/Stockholm", "01-01", "2026-12-31"),
        # Christmas Eve counts as a holiday in Sweden: a month from 24 November 2026.
        ("eu.gdpr.request", "2026-11-24", "Europe/Stockholm", "01-01", "2026-12-29"),
        ("us.ca.requests.log", "2024-02-29", "America/Los_Angeles", "01-01", "2026-03-01"),
    ],
)
def test_worked_examples(statute: str, start: str, zone: str, years: str, expected: str) -> None:
    """Ends that authorities and commentaries publish, or that a calendar on the wall shows."""
    assert due(statute, start, zone, years) == date.fromisoformat(expected)


# ── Searching ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("words", "country", "some", "others"),
    [
        ("tort", None, {"no.limitation.tort", "uk.limitation.tort"}, {"no.bookkeeping.primary"}),
        ("BOKFORINGSLAG", None, {"se.bookkeeping"}, {"no.bookkeeping.primary"}),
        ("bokføringsloven", None, {"no.bookkeeping.primary"}, {"se.bookkeeping"}),
        ("vergi usul", None, {"tr.tax.books"}, {"tr.social.records"}),
        ("limitation 3 years", "SE", {"se.limitation.consumer"}, {"se.limitation.general"}),
        (None, "no", {"no.child.consent"}, {"se.child.consent", "eu.gdpr.child"}),
        (None, "EU", {"eu.gdpr.child"}, {"no.child.consent"}),
        (None, "GB", {"uk.vat", "uk.limitation.scotland"}, {"us.ca.requests"}),
        ("", "US", {"us.ca.requests", "us.flsa.payroll"}, {"uk.vat"}),
        (None, "US-CA", {"us.ca.requests"}, {"us.flsa.payroll"}),
    ],
)
def test_search_finds_by_word_act_and_country(
    words: str | None, country: str | None, some: set[str], others: set[str]
) -> None:
    """Every word must occur, case and accents aside, in entries of that country."""
    found = {statute.id for statute in search(CATALOGUE, words, country)}
    assert some <= found
    assert not others & found


def test_search_without_words_finds_all_in_order() -> None:
    """Nothing asked for is everything, as the catalogue lists it."""
    assert [statute.id for statute in search(CATALOGUE, None, None)] == list(CATALOGUE)


@pytest.mark.parametrize(("words", "country"), [("xyzzy", None), (None, "ZZ"), (None, "")])
def test_search_may_find_nothing(words: str | None, country: str | None) -> None:
    """An unknown word, or no such country, is an empty list."""
    assert search(CATALOGUE, words, country) == []


# ── Malformed entries ─────────────────────────────────────────────────────────────────────────


def test_a_whole_entry_is_read() -> None:
    """Every key has its place, and those left out their plain value."""
    keys = {"counted_from": '"end of quarter"', "rolls": "true", "as_of": "2020-01-02"}
    assert parse_catalogue(catalogue_of(**keys)) == {
        "no.some.claim": Statute(
            id="no.some.claim",
            jurisdiction="NO",
            act="An act",
            section="",
            title="Claims",
            period=parse_period("3 years"),
            counted_from=CountedFrom.QUARTER,
            kind=StatuteKind.LIMITATION,
            starts="the due date",
            binds="creditors",
            notes="",
            as_of=date(2020, 1, 2),
            confidence="high",
            rolls=True,
        )
    }


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ({"act": None}, "act is missing"),
        ({"binds": '""'}, "binds is missing"),
        ({"starts": None}, "starts is missing: a period needs the words"),
        ({"titel": '"x"'}, 'there is no key "titel"; did you mean "title"?'),
        ({"title": "3"}, "title is text in quotes, not 3"),
        ({"jurisdiction": '"Norway"'}, 'jurisdiction "Norway" is not written as'),
        ({"kind": '"minimal"'}, 'kind "minimal" is none of minimum, maximum, limitation'),
        ({"kind": "[1]"}, 'kind "[1]" is none of'),
        ({"counted_from": '"end of decade"'}, 'counted_from "end of decade" is none of event'),
        ({"counted_from": '""'}, 'counted_from "" is none of event'),
        ({"confidence": '"high for 3 years"'}, "is none of high, medium, low"),
        ({"period": '"3 yeers"'}, '"3 yeers" is not a period: there is no "yeers"'),
        ({"period": "3"}, 'period is text such as "3 years", not 3'),
        (
            {"period": None, "counted_from": '"end of year"'},
            "counted_from belongs to a period, and there is none",
        ),
        ({"rolls": '"yes"'}, "rolls is true or false, not 'yes'"),
        ({"rolls": "true", "kind": '"minimum"'}, "rolls is for limitation and deadline"),
        ({"rolls": "true", "period": '"72 hours"'}, "rolls needs a period in days"),
        ({"rolls": "true", "period": None}, "rolls needs a period in days"),
        ({"as_of": "2026-11-21T10:00:00"}, "as_of is missing; write the day"),
    ],
)
def test_a_malformed_entry_gives_the_sentence(keys: dict[str, str | None], sentence: str) -> None:
    """The fault names the entry and what is wrong with it."""
    with pytest.raises(ValueError, match=rf"no\.some\.claim: .*{re.escape(sentence)}"):
        parse_catalogue(catalogue_of(**keys))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("statutes = ", "not valid TOML"),
        ("statutes = 3", '"statutes" holds tables'),
        ("[statute]", '"statute" is no part of a catalogue'),
        ('statutes."no.x" = 3', "no.x: an entry is a table"),
        (catalogue_of().replace("no.some.claim", "Some claim"), "Some claim: an id is written as"),
        (catalogue_of().removeprefix("as_of = 2026-11-21"), "no.some.claim: as_of is missing"),
    ],
)
def test_a_malformed_catalogue_gives_the_sentence(text: str, sentence: str) -> None:
    """What is no catalogue at all is said as well."""
    with pytest.raises(ValueError, match=re.escape(sentence)):
        parse_catalogue(text)


def test_all_faults_come_at_once() -> None:
    """Two faults of one entry are two lines."""
    with pytest.raises(ValueError, match=r"act is missing\n.*title is missing"):
        parse_catalogue(catalogue_of(act=None, title=None))
