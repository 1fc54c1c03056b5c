"""Which eraser carries a step out: the plainest that is right for it on this engine."""

from __future__ import annotations

from collections.abc import Callable

from retention.databases.dialects.dialect import Dialect
from retention.databases.erasing.aside_partitions import AsideEraser
from retention.databases.erasing.bounded_pieces import BoundedPieceEraser
from retention.databases.erasing.erase import DirectEraser, Eraser
from retention.databases.erasing.erase_cte import CteEraser
from retention.databases.erasing.erase_sets import SetEraser
from retention.databases.erasing.keys_first import KeysFirstEraser
from retention.databases.erasing.pseudonyms import Pseudonymizing, pseudonyms_in
from retention.databases.erasing.whole_file import WholeFileEraser, holds_the_file
from retention.databases.erasing.whole_partitions import PartitionEraser, may_go_whole
from retention.planning.plan import Action, Plan, Step


def eraser_for(
    plan: Plan,
    dialect: Dialect,
    step: Step,
    secret: Callable[[], bytes],
    *,
    keys: bool,
    portion: bool,
    piece: int | None = None,
) -> Eraser:
    """The plainest way that is right for this step on this engine; `secret`: for pseudonyms.

    `piece`: the most rows that may go with one row, where rows go in whole pieces.
    """
    masks = pseudonyms_in(step)
    if not masks:
        return _plainest(plan, dialect, step, keys=keys, portion=portion, piece=piece)
    eraser = _plainest(plan, dialect, step, keys=True, portion=portion, piece=piece)
    return Pseudonymizing(eraser, plan, dialect, masks, secret())


def _plainest(
    plan: Plan, dialect: Dialect, step: Step, *, keys: bool, portion: bool, piece: int | None
) -> Eraser:
    nameless = not plan.schema.tables[step.table].identity and not dialect.data_modifying_ctes
    if nameless or step.action is Action.REMEMBER:
        return DirectEraser(plan, dialect, step, keys=False)
    if plan.gone_with(step).circles:
        return BoundedPieceEraser(plan, dialect, step, keys=keys, largest=piece)
    restricts = step.action is Action.RESTRICT
    if not restricts and not portion and not reads_other_rows(plan, step):
        has_keys = keys and bool(plan.schema.tables[step.table].key)
        if has_keys and step.action is Action.ANONYMIZE and not dialect.returns_updated_rows:
            return KeysFirstEraser(plan, dialect, step)
        return _direct(plan, dialect, step, keys=keys)
    if dialect.data_modifying_ctes:
        return CteEraser(plan, dialect, step, keys=keys)
    return SetEraser(plan, dialect, step, keys=keys)


def _direct(plan: Plan, dialect: Dialect, step: Step, *, keys: bool) -> Eraser:
    if holds_the_file(plan, step):
        return WholeFileEraser(plan, dialect, step, keys=keys)
    if not may_go_whole(plan, step):
        return DirectEraser(plan, dialect, step, keys=keys)
    eraser = AsideEraser if dialect.name == "mysql" else PartitionEraser
    return eraser(plan, dialect, step, keys=keys)


def reads_other_rows(plan: Plan, step: Step) -> bool:
    """TRUE where the step's decision, or its effect, involves rows of other tables."""
    if any(mask.hops for mask in step.masks) or step.removals:
        return True
    if plan.files_gone(step) or plan.files_masked(step):
        return True
    if step.unless or step.when is not None or step.unit is not None:
        return True
    if step.clock is not None and not step.clock.is_own:
        return True
    if step.action is Action.DELETE:
        return bool(plan.last_uses(step) or plan.last_masks(step)) or any(
            plan.decisions.get(reference) != "leave"
            for reference in plan.schema.referring_to(step.table)
        )
    return any(floor.protects for floor in plan.floors) or any(
        other.table == step.table and other.action is Action.DELETE for other in plan.steps
    )
