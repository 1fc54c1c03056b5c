"""plan: the dry run. Nothing here writes to a database."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from retention.cli import console
from retention.cli.context import (
    DEFAULT_CONFIG,
    ConfigOption,
    Context,
    FullOption,
    JobsOption,
    JsonOption,
    RuleOption,
    instant,
    load_listed,
    now,
)
from retention.cli.requests import missing_members, request_for
from retention.errors import GRAVEST_FIRST, UsageError, gravest

if TYPE_CHECKING:
    from retention.scheduler.previews import Previewed
    from retention.scheduler.request import Request


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(plan)


def plan(
    rule: RuleOption = None,
    at: Annotated[str | None, typer.Option("--at", help="As of this instant or day.")] = None,
    json: JsonOption = False,
    sql: Annotated[bool, typer.Option("--sql", help="Print the statements of each step.")] = False,
    full: FullOption = False,
    estimate: Annotated[
        bool, typer.Option("--estimate", help="A first look by statistics; nothing is counted.")
    ] = False,
    jobs: JobsOption = 1,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """The dry run: how many rows are due under each rule, why, and what goes with them."""
    from retention.scheduler.previews import first_looks, previews

    if estimate and (sql or full):
        raise UsageError("--estimate counts nothing: leave --sql and --full out. Nothing was done")
    context = load_listed(config)
    request = request_for(
        context, instant(at, context.policy, future=True), rule, jobs=jobs, full=full
    )
    found = []
    for place in first_looks(request) if estimate else previews(request, sql=sql):
        for statement in place.statements:
            console.data(statement)
        found.append(place)
    notes = [note for place in found for note in place.notes] + missing_members(context)
    bodies = [body for place in found for body in place.bodies]
    if estimate:
        _print_estimate(context, request, bodies, notes, json)
    elif not sql:
        _print(context, request, bodies, notes, json)
    _end(context, found, [] if json else notes)


def _print_estimate(
    context: Context, request: "Request", bodies: list[dict[str, Any]], notes: list[str], json: bool
) -> None:
    from retention.cli.estimate_text import estimate_text
    from retention.reports.estimated import estimate_object

    policy, as_of = context.policy, request.as_of
    if json:
        console.json_object(estimate_object(as_of, policy.sha256, bodies, notes))
    else:
        console.data(estimate_text(bodies, as_of, policy.timezone))


def _print(
    context: Context, request: "Request", bodies: list[dict[str, Any]], notes: list[str], json: bool
) -> None:
    from retention.cli.shown import plan_text
    from retention.reports.report import plan_object
    from retention.scheduler.dry_run import copies_then

    policy, as_of = context.policy, request.as_of
    copies = copies_then(policy, context.folder, as_of, now(), _taken(bodies))
    if json:
        console.json_object(plan_object(as_of, policy.sha256, bodies, notes, copies))
    else:
        console.data(plan_text(bodies, as_of, policy.timezone, copies))


def _taken(bodies: list[dict[str, Any]]) -> dict[str, int]:
    """Rows that a night would take or mask, by database."""
    found: dict[str, int] = {}
    for body in bodies:
        if body["action"] in ("delete", "anonymize") and not body.get("limit"):
            found[body["database"]] = found.get(body["database"], 0) + body["due"]
    return found


def _end(context: Context, found: "list[Previewed]", notes: list[str]) -> None:
    from retention.reports.many import alike

    for note in alike(notes, context.policy.families):
        console.message(note)
    codes = [place.error_code for place in found if place.error_code in GRAVEST_FIRST]
    if codes:
        raise typer.Exit(gravest(codes))
