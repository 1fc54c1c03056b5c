"""Statutes as text for a terminal and as one JSON object."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from retention.policies.statutes import CAVEAT, Statute

_INDENT = "  "


def statutes_object(found: Sequence[Statute]) -> dict[str, object]:
    """The entries as one JSON object."""
    return {
        "schema": "retention.statutes/1",
        "notice": CAVEAT,
        "statutes": [_body(statute) for statute in found],
    }


def statutes_text(found: Sequence[Statute], width: int) -> str:
    """The entries for a person, no line wider than `width` unless one word is."""
    oldest = min(statute.as_of for statute in found)
    number = f"{len(found)} statute{'' if len(found) == 1 else 's'}, as of {oldest}."
    last = textwrap.fill(f"{number} {CAVEAT}", width, break_on_hyphens=False)
    return "\n\n".join([*(_entry(statute, width) for statute in found), last])


def _body(statute: Statute) -> dict[str, object]:
    return {
        "id": statute.id,
        "jurisdiction": statute.jurisdiction,
        "country": statute.country or None,
        "act": statute.act,
        "section": statute.section or None,
        "title": statute.title,
        "period": None if statute.period is None else str(statute.period),
        "counted_from": statute.counted_from.value,
        "kind": statute.kind.value,
        "starts": statute.starts or None,
        "binds": statute.binds,
        "notes": statute.notes or None,
        "as_of": statute.as_of.isoformat(),
        "confidence": statute.confidence,
        "rolls": statute.rolls,
    }


def _entry(statute: Statute, width: int) -> str:
    period = "no period of its own" if statute.period is None else str(statute.period)
    lines = [f"{period}, {statute.kind}: {statute.title}"]
    if statute.starts:
        lines.append(f"counted from: {statute.starts}")
    if statute.rolls:
        lines.append("an end on a weekend or public holiday moves to the next working day")
    lines.append(f"act: {', '.join(filter(None, (statute.act, statute.section)))}")
    lines.append(f"binds: {statute.binds}")
    if statute.confidence != "high":
        lines.append(f"confidence: {statute.confidence}")
    if statute.notes:
        lines.append(f"note: {statute.notes}")
    return "\n".join([statute.id, *(_wrapped(line, width) for line in lines)])


def _wrapped(line: str, width: int) -> str:
    return textwrap.fill(
        line,
        width,
        initial_indent=_INDENT,
        subsequent_indent=_INDENT * 2,
        break_long_words=False,
        break_on_hyphens=False,
    )
