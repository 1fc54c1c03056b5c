"""Real Delta tables from lists of dicts, read back as such, and nights over them in this process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import arro3.core as arrow
import deltalake
from project import Project

from retention.cli.requests import silent_watch
from retention.policies.parse import parse_policy
from retention.reports.reading import run_body
from retention.scheduler.lake_night import lake_counts
from retention.scheduler.nightly import Request, ledger_of, nightly

__all__ = ["lake_counts", "ledger_of"]

AS_OF = datetime(2026, 6, 1, 12, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Rows = list[dict[str, Any]]

_TYPES = {
    "id": arrow.DataType.int64(),
    "at": arrow.DataType.timestamp("us", tz="UTC"),
    "local": arrow.DataType.timestamp("us"),
    "day": arrow.DataType.date32(),
    "text": arrow.DataType.string(),
    "email": arrow.DataType.string(),
    "name": arrow.DataType.string(),
    "state": arrow.DataType.string(),
    "epoch": arrow.DataType.int64(),
    "score": arrow.DataType.float64(),
    "pinned": arrow.DataType.bool(),
}


def _stored(value: Any) -> Any:
    if isinstance(value, datetime):
        return (value.replace(tzinfo=UTC) - EPOCH) // (EPOCH.resolution)
    return (value - date(1970, 1, 1)).days if isinstance(value, date) else value


def _column(name: str, values: Sequence[Any]) -> arrow.Array:
    kind = _TYPES[name]
    stored = [_stored(value) for value in values]
    if name in ("at", "local"):
        return arrow.Array(stored, arrow.DataType.int64()).cast(kind)
    if name == "day":
        return arrow.Array(stored, arrow.DataType.int32()).cast(kind)
    return arrow.Array(stored, kind)


def write(folder: Path, rows: Sequence[Mapping[str, Any]], **more: Any) -> deltalake.DeltaTable:
    """Append rows to the Delta table in a folder, which is made where it is missing."""
    names = list(rows[0])
    columns = {name: _column(name, [row[name] for row in rows]) for name in names}
    deltalake.write_deltalake(folder, arrow.Table.from_pydict(columns), mode="append", **more)
    return deltalake.DeltaTable(folder)


def rows_of(folder: Path, version: int | None = None) -> Rows:
    """The rows of a table at a version, or now, by their id."""
    table = deltalake.DeltaTable(folder, version=version)
    names = [field.name for field in table.schema().fields]
    found: Rows = []
    for batch in deltalake.QueryBuilder().register("t", table).execute("select * from t"):
        by_name = dict(zip(batch.schema.names, batch.columns, strict=True))
        columns = [by_name[name].to_pylist() for name in names]
        found += [dict(zip(names, line, strict=True)) for line in zip(*columns, strict=True)]
    return sorted(found, key=lambda row: row["id"])


def ids(folder: Path) -> list[int]:
    """The ids of the rows that are there."""
    return [row["id"] for row in rows_of(folder)]


def request(project: Project, at: datetime = AS_OF, **more: Any) -> Request:
    """What `run --all` asks for."""
    policy = parse_policy(project.config.read_text(encoding="utf-8"))
    watch = silent_watch()
    return Request(
        policy, project.folder, "policies.toml", at, lambda: at, watch, everything=True, **more
    )


def night(project: Project, at: datetime = AS_OF, **more: Any) -> dict[str, Any]:
    """One run in this process; what the report of it says."""
    asked = request(project, at, **more)
    made = nightly(asked)
    body = run_body(ledger_of(asked.policy, asked.folder), made.run_id)
    assert body["exit_code"] == made.exit_code
    return body


def due(project: Project, at: datetime = AS_OF) -> dict[str, int]:
    """What a dry run counts as due, by "rule action"."""
    found = {}
    for _, preview in lake_counts(request(project, at)):
        assert not isinstance(preview, Exception), preview
        for count in preview.counts:
            found[f"{count.step.rule} {count.step.action}"] = count.due
    return found


def done(body: Mapping[str, Any]) -> dict[str, int]:
    """What a run did, by "rule action"."""
    return {
        f"{rule['rule']} {rule['action']}": rule["erased"] + rule["anonymized"]
        for rule in body["rules"]
    }


def recount_of(body: Mapping[str, Any]) -> dict[str, Any]:
    """The recount of the one lake table."""
    (found,) = [item for item in body["recount"] if item["database"].startswith("delta:")]
    return dict(found)
