"""Rules over lake tables: what is counted goes, what is not due stays, and the ledger says so."""

from __future__ import annotations

from datetime import datetime, timedelta

import deltalake
from lakes import AS_OF, done, due, ids, ledger_of, night, recount_of, request, rows_of, write
from project import Project

RULE = """
[rules.events]
table = "delta://lake/events"
start = "at"
delete_after = "90 days"
"""


def days_ago(days: int) -> datetime:
    """A start that many days before the night."""
    return AS_OF.replace(tzinfo=None) - timedelta(days=days)


def events(*ages: int | None) -> list[dict[str, object]]:
    """One row for each age in days; None: no start."""
    return [
        {"id": at, "at": None if age is None else days_ago(age), "email": f"p{at}@example.org"}
        for at, age in enumerate(ages, start=1)
    ]


def test_takes_what_a_dry_run_counted_and_nothing_else(lake: Project) -> None:
    """Old rows go in one commit, young ones and those without a date stay; counts agree."""
    folder = lake.folder / "lake" / "events"
    write(folder, events(400, 91, 90, 10, None, -5))
    before = deltalake.DeltaTable(folder).schema()
    lake.policy(RULE)
    assert due(lake) == {"events delete": 2}
    body = night(lake)
    assert body["exit_code"] == 0
    assert done(body) == {"events delete": 2}
    assert ids(folder) == [3, 4, 5, 6]
    assert deltalake.DeltaTable(folder).schema() == before
    recount = recount_of(body)
    assert [(step["looked"], step["rule"]) for step in recount["steps"]] == [(4, "events")]
    assert recount["findings"] == []
    asked = request(lake)
    ledger = ledger_of(asked.policy, asked.folder)
    assert ledger.verify() == []
    (intent,) = ledger.entries(kinds={"intent"})
    (committed,) = ledger.entries(kinds={"committed"})
    assert intent.body["counts"]["delta://lake/events"] == 2
    assert (intent.body["version"], committed.body["version"]) == (0, 1)
    assert deltalake.DeltaTable(folder).history(1)[0]["retention.entry"] == intent.hash


def test_a_second_run_changes_nothing(lake: Project) -> None:
    """The table has no new version after a second run of the same night."""
    folder = lake.folder / "lake" / "events"
    write(folder, events(400, 10))
    lake.policy(RULE)
    night(lake)
    version = deltalake.DeltaTable(folder).version()
    assert done(night(lake)) == {"events delete": 0}
    assert deltalake.DeltaTable(folder).version() == version
    assert rows_of(folder) == rows_of(folder, version)
