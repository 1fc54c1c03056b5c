"""backups: copies of what is gone."""

from __future__ import annotations

import typer

from retention.cli import reapplying

backups_app = typer.Typer(
    help="Copies of what is gone: what a restore brings back.", no_args_is_help=True
)


@backups_app.callback()
def _group() -> None:
    """Keep a sub-command a sub-command while it is the only one."""


reapplying.register(backups_app)
