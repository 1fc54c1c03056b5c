"""The words by which names of columns and tables look personal, read from `personal.toml`. Pure."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property


class Meaning(StrEnum):
    """What a column seems to hold."""

    EMAIL = "e-mail"
    NETWORK = "network address"
    DEVICE = "device"
    CREDENTIAL = "credential"
    PHONE = "phone"
    NUMBER = "number of a person"
    BANK = "bank or card"
    VEHICLE = "vehicle"
    BORN = "birth or death"
    HEALTH = "health"
    TRAIT = "trait"
    PICTURE = "picture"
    POSTAL_CODE = "postal code"
    NAME = "name"
    ADDRESS = "address"
    POSITION = "position"
    PROFILE = "profile or work"
    TEXT = "free text"
    FILE = "name of a file"


Listed = tuple[tuple[Meaning, re.Pattern[str]], ...]
_UNTIMED = (Meaning.BORN, Meaning.HEALTH)
_FOLDED = str.maketrans({"ø": "o", "æ": "ae", "ı": "i", "ß": "ss", "đ": "d"})
_SPELLINGS = {
    "ø": "(?:o|oe)",
    "ö": "(?:o|oe)",
    "å": "(?:a|aa)",
    "ä": "(?:a|ae)",
    "æ": "(?:ae|a|e)",
    "ü": "(?:u|ue)",
    "?": ".",
}
_CAMEL = re.compile(
    r"(?<=[^\W\d_])(?=[A-ZÅÄÖÆØÜŞÇĞİ][a-zåäöæøüşçğı])"
    r"|(?<=[a-zß-ÿşğı])(?=[A-ZÅÄÖÆØÜŞÇĞİ])"
    r"|(?<=[^\W\d_])(?=\d)"
)


@dataclass(frozen=True)
class Vocabulary:
    """What makes a name look personal, and what takes that away again."""

    plain: Listed
    beside: Listed
    types: Mapping[str, Meaning]
    people: frozenset[str]
    vehicles: frozenset[str]
    table_things: frozenset[str]
    never_after: frozenset[str]
    never_times: frozenset[str]
    never_words: frozenset[str]
    questions: frozenset[str]
    things: frozenset[str]

    def plain_meaning(self, column: str) -> Meaning | None:
        """What a column of this name seems to hold wherever it stands; None for a bare `name`."""
        return self._found(column, self.plain)

    def meaning(self, column: str) -> Meaning | None:
        """What a column of this name seems to hold, in a table that is about people."""
        plain = self.plain_meaning(column)
        if plain is not None:
            return plain
        found = self._found(column, self.beside)
        if found is Meaning.NAME and self.things & set(words(column)):
            return None
        return found

    def about_people(self, table: str) -> bool:
        """TRUE where the table's last word is a word for people, alone or at a compound's end."""
        last = _last_word(table)
        return last in self.people or last.endswith(self._long_people)

    def about_vehicles(self, table: str) -> bool:
        """TRUE where the table's last word is a word for vehicles or where they were."""
        return _last_word(table) in self.vehicles

    def about_things(self, table: str) -> bool:
        """TRUE where the table's last word says that its names and texts are nobody's."""
        return _last_word(table) in self.table_things

    @cached_property
    def _long_people(self) -> tuple[str, ...]:
        return tuple(sorted(word for word in self.people if len(word) > 5))

    def _found(self, column: str, listed: Listed) -> Meaning | None:
        parts = list(words(column))
        if not parts or self.never_words & set(parts):
            return None
        asked = parts[0] in self.questions and len(parts) > 1
        flat = "_".join(parts)
        for meaning, pattern in listed:
            if asked and meaning not in (Meaning.HEALTH, Meaning.TRAIT):
                continue
            for match in pattern.finditer(flat):
                if not self._taken_away(meaning, flat[match.end() :]):
                    return meaning
        return None

    def _taken_away(self, meaning: Meaning, rest: str) -> bool:
        """TRUE where what follows the match speaks of something else: `email_type`."""
        *_, last = rest.strip("_").split("_")
        if last in self.never_after:
            return True
        return last in self.never_times and meaning not in _UNTIMED


def parse_vocabulary(text: str) -> Vocabulary:
    """The vocabulary in `text`, which is ours: a fault in it is a fault of the program."""
    found = tomllib.loads(text)
    tables, never = found["tables"], found["never"]
    plain = {Meaning(kind): listed for kind, listed in found["plain"].items()}
    compiled = [(meaning, _patterns(listed)) for meaning, listed in plain.items()]
    named = re.compile(f"{_named(tables)}|{_patterns(plain[Meaning.NAME]).pattern}")
    return Vocabulary(
        tuple((kind, named if kind is Meaning.NAME else pattern) for kind, pattern in compiled),
        tuple((Meaning(kind), _patterns(listed)) for kind, listed in found["beside"].items()),
        {name: Meaning(kind) for kind, names in found["types"].items() for name in names.split()},
        _folded_words(tables["people"]),
        _folded_words(tables["vehicles"]),
        _folded_words(tables["things"]),
        _folded_words(never["after"]),
        _folded_words(never["times"]),
        _folded_words(never["words"]),
        _folded_words(never["questions"]),
        _folded_words(never["things"]),
    )


def words(name: str) -> Iterator[str]:
    """`bornOn`, `born_on` and `BORN-ON` are the words born and on; accents are folded."""
    spaced = _CAMEL.sub("_", name)
    yield from (word for word in re.split(r"[\W_]+", _folded(spaced)) if word)


def _last_word(name: str) -> str:
    return next((word for word in reversed(list(words(name))) if not word.isdigit()), "")


def _folded(name: str) -> str:
    decomposed = unicodedata.normalize("NFKD", name.casefold().translate(_FOLDED))
    return "".join(found for found in decomposed if not unicodedata.combining(found))


def _folded_words(listed: str) -> frozenset[str]:
    return frozenset(_folded(word) for word in listed.split())


def _patterns(listed: str) -> re.Pattern[str]:
    return re.compile("|".join(_pattern(entry) for entry in listed.split()))


def _pattern(entry: str) -> str:
    """One entry of the list as a pattern over a flat name."""
    parts = [_spelt(part) for part in _CAMEL.sub("_", entry.strip("*=$")).split("_") if part]
    begins, ends = not entry.startswith("*"), not entry.endswith("*")
    end = r"(?=_|$)" if ends else ""
    if entry.endswith("$"):
        end = r"(?=(?:_\d+)?$)"
    if entry.startswith("="):
        return f"^{'_?'.join(parts)}$"
    if begins or len(parts) == 1:
        return f"{'(?:^|_)' if begins else ''}{'_?'.join(parts)}{end}"
    # two words that stand apart begin at a word: `e_mail` is not in `the_mail`
    return f"(?:{''.join(parts)}|(?:^|_){'_'.join(parts)}){end}"


def _spelt(part: str) -> str:
    return "".join(_SPELLINGS.get(letter) or re.escape(_folded(letter)) for letter in part)


def _named(tables: Mapping[str, str]) -> str:
    """`kundenavn`, `customer_name`: a word for a person, and a word for a name."""
    without = set(tables["unnamed"].split())
    people = [word for word in tables["people"].split() if word not in without]
    people += tables["named"].split()
    either = "|".join(_spelt(word) for word in people)
    names = "|".join(_spelt(word) for word in tables["names"].split())
    return f"(?:{either})(?:s|n|en|e|er|es)?_?(?:{names})(?=_|$)"
