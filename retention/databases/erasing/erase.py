"""One batch's statements: lock the candidates, decide once, take them and what goes with them.

One decision (`Predicates.doomed`), several ways: `DirectEraser` where nothing else is involved,
`CteEraser` in one data-modifying statement (PostgreSQL), `SetEraser` by way of temporary tables
(MariaDB, SQLite), and on every engine `PieceEraser` where rows go with rows of their own table.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import sqlalchemy as sa

from retention.databases.dialects.dialect import Dialect
from retention.databases.erasing.windows import PortionWindow, Window
from retention.databases.sql import row_of
from retention.databases.statements.predicates import Predicates
from retention.databases.taking import Taken, key_columns, keys_of
from retention.planning.plan import Action, Plan, Step


class Eraser(Protocol):
    """Carries out one step, window by window, inside the caller's transaction."""

    def prepare(self, connection: sa.Connection) -> None:
        """What has to be there before the first batch."""
        ...

    def take(self, connection: sa.Connection, window: Window, most: int | None) -> Taken:
        """Erase or anonymize the due rows of the window, at most `most` of them."""
        ...


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


class DirectEraser:
    """DELETE or UPDATE of the window with the whole predicate: nothing else is involved."""

    def __init__(self, plan: Plan, dialect: Dialect, step: Step, *, keys: bool) -> None:
        self.plan = plan
        self.dialect = dialect
        self.step = step
        self.table = plan.schema.tables[step.table]
        self.keys = keys and bool(self.table.key)
        self.predicates = Predicates(plan, dialect)

    def prepare(self, connection: sa.Connection) -> None:
        """Nothing to prepare."""

    def statement(self, window: Window, most: int | None = None) -> sa.Delete | sa.Update:
        """The one statement of a batch."""
        row = row_of(self.table)
        doomed = sa.and_(window.holds(row), self.predicates.doomed(self.step, row))
        if self.step.action is Action.DELETE:
            statement: sa.Delete | sa.Update = sa.delete(row).where(doomed)
        elif self.step.action is Action.REMEMBER:
            statement = (
                sa.update(row).where(doomed).values(self.predicates.remembered(self.step, row))
            )
        else:
            values = self.predicates.new_values(self.predicates.masks_at(self.step, ()), row)
            statement = sa.update(row).where(doomed).values(values)
        if isinstance(window, PortionWindow):
            limit = min(window.size, window.size if most is None else most)
            statement = statement.with_dialect_options(mysql_limit=limit)
        if not self.keys:
            return statement
        return statement.returning(
            *key_columns(
                self.dialect, self.table, row, self.plan.guard_of(self.table.name), as_text=False
            )
        )

    def take(self, connection: sa.Connection, window: Window, most: int | None) -> Taken:
        result = connection.execute(self.statement(window, most))
        taken = Taken()
        if self.keys:
            keys = keys_of(self.table, result.fetchall())
            taken.keys[self.table.name] = keys
            count = len(keys)
        else:
            count = result.rowcount
        if isinstance(window, PortionWindow):
            window.last = count < window.size
        counts = {Action.DELETE: taken.erased, Action.REMEMBER: taken.remembered}.get(
            self.step.action, taken.anonymized
        )
        if count:
            counts[self.table.name] = count
            taken.due[self.table.name] = count
        return taken


def eraser_for(
    plan: Plan,
    dialect: Dialect,
    step: Step,
    secret: Callable[[], bytes],
    *,
    keys: bool,
    portion: bool,
) -> Eraser:
    """The plainest way that is right for this step on this engine; `secret`: for pseudonyms."""
    from retention.databases.erasing.pseudonyms import Pseudonymizing, pseudonyms_in

    masks = pseudonyms_in(step)
    if not masks:
        return _plainest(plan, dialect, step, keys=keys, portion=portion)
    eraser = _plainest(plan, dialect, step, keys=True, portion=portion)
    return Pseudonymizing(eraser, plan, dialect, masks, secret())


def _plainest(plan: Plan, dialect: Dialect, step: Step, *, keys: bool, portion: bool) -> Eraser:
    from retention.databases.erasing.erase_cte import CteEraser
    from retention.databases.erasing.erase_pieces import PieceEraser
    from retention.databases.erasing.erase_sets import SetEraser

    nameless = not plan.schema.tables[step.table].identity and not dialect.data_modifying_ctes
    if nameless or step.action is Action.REMEMBER:
        return DirectEraser(plan, dialect, step, keys=False)
    if plan.gone_with(step).circles:
        return PieceEraser(plan, dialect, step, keys=keys)
    restricts = step.action is Action.RESTRICT
    updates_unseen = step.action is Action.ANONYMIZE and keys and not dialect.returns_updated_rows
    if not restricts and not portion and not updates_unseen and not reads_other_rows(plan, step):
        return DirectEraser(plan, dialect, step, keys=keys)
    if dialect.data_modifying_ctes:
        return CteEraser(plan, dialect, step, keys=keys)
    return SetEraser(plan, dialect, step, keys=keys)
