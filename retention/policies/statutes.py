"""Statutes: periods that a law sets, who it binds, and where their clock starts.

A catalogue is TOML, one table `[statutes."no.limitation.general"]` for each entry. It is a starting
point for counsel, and every place that shows an entry says so (`CAVEAT`).
"""

from __future__ import annotations

import difflib
import re
import tomllib
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime
from enum import Enum, StrEnum

from retention.policies.calendar import CountedFrom
from retention.policies.period import Period, parse_period

CAVEAT = "Statutes are a starting point for counsel, not legal advice."
CONFIDENCES = ("high", "medium", "low")

_ID = re.compile(r"[a-z]{2,3}(\.[a-z0-9][a-z0-9_-]*)+")
_JURISDICTION = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,3})?")
_REQUIRED = ("jurisdiction", "act", "title", "kind", "binds", "confidence")
_TEXTS = ("jurisdiction", "act", "section", "title", "starts", "binds", "notes", "confidence")
_PLAIN = str.maketrans({"ø": "o", "æ": "ae", "ı": "i", "ß": "ss"})


class StatuteKind(StrEnum):
    """What a statute asks for."""

    MINIMUM = "minimum"
    MAXIMUM = "maximum"
    LIMITATION = "limitation"
    DEADLINE = "deadline"
    AGE = "age"
    PERIODICITY = "periodicity"
    RULE = "rule"


_ROLLING = (StatuteKind.LIMITATION, StatuteKind.DEADLINE)


@dataclass(frozen=True, slots=True)
class Statute:
    """One entry of the catalogue.

    `starts` says in words where the clock starts; `counted_from` is the unit of the calendar, if
    any, at whose end it does. `rolls`: an end on a weekend or public holiday moves to the next
    working day. `confidence` is high, medium or low.
    """

    id: str
    jurisdiction: str
    act: str
    section: str
    title: str
    period: Period | None
    counted_from: CountedFrom
    kind: StatuteKind
    starts: str
    binds: str
    notes: str
    as_of: date
    confidence: str
    rolls: bool

    @property
    def country(self) -> str:
        """Whose public holidays count: "NO", "US-CA"; "" EU-wide, where the policy's country does.

        As the `holidays` library spells it, which is ISO 3166: the United Kingdom is "GB".
        """
        nation, dash, part = self.jurisdiction.partition("-")
        return {"EU": "", "UK": "GB"}.get(nation, nation) + dash + part


def parse_catalogue(text: str) -> dict[str, Statute]:
    """The statutes in `text`, by their ids; `as_of` at its top serves entries without their own.

    Raises ValueError with one line for each fault, which names the entry and what is wrong.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as fault:
        raise ValueError(f"the catalogue is not valid TOML: {fault}") from None
    faults = [
        f'"{key}" is no part of a catalogue; it has "as_of" and [statutes."xx.its.id"]'
        for key in document
        if key not in ("as_of", "statutes")
    ]
    entries = document.get("statutes", {})
    if not isinstance(entries, dict):
        entries, faults = {}, [*faults, '"statutes" holds tables such as [statutes."xx.its.id"]']
    found = {}
    for name, entry in entries.items():
        wrong = list(_faults(name, entry, document.get("as_of")))
        faults += [f"{name}: {sentence}" for sentence in wrong]
        if not wrong:
            found[name] = _statute(name, entry, document.get("as_of"))
    if faults:
        raise ValueError("\n".join(faults))
    return found


def search(
    catalogue: Mapping[str, Statute], words: str | None = None, country: str | None = None
) -> list[Statute]:
    """The entries in which each of `words` occurs, of one country, in the catalogue's order.

    Case and accents do not matter. A country brings its parts ("US" those of "US-CA") and is found
    by either of its codes ("UK", "GB"); "EU" finds the acts of the Union.
    """
    wanted = _plain(words or "").split()
    return [
        statute
        for statute in catalogue.values()
        if (country is None or _is_of(statute, country))
        and all(_occurs(word, _searched(statute)) for word in wanted)
    ]


def _is_of(statute: Statute, country: str) -> bool:
    codes = [code for code in (statute.jurisdiction, statute.country) if code]
    return country.strip().upper() in (*codes, *(code.partition("-")[0] for code in codes))


def _occurs(word: str, text: str) -> bool:
    """Within longer words, too, as compounds are long; a number only as a whole one."""
    if word.isdecimal():
        return re.search(rf"(?<!\d){word}(?!\d)", text) is not None
    return word in text


def _searched(statute: Statute) -> str:
    """All words of an entry, the period's included."""
    texts = [getattr(statute, name) for name in _TEXTS]
    return _plain(" ".join([statute.id, str(statute.period or ""), statute.kind, *texts]))


