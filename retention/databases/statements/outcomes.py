"""What becomes of each row of a table under a step, as text: what a preview counts."""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa

from retention.databases.sql import Expression, Row, Truth, all_of, bind, is_true
from retention.databases.statements.predicates import Predicates
from retention.planning.plan import Action, Step


class Outcomes(Predicates):
    """The decisions of one plan, and the outcome of every row that they leave where it is."""

    def outcome(self, step: Step, row: Row) -> Expression:
        """What becomes of the row under this step, as text; NULL where the rule does not apply."""
        if step.action is Action.REMEMBER:
            return sa.case((is_true(self.remembering.due(step, row)), bind("due")), else_=sa.null())
        whens: list[tuple[Truth, Expression]] = []
        selected = self.selected(step, row)
        if selected is not None:
            whens.append((sa.not_(selected), sa.null()))
        gone = self.alive(step.table, row)
        if gone is not None:
            whens.append((sa.not_(gone), sa.null()))
        whens.append((is_true(self._reached(step, row)), self._reached_outcome(step, row)))
        if step.clock is None:
            return sa.case(*whens, else_=bind("running"))
        if step.has_listed_years:
            whens.append((self._doubtful(step, row), bind("undecidable")))
        started = is_true(self._sql(step.clock).before(row, self.plan.now))
        whens.append((started, bind("running")))
        whens.append((self._doubtful(step, row), bind("undecidable")))
        return sa.case(*whens, else_=bind("not started"))

    def _reached_outcome(self, step: Step, row: Row) -> Expression:
        """What becomes of a row whose period is over: stopped by something, or due."""
        whens: list[tuple[Truth, Expression]] = [
            (stop, bind(f"{kind}:{name}")) for kind, name, stop in self.own_stops_of(step, row)
        ]
        due: Expression = bind("due")
        if step.unit is not None:
            due = sa.case((self.waits(step, row), bind("waits:")), else_=due)
        if step.action is Action.ANONYMIZE:
            whens += self._masking_outcomes(step, row, due)
        if step.action is Action.RESTRICT:
            whens.append((sa.not_(self.unrestricted(step, row)), bind("restricted:")))
        return sa.case(*whens, else_=due) if whens else due

    def _masking_outcomes(
        self, step: Step, row: Row, due: Expression
    ) -> Iterator[tuple[Truth, Expression]]:
        yield self.unmasked(step, row), due
        for floor in self.plan.floors:
            covers = any(self._covers(floor, mask) for mask in step.masks if not mask.hops)
            if covers:
                protected = self._protecting(floor, step.table, row, None)
                yield all_of(self._differs(step, row), protected), bind(f"kept:{floor.rule}")
        yield sa.true(), bind("done")
