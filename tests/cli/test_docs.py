"""`docs/commands.md` knows every command and every option."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from retention.cli.app import app

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "commands.md"


def commands(found: Any, name: str = "retention") -> Iterator[tuple[str, Any]]:
    """Every command by its full name; groups only where they have options of their own."""
    below = getattr(found, "commands", {})
    if not below or name == "retention":
        yield name, found
    for word, command in below.items():
        yield from commands(command, f"{name} {word}")


COMMANDS = dict(commands(get_command(app)))


def sections() -> dict[str, str]:
    """The text below each `## retention …` heading."""
    text = DOCUMENT.read_text(encoding="utf-8")
    parts = re.split(r"^## (.+)$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_its_section(name: str) -> None:
    """A section, what it does, an example, and its exit codes."""
    section = sections().get(name)
    assert section, f"docs/commands.md has no section ## {name}"
    if name != "retention":
        assert "```console" in section
        assert "Exit codes" in section


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_in_its_section(name: str) -> None:
    """Each option and argument stands in its command's table."""
    section = sections().get(name, "")
    for parameter in COMMANDS[name].params:
        words = [word for word in (*parameter.opts, *parameter.secondary_opts) if word != "--help"]
        if getattr(parameter, "param_type_name", "") == "argument":
            words = [parameter.metavar or parameter.name]
        for word in words:
            assert f"`{word}`" in section, f"{name}: {word} is not documented"


def test_no_section_outlives_its_command() -> None:
    """A section of a command that is gone would mislead."""
    written = {name for name in sections() if name.startswith("retention")}
    assert written == set(COMMANDS)
