"""run, serve, report: the work, and what the ledger says of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from retention.cli import console
from retention.cli.context import (
    DEFAULT_CONFIG,
    ConfigOption,
    FullOption,
    JsonOption,
    RuleOption,
    instant,
    listed,
    load,
    now,
    stop_signals,
)
from retention.cli.requests import request_for
from retention.errors import UsageError

if TYPE_CHECKING:
    from retention.execution.executor import Watch
    from retention.planning.plan import Step


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(run)
    app.command()(serve)
    app.command()(report)


def run(
    rule: RuleOption = None,
    all_: Annotated[bool, typer.Option("--all", help="Every rule, whatever its schedule.")] = False,
    at: Annotated[
        str | None, typer.Option("--at", help="As of this instant or day; never the future.")
    ] = None,
    allow: Annotated[
        list[str] | None,
        typer.Option(
            "--allow", metavar="RULE=COUNT", help="Let this rule pass its limit once, up to COUNT."
        ),
    ] = None,
    jobs: Annotated[
        int,
        typer.Option("--jobs", min=1, metavar="N", help="Work on so many databases side by side."),
    ] = 1,
    executor: Annotated[
        Literal["processes", "dask"],
        typer.Option("--executor", help="Who works on the databases."),
    ] = "processes",
    scheduler: Annotated[
        str, typer.Option("--scheduler", metavar="ADDRESS", help="Of a Dask cluster.")
    ] = "",
    shard: Annotated[
        str, typer.Option("--shard", metavar="I/N", help="Only this part of the databases, from 0.")
    ] = "",
    full: FullOption = False,
    json: JsonOption = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Carry out what is due by its schedule since the last run; silent under cron on success."""
    from retention.cli.shown import run_text
    from retention.reports.reading import run_body
    from retention.scheduler.nightly import ledger_of, nightly

    where = _where(jobs, executor, scheduler, shard)
    context, unlisted = listed(load(config))
    as_of = instant(at, context.policy, future=False)
    allowed = dict(allowance(text) for text in allow or ())
    with stop_signals() as signals, _progress() as (advanced, finished):
        from retention.execution.executor import Watch

        watch = Watch(advanced, *signals, finished, _announced)
        request = request_for(
            context,
            as_of,
            rule,
            watch=watch,
            everything=all_,
            allowed=allowed,
            **where,
            full=full,
        )
        night = nightly(request, unlisted)
    body = run_body(ledger_of(context.policy, context.folder), night.run_id)
    if json:
        console.json_object(body)
    elif console.is_terminal() or night.exit_code:
        console.data(run_text(body, context.policy.timezone))
    if night.interrupted is not None:
        raise night.interrupted
    if night.exit_code:
        raise typer.Exit(night.exit_code)


def _where(jobs: int, executor: str, scheduler: str, shard: str) -> dict[str, Any]:
    """Who works on which databases; UsageError for options that do not go together."""
    from retention.scheduler.sharding import WHOLE, parse_shard

    if (executor == "dask") != bool(scheduler):
        raise UsageError("--executor dask and --scheduler ADDRESS go together; nothing was done")
    if scheduler and jobs > 1:
        raise UsageError("--jobs counts processes here, and Dask has its own; nothing was done")
    try:
        part = parse_shard(shard) if shard else WHOLE
    except ValueError as fault:
        raise UsageError(f"--shard {fault}; nothing was done") from None
    return {"jobs": jobs, "scheduler": scheduler, "shard": part}


def allowance(text: str) -> tuple[str, int]:
    """RULE=COUNT as a person types it after --allow; UsageError for anything else."""
    name, equals, count = text.partition("=")
    digits = count.replace("_", "").replace(",", "")
    if not equals or not digits.isdigit():
        raise UsageError(f'--allow "{text}" is not RULE=COUNT; nothing was done')
    return name, int(digits)


def _announced(sentence: str) -> None:
    """Said to who is watching; under cron a good night says nothing."""
    if console.is_terminal():
        console.message(sentence)


@contextmanager
def _progress() -> Iterator[Any]:
    """A live bar per rule on a terminal, or one of databases; nothing under cron or in a pipe."""
    if not console.is_terminal():
        yield (lambda *_: None), (lambda *_: None)
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}", markup=False),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, Any] = {}

        def moved(name: str, done: int, of: int) -> None:
            if name not in tasks:
                told = Text(console.sanitized(name)).plain
                tasks[name] = bars.add_task(told, total=of, rate="")
            task = tasks[name]
            speed = bars.tasks[task].speed or 0
            bars.update(task, completed=done, rate=f"{speed:,.0f}/s")

        def advanced(step: "Step", done: int, due: int) -> None:
            moved(step.name, done, due)

        def finished(done: int, of: int) -> None:
            moved("databases", done, of)

        yield advanced, finished


def serve(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """The same as a long-running process: sleeps until the next due time, stops on SIGTERM."""
    from retention.scheduler.service import Service

    context = load(config)

    def night(watch: "Watch") -> int:
        from retention.scheduler.nightly import nightly

        fresh, unlisted = listed(load(config))
        request = request_for(fresh, now().replace(microsecond=0), None, watch=watch)
        return nightly(request, unlisted).exit_code

    Service(context.policy, context.folder, night, console.message).run()


def report(
    run_id: Annotated[
        str | None, typer.Argument(metavar="RUN", help="A run; `last` for the last.")
    ] = None,
    json: JsonOption = False,
    html: Annotated[Path | None, typer.Option("--html", help="Write one HTML file.")] = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """The runs, or one run whole: what was due, erased, anonymized and left, and why."""
    from retention.cli.shown import run_text, runs_text
    from retention.reports.reading import report_object, run_body, runs
    from retention.scheduler.nightly import ledger_of

    context = load(config)
    ledger = ledger_of(context.policy, context.folder)
    if run_id is None and html is None:
        found = runs(ledger)
        if json:
            console.json_object(report_object(found, ledger.head()[1]))
        else:
            console.data(runs_text(found, context.policy.timezone))
        return
    body = run_body(ledger, None if run_id in (None, "last") else run_id)
    if html is not None:
        from retention.reports.html import write_html

        write_html(body, html, context.policy.timezone)
        console.data(str(html))
    elif json:
        console.json_object(body)
    else:
        console.data(run_text(body, context.policy.timezone))
