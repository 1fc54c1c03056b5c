"""What a reapply found and did, as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from retention.cli.shown import local, wrapped

Body = Mapping[str, Any]
_AGAIN = {"delete": "erased again", "anonymize": "masked again"}


def reapply_text(body: Body, zone: ZoneInfo) -> str:
    """What `backups reapply` prints."""
    lines = [*wrapped(_head(body, zone), ""), ""]
    tables = [line for table in body["tables"] for line in _table(table, body["acted"])]
    lines += [*tables, ""] if tables else ["nobody is back by the ledger's tokens", ""]
    if body["acted"]:
        lines += [*_done(body), ""]
    lines += [line for note in body["notes"] for line in wrapped(note, "")]
    lines += wrapped(_end(body), "")
    return "\n".join(lines)


def _head(body: Body, zone: ZoneInfo) -> str:
    name, batch = body["database"], body["since_batch"]
    if body["level"]:
        back = f"{name} stands where the ledger does; every table was looked at again"
    elif body["since"]:
        at = local(datetime.fromisoformat(body["since"]), zone)
        back = f"{name} went back to batch {batch} of {at}, or a little later"
    else:
        back = f"{name} went back to before its first batch"
    return f"{back}; {'nothing is written by a dry run' if not body['acted'] else 'run ' + body['run']}"


def _table(table: Body, acted: bool) -> Iterator[str]:
    numbers = [(table["back"], "back")]
    if acted:
        numbers += [
            (table["again"], f"{_AGAIN[table['action']]} by token"),
            (table["left"], "left"),
        ]
    numbers += [
        (table["unsure"], "for a person: no guard"),
        (table["issued_again"], "another row now, kept"),
    ]
    told = [f"{count:,} {word}" for count, word in numbers if count]
    untold = [] if table["rule_stands"] else list(table["untold"].items())
    if not told and not untold and not table["failed"]:
        return
    yield from wrapped(f"{table['rule']}: {table['action']} {table['table']}", "")
    if told:
        yield from wrapped(" · ".join(told))
    for why, rows in untold:
        yield from wrapped(f"{rows:,} erased by a rule that has changed since; {why}")
    if table["failed"]:
        yield from wrapped(f"FAILED: {table['failed']}")


def _done(body: Body) -> Iterator[str]:
    for rule in body["rules"]:
        done = rule["erased"] + rule["anonymized"] + rule["restricted_now"]
        if done:
            word = {"delete": "erased", "anonymize": "anonymized"}.get(rule["action"], "restricted")
            yield f"{rule['rule']}: {done:,} {word} by the rule as of now"
        for key in ("refused", "failed"):
            if rule[key]:
                yield from wrapped(f"{key.upper()}: {rule[key]}", "")
    if body["events_back"]:
        yield f"events younger than the backup: {body['events_back']:,} brought back"
    if body["events_lost"]:
        yield from wrapped(
            f"events that were not brought back: {body['events_lost']:,}, because their row is not "
            "there, is another one, or their key is gone",
            "",
        )


def _end(body: Body) -> str:
    name = body["database"]
    if not body["acted"]:
        if body["finished"]:
            return "nothing to do"
        return f"next: `retention backups reapply {name}`"
    if body["finished"]:
        return f"done: runs on {name} go on"
    if any(table["left"] or table["unsure"] for table in body["tables"]):
        return (
            f"NOT FINISHED: some rows are for a person to look at, and no run starts on {name} before. "
            f"`retention backups reapply {name} --list FILE` writes their keys to a file and ends it"
        )
    return f"NOT FINISHED: run `retention backups reapply {name}` again; no run starts before"
