"""`plan --estimate` as text for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from retention.cli.shown import headed, local, wrapped
from retention.reports.estimated import HEADLINE, numbers


def estimate_text(bodies: Sequence[Mapping[str, Any]], as_of: datetime, zone: ZoneInfo) -> str:
    """What is known without counting, rule by rule."""
    lines = [*wrapped(f"as of {local(as_of, zone)}; {HEADLINE}", ""), ""]
    for body in bodies:
        lines += [headed(body, numbers(body)), *wrapped(body["why"])]
        lines += wrapped(f"in {body['database']}") if "/" in body["database"] else []
        if body["not_estimated"]:
            lines += wrapped(f"not estimated: {body['not_estimated']}")
        lines.append("")
    return "\n".join(lines).rstrip()
