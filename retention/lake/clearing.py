"""Old versions of a lake table removed, as far as its own properties allow."""

from __future__ import annotations

from urllib.parse import unquote

from retention.errors import LakeFailure
from retention.lake.table import Faults, LakeTable


def vacuum(table: LakeTable) -> None:
    """Remove every file that no version younger than the table's own retention needs.

    A dry run goes first: LakeFailure where it names a file that the table uses.
    """
    with Faults(table.address, "vacuumed"):
        named = table.handle.vacuum(dry_run=True, enforce_retention_duration=True, full=True)
    if table.paths() & {path for name in named for path in (str(name), unquote(str(name)))}:
        raise LakeFailure(
            f"{table.address}: VACUUM would remove files that the table uses; nothing was removed"
        )
    with Faults(table.address, "vacuumed"):
        table.handle.vacuum(dry_run=False, enforce_retention_duration=True, full=True)


def clean_log(table: LakeTable) -> None:
    """Write a checkpoint, and remove commits older than the table's own log retention."""
    with Faults(table.address, "cleaned"):
        table.handle.create_checkpoint()
        table.handle.cleanup_metadata()
