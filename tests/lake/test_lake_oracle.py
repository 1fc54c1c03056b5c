"""Random nights over a real Delta table, judged row by row by an oracle that shares no code."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import deltalake
import naive
import pytest
from lakes import lake_counts, ledger_of, night, recount_of, request, write
from project import Project

from retention.errors import PolicyError
from retention.lake.table import LakeTable
from retention.policies.calendar import Stage, Term
from retention.policies.period import parse_period
from retention.scheduler.nightly import key_folder
from retention.subjects.holds import PREFIX
from retention.subjects.lake_holds import REQUEST, place_lake_hold

AS_OF = datetime(2026, 6, 1, 12, tzinfo=UTC)
ZONE = "Europe/Oslo"
HERE = ZoneInfo(ZONE)
CLOCKS = {
    "at": naive.Stored(),
    "local": naive.Stored(zone="America/New_York"),
    "day": naive.Stored(),
    "text": naive.Stored(zone="America/New_York"),
    "epoch": naive.Stored("epoch s"),
}
PERIODS = ["30 days", "3 months", "1 year", "72 hours", "0 days", "2 years"]
CONDITIONS = [
    ("state = 'kept'", naive.Condition(naive.Path((), "state"), "=", "kept")),  # type: ignore[arg-type]
    ("id <> 3", naive.Condition(naive.Path((), "id"), "<>", 3)),
    ("name is null", naive.Condition(naive.Path((), "name"), "is null")),
    ("state is not null", naive.Condition(naive.Path((), "state"), "is not null")),
]
MASKS: list[tuple[str, str, tuple[str, ...]]] = [
    ("email", '"null"', ("null",)),
    ("name", '{ text = "[gone]" }', ("text", "[gone]")),
    ("email", '{ template = "gone-{id}@invalid" }', ("template", "gone-{id}@invalid")),
    ("day", '{ truncate = "year" }', ("truncate", "year")),
    ("day", '{ truncate = "month" }', ("truncate", "month")),
    ("at", '{ truncate = "year" }', ("truncate", "year")),
    ("local", '{ truncate = "decade" }', ("truncate", "decade")),
]


@dataclass
class Written:
    """Rules as the policy has them, and as the oracle does."""

    text: str = ""
    rules: list[naive.Rule] = field(default_factory=list)


def a_start(dice: random.Random) -> datetime | None:
    """A local time, often near a line that matters."""
    if dice.random() < 0.12:
        return None
    if dice.random() < 0.08:
        return dice.choice([datetime(1970, 1, 5), datetime(9999, 12, 31), datetime(1600, 5, 5)])
    back = dice.choice([0, 1, 3, 29, 30, 31, 91, 92, 364, 365, 366, 729, 731, 2000, -40])
    seconds = dice.choice([0, 1, 7_199, 7_200, 36_000, 43_199, 43_200, 86_399])
    return datetime(2026, 6, 1) - timedelta(days=back) + timedelta(seconds=seconds)


def a_row(dice: random.Random, key: int) -> dict[str, Any]:
    """One row as the oracle has it: times as text, as they would be shown."""
    at, local, day, epoch, text = (a_start(dice) for _ in range(5))
    told = None if text is None else text.isoformat(sep=dice.choice(" T"))
    if told is not None:
        told += dice.choice(["", "", "Z", "+02:00", "-05:00"])
    if dice.random() < 0.1:
        told = dice.choice(["", "soon", "2026-02-30", "0000-00-00"])
    seconds = None if epoch is None else int(epoch.replace(tzinfo=UTC).timestamp())
    if dice.random() < 0.1:
        seconds = dice.choice([0, -1])
    return {
        "id": key,
        "at": None if at is None else f"{at.isoformat(sep=' ')}Z",
        "local": None if local is None else local.isoformat(sep=" "),
        "day": None if day is None else day.date().isoformat(),
        "text": told,
        "epoch": seconds,
        "state": dice.choice([None, "kept", "done"]),
        "name": dice.choice([None, "Anna", "Bo's \"d'Or\"", "[gone]"]),
        "email": dice.choice([None, f"p{key}@example.org", f"gone-{key}@invalid"]),
    }


def stored(row: dict[str, Any]) -> dict[str, Any]:
    """The row as the table takes it."""
    times = {
        name: None if row[name] is None else datetime.fromisoformat(row[name].rstrip("Z"))
        for name in ("at", "local")
    }
    day = None if row["day"] is None else date.fromisoformat(row["day"])
    return {**row, **times, "day": day}


def shown(folder: Path) -> dict[int, dict[str, Any]]:
    """The rows of the table as the oracle has them."""
    texts = "id, cast(at as text) at, cast(local as text) local, cast(day as text) day"
    names = ["id", "at", "local", "day", "text", "epoch", "state", "name", "email"]
    query = f"select {texts}, text, epoch, state, name, email from t"
    table = deltalake.DeltaTable(folder)
    found = {}
    for batch in deltalake.QueryBuilder().register("t", table).execute(query):
        for line in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            row = dict(zip(names, line, strict=True))
            for name in ("at", "local"):
                row[name] = row[name] and str(row[name]).replace("T", " ")
            found[row["id"]] = row
    return found


def _midnights(row: dict[str, Any]) -> dict[str, Any]:
    """The oracle cuts texts to a day; a timestamp shows that day's midnight."""
    ends = {"at": " 00:00:00Z", "local": " 00:00:00"}
    return row | {
        name: row[name] + end for name, end in ends.items() if row[name] and len(row[name]) == 10
    }


