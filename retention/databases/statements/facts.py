"""What is so of a row under a plan: selected, reached, kept by a floor, held."""

from __future__ import annotations

import sqlalchemy as sa

from retention.databases.dialects.dialect import Dialect, key_text
from retention.databases.formula import Formula
from retention.databases.sql import (
    Expression,
    Row,
    Truth,
    all_of,
    any_of,
    bind,
    is_true,
)
from retention.databases.statements.clock_sql import ClockSql
from retention.databases.statements.condition_sql import ConditionSql, Left
from retention.databases.statements.held_rows import held_rows
from retention.databases.statements.rows import Alive, Reach, all_alive
from retention.planning.clocks import Choice, Clock
from retention.planning.deadlines import Deadline
from retention.planning.paths import ColumnPath
from retention.planning.plan import Floor, Plan, Step

# no alias: a table of the user's may have any name but these. What is said of the table at all is asked
# once a statement, and most often nothing is: each row would cost more than its own deletion
_SAID = """(EXISTS (SELECT 1 FROM {ours} WHERE {ours}.table_name = {{0}} AND {test})
 AND EXISTS (SELECT 1 FROM {ours} WHERE {ours}.table_name = {{0}} AND {ours}.row_key = {{1}}
 AND {test}))"""
_HELD = _SAID.format(ours="retention_hold", test="retention_hold.released_at IS NULL")
_ON_REQUEST = "retention_restriction.at_request = 1 AND retention_restriction.lifted_at IS NULL"
_BY_RULE = "retention_restriction.rule = {2}"
_LIFTED = f"{_BY_RULE} AND retention_restriction.lifted_at IS NOT NULL"


class Facts:
    """Clocks, floors and holds of one plan, for one engine, over rows of its tables.

    `left`: what earlier steps of the night leave of a column that a condition reads.
    """

    def __init__(
        self, plan: Plan, dialect: Dialect, alive: Alive = all_alive, left: Left | None = None
    ) -> None:
        self.plan = plan
        self.dialect = dialect
        self.alive = alive
        self.reach = Reach(plan.schema, alive)
        self.conditions = ConditionSql(dialect, plan.schema, alive, left)

    def selected(self, step: Step | Floor, row: Row) -> Truth | None:
        """TRUE for the rows the rule speaks of; None where it speaks of all."""
        selected = self.conditions.selects(row, step.where)
        if step.younger is None:
            return selected
        born = Clock((step.younger.born,), Choice.LATEST, (), "")
        clock = self._sql(born)
        older = is_true(clock.before(row, step.younger.line))
        unknown = sa.or_(clock.missing(row), clock.undecidable(row))
        return all_of(selected, sa.not_(older), sa.not_(unknown))

    def _sql(self, clock: Clock) -> ClockSql:
        # clocks are read as they were before the run: rows that this run takes still count
        return ClockSql(self.dialect, self.plan.schema, clock, all_alive, self.plan.now)

    def _by_deadline(self, clock: Clock, row: Row, deadline: Deadline) -> Truth:
        """TRUE where the clock's start lies before the row's line."""
        sql = self._sql(clock)
        if deadline.by is None:
            (_, cutoff), *_ = deadline.cutoffs
            reached = sa.false() if cutoff is None else sql.before(row, cutoff)
        else:
            reached = self._by_choice(sql, row, deadline, deadline.by)
        if deadline.span is None:
            return reached
        return all_of(reached, sa.not_(is_true(sql.before(row, deadline.span[0]))))

    def _by_choice(self, sql: ClockSql, row: Row, deadline: Deadline, by: ColumnPath) -> Truth:
        value = self.conditions.column(row, by)
        named = [is_true(value == bind(name)) for name, _ in deadline.cutoffs if name is not None]
        parts = []
        for name, cutoff in deadline.cutoffs:
            if cutoff is None:
                continue
            chosen = is_true(value == bind(name)) if name is not None else sa.not_(any_of(*named))
            parts.append(all_of(chosen, sql.before(row, cutoff)))
        return any_of(*parts)

    def _doubtful(self, step: Step, row: Row) -> Truth:
        """TRUE where the start cannot be read, or lies in no listed financial year."""
        assert step.clock is not None
        sql = self._sql(step.clock)
        found = [sql.undecidable(row)]
        for deadline in (step.deadline, step.early):
            if deadline is not None and deadline.span is not None:
                first, beyond = deadline.span
                past = is_true(sql.before(row, self.plan.now))
                after = all_of(past, sa.not_(is_true(sql.before(row, beyond))))
                found += [is_true(sql.before(row, first)), after]
        return any_of(*found)

    def holding(self, floor: Floor, row: Row) -> Truth:
        """TRUE while the floor keeps the row; a start that is missing or undecidable protects."""
        over = self.is_over(floor, row)
        left = None if over is None else sa.not_(is_true(over))
        return all_of(self.selected(floor, row), left)

    def is_over(self, floor: Floor, row: Row) -> Truth | None:
        """TRUE once the floor's time is over for a row that it selects; None where that never is."""
        if floor.clock is None or floor.deadline.forever:
            return None
        return self._by_deadline(floor.clock, row, floor.deadline)

    def hold_on(self, table: str, row: Row) -> Truth | None:
        """TRUE while a legal hold lies on the row; None where none can."""
        if self.plan.schema.held:
            return self._kept_by_values(row, at_request=False)
        if not self._may_be_held(table):
            return None
        key = key_text(self.dialect, self.plan.schema.tables[table], row)
        return Formula(_HELD, bind(table), key)

    def requested_on(self, table: str, row: Row) -> Truth | None:
        """TRUE while the row is restricted at the person's own request (GDPR art. 18(1)(b)-(c))."""
        if self.plan.schema.held:
            return self._kept_by_values(row, at_request=True)
        return self._restriction(table, row, _ON_REQUEST) if self._may_be_held(table) else None

    def _kept_by_values(self, row: Row, at_request: bool) -> Truth | None:
        found = [held for held in self.plan.schema.held if held.at_request is at_request]
        return held_rows(self.dialect, row, found) if found else None

    def _may_be_held(self, table: str) -> bool:
        """Our tables name rows by their keys, once the database is enrolled."""
        schema = self.plan.schema
        return schema.enrolled and not schema.unheld and bool(schema.tables[table].key)

    def entered(self, step: Step, row: Row) -> Truth:
        """TRUE where our table already says that the step's rule has restricted the row."""
        return self._restriction(step.table, row, _BY_RULE, bind(step.rule))

    def unrestricted(self, step: Step, row: Row) -> Truth:
        """TRUE where the step still has to put the row out of processing."""
        restriction = step.restriction
        assert restriction is not None
        if restriction.values:
            return any_of(
                *(row.c[name].is_distinct_from(bind(value)) for name, value in restriction.values)
            )
        if restriction.move_to or not self.plan.schema.enrolled:
            return sa.true()
        return sa.not_(self.entered(step, row))

    def lifted(self, step: Step, row: Row) -> Truth | None:
        """TRUE where a person has lifted what the step's rule restricted."""
        if not self.plan.schema.enrolled or not self.plan.schema.tables[step.table].key:
            return None
        return self._restriction(step.table, row, _LIFTED, bind(step.rule))

    def _restriction(self, table: str, row: Row, test: str, *values: Expression) -> Truth:
        key = key_text(self.dialect, self.plan.schema.tables[table], row)
        said = _SAID.format(ours="retention_restriction", test=test)
        return Formula(said, bind(table), key, *values)
