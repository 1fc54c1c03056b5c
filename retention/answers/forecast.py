"""How many rows fall due under each rule, week by week, if nothing stops them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from operator import add
from typing import Any
from zoneinfo import ZoneInfo

from retention.databases.database import Connection, Database
from retention.databases.faults import database_faults
from retention.databases.statements.forecasting import FirstDue, count_first_due
from retention.databases.statements.forecasting_units import count_first_due_together
from retention.planning.make import make_plan
from retention.planning.plan import Action, Plan, Step
from retention.planning.resolving import resolve_policy
from retention.policies.policy import Policy
from retention.policies.tenants import family_of

FORECAST_SCHEMA = "retention.forecast/1"
NOT_COUNTED = "holds, floors and blocks are not counted in, nor is `unless`"
Series = list[Step]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a forecast is asked for: from when, to the end of which weeks, for which rules (all)."""

    policy: Policy
    file: str
    as_of: datetime
    weeks: int
    rules: Collection[str] = ()

    @property
    def zone(self) -> ZoneInfo:
        """Where weeks end at the same time of day."""
        return self.policy.timezone

    def instants(self) -> list[datetime]:
        """Now, and the end of each week: the same local time, seven days on."""
        local = self.as_of.astimezone(self.zone)
        weeks = (local + timedelta(weeks=number) for number in range(self.weeks + 1))
        return [moment.astimezone(UTC) for moment in weeks]


@dataclass(frozen=True, slots=True)
class Outlook:
    """One rule's action on one table: rows due now, and rows that fall due in each week."""

    database: str
    rule: str
    action: str
    table: str
    now: int
    weeks: tuple[int, ...]

    @property
    def name(self) -> str:
        """How a person refers to it."""
        return f"{self.rule} ({self.action})"


def forecast(database: Database, connection: Connection, asked: Asked) -> list[Outlook]:
    """The outlook of every rule that acts in this database; one scan for each table.

    A row counts once for each action, in the week it first falls due; not for a masking in the
    week it is deleted or later, nor for a second deletion.
    """
    schema = database.schema(connection, asked.policy)
    plan = make_plan(asked.policy, database.name, schema, asked.as_of, asked.file)
    series = series_of(asked, plan, asked.policy, database.name)
    found: dict[tuple[str, Action], Outlook] = {}
    instants = asked.instants()
    with database_faults("counting", database.name), connection.begin():
        for table in dict.fromkeys(steps[0].table for steps in series):
            here = [steps for steps in series if steps[0].table == table]
            whole = any(steps[0].unit is not None for steps in here)
            count = count_first_due_together if whole else count_first_due
            counted = count(connection, plan, database.dialect, table, here, instants)
            for steps, outlook in zip(
                here, outlooks_of(asked, database.name, here, counted), strict=True
            ):
                found[steps[0].rule, steps[0].action] = outlook
    return asked_for(asked, (found[steps[0].rule, steps[0].action] for steps in series))


def series_of(asked: Asked, plan: Plan, policy: Policy, place: str) -> list[Series]:
    """Each step of the plan of now, as `policy` has it at every instant; `place`: the plan's own.

    Steps that only act where a floor has stopped a deletion are left out with the floors.
    """
    series = {(step.rule, step.action): [step] for step in plan.steps if step.deadline or step.when}
    for instant in asked.instants()[1:]:
        for step in resolve_policy(policy, place, plan.schema, instant).steps:
            if (step.rule, step.action) in series:
                series[step.rule, step.action].append(step)
    return list(series.values())


def outlooks_of(
    asked: Asked, place: str, series: Sequence[Series], counted: Sequence[FirstDue]
) -> list[Outlook]:
    """The outlook of each of `series`, all of one table, from what was counted of its rows."""
    sums = _by_week(series, counted, asked.weeks)
    return [_outlook(place, steps[0], weeks) for steps, weeks in zip(series, sums, strict=True)]


def asked_for(asked: Asked, outlooks: Iterable[Outlook]) -> list[Outlook]:
    """Those of the rules that the forecast is asked for."""
    return [item for item in outlooks if not asked.rules or item.rule in asked.rules]


def of_families(outlooks: Sequence[Outlook]) -> list[Outlook]:
    """The outlooks of many databases of one shape as one, with their sums."""
    sums: dict[tuple[str, str, str, str], Outlook] = {}
    for found in outlooks:
        place = family_of(found.database)
        key = (place, found.rule, found.action, found.table)
        known = sums.get(key)
        weeks = found.weeks if known is None else tuple(map(add, known.weeks, found.weeks))
        now = found.now + (known.now if known else 0)
        sums[key] = replace(found, database=place, now=now, weeks=weeks)
    return list(sums.values())


def forecast_object(asked: Asked, outlooks: Sequence[Outlook], notes: list[str]) -> dict[str, Any]:
    """What `forecast --json` prints."""
    return {
        "schema": FORECAST_SCHEMA,
        "as_of": _stamp(asked.as_of),
        "policy_sha256": asked.policy.sha256,
        "ends": [_stamp(moment) for moment in asked.instants()[1:]],
        "rules": [
            {
                "rule": found.rule,
                "database": found.database,
                "table": found.table,
                "action": found.action,
                "now": found.now,
                "weeks": list(found.weeks),
                "total": found.now + sum(found.weeks),
            }
            for found in outlooks
        ],
        "not_counted": NOT_COUNTED,
        "notes": notes,
    }


def _by_week(series: Sequence[Series], counted: Sequence[FirstDue], weeks: int) -> list[list[int]]:
    """Rows for each of `series` and week (0: now), each row where it acts first."""
    sums = [[0] * (weeks + 1) for _ in series]
    for instants, count in counted:
        for number, week in _acting(series, instants):
            sums[number][week] += count
    return sums


def _acting(
    series: Sequence[Series], instants: tuple[int | None, ...]
) -> Iterator[tuple[int, int]]:
    """The steps that act on such a row, each with its week: maskings, then the first deletion."""
    due = [(week, number) for number, week in enumerate(instants) if week is not None]
    gone = min(((w, n) for w, n in due if series[n][0].action is Action.DELETE), default=None)
    for week, number in due:
        deletes = series[number][0].action is Action.DELETE
        if (week, number) == gone or (not deletes and (gone is None or week < gone[0])):
            yield number, week


def _outlook(database: str, step: Step, weeks: list[int]) -> Outlook:
    return Outlook(database, step.rule, str(step.action), step.table, weeks[0], tuple(weeks[1:]))


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
