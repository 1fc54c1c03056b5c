"""`retention statutes`: what a person and a program read, on any terminal."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner, Result

from retention.cli import console
from retention.cli.app import app
from retention.cli.catalogue import catalogue
from retention.cli.statutes_text import statutes_text
from retention.errors import UsageError
from retention.policies.statutes import CAVEAT

NORWEGIAN_LOAN = f"""\
no.limitation.loan
  10 years, limitation: Debt instruments and loans
  counted from: the due date
  an end on a weekend or public holiday moves to the next working day
  act: Foreldelsesloven (LOV-1979-05-18-18), § 5
  binds: creditors; it ends what can be claimed and orders no erasure
  confidence: medium
  note: Only the heading was seen; the period is not checked against the act.

1 statute, as of 2026-11-21. {CAVEAT}
"""


def run(*words: str) -> Result:
    """`retention statutes` with these words."""
    return CliRunner().invoke(app, ["statutes", *words])


def test_one_statute_as_a_person_reads_it() -> None:
    """Id, period, kind, start, act, who is bound, confidence, and that it is no legal advice."""
    result = run("loans", "--country", "NO")
    assert result.exit_code == 0
    assert result.stdout == NORWEGIAN_LOAN


def test_everything_is_listed_without_a_search() -> None:
    """Every id of the catalogue stands at the beginning of a line."""
    lines = run().stdout.splitlines()
    assert [line for line in lines if line in catalogue()] == list(catalogue())
    assert lines[-1] == f"{len(catalogue())} statutes, as of 2026-11-21. {CAVEAT}"


def test_high_confidence_is_not_shown() -> None:
    """Only what is less than sure is said."""
    assert "confidence:" not in run("no.bookkeeping.primary").stdout
    assert "confidence: low" in run("cn.livestream").stdout


@pytest.mark.parametrize("width", [40, 60, 80])
def test_a_narrow_terminal_is_enough(width: int) -> None:
    """No line is wider than the terminal, unless it is one word."""
    text = statutes_text(list(catalogue().values()), width)
    wide = [line for line in text.splitlines() if len(line) > width]
    assert [line for line in wide if " " in line.strip()] == []


def test_json_is_one_versioned_object() -> None:
    """A program gets every field, the unit the period is counted from, and the notice."""
    found = json.loads(run("se.bookkeeping", "--json").stdout)
    assert (found["schema"], found["notice"]) == ("retention.statutes/1", CAVEAT)
    (statute,) = found["statutes"]
    assert statute["id"] == "se.bookkeeping"
    assert statute["period"] == "7 years"
    assert statute["kind"] == "minimum"
    assert statute["counted_from"] == "end of the year the financial year ends in"
    assert statute["as_of"] == "2026-11-21"
    assert (statute["country"], statute["rolls"]) == ("SE", False)


def test_nothing_found_is_said_apart_from_the_data() -> None:
    """stdout stays empty, and the message names the way to the whole list."""
    result = run("xyzzy", "--country", "no")
    assert (result.exit_code, result.stdout) == (0, "")
    assert 'no statute of NO has the words "xyzzy"' in result.stderr
    assert json.loads(run("xyzzy", "--json").stdout)["statutes"] == []


def test_an_unknown_country_is_a_fault_of_the_command_line() -> None:
    """The error lists the jurisdictions there are."""
    result = run("--country", "ZZ")
    assert isinstance(result.exception, UsageError)
    assert 'no statutes of "ZZ"; it has CN, DE, DK, EU,' in str(result.exception)


def test_the_catalogue_cannot_be_changed_by_its_reader() -> None:
    """Each call gives a dictionary of its own."""
    catalogue().clear()
    assert "no.limitation.general" in catalogue()


def test_no_entry_holds_what_a_terminal_would_obey() -> None:
    """The texts pass through the console unchanged."""
    text = statutes_text(list(catalogue().values()), 100)
    assert console.sanitized(text) == text
