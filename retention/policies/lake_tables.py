"""Where a lake table lies. Pure."""

from __future__ import annotations

import re

_ADDRESS = re.compile(r"delta(?:\+(?P<scheme>[a-z][a-z0-9]*))?://(?P<path>.+)", re.DOTALL)


def is_lake(table: str) -> bool:
    """TRUE for the address of a lake table: `delta:///data/events`, `delta+s3://bucket/events`."""
    return table.startswith(("delta:", "delta+"))


def place_of(address: str) -> tuple[str, str]:
    """Scheme ("" for a folder of this machine) and path; ValueError for what is no address."""
    found = _ADDRESS.fullmatch(address)
    if found is None or re.match(r"[^/]*:[^/]*@", found["path"]):
        raise ValueError(
            "the address of a lake table is delta:///absolute/folder, delta://folder beside the "
            "policy, or delta+s3://bucket/folder; secrets come from the environment"
        )
    return found["scheme"] or "", found["path"].rstrip("/") or "/"
