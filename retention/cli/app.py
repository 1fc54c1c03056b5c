"""`retention`: the commands, and the one place where an error becomes an exit code."""

import io
import os
import sys

import typer

from retention.cli import (
    answers,
    backups,
    check,
    console,
    coverage,
    forecasts,
    ledger,
    marker,
    plan,
    restrictions,
    retire,
    schedule,
    setting_up,
    statutes,
    subjects,
    working,
)
from retention.errors import RetentionError

app = typer.Typer(
    name="retention",
    help="Keeps the retention promises of a privacy policy in your own SQL databases, and proves it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
_MODULES = (setting_up, retire, check, plan, schedule, working, statutes, forecasts, answers)
for module in (*_MODULES, coverage, marker):
    module.register(app)
app.add_typer(subjects.hold_app, name="hold")
app.add_typer(subjects.event_app, name="event")
app.add_typer(restrictions.restriction_app, name="restriction")
app.add_typer(backups.backups_app, name="backups")
app.add_typer(ledger.ledger_app, name="ledger")


@app.callback(invoke_without_command=True)
def _root(
    version: bool = typer.Option(False, "--version", help="Print the version and stop."),
) -> None:
    if version:
        from retention import __version__

        console.data(__version__)
        raise typer.Exit


def main() -> None:
    """Run the command line; every error of ours ends as one message and its exit code."""
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # a terminal without UTF-8 must not end a night
            stream.reconfigure(errors="backslashreplace")
    try:
        try:
            app()
        finally:
            sys.stdout.flush()
    except RetentionError as error:
        console.message(str(error))
        sys.exit(error.exit_code)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
    except OSError as fault:
        # what is left of the output goes nowhere, or it would fail once more at the very end
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
        console.message(f"The output could not be written ({os.strerror(fault.errno or 0)}).")
        sys.exit(74)


if __name__ == "__main__":
    main()
