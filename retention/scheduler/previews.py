"""The dry run of every place a policy names, told as a report tells it. Nothing here writes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from retention.databases.statements.explaining import statements_of
from retention.errors import RetentionError
from retention.execution.accounts import StepCount
from retention.execution.limits import Ruling
from retention.planning.files import FILES
from retention.policies.lake_tables import is_lake
from retention.reports.estimated import estimate_body, keeping_body
from retention.reports.report import count_body, floor_bodies
from retention.scheduler.dry_run import Preview, counts_only, estimates_only
from retention.scheduler.file_night import file_counts
from retention.scheduler.lake_night import lake_counts
from retention.scheduler.looking import each_look
from retention.scheduler.request import Request, of_one


@dataclass(frozen=True, slots=True)
class Previewed:
    """One place: its rules counted, or the statements of its steps; or the error that stopped it."""

    bodies: list[dict[str, Any]] = field(default_factory=list)
    statements: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    error_code: int = 0


def previews(request: Request, *, sql: bool) -> Iterator[Previewed]:
    """Every database of the policy, then its rules over files, then its lake tables.

    `sql`: their statements instead of counts; rules over files have none.
    """
    yield from _databases(request, partial(_of_database, sql=sql))
    for rule, counted in () if sql else file_counts(request):
        yield _of_files(rule, counted)
    for address, of_lake in lake_counts(request):
        if isinstance(of_lake, RetentionError):
            yield _failed(of_lake)
        else:
            yield _told(request, address, of_lake, sql)


def first_looks(request: Request) -> Iterator[Previewed]:
    """About what lies before the lines of each database; files and lake tables have no statistics."""
    yield from _databases(request, _estimated)
    for name, rule in request.policy.rules.items():
        if (rule.files or is_lake(rule.table)) and (not request.rules or name in request.rules):
            yield Previewed(notes=[f"{name}: not estimated; `retention plan` counts it"])


def _databases(request: Request, look: Callable[[Request, str], Previewed]) -> Iterator[Previewed]:
    """What `look` finds in each database, given the request for that one alone."""
    policy = request.policy
    ones = ((name, replace(request, policy=of_one(policy, name))) for name in policy.databases)
    looks = [(name, partial(look, one, name)) for name, one in ones]
    for _, found in each_look(looks, request.jobs):
        yield _failed(found) if isinstance(found, RetentionError) else found


def _estimated(request: Request, name: str) -> Previewed:
    looked = estimates_only(request, name)
    bodies = [estimate_body(name, found) for found in looked.found]
    bodies += [keeping_body(name, floor) for floor in looked.keeping]
    chosen = [body for body in bodies if not request.rules or body["rule"] in request.rules]
    return Previewed(chosen, notes=looked.notes)


def _of_database(request: Request, name: str, sql: bool) -> Previewed:
    return _told(request, name, counts_only(request, name), sql)


def _of_files(rule: str, found: tuple[StepCount, Ruling] | RetentionError) -> Previewed:
    if isinstance(found, RetentionError):
        return _failed(found, f"{rule}: ")
    return Previewed([_body(FILES, *found)])


def _told(request: Request, place: str, found: Preview, sql: bool) -> Previewed:
    """The counts of one place, and what its floors keep."""
    if sql:
        return Previewed(statements=list(statements_of(found.plan)))
    counted = zip(found.counts, found.rulings, strict=True)
    bodies = [_body(place, count, ruling) for count, ruling in counted]
    floors = floor_bodies(found.plan, found.kept)
    bodies += [body for body in floors if not request.rules or body["rule"] in request.rules]
    return Previewed(bodies, notes=found.notes)


def _failed(error: RetentionError, of: str = "") -> Previewed:
    return Previewed(notes=[f"{of}{error}"], error_code=error.exit_code)


def _body(place: str, count: StepCount, ruling: Ruling) -> dict[str, Any]:
    """One count, with what its limit would say and how a run would go over the table."""
    body = count_body(place, count) | {"limit": ruling.refused or None, "portion": ruling.most}
    return body | {"walk": count.walk.described if count.walk else None}