def a_clock(dice: random.Random) -> tuple[str, naive.Clock, set[str]]:
    """A start of one column, or of two of them."""
    first, second = dice.sample(list(CLOCKS), 2)
    paths = [(naive.Path((), name), CLOCKS[name]) for name in (first, second)]
    if dice.random() < 0.6:
        return f'start = "{first}"', naive.Clock("latest_of", (paths[0],)), {first}
    choice = dice.choice(["latest_of", "earliest_of", "first_of"])
    return (
        f'start = {{ {choice} = ["{first}", "{second}"] }}',
        naive.Clock(choice, tuple(paths)),
        {first, second},
    )


def a_rule(dice: random.Random, name: str, kind: str) -> tuple[str, naive.Rule]:
    """A rule that deletes, masks or keeps."""
    start, clock, columns = a_clock(dice)
    lines = [f"[rules.{name}]", 'table = "delta://t"', start]
    if columns & {"local", "text"}:
        # one zone for naive values of a rule: those of other columns are told with theirs
        lines.append('stored_in = "America/New_York"')
    more: dict[str, Any] = {}
    for key, periods in (("delete", "delete_after"), ("keep", "keep_at_least")):
        if kind == key:
            period = dice.choice(PERIODS)
            lines.append(f'{periods} = "{period}"')
            more[key] = Term((Stage(parse_period(period)),), HERE)
    if dice.random() < 0.4:
        text, condition = dice.choice(CONDITIONS)
        lines.append(f'where = "{text}"')
        more["where"] = condition
    if kind != "keep" and dice.random() < 0.4:
        text, condition = dice.choice(CONDITIONS)
        lines.append(f'unless = {{ "so" = "{text}" }}')
        more["unless"] = (condition,)
    if kind == "anonymize":
        period = dice.choice(PERIODS)
        column, form, mask = dice.choice(MASKS)
        lines.append(f'anonymize_after = "{period}"')
        lines += [f"[rules.{name}.anonymize]", f"{column} = {form}"]
        more["anonymize"] = Term((Stage(parse_period(period)),), HERE)
        more["masks"] = (naive.ColumnMask(naive.Path((), column), mask),)
    return "\n".join(lines) + "\n", naive.Rule(name, "t", clock, **more)


