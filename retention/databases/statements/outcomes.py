"""What becomes of each row of a table under a step, as text: what a preview counts."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import sqlalchemy as sa

from retention.databases.sql import Expression, Row, Truth, all_of, bind, is_true
from retention.databases.statements.predicates import Predicates
from retention.databases.statements.rows import Alive
from retention.planning.plan import Action, Step

Said = Callable[[str], Expression]


class Outcomes(Predicates):
    """The decisions of one plan, and the outcome of every row that they leave where it is."""

    def outcome(
        self, step: Step, row: Row, said: Said = bind, alive: Alive | None = None
    ) -> Expression:
        """What becomes of the row under this step; NULL where the rule does not apply.

        `said` makes a value of an outcome's name; `alive` leaves rows out, else those taken earlier.
        """
        if step.action is Action.REMEMBER:
            return sa.case((is_true(self.remembering.due(step, row)), said("due")), else_=sa.null())
        whens: list[tuple[Truth, Expression]] = []
        selected = self.selected(step, row)
        if selected is not None:
            whens.append((sa.not_(selected), sa.null()))
        there = (alive or self.alive)(step.table, row)
        if there is not None:
            whens.append((sa.not_(there), sa.null()))
        # a bare WHEN takes unknown for false as well, and SQLite stops at the first part that is false
        whens.append((self._reached(step, row), self._reached_outcome(step, row, said)))
        if step.clock is None:
            return sa.case(*whens, else_=said("running"))
        if step.has_listed_years:
            whens.append((self._doubtful(step, row), said("undecidable")))
        whens.append((self._sql(step.clock).before(row, self.plan.now), said("running")))
        whens.append((self._doubtful(step, row), said("undecidable")))
        return sa.case(*whens, else_=said("not started"))

    def _reached_outcome(self, step: Step, row: Row, said: Said) -> Expression:
        """What becomes of a row whose period is over: stopped by something, or due."""
        whens: list[tuple[Truth, Expression]] = [
            (stop, said(f"{kind}:{name}")) for kind, name, stop in self.own_stops_of(step, row)
        ]
        due: Expression = said("due")
        if step.unit is not None:
            due = sa.case((self.waits(step, row), said("waits:")), else_=due)
        if step.action is Action.ANONYMIZE:
            whens += self._masking_outcomes(step, row, due, said)
        if step.action is Action.RESTRICT:
            whens.append((sa.not_(self.unrestricted(step, row)), said("restricted:")))
        return sa.case(*whens, else_=due) if whens else due

    def _masking_outcomes(
        self, step: Step, row: Row, due: Expression, said: Said
    ) -> Iterator[tuple[Truth, Expression]]:
        yield self.unmasked(step, row), due
        for floor in self.floors_over(mask for mask in step.masks if not mask.hops):
            protected = self._protecting(floor, step.table, row, None)
            yield all_of(self._differs(step, row), protected), said(f"kept:{floor.rule}")
        yield sa.true(), said("done")
