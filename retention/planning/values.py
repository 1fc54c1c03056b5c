"""What a stored value looks like: an e-mail address, a phone number, a number with check digits.

Pure. Values come in and kinds go out: nothing here keeps, shows or returns a value.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from math import ceil

from retention.planning.vocabulary import Meaning

_EMAIL = re.compile(r"[\w.+-]{1,64}@[^\W_](?:[\w-]*\.)+([^\W\d_]{2,})")
# RFC 2606 and 6761: names that reach nobody; our own masks end in them
_NOBODYS = {"invalid", "test", "example", "localhost"}
_PHONE = re.compile(r"(?:\+\d|\(?0\d)[\d ()./-]{5,20}\d")
_DAY = re.compile(r"\d{1,4}([-./ ])\d{1,2}\1\d{1,4}")
_IBAN = re.compile(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}")
_SWEDISH = re.compile(r"(?:18|19|20)?(\d{2})(\d{2})(\d{2})[-+]?(\d{4})")


def kind_of(value: str) -> tuple[str, Meaning] | None:
    """The name of the form a value has, and what it means; None for everything else."""
    text = value.strip()
    return next(((form, meaning) for test, form, meaning in _FORMS if test(text)), None)


def is_email(text: str) -> bool:
    """TRUE where an e-mail address stands anywhere in the text."""
    return any(found[1].casefold() not in _NOBODYS for found in _EMAIL.finditer(text))


def is_phone(text: str) -> bool:
    """TRUE for 8 to 15 digits after + (E.164), or a number that begins with 0 and stands in groups."""
    if _PHONE.fullmatch(text) is None or _DAY.fullmatch(text):
        return False
    digits = sum(letter.isdigit() for letter in text)
    return 8 <= digits <= 15 if text.startswith("+") else 9 <= digits <= 17 and not text.isdigit()


def is_address(text: str) -> bool:
    """TRUE for the IPv4 or IPv6 address of one host, not of a network or of the machine itself."""
    if not ("." in text or ":" in text) or len(text) > 45:
        return False
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return False
    is_network = found.packed[-1] == 0
    return not (is_network or found.is_loopback or found.is_unspecified or found.is_multicast)


def is_iban(text: str) -> bool:
    """TRUE for an account number with its check digits (ISO 13616, ISO 7064 mod 97-10)."""
    flat = text.replace(" ", "").upper()
    if _IBAN.fullmatch(flat) is None:
        return False
    moved = flat[4:] + flat[:4]
    return int("".join(str(int(letter, 36)) for letter in moved)) % 97 == 1


def is_norwegian(text: str) -> bool:
    """TRUE for a fødselsnummer or D-number: a day and two check digits (folkeregisterforskriften)."""
    digits = _digits(text, 11, " ")
    if digits is None:
        return False
    day, month = digits[0] * 10 + digits[1], digits[2] * 10 + digits[3]
    month -= next((shift for shift in (80, 65, 40) if month > shift), 0)
    if not _is_day(digits[4] * 10 + digits[5], month, day - 40 if day > 40 else day):
        return False
    first = _weighed(digits, (3, 7, 6, 1, 8, 9, 4, 5, 2, 1))
    return first % 11 == 0 and _weighed(digits, (5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1)) % 11 == 0


def is_swedish(text: str) -> bool:
    """TRUE for a personnummer or samordningsnummer: a day and a Luhn digit (SKV 704)."""
    found = _SWEDISH.fullmatch(text)
    if found is None:
        return False
    year, month, day = (int(found[part]) for part in (1, 2, 3))
    digits = [int(letter) for letter in "".join(found.groups())]
    doubled = [number * (2 - index % 2) for index, number in enumerate(digits)]
    luhn = sum(number - 9 if number > 9 else number for number in doubled)
    return luhn % 10 == 0 and _is_day(year, month, day - 60 if day > 60 else day)


def is_turkish(text: str) -> bool:
    """TRUE for a T.C. kimlik numarası with its two check digits."""
    digits = _digits(text, 11)
    if digits is None or digits[0] == 0:
        return False
    tenth = (7 * sum(digits[0:9:2]) - sum(digits[1:8:2])) % 10
    return digits[9] == tenth and digits[10] == sum(digits[:10]) % 10


def is_german(text: str) -> bool:
    """TRUE for a Steuer-ID: one digit comes twice or thrice, and mod 11,10 (§ 139b AO, ISO 7064)."""
    digits = _digits(text, 11, " ")
    if digits is None or digits[0] == 0:
        return False
    repeated = [count for number in range(10) if (count := digits[:10].count(number)) > 1]
    if repeated not in ([2], [3]):
        return False
    product = 10
    for number in digits[:10]:
        total = (number + product) % 10 or 10
        product = total * 2 % 11
    return (11 - product) % 10 == digits[10]


def _digits(text: str, length: int, between: str = "") -> list[int] | None:
    flat = text.replace(between, "") if between else text
    return [int(letter) for letter in flat] if flat.isdecimal() and len(flat) == length else None


def _weighed(digits: list[int], weights: tuple[int, ...]) -> int:
    return sum(number * weight for number, weight in zip(digits, weights, strict=False))


def _is_day(year: int, month: int, day: int) -> bool:
    """TRUE for a day of some century: 29 February needs a leap year only in each of them."""
    for century in (1900, 2000):
        try:
            date(century + year, month, day)
        except ValueError:
            continue
        return True
    return False


_FORMS: tuple[tuple[Callable[[str], bool], str, Meaning], ...] = (
    (is_email, "e-mail", Meaning.EMAIL),
    (is_iban, "IBAN", Meaning.BANK),
    (is_norwegian, "Norwegian fødselsnummer", Meaning.NUMBER),
    (is_turkish, "Turkish TCKN", Meaning.NUMBER),
    (is_german, "German Steuer-ID", Meaning.NUMBER),
    (is_swedish, "Swedish personnummer", Meaning.NUMBER),
    (is_address, "IP address", Meaning.NETWORK),
    (is_phone, "phone number", Meaning.PHONE),
)
# How large a share of a column's values must have the form: well above what chance gives.
_SHARES = {
    "e-mail": 0.0,
    "IBAN": 0.1,
    "Norwegian fødselsnummer": 0.01,
    "Turkish TCKN": 0.1,
    "German Steuer-ID": 0.05,
    "Swedish personnummer": 0.2,
    "IP address": 0.1,
    "phone number": 0.2,
}


@dataclass(frozen=True, slots=True)
class ValueKind:
    """How many of a column's sampled values have a form: `form`, `found` of `sampled`."""

    form: str
    meaning: Meaning
    found: int
    sampled: int


def kind_of_column(values: Iterable[str]) -> ValueKind | None:
    """The form that most of the values with any form have, where it is more than chance."""
    sampled, counts = 0, dict[tuple[str, Meaning], int]()
    for value in values:
        sampled += 1
        found = kind_of(value)
        if found is not None:
            counts[found] = counts.get(found, 0) + 1
    kinds = [
        ValueKind(form, meaning, count, sampled)
        for (form, meaning), count in counts.items()
        if count >= max(ceil(_SHARES[form] * sampled), min(2, sampled))
        or (form == "e-mail" and count)
    ]
    return max(kinds, key=lambda kind: kind.found, default=None)
