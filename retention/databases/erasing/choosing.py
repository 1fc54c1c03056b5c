"""Which eraser carries a step out: the plainest that is right for it on this engine."""

from __future__ import annotations

from collections.abc import Callable

from retention.databases.dialects.dialect import Dialect
from retention.databases.erasing.alone import reads_others
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
    plain_while: int | None = None,
) -> Eraser:
    """The plainest way that is right for this step on this engine; `secret`: for pseudonyms.

    `piece`: the most rows that may go with one row, where rows go in whole pieces. `plain_while`: the
    version of the file in which plain comparisons find what is due (SQLite).
    """
    masks = pseudonyms_in(step)
    keys = keys or bool(masks)
    if _reads_itself_alone(plan, dialect, step) and not portion:
        eraser = _direct(plan, dialect, step, keys=keys, plain_while=plain_while)
    else:
        eraser = _with_others(plan, dialect, step, keys=keys, piece=piece)
    return Pseudonymizing(eraser, plan, dialect, masks, secret()) if masks else eraser


def _with_others(
    plan: Plan, dialect: Dialect, step: Step, *, keys: bool, piece: int | None
) -> Eraser:
    if _is_written_blindly(plan, dialect, step):
        return DirectEraser(plan, dialect, step, keys=False)
    if plan.gone_with(step).circles:
        return BoundedPieceEraser(plan, dialect, step, keys=keys, largest=piece)
    if dialect.data_modifying_ctes:
        return CteEraser(plan, dialect, step, keys=keys)
    return SetEraser(plan, dialect, step, keys=keys)


def _direct(
    plan: Plan, dialect: Dialect, step: Step, *, keys: bool, plain_while: int | None
) -> Eraser:
    has_keys = keys and bool(plan.schema.tables[step.table].key)
    if has_keys and step.action is Action.ANONYMIZE and not dialect.returns_updated_rows:
        return KeysFirstEraser(plan, dialect, step)
    if holds_the_file(plan, step):
        return WholeFileEraser(plan, dialect, step, keys=keys, plain_while=plain_while)
    if not may_go_whole(plan, step):
        return DirectEraser(plan, dialect, step, keys=keys)
    eraser = AsideEraser if dialect.name == "mysql" else PartitionEraser
    return eraser(plan, dialect, step, keys=keys)


def _reads_itself_alone(plan: Plan, dialect: Dialect, step: Step) -> bool:
    """TRUE where one statement over the rows themselves is all that a batch needs."""
    if _is_written_blindly(plan, dialect, step) or plan.gone_with(step).circles:
        return False
    return step.action is not Action.RESTRICT and not reads_other_rows(plan, dialect, step)


def _is_written_blindly(plan: Plan, dialect: Dialect, step: Step) -> bool:
    """TRUE where nothing tells rows apart, or nobody asks which they were."""
    nameless = not plan.schema.tables[step.table].identity and not dialect.data_modifying_ctes
    return nameless or step.action is Action.REMEMBER


def reads_other_rows(plan: Plan, dialect: Dialect, step: Step) -> bool:
    """TRUE where the step's decision, or its effect, involves rows of other tables."""
    return _is_tied_to_others(plan, step) or (
        dialect.locks_rows and reads_others(plan, dialect, step)
    )


def _is_tied_to_others(plan: Plan, step: Step) -> bool:
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
