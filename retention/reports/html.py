"""One run as one HTML file: no script, no network, nothing but counts; for a regulator's desk."""

from __future__ import annotations

import os
import secrets
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined

from retention.errors import StorageError
from retention.reports import purges
from retention.reports.counted import rule_facts
from retention.reports.file_facts import row_files, waiting_files
from retention.reports.recounted import alarms, remarks, summary
from retention.reports.report import DONE, not_counted

Body = Mapping[str, Any]
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_PAST = {
    "delete": "erased",
    "anonymize": "anonymized",
    "restrict": "restricted",
    "remember": "remembered",
}
_VERBS = {
    "delete": "erase",
    "anonymize": "anonymize",
    "restrict": "restrict",
    "remember": "remember",
}
_ALONG = {"delete": "erased", "anonymize": "masked", "detach": "detached"}
_OUTCOMES = (
    ("running", "Not due yet", "the period still runs"),
    ("not_started", "Not started", "there is no starting date yet, so no period runs"),
    ("kept", "Kept", "a rule says that they must stay"),
    ("blocked", "Blocked", "other rows that must stay refer to them"),
    ("waiting", "Waiting", "rows that go with them, all at once, are not due yet or must stay"),
    ("held", "On hold", "a legal hold keeps them, whatever a rule says"),
    ("unless", "Excepted", "an exception written into the rule applies"),
    ("restricted", "Restricted", "their use is restricted, and they may not be erased meanwhile"),
    ("undecidable", "Undecidable", "their date cannot be read, so they are never touched"),
)
_NARROWEST = 4.0
"""Thousandths of a bar that even a single row is given, so that it can be seen."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Rows of one rule's table with one outcome: a line of its table, a piece of its bar."""

    key: str
    label: str
    rows: int
    meaning: str
    names: tuple[tuple[str, int], ...] = ()
    left: float = 0.0
    width: float = 0.0


def write_html(body: Body, path: Path, zone: ZoneInfo) -> None:
    """Write the run in `body` (what `report last --json` prints) to `path`, whole or not at all.

    Only its owner may read the file. Raises StorageError where it cannot be written.
    """
    _write_whole(path, render(body, zone))


