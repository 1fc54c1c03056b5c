"""Rows of a lake table deleted or masked, in one commit that carries the marker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from retention.lake.table import APP, BATCH, ENTRY, Faults, LakeTable, delta_library


@dataclass(frozen=True, slots=True)
class Commit:
    """What a commit of ours carries: its marker, the hash of the ledger's entry, and its rule."""

    app: str
    sequence: int
    entry: str
    rule: str


def delete(table: LakeTable, predicate: str, commit: Commit) -> None:
    """Delete the rows for which the predicate holds, in one commit."""
    with Faults(table.address, "changed"):
        table.handle.delete(predicate, commit_properties=_properties(commit))


def update(table: LakeTable, values: Mapping[str, str], predicate: str, commit: Commit) -> None:
    """Set columns of the rows for which the predicate holds, in one commit."""
    with Faults(table.address, "changed"):
        table.handle.update(
            dict(values), predicate=predicate, commit_properties=_properties(commit)
        )


def _properties(commit: Commit) -> Any:
    library = delta_library()
    marker = library.Transaction(commit.app, commit.sequence)
    batch = {APP: commit.app, BATCH: str(commit.sequence), ENTRY: commit.entry}
    return library.CommitProperties(
        custom_metadata={**batch, "retention.rule": commit.rule}, app_transactions=[marker]
    )
