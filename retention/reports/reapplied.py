"""A reapply in sentences, from what the ledger keeps of it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Body = Mapping[str, Any]
_AGAIN = {"delete": "erased again", "anonymize": "masked again"}


def table_lines(table: Body, acted: bool) -> tuple[str, list[str]]:
    """One rule and table: its name, and what became of it; nothing where nothing did."""
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
    lines = [" · ".join(told)] if told else []
    lines += [f"{rows:,} erased by a rule that has changed since; {why}" for why, rows in untold]
    lines += [f"FAILED: {table['failed']}"] if table["failed"] else []
    return f"{table['rule']}: {table['action']} {table['table']}", lines


def done(body: Body) -> Iterator[str]:
    """What the rules and the events did."""
    for rule in body["rules"]:
        done = rule["erased"] + rule["anonymized"] + rule["restricted_now"]
        if done:
            word = {"delete": "erased", "anonymize": "anonymized"}.get(rule["action"], "restricted")
            yield f"{rule['rule']}: {done:,} {word} by the rule as of now"
        for key in ("refused", "failed"):
            if rule[key]:
                yield f"{key.upper()}: {rule[key]}"
    if body["events_back"]:
        yield f"events younger than the backup: {body['events_back']:,} brought back"
    if body["events_lost"]:
        yield (
            f"events that were not brought back: {body['events_lost']:,}, because their row is not "
            "there, is another one, or their key is gone"
        )


def end(body: Body) -> str:
    """How it ended, and what comes next."""
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
