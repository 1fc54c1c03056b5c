"""The words that make a name look personal, read from the package."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from retention.planning.vocabulary import Vocabulary, parse_vocabulary


@cache
def vocabulary() -> Vocabulary:
    """The built-in vocabulary, read once."""
    written = files("retention.planning").joinpath("personal.toml")
    return parse_vocabulary(written.read_text(encoding="utf-8"))
