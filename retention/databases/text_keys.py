"""Keys compared as text, to the letter, or under another column's collation, on every engine."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

Expression = sa.ColumnElement[Any]


class Letters(FunctionElement[Any]):
    """The value as text that is compared letter by letter."""

    inherit_cache = True
    name = "letters"


class WholeNumber(FunctionElement[Any]):
    """The whole number that a text spells, within signed 64 bits; unlike it for any other text."""

    inherit_cache = True
    name = "whole_number"


class Collated(FunctionElement[Any]):
    """The text under a named collation, converted to that collation's characters."""

    inherit_cache = False
    name = "collated"

    def __init__(self, value: Expression, collation: str) -> None:
        super().__init__(value)
        self.collation = collation


@compiles(Letters)
def _letters(element: Letters, compiler: Any, **options: Any) -> str:
    collation = '"C"' if compiler.dialect.name == "postgresql" else "BINARY"
    return f"CAST({_inner(element, compiler, options)} AS TEXT) COLLATE {collation}"


@compiles(Letters, "mysql", "mariadb")
def _letters_mariadb(element: Letters, compiler: Any, **options: Any) -> str:
    inner = _inner(element, compiler, options)
    return f"CONVERT({inner} USING utf8mb4) COLLATE utf8mb4_bin"


@compiles(WholeNumber)
def _whole(element: WholeNumber, compiler: Any, **options: Any) -> str:
    return f"CAST({_inner(element, compiler, options)} AS INTEGER)"


@compiles(WholeNumber, "postgresql")
def _whole_postgresql(element: WholeNumber, compiler: Any, **options: Any) -> str:
    inner = _inner(element, compiler, options)
    return _guarded(inner, f"{inner} ~ '^-?[0-9]{{%s}}$'", "numeric", "bigint")


@compiles(WholeNumber, "mysql", "mariadb")
def _whole_mariadb(element: WholeNumber, compiler: Any, **options: Any) -> str:
    inner = _inner(element, compiler, options)
    return _guarded(inner, f"{inner} REGEXP '^-?[0-9]{{%s}}$'", "DECIMAL(20,0)", "SIGNED")


def _guarded(inner: str, test: str, wide: str, whole: str) -> str:
    """A cast that never fails: nineteen digits may or may not fit."""
    fits = f"CAST({inner} AS {wide}) BETWEEN -9223372036854775808 AND 9223372036854775807"
    return (
        f"CASE WHEN {test % '1,18'} THEN CAST({inner} AS {whole}) "
        f"WHEN {test % '19'} THEN CASE WHEN {fits} THEN CAST({inner} AS {whole}) END END"
    )


@compiles(Collated)
def _collated(element: Collated, compiler: Any, **options: Any) -> str:
    quoted = compiler.preparer.quote(element.collation)
    return f"{_inner(element, compiler, options)} COLLATE {quoted}"


@compiles(Collated, "mysql", "mariadb")
def _collated_mariadb(element: Collated, compiler: Any, **options: Any) -> str:
    inner = _inner(element, compiler, options)
    characters = element.collation.split("_")[0]
    return f"CONVERT({inner} USING {characters}) COLLATE {element.collation}"


def _inner(element: FunctionElement[Any], compiler: Any, options: dict[str, Any]) -> str:
    return str(compiler.process(next(iter(element.clauses)), **options))
