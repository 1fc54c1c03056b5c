"""What a reapply found and did, as text."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from retention.cli.shown import local, reapplied_lines, wrapped


def reapply_text(body: Mapping[str, Any], zone: ZoneInfo) -> str:
    """What `backups reapply` prints."""
    lines = [*wrapped(_head(body, zone), ""), "", *reapplied_lines(body)]
    return "\n".join(lines)


def _head(body: Mapping[str, Any], zone: ZoneInfo) -> str:
    name, batch = body["database"], body["since_batch"]
    if body["level"]:
        back = f"{name} stands where the ledger does; every table was looked at again"
    elif body["since"]:
        at = local(datetime.fromisoformat(body["since"]), zone)
        back = f"{name} went back to batch {batch} of {at}, or a little later"
    else:
        back = f"{name} went back to before its first batch"
    return f"{back}; {'nothing is written by a dry run' if not body['acted'] else 'run ' + body['run']}"