def render(body: Body, zone: ZoneInfo) -> str:
    """The text of the HTML file; times are those of `zone`."""
    environment = Environment(
        loader=PackageLoader("retention.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["number"] = lambda found: f"{found:,}"
    template = environment.get_template("run.html.j2")
    return template.render(_view(_visible(body), zone))


def _view(body: Body, zone: ZoneInfo) -> dict[str, Any]:
    steps = [_step(rule) for rule in body["rules"]]
    rules: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for step in steps:
        known = rules.setdefault((step["database"], step["rule"]), [])
        known.append(step)
        step["anchor"] = known[0].get("anchor", f"rule-{len(rules)}")
    totals = {
        key: sum(found[key] for found in body["committed"])
        for key in ("erased", "anonymized", "restricted", "detached")
    } | {"files": body["files_removed"]}
    return {
        "run": body["run"],
        "heading": _heading(body, totals, zone),
        "state": _state_sentence(body),
        "ended": body["finished"] is not None,
        "totals": totals | {"left": sum(step["left"] for step in steps)},
        "steps": steps,
        "rules": [
            {"name": rule, "database": database, "steps": found, "anchor": found[0]["anchor"]}
            for (database, rule), found in rules.items()
        ],
        "several_databases": len({step["database"] for step in steps} | set(body["errors"])) > 1,
        "stopped": [step for step in steps if step["refused"] or step["failed"]],
        "errors": {name: error.removeprefix(f"{name}: ") for name, error in body["errors"].items()},
        "row_files": list(row_files(body)),
        "waiting": list(waiting_files(body)),
        "recount": {
            "summary": summary(body["recount"]),
            "alarms": alarms(body["recount"]),
            "remarks": remarks(body["recount"]),
        },
        "copies": [purges.page(found, zone) for found in body["copies"]],
        "copy_alarms": purges.all_alarms(body["copies"], zone),
        "not_the_bytes": purges.NOT_THE_BYTES,
        "notes": body["notes"],
        "notices": body["notices"],
        "facts": list(_facts(body, zone)),
        "zone": zone.key,
    }


def _heading(body: Body, totals: Mapping[str, int], zone: ZoneInfo) -> str:
    """The run in one sentence, true also where it was stopped or has not ended."""
    day = _day(_moment(body["started"]).astimezone(zone))
    keys = ("erased", "anonymized", "restricted", "detached")
    acting = {found["rule"] for found in body["committed"] if any(found[key] for key in keys)}
    acting |= {rule["rule"] for rule in body["rules"] if rule.get("files") and rule["erased"]}
    files = f"{totals['files']:,} {'file' if totals['files'] == 1 else 'files'}"
    if not acting:
        gone = f", and {files} removed" if totals["files"] else ""
        return f"On {day}, no row was erased or anonymized{gone}."
    parts: list[str] = []
    for word in ("erased", "anonymized", "restricted"):
        count = totals[word]
        if count:
            parts.append(f"{count:,} {word}" if parts else f"{count:,} {_rows(count)} {word}")
    if totals["files"]:
        parts.append(f"{files} removed")
    if not parts:
        parts.append(f"{totals['detached']:,} {_rows(totals['detached'])} detached")
    under = "1 rule" if len(acting) == 1 else f"{len(acting)} rules"
    *others, last = parts
    told = f"{', '.join(others)} and {last}" if others else last
    return f"On {day}, {told} under {under}."


def _rows(count: int) -> str:
    return "row was" if count == 1 else "rows were"


def _state_sentence(body: Body) -> str:
    if body["finished"] is None:
        return (
            "This run has not ended, or was killed. What is counted here is committed; the next "
            "run settles the rest."
        )
    if str(body["state"]).startswith("stopped"):
        return (
            "This run was stopped by a signal before it was through. What is counted here is "
            "committed; the next run goes on."
        )
    return "" if body["exit_code"] == 0 else "Not everything that was due could be done; see below."


def _step(rule: Body) -> dict[str, Any]:
    done = sum(rule[key] for key in DONE.values())
    outcomes = tuple(_placed(_outcomes(rule, done)))
    why = str(rule["why"])
    return {
        "rule": rule["rule"],
        "database": rule["database"],
        "table": rule["table"],
        "action": rule["action"],
        "verb": _VERBS.get(rule["action"], "keep"),
        "past": _PAST.get(rule["action"], "kept"),
        "why": why[0:1].upper() + why[1:],
        "due": rule["due"],
        "done": done,
        "left": max(0, rule["due"] - done),
        "rows": rule["rows"],
        "outcomes": outcomes,
        "others": max(0, (rule["rows"] or 0) - sum(found.rows for found in outcomes)),
        "not_counted": not_counted(rule) if rule.get("rows_about") else "",
        "also": [
            {"table": found["table"], "past": _ALONG[found["action"]], "rows": found["done"]}
            for found in rule["also"]
            if found.get("done")
        ],
        "facts": list(rule_facts(rule)),
        "thing": "file" if rule.get("files") else "row",
        "refused": rule["refused"],
        "failed": rule["failed"],
    }


def _outcomes(rule: Body, done: int) -> Iterator[Outcome]:
    past = _PAST.get(rule["action"], "kept")
    left = max(0, rule["due"] - done)
    yield Outcome("done", past.capitalize(), done, f"were due, and were {past} in this run")
    if left:
        yield Outcome("left", "Due, not done", left, f"are due, but were not {past} in this run")
    for key, label, meaning in _OUTCOMES:
        named = rule.get({"kept": "kept_by", "blocked": "blocked_by"}.get(key, key))
        names = named if isinstance(named, Mapping) else {}
        count = sum(names.values()) if key == "unless" else rule.get(key, 0)
        if count:
            listed = tuple((name, rows) for name, rows in names.items() if rows)
            yield Outcome(key, label, count, meaning, listed)


def _placed(outcomes: Iterator[Outcome]) -> Iterator[Outcome]:
    """Each outcome with its place on a bar of a thousand; none so narrow that it vanishes."""
    found = list(outcomes)
    total = sum(item.rows for item in found)
    raw = [max(_NARROWEST, 1000 * item.rows / total) if item.rows else 0.0 for item in found]
    left = 0.0
    for item, part in zip(found, raw, strict=True):
        width = part * 1000 / sum(raw) if part else 0.0
        yield Outcome(
            item.key,
            item.label,
            item.rows,
            item.meaning,
            item.names,
            round(left, 2),
            round(width, 2),
        )
        left += width


def _facts(body: Body, zone: ZoneInfo) -> Iterator[tuple[str, str, bool]]:
    """What proves the run: a name, a value, and whether the value is to be compared by letter."""
    started = _moment(body["started"])
    yield "Run", str(body["run"]), True
    yield "Began", _time(started, zone), False
    finished = body["finished"]
    yield "Ended", _time(_moment(finished), zone) if finished else "not yet", False
    yield "Decided as of", _time(_moment(body["as_of"]), zone), False
    yield "State", str(body["state"]), False
    yield "Exit code", str(body["exit_code"]), False
    yield "Program", f"retention {body['version']}", False
    yield "SHA-256 of the policy", str(body["policy_sha256"]), True
    yield "Ledger head when this report was written", str(body["ledger_head"]), True


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _time(moment: datetime, zone: ZoneInfo) -> str:
    local = moment.astimezone(zone)
    offset = f"{local:%z}"
    return f"{_day(local)}, {local:%H:%M:%S} {zone.key} (UTC{offset[:3]}:{offset[3:5]})"


def _day(local: datetime) -> str:
    return f"{local.day} {_MONTHS[local.month - 1]} {local.year}"


def _visible(found: Any) -> Any:
    """Control and direction characters made visible: a table's name must not rewrite a report."""
    if isinstance(found, str):
        return "".join(
            character
            if unicodedata.category(character) not in ("Cc", "Cf")
            else f"\\u{ord(character):04x}"
            for character in found
        )
    if isinstance(found, Mapping):
        return {_visible(key): _visible(value) for key, value in found.items()}
    if isinstance(found, list | tuple):
        return [_visible(item) for item in found]
    return found


def _write_whole(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        descriptor = os.open(temporary, flags, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(text.encode())
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            with suppress(OSError):
                temporary.unlink()
            raise
    except (OSError, ValueError) as fault:
        raise StorageError(
            f"the report could not be written to {path}; what was there is as it was. "
            "Name a file in a folder that exists and that you may write to"
        ) from fault
