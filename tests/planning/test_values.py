"""What values look like: published examples, numbers made by an independent rule, and near misses."""

from __future__ import annotations

import random
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retention.planning.values import kind_of, kind_of_column

FORMS = {
    "e-mail": """
        anna@example.com a.b+c@mail.example.co.uk ÅSE@bedrift.no call:bob@firma.de,or-else
        x_1@sub-domain.example.org
    """,
    "IBAN": """
        NO9386011117947 SE4550000000058398257466 TR330006100519786457841326
        DE89370400440532013000 GB82WEST12345698765432 de89370400440532013000
    """,
    "IP address": "192.0.2.17 10.1.2.3 2001:db8::8a2e:370:7334 fe80::1 ::ffff:192.0.2.128",
    "phone number": "+4791234567 +47-912-34-567 +90(532)1234567 070-1234567 (0212)555-12-34",
}
NOTHING = """
    anna@invalid deleted-17@invalid x@host.example a@b @mention someone@ user@localhost
    NO9386011117948 DE88370400440532013000 XX00 AB12CDEF
    192.0.2.0 0.0.0.0 127.0.0.1 ::1 256.1.1.1 1.2.3 1.2.3.4.5 12:34:56 ff02::1
    2026-01-31 31.01.2026 01-02-2024 01/02/2024 12345678 0123456789 0-306-40615-2 00:11:22
    00000000000 11111111111 12345678901 98765432109 1700000000 SKU-0001-22 3.14159 -17 true NULL
"""


@pytest.mark.parametrize(
    ("form", "value"), [(form, value) for form, listed in FORMS.items() for value in listed.split()]
)
def test_values_are_known_by_their_form(form: str, value: str) -> None:
    """Addresses, numbers of accounts, hosts and phones, as people write them."""
    found = kind_of(value)
    assert found is not None
    assert found[0] == form


@pytest.mark.parametrize("value", NOTHING.split())
def test_near_misses_are_nothing(value: str) -> None:
    """Masks of ours, networks, dates, versions and wrong check digits speak of nobody."""
    assert kind_of(value) is None


def norwegian(day: date, number: int, shift: int = 0) -> str | None:
    """A fødselsnummer by trying every pair of check digits against the published weights.

    `shift` is added to day and month: 4000 makes a D-number, 80 a synthetic one.
    """
    head = f"{int(f'{day:%d%m}') + shift:04d}{day:%y}{number:03d}"
    for tail in range(100):
        text = f"{head}{tail:02d}"
        digits = [int(letter) for letter in text]
        sums = (
            sum(a * b for a, b in zip((3, 7, 6, 1, 8, 9, 4, 5, 2, 1, 0), digits, strict=True)),
            sum(a * b for a, b in zip((5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1), digits, strict=True)),
        )
        if all(total % 11 == 0 for total in sums):
            return text
    return None


def swedish(day: date, number: int) -> str:
    """A personnummer by trying every last digit against Luhn's sum of digits."""
    for last in range(10):
        text = f"{day:%y%m%d}{number:03d}{last}"
        total = sum(
            sum(map(int, str(int(letter) * (2 if index % 2 == 0 else 1))))
            for index, letter in enumerate(text)
        )
        if total % 10 == 0:
            return f"{text[:6]}-{text[6:]}"
    raise AssertionError("one of ten digits fits")


def turkish(head: int) -> str:
    """A TCKN by the published rule, with the tenth digit found by trying."""
    digits = [int(letter) for letter in str(head)]
    odd, even = sum(digits[0::2]), sum(digits[1::2])
    tenth = next(found for found in range(10) if (odd * 7 - even - found) % 10 == 0)
    return f"{head}{tenth}{(sum(digits) + tenth) % 10}"


days = st.dates(date(1920, 1, 1), date(2019, 12, 31))


