"""What a plan or a report says of files beside their number. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_UNITS = ("bytes", "kB", "MB", "GB", "TB")


def file_facts(body: Mapping[str, Any]) -> Iterator[str]:
    """Sentences on the files of one rule; nothing for a rule over rows."""
    files = body.get("files")
    if not files:
        return
    size = files.get("bytes", files["bytes_due"])
    if size:
        oldest = f", the oldest of {files['oldest']}" if files["oldest"] else ""
        yield f"{amount(size)}{oldest}"
    if files["passed_over"]:
        passed = (f"{count:,} {words}" for words, count in files["passed_over"].items())
        yield f"passed over: {', '.join(passed)}"
    if files.get("changed"):
        yield f"{files['changed']:,} changed meanwhile, and stay"
    if files.get("linked"):
        yield (
            f"{files['linked']:,} had another name (hard link): their content stays under that one"
        )


def row_files(body: Mapping[str, Any]) -> Iterator[str]:
    """What became of files that belong to rows, a sentence for each database."""
    words = (
        ("removed", "removed"),
        ("absent", "not there"),
        ("shared", "kept, because other rows name them"),
    )
    for name, done in body.get("files", {}).items():
        parts = [f"{done[key]:,} {word}" for key, word in words if done[key]]
        if parts:
            yield f"{name}: files of rows: {', '.join(parts)}"


def waiting_files(body: Mapping[str, Any]) -> Iterator[str]:
    """Files that should be gone with their rows and are not: a sentence for each database."""
    for name, done in body.get("files", {}).items():
        count = sum(done["waiting"].values())
        if count:
            codes = ", ".join(f"{code} {number:,}" for code, number in done["waiting"].items())
            since = f" since {done['waiting_since'][:10]}" if done.get("waiting_since") else ""
            yield (
                f"{name}: {count:,} {'file' if count == 1 else 'files'} of rows that are gone could "
                f"not be removed{since} ({codes}); every run tries again"
            )


def amount(size: int) -> str:
    """Bytes as a person reads them: `12.3 MB`."""
    value, unit = float(size), 0
    while value >= 1000 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{size:,} bytes" if not unit else f"{value:,.1f} {_UNITS[unit]}"
