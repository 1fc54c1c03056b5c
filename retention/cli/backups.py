"""backups: copies of what is gone."""

import typer

from retention.cli import copies, reapplying

backups_app = typer.Typer(
    help="Copies of what is gone: where they are, and what a restore brings back.",
    no_args_is_help=True,
)
copies.register(backups_app)
reapplying.register(backups_app)
