"""Which columns look personal, by their names and types: a guess to start from, never a verdict.

Pure. The words come from `personal.toml`, in English, Norwegian, Swedish, Turkish and German.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from retention.planning.schema import Column, ColumnKind, Reference, Schema, Table, TableKind
from retention.planning.vocabulary import Meaning, Vocabulary, words

_TIMES = (ColumnKind.DATE, ColumnKind.TIMESTAMP, ColumnKind.TIMESTAMPTZ)
_NUMBERS = (ColumnKind.INTEGER, ColumnKind.DECIMAL, ColumnKind.FLOAT)
_SPECIAL = (Meaning.HEALTH, Meaning.TRAIT)
_NO_NUMBERS = (
    Meaning.EMAIL,
    Meaning.NAME,
    Meaning.ADDRESS,
    Meaning.TEXT,
    Meaning.PICTURE,
    Meaning.PROFILE,
    Meaning.CREDENTIAL,
)
_NOBODYS = (Meaning.NETWORK, Meaning.DEVICE, Meaning.CREDENTIAL, Meaning.PICTURE)
_ON_THE_ROAD = (Meaning.VEHICLE, Meaning.POSITION)
_BY = {"by", "av", "von"}


def personal_columns(
    schema: Schema, vocabulary: Vocabulary
) -> dict[str, dict[str, tuple[Meaning, str]]]:
    """For each table of `schema` that looks personal: column -> what it seems to hold, and why.

    The reason is "name" or "type". Partitions are their parent's, and views keep nothing.
    """
    people = _people(schema, vocabulary)
    found = {
        table.name: looks_personal(table, vocabulary, any(_belongs(schema, table, people)))
        for table in schema.tables.values()
        if is_kept(table)
    }
    return {name: columns for name, columns in found.items() if columns}


def is_kept(table: Table) -> bool:
    """TRUE for a table whose rows are its own, and to be ruled by its name."""
    return table.kind in (TableKind.TABLE, TableKind.PARTITIONED)


def looks_personal(
    table: Table, vocabulary: Vocabulary, belongs: bool = False
) -> dict[str, tuple[Meaning, str]]:
    """The columns of `table` that seem to hold something about a person, in the table's order.

    A bare `name` or `city` counts only beside something plainer, or in a table of people: shops
    and countries have names, too. `belongs`: its rows refer to a person's, so its free text counts.
    """
    among = _among(table, vocabulary)
    driven = vocabulary.about_vehicles(_bare(table))
    found: dict[str, tuple[Meaning, str]] = {}
    for name, column in table.columns.items():
        typed = vocabulary.types.get(column.type_text.split("(")[0].casefold())
        if typed is not None and (among or driven or typed is not Meaning.POSITION):
            found[name] = (typed, "type")
            continue
        meaning = vocabulary.meaning(name) if among else vocabulary.plain_meaning(name)
        if meaning is None and (belongs or driven):
            guess = vocabulary.meaning(name)
            counts = (belongs and guess is Meaning.TEXT) or (driven and guess in _ON_THE_ROAD)
            meaning = guess if counts else None
        if meaning is not None and _may_hold(column, meaning):
            found[name] = (meaning, "name")
    return found


def _among(table: Table, vocabulary: Vocabulary) -> bool:
    """TRUE where names that say little count: among people, and not in a table of settings."""
    name = _bare(table)
    if vocabulary.about_things(name):
        return False
    return vocabulary.about_people(name) or _strong(table, vocabulary)


def _strong(table: Table, vocabulary: Vocabulary) -> bool:
    """TRUE where some column speaks of a person, not only of a machine."""
    return any(meaning not in _NOBODYS for meaning in _plain(table, vocabulary))


def _plain(table: Table, vocabulary: Vocabulary) -> Iterator[Meaning]:
    for name, column in table.columns.items():
        meaning = vocabulary.plain_meaning(name)
        if meaning is not None and _may_hold(column, meaning):
            yield meaning


def _may_hold(column: Column, meaning: Meaning) -> bool:
    """FALSE where the column's type cannot hold what its name promises: `email BOOLEAN`."""
    if column.kind is ColumnKind.BOOLEAN:
        return meaning in _SPECIAL
    if column.kind in _TIMES:
        return meaning in (Meaning.BORN, Meaning.HEALTH)
    if column.kind in _NUMBERS:
        return meaning not in _NO_NUMBERS
    if column.kind is ColumnKind.UUID:
        return meaning in (Meaning.DEVICE, Meaning.NUMBER)
    return True


def belonging(schema: Schema, vocabulary: Vocabulary) -> Iterator[Reference]:
    """References by which rows belong to a person, other than as the one who made or changed them."""
    people = _people(schema, vocabulary)
    for table in schema.tables.values():
        if is_kept(table):
            yield from _belongs(schema, table, people)


def _people(schema: Schema, vocabulary: Vocabulary) -> set[str]:
    return {
        table.name
        for table in schema.tables.values()
        if is_kept(table) and (vocabulary.about_people(_bare(table)) or _strong(table, vocabulary))
    }


def _belongs(schema: Schema, table: Table, people: set[str]) -> Iterator[Reference]:
    return (
        reference
        for reference in schema.of(table.name)
        if reference.parent in people and not _BY & {*words(" ".join(reference.columns))}
    )


def _bare(table: Table) -> str:
    return table.bare_name or table.name


def meanings(found: Mapping[str, tuple[Meaning, str]]) -> dict[str, Meaning]:
    """Only what each column seems to hold."""
    return {name: meaning for name, (meaning, _) in found.items()}