@given(days, st.integers(0, 999))
def test_numbers_of_norwegians_and_swedes_are_known(day: date, number: int) -> None:
    """Every number made by the rule is known, and one digit off it is not."""
    made = norwegian(day, number)
    if made is not None:
        assert (kind_of(made) or ("",))[0] == "Norwegian fødselsnummer"
        assert (kind_of(f"{made[:6]} {made[6:]}") or ("",))[0] == "Norwegian fødselsnummer"
    found = swedish(day, number)
    assert (kind_of(found) or ("",))[0] == "Swedish personnummer"
    wrong = found[:-1] + str((int(found[-1]) + 1) % 10)
    assert (kind_of(wrong) or ("",))[0] != "Swedish personnummer"


@given(st.integers(100_000_000, 999_999_999))
def test_numbers_of_turks_are_known(head: int) -> None:
    """Every number made by the rule is known; it may be a Norwegian's as well."""
    found = kind_of(turkish(head))
    assert found is not None
    assert found[0] in ("Turkish TCKN", "Norwegian fødselsnummer")
    wrong = turkish(head)[:-1] + str((int(turkish(head)[-1]) + 1) % 10)
    assert (kind_of(wrong) or ("",))[0] != "Turkish TCKN"


@pytest.mark.parametrize("value", ["86095742719", "47036892816", "65929970489", "57549285017"])
def test_published_german_numbers_are_known(value: str) -> None:
    """Example numbers of the Steuer-ID; with its last digit changed, none is one."""
    assert (kind_of(value) or ("",))[0] == "German Steuer-ID"
    wrong = value[:-1] + str((int(value[-1]) + 1) % 10)
    assert (kind_of(wrong) or ("",))[0] != "German Steuer-ID"


@pytest.mark.parametrize("shift", [4000, 40, 65, 80, 4080])
def test_numbers_of_people_who_only_stay_or_do_not_exist_are_known(shift: int) -> None:
    """D-numbers, and the synthetic numbers of Norwegian test registers."""
    made = [norwegian(date(1970, 2, 3), number, shift) for number in range(10)]
    kinds = {(kind_of(text) or ("",))[0] for text in made if text}
    assert kinds == {"Norwegian fødselsnummer"}


def test_a_published_samordningsnummer_is_known() -> None:
    """The example of the Swedish tax agency, whose day is moved by sixty."""
    assert (kind_of("701063-2391") or ("",))[0] == "Swedish personnummer"


@pytest.mark.parametrize("length", [10, 11, 12, 13, 16])
def test_numbers_by_chance_make_no_column_personal(length: int) -> None:
    """A thousand random order numbers are not a thousand people."""
    chance = random.Random(length)
    for _ in range(20):
        values = [str(chance.randrange(10 ** (length - 1), 10**length)) for _ in range(1000)]
        assert kind_of_column(values) is None


def test_times_as_seconds_make_no_column_personal() -> None:
    """Epoch seconds have ten digits and look like days now and then."""
    start = 1_700_000_000
    for first in range(start, start + 50_000_000, 1_000_000):
        assert kind_of_column(str(first + 997 * step) for step in range(1000)) is None


def test_one_address_in_a_note_is_enough_and_chance_is_not() -> None:
    """Free text with one e-mail address is personal; one IBAN among a thousand codes is chance."""
    found = kind_of_column(["nothing"] * 999 + ["write to anna@example.com"])
    assert found is not None
    assert (found.form, found.found, found.sampled) == ("e-mail", 1, 1000)
    assert kind_of_column(["code"] * 999 + ["DE89370400440532013000"]) is None
    assert kind_of_column([]) is None


def test_a_few_numbers_among_others_are_found() -> None:
    """A column that holds numbers of people and of companies is personal."""
    first = date(1980, 1, 1)
    people = [norwegian(first + timedelta(days=step), step) for step in range(60)]
    values = [text for text in people if text] + ["982463718"] * 900
    found = kind_of_column(values)
    assert found is not None
    assert found.form == "Norwegian fødselsnummer"