def some_rules(dice: random.Random) -> Written:
    """One to three rules over one table."""
    found = Written()
    kinds = [dice.choice(["delete", "anonymize"]), dice.choice(["delete", "anonymize", "keep"])]
    for at, kind in enumerate([*kinds, "anonymize"][: dice.randint(1, 3)]):
        text, rule = a_rule(dice, f"r{at}", kind)
        found.text += text
        found.rules.append(rule)
    return found


def some_holds(lake: Project, rows: dict[int, dict[str, Any]], seed: int) -> set[tuple[str, Any]]:
    """Holds and requests on a few rows, by their id or that and a text beside it: one to the oracle."""
    dice = random.Random(1_000 + seed)
    asked = request(lake, AS_OF)
    ledger, keys = ledger_of(asked.policy, asked.folder), key_folder(asked.policy, asked.folder)
    held = dice.sample(list(rows), 6)
    for key in held:
        beside = [name for name in ("name", "email", "state", "day") if rows[key][name]]
        named = [*dice.sample(beside, min(1, len(beside)))] if dice.random() < 0.5 else []
        words = [f"{name}={rows[key][name]}" for name in (*named, "id")]
        table = LakeTable("delta://t", lake.folder)
        kind = dice.choice([PREFIX, REQUEST])
        place_lake_hold(table, ledger, keys, words, "court case", None, lambda: AS_OF, kind)
    return {("t", key) for key in held}


@pytest.mark.parametrize("seed", [0, 2, 9, 11, 15, 33])
def test_random_nights(lake: Project, seed: int) -> None:
    """Outcomes of every rule, rows and values afterwards; a second night changes nothing more."""
    dice = random.Random(seed)
    folder = lake.folder / "t"
    rows = {key: a_row(dice, key) for key in range(1, 41)}
    halves = list(rows.values())
    for part in (halves[:20], halves[20:]):
        by = {"partition_by": ["state"]} if seed % 3 == 0 else {}
        write(folder, [stored(row) for row in part], **by)
    holds = some_holds(lake, rows, seed)
    for _ in range(50):
        written = some_rules(dice)
        lake.policy(written.text, zone=ZONE)
        try:
            ((_, preview),) = lake_counts(request(lake, AS_OF))
        except PolicyError:
            continue
        if not isinstance(preview, PolicyError):
            break
    assert not isinstance(preview, Exception), (preview, preview.__cause__, written.text)
    oracle = naive.Night({"t": rows}, [], written.rules, holds, AS_OF, ZONE)
    steps = [(count.step.rule, str(count.step.action)) for count in preview.counts]
    accounts = oracle.run(steps)
    for count, account in zip(preview.counts, accounts, strict=True):
        wanted = account.outcomes
        assert count.due == wanted.get("due", 0), count.step.reason
        assert count.held + count.restricted == wanted.get("held", 0)
        assert count.undecidable == wanted.get("undecidable", 0)
        assert count.not_started == wanted.get("not started", 0)
        assert sum(count.kept.values()) == wanted.get("kept", 0)
        assert sum(count.unless.values()) == wanted.get("unless", 0)
    schema = deltalake.DeltaTable(folder).schema()
    body = night(lake, AS_OF)
    told = [rule["failed"] for rule in body["rules"]], body["errors"], body["recount"]
    assert body["exit_code"] == 0, told
    after = {key: _midnights(row) for key, row in oracle.now["t"].items()}
    assert shown(folder) == after
    assert deltalake.DeltaTable(folder).schema() == schema
    version = deltalake.DeltaTable(folder).version()
    assert night(lake, AS_OF)["exit_code"] == 0
    freed = sum(step["freed"] for step in recount_of(body)["steps"])
    if freed:
        # a mask moved what a clock reads: those rows go the next night
        second = naive.Night({"t": after}, [], written.rules, holds, AS_OF, ZONE)
        second.run(steps)
        assert shown(folder) == {key: _midnights(row) for key, row in second.now["t"].items()}
    else:
        assert deltalake.DeltaTable(folder).version() == version
        assert shown(folder) == after
