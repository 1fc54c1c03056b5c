"""What `check` warns of beside the policy's faults: what a night would miss on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from retention.backups.availability import doubts
from retention.backups.inventory import Place
from retention.errors import FileFailure, Problem, UsageError
from retention.files.found import Found
from retention.files.places import open_place
from retention.planning.files import file_rules
from retention.policies.parse import dotted
from retention.policies.policy import Policy
from retention.policies.positions import key_positions, line_of


def warnings_here(policy: Policy, folder: Path) -> tuple[Problem, ...]:
    """Backup tools that are missing, and patterns that find nothing. Reads names, never contents."""
    positions = key_positions(policy.text) if policy.text else {}
    return tuple(
        Problem(dotted(path), message, line_of(positions, path), "warning")
        for path, message in (*_of_backups(policy, folder), *_of_files(policy, folder))
    )


def _of_backups(policy: Policy, folder: Path) -> Iterator[tuple[tuple[str, ...], str]]:
    for name in policy.backups:
        for key, message in doubts(Place(name, policy, folder, {}, {})):
            yield ("backups", name, key), message


def _of_files(policy: Policy, folder: Path) -> Iterator[tuple[tuple[str, ...], str]]:
    for rule in file_rules(policy):
        pattern = rule.pattern
        assert pattern is not None
        try:
            place = open_place(pattern.scheme, pattern.root, folder)
            found = any(isinstance(one, Found) for one in place.walk(pattern))
        except UsageError:
            # a fault of the policy, told elsewhere
            continue
        except FileFailure as failure:
            yield ("rules", rule.name, "files"), str(failure)
            continue
        if not found:
            yield ("rules", rule.name, "files"), "it matches no file now: is this where they lie?"
