"""Limits: what one rule may take before it stops and asks. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from retention.execution.accounts import StepCount
from retention.planning.plan import Action, Step


@dataclass(frozen=True, slots=True)
class Ruling:
    """What a limit says of one step: take everything, at most `most` rows, or nothing (`refused`).

    `piece`: a row that would take more rows than this along stays, with all of them. `ceiling`: how
    many rows it may take if more are due by then than were counted, by the limit `broken`.
    """

    most: int | None = None
    refused: str = ""
    piece: int | None = None
    ceiling: int | None = None
    broken: str = ""


def rule_on(count: StepCount, allowed: int | None) -> Ruling:
    """`allowed` is the count given with --allow for this rule, if any."""
    limits = count.step.limits
    if count.step.action is Action.REMEMBER:
        return Ruling()
    piece = limits.rows_per_run if allowed is None else allowed
    if allowed is not None and _needed(count) <= allowed:
        return Ruling(piece=piece, ceiling=allowed, broken=_allowed(count, allowed))
    if count.due == 0:
        return Ruling(piece=piece)
    ceilings = [(limits.rows_per_run, f"rows_per_run = {limits.rows_per_run}")]
    if count.rows > limits.share_min_rows:
        share = int(count.rows * limits.share_of_table)
        ceilings.append(
            (share, f"share_of_table = {limits.share_of_table:.0%} of {count.rows} rows, {share}")
        )
    most, broken = min(ceilings)
    if allowed is not None:
        most, broken = allowed, _allowed(count, allowed)
    whole = _takes_everything(count)
    portion = limits.over_limit == "portion" and not whole and allowed is None
    if count.leaving <= most and not whole:
        if count.largest > piece and not portion:
            return Ruling(refused=_of_piece(count, ceilings[0][1] if allowed is None else broken))
        return Ruling(piece=piece, ceiling=most, broken=broken)
    if portion:
        return Ruling(most=most, piece=piece)
    if whole:
        return Ruling(refused=_sentence(count, 'whole_table = "refuse"', _WHOLE))
    return Ruling(refused=_sentence(count, broken, _PORTION))


def _allowed(count: StepCount, allowed: int) -> str:
    return f"--allow {count.step.rule}={allowed}"


def _needed(count: StepCount) -> int:
    """What has to be allowed for the step to do all its work."""
    return max(count.leaving, count.largest)


def refused_rules(rulings: Iterable[tuple[StepCount, Ruling]]) -> frozenset[str]:
    """The rules of which some action is refused: none of their actions is carried out."""
    return frozenset(count.step.rule for count, ruling in rulings if ruling.refused)


def why_refused(ruling: Ruling) -> str:
    """Why an action of a refused rule is not carried out."""
    return ruling.refused or "another action of this rule is past its limit"


def rows_wanted(count: StepCount) -> int:
    """How many rows of the table have to be known of for a ruling; more would not change it."""
    limits = count.step.limits
    # two more than the share needs, so that no rounding matters
    needed = math.ceil(count.leaving / limits.share_of_table) + math.ceil(2 / limits.share_of_table)
    return max(needed, limits.share_min_rows + 1)


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
_LATER = 'or write over_limit = "portion" under [limits] to take the other rows and leave these.'
_WHOLE = (
    'or write whole_table = "allow" under the limits of the rule: these are all rows of the table '
    "that have a date."
)


def _sentence(count: StepCount, broken: str, way_on: str) -> str:
    step = count.step
    things = "files" if step.of_files else "rows"
    rows = count.rows if count.about is None else f"about {count.about}"
    return (
        f"rules.{step.rule} would {step.action} {count.leaving} of {rows} {things} of "
        f'"{step.table}"; the limit is {broken}. Nothing was {_past(step.action)}. If this is '
        f"right, allow it once with `retention run --allow {step.rule}={_needed(count)}`, {way_on}"
    )


def _of_piece(count: StepCount, broken: str) -> str:
    step = count.step
    return (
        f"rules.{step.rule} would take up to {count.largest} rows that belong together in one "
        f"transaction; the limit is {broken}. Nothing was {_past(step.action)}. If this is right, "
        f"allow it once with `retention run --allow {step.rule}={count.largest}`, {_LATER}"
    )


def stayed(step: Step, rows: int, piece: int) -> str:
    """What is said of rows that would have taken more along than a limit allows."""
    count = "1 row stays" if rows == 1 else f"{rows} rows stay"
    return (
        f'of "{step.table}" {count}: with all that goes with it, it is more than {piece} rows, and a '
        f"limit allows no more in one transaction. The others were {_past(step.action)}. Allow it "
        f"once with `retention run --allow {step.rule}=COUNT`, or raise rows_per_run."
    )


def grown(step: Step, counted: int, taken: int, broken: str) -> str:
    """What is said where more rows are due by now than a limit allows, though fewer were counted."""
    stopped = f"It stopped after {taken}" if taken else f"Nothing was {_past(step.action)}"
    return (
        f'of "{step.table}" {counted} rows were due when rules.{step.rule} began; by now they are more '
        f"than the limit, {broken}. {stopped}. If this is right, run again: the limit is asked anew."
    )


def _past(action: str) -> str:
    known = {"delete": "deleted", "anonymize": "anonymized", "restrict": "restricted"}
    return known.get(str(action), "changed")
