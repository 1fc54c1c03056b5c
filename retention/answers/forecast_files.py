"""How many files fall due under a rule over files, week by week: by what lies there now."""

from __future__ import annotations

from bisect import bisect_left
from pathlib import Path

from retention.answers.forecast import Asked, Outlook
from retention.files.found import Found
from retention.files.places import open_place
from retention.planning.files import FILES, FileOutcome, FileStep, file_steps


def forecast_of_files(asked: Asked, folder: Path, rule: str) -> list[Outlook]:
    """The outlook of one rule over files; one walk of its folder.

    Raises FileFailure and UsageError where the files cannot be listed.
    """
    every = [file_steps(asked.policy, instant) for instant in asked.instants()]
    steps = [step for steps in every for step in steps if step.step.rule == rule]
    pattern = steps[0].pattern
    counts = [0] * len(steps)
    for found in open_place(pattern.scheme, pattern.root, folder).walk(pattern):
        if isinstance(found, Found):
            first = _first_due(steps, found)
            if first < len(steps):
                counts[first] += 1
    step = steps[0].step
    weeks = tuple(counts[1:])
    return [Outlook(FILES, rule, str(step.action), step.table, counts[0], weeks)]


def _first_due(steps: list[FileStep], found: Found) -> int:
    """The first of these instants at which the file is due; their number where it is at none."""

    def is_due(step: FileStep) -> bool:
        return step.outcome(found.name, found.modified) is FileOutcome.DUE

    return bisect_left(steps, True, key=is_due)
