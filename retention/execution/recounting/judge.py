"""Which rows are due, kept, held, blocked or excepted, judged anew from plain rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from zoneinfo import ZoneInfo

from retention.databases.statements.early_rows import Early
from retention.databases.statements.recounting import PlainRows, RowKey, Texts
from retention.execution.recounting.below import kept_by_rows_below, parents_below
from retention.execution.recounting.protected import protected_from_deletion, protecting
from retention.execution.recounting.times import (
    DueDates,
    Line,
    Readings,
    Start,
    counted,
    is_younger,
    start_of,
)
from retention.execution.recounting.units import referred_from_outside, sharing
from retention.planning.clocks import UNITS, Choice, Clock, ClockColumn
from retention.planning.deadlines import Deadline
from retention.planning.owned_files import OwnedFile
from retention.planning.paths import ColumnPath
from retention.planning.plan import Action, Floor, Plan, Step
from retention.planning.schema import Reference
from retention.policies.calendar import local_day
from retention.policies.periods import Periods
from retention.policies.policy import Policy

Keys = set[RowKey]
_MOST_KNOWN = 50_000


@dataclass(slots=True)
class Judge:
    """Judges rows of one plan; `known` holds columns of the rows in hand, already read."""

    plan: Plan
    policy: Policy
    rows: PlainRows
    known: Mapping[tuple[str, str], Mapping[RowKey, str | None]] = field(default_factory=dict)
    zone: ZoneInfo = field(init=False)
    today: date = field(init=False)
    _terms: dict[tuple[str, str], list[tuple[str | None, DueDates]]] = field(default_factory=dict)
    _starts: dict[ClockColumn, dict[str | None, Start]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.zone = ZoneInfo(self.plan.zone)
        self.today = local_day(self.plan.as_of, self.zone)

    def page(self, table: str, columns: Sequence[str], found: Mapping[RowKey, Texts]) -> Keys:
        """Take a page of rows in hand, so that its columns are not asked for again."""
        self.known = {
            (table, name): {key: texts[place] for key, texts in found.items()}
            for place, name in enumerate(columns)
        }
        return set(found)

    # -- what a rule says of a row ------------------------------------------------------------------

    def due(self, step: Step, keys: Keys) -> Keys:
        """The rows that the rule selects and whose time has come."""
        if step.when is not None:
            due = self.rows.due_when(step.table, keys, step.when)
        else:
            due = self._by_age(step, keys)
        return self._selected(step, due)

    def early(self, step: Step) -> tuple[Early, ...]:
        """What the rows that may be due have in common: each of these. None where not one date alone
        decides, or it lies in other rows.
        """
        clock, deadline = step.clock, step.deadline
        if clock is None or deadline is None or deadline.by is not None:
            return ()
        if (step.early, step.early_when, step.when) != (None, None, None):
            return ()
        line = self._terms_of(step.rule, _name_of(step))[0][1].surely_running
        return () if line is None else tuple(_before(clock, line))

    def stopped(self, step: Step, keys: Keys) -> Keys:
        """The rows that are kept, held, blocked or excepted from the step, or wait for their unit."""
        found = self._stopped_alone(step, keys)
        if step.unit is None:
            return found
        unready = partial(self._unready, step)
        return found | sharing(self.rows, step.table, step.unit, keys - found, unready)

    def _unready(self, step: Step, keys: Keys) -> Keys:
        """Those of the rows that the rule selects for which the others of their unit wait."""
        due = self.due(step, keys)
        ready = due - self._stopped_alone(step, due)
        masks = [mask for mask in step.masks if not mask.hops]
        protected = set(ready) if masks and step.action is Action.ANONYMIZE else set()
        for mask in masks:
            protected &= protecting(self.plan, self.rows, self.keeping, mask, ready)
        return self._selected(step, keys) - (ready - protected)

    def _stopped_alone(self, step: Step, keys: Keys) -> Keys:
        if step.action is Action.DELETE:
            found = self.kept_from_leaving(step.table, keys, step=step)
        else:
            found = self.rows.held(step.table, list(keys))
            found |= self.unsafe(self.plan.files_masked(step), keys - found)
        for _, condition in step.unless:
            found |= self.rows.excepted(step.table, keys - found, condition)
        return found

    def kept_from_leaving(self, table: str, keys: Keys, step: Step | None = None) -> Keys:
        """The rows that a hold, a floor or a block stops, their own or that of a row below them.

        Rows that `step` takes together do not block one another.
        """
        found = self._kept_itself(table, keys, step)
        parents = parents_below(self.plan, self.rows, table, keys - found)
        # what keeps rows may be a row of the same table that is not one of these
        return found | (kept_by_rows_below(parents, self._kept_below, table) & keys)

    def _kept_below(self, table: str, keys: Keys) -> Keys:
        """The rows that may not go with others: something keeps them, or a rule of their own does."""
        found = self._kept_itself(table, keys)
        return found | self._excepted_children(table, keys - found)

    def _kept_itself(self, table: str, keys: Keys, step: Step | None = None) -> Keys:
        found = self.rows.held(table, list(keys))
        found |= self.unsafe(self.plan.files_of(table), keys - found)
        for floor in self.plan.floors_on(table):
            found |= self.keeping(floor, keys - found)
        for reference in self.plan.referring(table, "block"):
            found |= self._blocked(reference, keys - found, step)
        return found | self.standing_in(table, keys - found)

    def _blocked(self, reference: Reference, keys: Keys, step: Step | None) -> Keys:
        """The rows to which others refer; not counting those that `step` takes together with them."""
        if step is None or step.unit is None or reference.table != reference.parent:
            return self.rows.referred(reference, keys)
        selected = partial(self._selected, step)
        return referred_from_outside(self.rows, reference, step.unit, keys, selected)

    def unsafe(self, files: Iterable[OwnedFile], keys: Keys) -> Keys:
        """The rows that name a file which nobody could find once they are gone."""
        found: Keys = set()
        for owned in files:
            values: dict[RowKey, dict[str, str | None]] = {key: {} for key in keys}
            for name in owned.template.fields:
                for key, text in self.rows.along(
                    owned.table, keys, ColumnPath((), owned.table, name)
                ):
                    values[key][name] = text
            for key, texts in values.items():
                if texts.get(owned.column) and not owned.template.is_safe(texts):
                    found.add(key)
        return found

    def standing_in(self, table: str, keys: Keys) -> Keys:
        """The rows to which detached rows refer from then on: they stand for all who left."""
        found: Keys = set()
        for reference in self.plan.referring(table, "detach"):
            if reference.detach_to is not None:
                found |= self.rows.standing_in(reference, keys - found)
        return found

    def keeping(self, floor: Floor, keys: Keys) -> Keys:
        """The rows that the floor keeps: all it selects whose time is not surely over."""
        selected = self._selected(floor, keys)
        if floor.clock is None or floor.deadline.forever:
            return selected
        return selected - self._over(
            floor.rule, "keep_at_least", floor.table, selected, floor.clock, floor.deadline
        )

    def _excepted_children(self, table: str, keys: Keys) -> Keys:
        """Rows that the `unless` of a rule of their own keeps from going with their parents."""
        found: Keys = set()
        for step in self.plan.steps:
            if step.table == table:
                for _, condition in step.unless:
                    excepted = self.rows.excepted(table, keys - found, condition)
                    found |= self._selected(step, excepted)
        return found

    def _selected(self, rule: Step | Floor, keys: Keys) -> Keys:
        found = self.rows.selected(rule.table, keys, rule.where)
        asked = self.policy.rules[rule.rule].only_if
        if rule.younger is None or asked is None:
            return found
        years = asked.younger_than.years
        born = self._column(rule.table, found, rule.younger.born)
        return {
            key
            for key in found
            if any(is_younger(start, years, self.today, self.zone) for start in born.get(key, ()))
        }

    # -- clocks -------------------------------------------------------------------------------------

    def _by_age(self, step: Step, keys: Keys) -> Keys:
        found: Keys = set()
        if step.clock is not None and step.deadline is not None:
            found = self._over(
                step.rule, _name_of(step), step.table, keys, step.clock, step.deadline
            )
        if step.early_when is not None:
            late = self.rows.due_when(step.table, keys - found, step.early_when)
            found |= self._protected_from_deletion(step, late)
        if step.clock is not None and step.early is not None:
            late = self._over(
                step.rule, "delete_after", step.table, keys - found, step.clock, step.early
            )
            found |= self._protected_from_deletion(step, late)
        return found

    def _protected_from_deletion(self, step: Step, keys: Keys) -> Keys:
        """Rows whose deletion a floor with named columns stops, their own or their unit's."""
        found = protected_from_deletion(self.plan, self.rows, self.keeping, step.table, keys)
        if step.unit is None:
            return found

        def protected(members: Keys) -> Keys:
            selected = self._selected(step, members)
            return protected_from_deletion(self.plan, self.rows, self.keeping, step.table, selected)

        return found | sharing(self.rows, step.table, step.unit, keys, protected)

    def _over(
        self, rule: str, name: str, table: str, keys: Keys, clock: Clock, deadline: Deadline
    ) -> Keys:
        """The rows whose period, `rule`'s `name`, is surely over."""
        terms = self._terms_of(rule, name)
        alone = _own_column(clock)
        if deadline.by is None and alone is not None:
            return self._over_alone(table, keys, alone, terms[0][1])
        if deadline.by is None:
            dates = dict.fromkeys(keys, terms[0][1])
        else:
            listed = dict(terms)
            names = [value for value in listed if value is not None]
            chosen = self.rows.choices(table, keys, deadline.by, names)
            dates = {}
            for key, flags in chosen.items():
                value = names[flags.index(True)] if True in flags else None
                if value in listed:
                    dates[key] = listed[value]
        found: Keys = set()
        for key, readings in self._read(table, set(dates), clock).items():
            starts = counted(clock, readings, self.plan.as_of, self.today)
            if starts is not None and dates[key].reached(clock, starts):
                found.add(key)
        return found

    def _over_alone(self, table: str, keys: Keys, column: ClockColumn, due: DueDates) -> Keys:
        """As `_over` for one column of the row; most rows are told by the first letters of it."""
        line = None if column.form in UNITS else due.surely_running
        values = self._values(table, keys, column)
        near = values if line is None else [it for it in values if (it[1] or "") < line.text]
        return {key for key, text in near if due.over(start_of(text, column))}

    def _terms_of(self, rule: str, name: str) -> list[tuple[str | None, DueDates]]:
        if (rule, name) not in self._terms:
            written = self.policy.rules[rule]
            periods: Periods = getattr(written, name)
            self._terms[(rule, name)] = [
                (value, DueDates(self.policy.term(written, items), self.plan.as_of))
                for value, items in periods.choices
            ]
        return self._terms[(rule, name)]

    def _read(self, table: str, keys: Keys, clock: Clock) -> dict[RowKey, Readings]:
        """Everything the clock reads, row by row."""
        columns = [self._column(table, keys, column) for column in clock.columns]
        requires = [self._column(table, keys, column) for column in clock.requires]
        began = [self.rows.selected(table, keys, condition) for _, condition in clock.purposes]
        return {
            key: Readings(
                tuple(found.get(key, ()) for found in columns),
                tuple(found.get(key, ()) for found in requires),
                tuple(key in found for found in began),
            )
            for key in keys
        }

    def _column(self, table: str, keys: Keys, column: ClockColumn) -> dict[RowKey, list[Start]]:
        found: dict[RowKey, list[Start]] = {}
        known = self._starts.setdefault(column, {})
        if len(known) > _MOST_KNOWN:
            known.clear()
        for key, text in self._values(table, keys, column):
            start = known.get(text)
            if start is None:
                start = known[text] = start_of(text, column)
            found.setdefault(key, []).append(start)
        return found

    def _values(
        self, table: str, keys: Keys, column: ClockColumn
    ) -> Iterable[tuple[RowKey, str | None]]:
        if column.event is not None:
            known = self.plan.schema.enrolled
            return self.rows.event_times(table, keys, column.event) if known else []
        held = self.known.get((table, column.path.column), {})
        if column.path.is_own and keys <= held.keys():
            return [(key, held[key]) for key in keys]
        return self.rows.along(table, keys, column.path)


def _name_of(step: Step) -> str:
    return "delete_after" if step.action is Action.DELETE else "anonymize_after"


def _own_column(clock: Clock) -> ClockColumn | None:
    """The column of the row itself that is all the clock reads; None where it reads more."""
    plain = len(clock.columns) == 1 and clock.is_own and not clock.requires and not clock.purposes
    return clock.columns[0] if plain else None


def _before(clock: Clock, line: Line) -> Iterator[Early]:
    """What must be true of a row so that it may be due."""
    early = partial(Early, day=line.day, instant=line.instant, text=line.text)
    plain = [it for it in clock.columns if _is_plain(it) and it.path.is_own]
    above = len(clock.columns) == 1 and _is_plain(clock.columns[0])
    if len(plain) == len(clock.columns) or (above and not clock.columns[0].path.reads_children):
        yield early(clock.columns)
    if clock.choice is Choice.LATEST and len(clock.columns) > 1:
        # a column that says "no date" in its own way is passed over, whatever it sorts like
        yield from (early((column,), or_null=True) for column in plain if not column.missing)


def _is_plain(column: ClockColumn) -> bool:
    """True for a date that sorts as its column does."""
    return column.event is None and column.form not in UNITS
