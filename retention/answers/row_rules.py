"""What each rule makes of one row: its clock, its instant, its outcome, what stops it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime

from retention.answers.row_story import (
    ON_REQUEST,
    HeldBy,
    Member,
    NextRun,
    RuleStory,
    Stop,
    Waiting,
    words_of,
)
from retention.answers.row_times import Instant, Read, instant_of, told
from retention.databases.keys import Key
from retention.databases.statements.one_row import Decided, OneRow
from retention.databases.statements.one_row_asking import Place
from retention.databases.statements.one_row_clocks import Start
from retention.databases.statements.one_row_files import files_along
from retention.databases.statements.one_row_units import waiting_unit
from retention.planning.clocks import Clock
from retention.planning.deadlines import Deadline
from retention.planning.plan import Action, Floor, Plan, Step
from retention.planning.schema import ColumnKind
from retention.policies.calendar import Term
from retention.policies.periods import Periods
from retention.policies.policy import Policy


@dataclass(frozen=True, slots=True)
class Asked:
    """The question: the row, the instant, and how to learn when a rule runs.

    `first_run` gives a rule's first run at or after an instant, None where it has no schedule.
    """

    policy: Policy
    table: str
    key: tuple[str, ...]
    as_of: datetime
    next_runs: Mapping[str, NextRun]
    first_run: Callable[[str, datetime], datetime | None]


class RuleTeller:
    """The rules' part of the story, for a row that is there."""

    def __init__(
        self,
        asked: Asked,
        plan: Plan,
        row: OneRow,
        reviews: Mapping[str, tuple[datetime, date | None]],
    ) -> None:
        self.asked = asked
        self.plan = plan
        self.row = row
        self.reviews = reviews

    def rules(self) -> tuple[tuple[RuleStory, ...], tuple[str, ...]]:
        """What each rule makes of the row; and the rules on its table that do not select it."""
        table, stories = self.row.table.name, list[RuleStory]()
        others: dict[str, None] = {}
        for place, indexes in self._places().items():
            for index, decided in self.row.decided(place, indexes).items():
                if decided.selected and not (_is_far(place) and decided.outcome != "due"):
                    stories.append(self._step(place, index, decided))
                elif not place.hops:
                    others[self.plan.steps[index].rule] = None
        for floor in self.plan.floors_on(table):
            speaks, holding = self.row.keeps(Place(table), floor)
            if speaks:
                stories.append(self._floor(floor, holding))
            else:
                others[floor.rule] = None
        spoken = {story.rule.name for story in stories}
        return tuple(stories), tuple(name for name in others if name not in spoken)

    def _places(self) -> dict[Place, list[int]]:
        """The row, and the rows it goes with or is masked with; the steps that act there."""
        table = self.row.table.name
        places: dict[Place, list[int]] = {}
        for index, step in enumerate(self.plan.steps):
            if step.action is Action.REMEMBER:
                continue
            if step.table == table:
                places.setdefault(Place(table), []).append(index)
            ways = self.row.ways_to(step.table)
            if step.action is Action.ANONYMIZE:
                ways = [*dict.fromkeys(mask.hops for mask in step.masks if mask.table == table)]
            for way in ways:
                if way:
                    places.setdefault(Place(step.table, way), []).append(index)
        return places

    def _step(self, place: Place, index: int, decided: Decided) -> RuleStory:
        step = self.plan.steps[index]
        rule = self.asked.policy.rules[step.rule]
        kind, _, name = (decided.outcome or "taken").partition(":")
        due, reads, words = self._due(place, step, kind)
        named = dict.fromkeys((*decided.stops, *([(kind, name)] if kind == "kept" else [])))
        found = (self._stop(place, index, *one) for one in named)
        stops = tuple(stop for stop in found if stop.unit is None or stop.unit.waiting)
        story = RuleStory(
            rule,
            str(step.action),
            step.table,
            ", ".join(hop.reference.label for hop in place.hops),
            words,
            reads,
            due,
            _outcome(step.action, kind),
            name,
            stops,
            (*self.row.along(place, step), *files_along(self.row, place, step)),
            self.asked.next_runs.get(step.rule),
        )
        at = story.earliest(self.asked.as_of)
        if at is None or story.outcome in _OVER:
            return story
        return replace(story, goes_at=self.asked.first_run(step.rule, max(at, self.asked.as_of)))

    def _due(
        self, place: Place, step: Step, outcome: str
    ) -> tuple[Instant | None, tuple[Read, ...], str]:
        """When the action is due, what its clock read, and the rule's own words."""
        rule = self.asked.policy.rules[step.rule]
        if step.clock is None:
            text = getattr(rule, f"{step.action}_when", None)
            return None, (), f"as soon as {text}"
        found: list[tuple[Instant, tuple[Read, ...], str]] = []
        own = getattr(rule, f"{step.action}_after")
        for deadline, periods in ((step.deadline, own), (step.early, rule.delete_after)):
            if deadline is not None and periods is not None:
                found.append(self._dated(place, step.rule, step.clock, deadline, periods))
        first, *early = found
        reached = first[0].at is not None and first[0].at <= self.asked.as_of
        if early and not reached and outcome not in ("running", "not started", "undecidable"):
            return early[0]
        return first

    def _dated(
        self, place: Place, name: str, clock: Clock, deadline: Deadline, periods: Periods
    ) -> tuple[Instant, tuple[Read, ...], str]:
        rule = self.asked.policy.rules[name]
        start = self.row.start(place, clock, deadline)
        assert start is not None
        term, chosen = self._term(name, periods, start)
        words = words_of(rule, chosen, clock.text)
        return instant_of(term, clock, start), told(clock, start), words

    def _term(self, name: str, periods: Periods, start: Start) -> tuple[Term | None, str]:
        """The term of the row's choice, and its words; None for a row that has no period."""
        by = f" (chosen by {periods.by})" if periods.by is not None else ""
        if start.choice is None:
            return None, f"no period{by}"
        _, items = periods.choices[start.choice]
        term = self.asked.policy.term(self.asked.policy.rules[name], items)
        return term, ", then ".join(map(self.asked.policy.told, items)) + by

    def _floor(self, floor: Floor, holding: bool) -> RuleStory:
        rule = self.asked.policy.rules[floor.rule]
        periods = rule.keep_at_least
        assert periods is not None
        due, reads, words = (
            Instant(None, "never"),
            tuple[Read, ...](),
            periods.told(self.asked.policy.told),
        )
        if floor.clock is not None:
            place = Place(floor.table)
            due, reads, words = self._dated(place, floor.rule, floor.clock, floor.deadline, periods)
        outcome = "keeps" if holding else "over"
        words = f"at least {words}"
        return RuleStory(
            rule, "keep", floor.table, "", words, reads, due, outcome, "", (), (), None
        )

    def _stop(self, place: Place, index: int, kind: str, name: str) -> Stop:
        if kind == "held":
            only = self.plan.steps[index].action is not Action.DELETE
            return Stop(kind, name, holds=tuple(self._holds(place, only)))
        if kind == "blocked":
            return Stop(kind, name, rows=self.row.blockers(place, index, name))
        if kind == "kept":
            floors = [floor for floor in self.plan.floors if floor.rule == name]
            return Stop(
                kind, name, self._until(place, floors[0]), rule=self.asked.policy.rules[name]
            )
        if kind == "waits":
            return self._waiting(place, index)
        return Stop(kind, name)

    def _waiting(self, place: Place, index: int) -> Stop:
        """The members of the row's unit that are not ready, and until when the last of them is not."""
        step = self.plan.steps[index]
        assert step.unit is not None
        found = waiting_unit(self.row, place, index)
        members = tuple(self._member(step, *member) for member in found.members)
        ends = [member.due.at for member in members if member.due and member.outcome == "running"]
        known = [end for end in ends if end is not None]
        until = Instant(max(known)) if known and len(known) == found.waiting else None
        unit = Waiting(step.unit.column, found.rows, found.waiting, members)
        return Stop("waits", "", until, unit=unit)

    def _member(self, step: Step, key: Key, outcome: str) -> Member:
        table = self.plan.schema.tables[step.table]
        row = OneRow(self.row.connection, self.row.dialect, self.plan, table, key)
        due, _, _ = RuleTeller(self.asked, self.plan, row, {})._due(
            Place(step.table), step, outcome.partition(":")[0]
        )
        plain = all(table.columns[name].kind is ColumnKind.INTEGER for name in table.key)
        told = outcome.rstrip(":").replace(":", " by ")
        return Member(", ".join(map(str, key)) if plain else "", told, due)

    def _holds(self, place: Place, only: bool) -> Iterator[HeldBy]:
        for hold_id, table in self.row.holds(place):
            if not only or table == place.table:
                yield HeldBy(hold_id, table, *self.reviews.get(hold_id, (None, None)))

    def _until(self, place: Place, floor: Floor) -> Instant:
        """Until when the floor keeps the row: as long as the last of the rows it speaks of."""
        periods = self.asked.policy.rules[floor.rule].keep_at_least
        if floor.clock is None or floor.deadline.forever or periods is None:
            return Instant(None, "never")
        starts = self.row.keepers(place, floor)
        if starts is None and floor.table == place.table:
            own = self.row.start(place, floor.clock, floor.deadline)
            starts = [own] if own else []
        if not starts:
            return Instant(None, "unknown")
        ends: list[Instant] = []
        for start in starts:
            term, _ = self._term(floor.rule, periods, start)
            ends.append(instant_of(term, floor.clock, start))
        open_end = next((end for end in ends if end.at is None), None)
        return open_end or max(ends, key=lambda end: end.at or self.asked.as_of)


_OVER = ("anonymized", "restricted", "deleted instead", "anonymized instead")
_WORDS = {
    (Action.ANONYMIZE, "done"): "anonymized",
    (Action.ANONYMIZE, "deleted"): "deleted instead",
    (Action.RESTRICT, "deleted"): "deleted instead",
    (Action.RESTRICT, "anonymized"): "anonymized instead",
    (Action.DELETE, "restricted"): ON_REQUEST,
    (Action.ANONYMIZE, "restricted"): ON_REQUEST,
}


def _is_far(place: Place) -> bool:
    """TRUE for a row above that is reached through another row of its own table."""
    return place.table in {hop.target for hop in place.hops[:-1]}


def _outcome(action: Action, kind: str) -> str:
    return _WORDS.get((action, kind), kind)
