"""statutes: what the built-in catalogue knows, searched. It reads no policy and no database."""

from typing import TYPE_CHECKING, Annotated

import typer

from retention.cli import console
from retention.cli.context import JsonOption
from retention.errors import UsageError

if TYPE_CHECKING:
    from retention.policies.statutes import Statute

_WIDEST = 100


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(statutes)


def statutes(
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="SEARCH", help="Only entries with these words: tort, VAT, 5651."),
    ] = None,
    country: Annotated[
        str | None, typer.Option("--country", help="Only this country, such as NO; EU for its own.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """List and search the statutes a rule may name; a starting point for counsel."""
    from retention.cli.catalogue import catalogue
    from retention.cli.statutes_text import statutes_object, statutes_text
    from retention.policies.statutes import search

    every = catalogue()
    if country is not None and not search(every, country=country):
        raise UsageError(_unknown_country(country, every))
    wanted = " ".join(words or [])
    found = search(every, wanted, country)
    if json:
        console.json_object(statutes_object(found))
        return
    if found:
        console.data(statutes_text(found, min(console.width(), _WIDEST)))
    else:
        within = f" of {country.upper()}" if country else ""
        console.message(
            f'no statute{within} has the words "{wanted}"; `retention statutes` lists all'
        )


def _unknown_country(country: str, every: "dict[str, Statute]") -> str:
    known = sorted({statute.jurisdiction for statute in every.values()})
    return f'the catalogue has no statutes of "{country}"; it has {", ".join(known)}'
