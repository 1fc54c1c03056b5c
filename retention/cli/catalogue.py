"""The built-in catalogue of statutes, read from the package."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from retention.policies.statutes import Statute, parse_catalogue


def catalogue() -> dict[str, Statute]:
    """Every built-in statute, by its id; a new dictionary each time, read once."""
    return dict(_read())


@cache
def _read() -> dict[str, Statute]:
    written = files("retention.policies").joinpath("statutes.toml")
    return parse_catalogue(written.read_text(encoding="utf-8"))
