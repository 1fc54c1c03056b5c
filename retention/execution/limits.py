"""Limits: what one rule may take before it stops and asks. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from retention.execution.accounts import StepCount
from retention.planning.plan import Action


@dataclass(frozen=True, slots=True)
class Ruling:
    """What a limit says of one step: take everything, at most `most` rows, or nothing (`refused`)."""

    most: int | None = None
    refused: str = ""


def rule_on(count: StepCount, allowed: int | None) -> Ruling:
    """`allowed` is the count given with --allow for this rule, if any."""
    limits = count.step.limits
    if count.step.action is Action.REMEMBER:
        return Ruling()
    if count.due == 0 or (allowed is not None and count.leaving <= allowed):
        return Ruling()
    ceilings = [(limits.rows_per_run, f"rows_per_run = {limits.rows_per_run}")]
    if count.rows > limits.share_min_rows:
        share = int(count.rows * limits.share_of_table)
        ceilings.append(
            (share, f"share_of_table = {limits.share_of_table:.0%} of {count.rows} rows, {share}")
        )
    most, broken = min(ceilings)
    if allowed is not None:
        most, broken = allowed, f"--allow {count.step.rule}={allowed}"
    whole = _takes_everything(count)
    if count.leaving <= most and not whole:
        return Ruling()
    if limits.over_limit == "portion" and not whole and allowed is None:
        return Ruling(most=most)
    if whole:
        return Ruling(refused=_sentence(count, 'whole_table = "refuse"', _WHOLE))
    return Ruling(refused=_sentence(count, broken, _PORTION))


def _takes_everything(count: StepCount) -> bool:
    limits = count.step.limits
    return (
        limits.whole_table == "refuse"
        and limits.share_of_table < 1
        and count.datable > limits.share_min_rows
        and count.due == count.datable
    )


_PORTION = (
    'or write over_limit = "portion" under [limits] to take what the limit allows each night.'
)
_WHOLE = (
    'or write whole_table = "allow" under the limits of the rule: these are all rows of the table '
    "that have a date."
)


def _sentence(count: StepCount, broken: str, way_on: str) -> str:
    step = count.step
    things = "files" if step.of_files else "rows"
    return (
        f"rules.{step.rule} would {step.action} {count.leaving} of {count.rows} {things} of "
        f'"{step.table}"; the limit is {broken}. Nothing was {_past(step.action)}. If this is '
        f"right, allow it once with `retention run --allow {step.rule}={count.leaving}`, {way_on}"
    )


def _past(action: str) -> str:
    known = {"delete": "deleted", "anonymize": "anonymized", "restrict": "restricted"}
    return known.get(str(action), "changed")
