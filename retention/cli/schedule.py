"""schedule: when each rule runs, and how to have it run. Nothing here writes to a database."""

import shutil
import sys
from pathlib import Path

import typer

from retention.cli import console
from retention.cli.context import DEFAULT_CONFIG, ConfigOption, Context, JsonOption, load, now


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(schedule)


def schedule(config: ConfigOption = DEFAULT_CONFIG, json: JsonOption = False) -> None:
    """When each rule ran and runs next; a crontab line and a systemd timer ready to paste."""
    import shlex

    from retention.cli.shown import schedule_text
    from retention.scheduler.request import known_ledger
    from retention.scheduler.timing import decisions, last_runs

    context = load(config)
    present = now().replace(microsecond=0)
    ledger = known_ledger(context.policy, context.folder)
    last = last_runs(ledger) if ledger else {}
    found = decisions(context.policy, ledger, present)
    if json:
        console.json_object(_schedule_object(context, last, found))
        return
    console.data(schedule_text(context.policy, last, found))
    command = shutil.which("retention") or sys.argv[0]
    console.data(_install_text(context, shlex.quote(str(Path(command).resolve())), config))


def _schedule_object(context: Context, last: dict, found: dict) -> dict[str, object]:  # type: ignore[type-arg]
    from retention.reports.report import stamp

    return {
        "schema": "retention.schedule/1",
        "rules": [
            {
                "rule": name,
                "schedule": context.policy.schedule_of(context.policy.rules[name]),
                "last_run": stamp(last.get(name)),
                "next_run": stamp(decision.next_run),
                "due": decision.due,
                "missed": decision.missed,
                "late_seconds": int(decision.late_by.total_seconds()),
                "why": decision.reason,
            }
            for name, decision in found.items()
        ],
    }


def _install_text(context: Context, command: str, config: Path) -> str:
    from retention.scheduler.install import crontab_line, systemd_units

    written = context.policy.schedule or "0 3 * * *"
    zone = context.policy.timezone
    path = str(config.resolve())
    parts = ["# crontab", crontab_line(written, zone, f"{command} run", path)]
    try:
        units = systemd_units(written, zone, f"{command} run", path, "retention")
    except ValueError as fault:
        return "\n".join([*parts, f"# systemd: {fault}"])
    for name, text in units.items():
        parts += ["", f"# /etc/systemd/system/{name}", text.rstrip()]
    return "\n".join(parts)