def _plain(text: str) -> str:
    """`text` in small letters without accents."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    return "".join(sign for sign in apart if not unicodedata.combining(sign)).translate(_PLAIN)


def _statute(name: str, entry: Mapping[str, object], as_of: object) -> Statute:
    """An entry that has no faults."""
    texts = {key: str(entry.get(key, "")) for key in _TEXTS}
    day = entry.get("as_of", as_of)
    assert isinstance(day, date)
    return Statute(
        id=name,
        period=parse_period(str(entry["period"])) if "period" in entry else None,
        counted_from=CountedFrom(entry.get("counted_from", "event")),
        kind=StatuteKind(str(entry["kind"])),
        as_of=day,
        rolls=bool(entry.get("rolls", False)),
        **texts,
    )


def _faults(name: str, entry: object, as_of: object) -> Iterator[str]:
    """What is wrong with an entry, one sentence for each fault."""
    if not _ID.fullmatch(name):
        yield 'an id is written as "no.limitation.general"'
    if not isinstance(entry, dict):
        yield f'an entry is a table: [statutes."{name}"]'
        return
    yield from _wrong_keys(entry)
    for key in _TEXTS:
        if key in entry and not isinstance(entry[key], str):
            yield f"{key} is text in quotes, not {entry[key]!r}"
    yield from _wrong_words(entry)
    yield from _wrong_period(entry)
    day = entry.get("as_of", as_of)
    if not isinstance(day, date) or isinstance(day, datetime):
        yield "as_of is missing; write the day it was read, such as 2026-11-21"


def _wrong_keys(entry: Mapping[str, object]) -> Iterator[str]:
    known = [field.name for field in fields(Statute) if field.name != "id"]
    for key in entry:
        if key not in known:
            yield f'there is no key "{key}"{_nearest(key, known)}'
    for key in _REQUIRED:
        if entry.get(key, "") == "":
            yield f"{key} is missing"


def _wrong_words(entry: Mapping[str, object]) -> Iterator[str]:
    jurisdiction = entry.get("jurisdiction") or "EU"
    if isinstance(jurisdiction, str) and not _JURISDICTION.fullmatch(jurisdiction):
        yield f'jurisdiction "{jurisdiction}" is not written as "NO", "EU" or "US-CA"'
    choices: dict[str, tuple[str, ...]] = {
        "kind": _values(StatuteKind),
        "counted_from": _values(CountedFrom),
        "confidence": CONFIDENCES,
    }
    for key, known in choices.items():
        if key in entry and entry[key] not in (known if key not in _REQUIRED else ("", *known)):
            yield f'{key} "{entry[key]}" is none of {", ".join(known)}'


def _wrong_period(entry: Mapping[str, object]) -> Iterator[str]:
    """Faults of the period and of what depends on it."""
    period: Period | None = None
    written = entry.get("period")
    try:
        period = parse_period(written) if isinstance(written, str) else None
    except ValueError as fault:
        yield str(fault)
    if written is not None and not isinstance(written, str):
        yield f'period is text such as "3 years", not {written!r}'
    if written is None and entry.get("counted_from", "event") != "event":
        yield "counted_from belongs to a period, and there is none"
    if written is not None and not entry.get("starts"):
        yield "starts is missing: a period needs the words that say where its clock starts"
    rolls = entry.get("rolls", False)
    if not isinstance(rolls, bool):
        yield f"rolls is true or false, not {rolls!r}"
    elif rolls and entry.get("kind") not in _ROLLING:
        yield "rolls is for limitation and deadline; other ends stay on a weekend or holiday"
    elif rolls and (written is None or (period and (period.elapsed or period.forever))):
        yield "rolls needs a period in days, weeks, months or years"


def _values(words: type[Enum]) -> tuple[str, ...]:
    return tuple(word.value for word in words)


def _nearest(word: str, known: list[str]) -> str:
    near = difflib.get_close_matches(word, known, n=1)
    return f'; did you mean "{near[0]}"?' if near else ""
