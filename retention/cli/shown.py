"""Plans, runs and schedules as text for a terminal: narrow enough for a phone, plain in a pipe."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from retention.cli.console import width
from retention.policies.policy import Policy
from retention.policies.tenants import family_of
from retention.reports.counted import rule_facts
from retention.reports.file_facts import row_files, waiting_files
from retention.reports.many import alike, summed
from retention.reports.purges import headline, told
from retention.reports.reapplied import done, end, table_lines
from retention.reports.recounted import alarms, remarks, summary
from retention.reports.report import not_counted, notices
from retention.scheduler.due import Decision

Body = Mapping[str, Any]
_INDENT = "    "
_PAST = {
    "delete": "erased",
    "anonymize": "anonymized",
    "restrict": "restricted",
    "remember": "remembered",
}


def plan_text(
    bodies: Sequence[Body], as_of: datetime, zone: ZoneInfo, copies: Iterable[Body] = ()
) -> str:
    """What `plan` prints: rules, then the copies of what goes."""
    lines = [*wrapped(f"as of {local(as_of, zone)}; nothing is written by a plan", ""), ""]
    for body in summed(bodies):
        keeps = body["action"] == "keep"
        lines += [
            headed(body, f"{body['kept']:,} kept" if keeps else f"{body['due']:,} due{_of(body)}"),
            *_counts(body),
            *_also(body, "due"),
        ]
        if body.get("portion"):
            lines += wrapped(f"{body['portion']:,} of them tonight, the rest on later nights")
        if body.get("limit"):
            lines += wrapped(f"REFUSED: {body['limit']}")
        lines += [*_of_many(body), ""]
    for notice in notices(bodies):
        lines += [*wrapped(notice, ""), ""]
    lines += copies_lines(copies, zone)
    return "\n".join(lines).rstrip()


def copies_lines(bodies: Iterable[Body], zone: ZoneInfo) -> list[str]:
    """Each set of backups: its headline, and what is owed in it."""
    lines: list[str] = []
    for body in bodies:
        lines += wrapped(headline(body), "")
        lines += [line for text in told(body, zone) for line in wrapped(text)]
        lines.append("")
    return lines


def run_text(body: Body, zone: ZoneInfo) -> str:
    """What `run` and `report` print of one run."""
    as_of = local(datetime.fromisoformat(body["as_of"]), zone)
    part = f" over part {body['shard']}" if "shard" in body else ""
    lines = [*wrapped(f"run {body['run']} as of {as_of}{part}", ""), ""]
    for rule in summed(body["rules"]):
        lines += [headed(rule, _done(rule)), *_counts(rule), *_also(rule, "done")]
        lines += [line for key in ("refused", "failed") for line in _stopped(rule, key)]
        lines += [*_of_many(rule), ""]
    for notice in body["notices"]:
        lines += [*wrapped(notice, ""), ""]
    if owned := list(row_files(body)):
        lines += [*(line for said in owned for line in wrapped(said, "")), ""]
    for said in waiting_files(body):
        lines += [*wrapped(f"WAITING: {said}", ""), ""]
    errors = [f"{name}: {error}" for name, error in body["errors"].items()]
    names = [*body["errors"], *(rule["database"] for rule in body["rules"])]
    for said in alike([*errors, *body["notes"]], {family_of(name) for name in names}):
        lines += [*wrapped(said, ""), ""]
    if body.get("finished", True) is None:
        lines += [line for said in _unfinished(body) for line in wrapped(said, "")]
        lines.append("")
    elif not body["rules"] and not body["errors"]:
        lines += ["no rule was due", ""]
    lines += _recounted(body["recount"])
    lines += copies_lines(body["copies"], zone)
    for again in body.get("reapplied", ()):
        lines += [*wrapped(f"reapply of {again['database']}", ""), *reapplied_lines(again), ""]
    lines.append(f"ledger head {body['ledger_head']}")
    return "\n".join(lines)


def _unfinished(body: Body) -> Iterator[str]:
    """What a run that has not ended has committed so far, as the ledger has it."""
    yield f"this run has not ended: {body['state']}"
    for found in body["committed"]:
        counts = ", ".join(
            f"{found[word]:,} {word}"
            for word in ("erased", "anonymized", "restricted", "detached")
            if found[word]
        )
        yield f"{found['rule']}: {counts} in {found['table']}, committed"
    if not body["committed"]:
        yield "nothing was committed"


def _of_many(body: Body) -> list[str]:
    """Over how many databases the rule's counts are sums, and those that are an exception."""
    if "databases" not in body:
        return []
    many = "" if body["databases"] == 1 else "s"
    lines = [f"in {body['databases']:,} database{many} of {body['database']}"]
    if body["most"] and body["databases"] > 1:
        lines[0] += "; most due in {}: {:,}".format(*body["most"])
    return [line for said in (*lines, *body["exceptions"]) for line in wrapped(said)]


def _recounted(bodies: list[Body]) -> list[str]:
    said = summary(bodies)
    if not said:
        return []
    seconds = sum(body["milliseconds"] for body in bodies) / 1000
    lines = wrapped(f"recount in {seconds:.1f} s: {said}", "")
    lines += [line for alarm in alarms(bodies) for line in wrapped(f"LEFT BEHIND: {alarm}")]
    lines += [line for remark in dict.fromkeys(remarks(bodies)) for line in wrapped(remark)]
    return [*lines, ""]


def reapplied_lines(body: Body) -> list[str]:
    """What a reapply found and did, after its first line."""
    found = [table_lines(table, body["acted"]) for table in body["tables"]]
    lines = []
    for name, sentences in found:
        if sentences:
            lines += [*wrapped(name, ""), *(line for one in sentences for line in wrapped(one))]
    lines = [*(lines or ["nobody is back by the ledger's tokens"]), ""]
    if body["acted"]:
        lines += [line for one in done(body) for line in wrapped(one, "")]
    lines += [line for note in body["notes"] for line in wrapped(note, "")]
    return [*lines, *wrapped(end(body), "")]


def _stopped(rule: Body, key: str) -> list[str]:
    return wrapped(f"{key.upper()}: {rule[key]}") if rule.get(key) else []


def headed(body: Body, numbers: str) -> str:
    """A rule's first line, its numbers at the right."""
    left = f"{body['rule']}: {body['action']} {body['table']}"
    room = width() - len(left) - len(numbers)
    return f"{left}{' ' * room}{numbers}" if room > 1 else f"{left}\n{_INDENT}{numbers}"


def _of(body: Body) -> str:
    if body.get("rows_about"):
        return f" of about {body['rows_about']:,}"
    return f" of {body['rows']:,}" if "rows" in body else ""


def _done(body: Body) -> str:
    if not body["due"]:
        return "nothing due"
    done = _sum(body)
    word = _PAST.get(body["action"], "kept")
    left = f", {body['left']:,} left" if body["left"] else ""
    return f"{done:,} {word} of {body['due']:,} due{left}{_rate(body)}"


def _sum(body: Body) -> int:
    return int(body["erased"] + body["anonymized"] + body["restricted_now"] + body["remembered"])


def _rate(body: Body) -> str:
    done, milliseconds = _sum(body), body.get("milliseconds", 0)
    if not done or milliseconds < 1:
        return ""
    return f" in {milliseconds / 1000:.1f} s ({done * 1000 // milliseconds:,}/s)"


def _counts(body: Body) -> list[str]:
    parts = [
        f"{body[key]:,} {word}"
        for key, word in (
            ("running", "not due yet"),
            ("not_started", "not started"),
            ("undecidable", "undecidable"),
            ("held", "held"),
            ("restricted", "restricted"),
            ("waiting", "waiting for their unit"),
        )
        if body.get(key)
    ]
    parts += [f"{count:,} kept by {rule}" for rule, count in body["kept_by"].items() if count]
    parts += [f"{count:,} blocked by {name}" for name, count in body["blocked_by"].items() if count]
    parts += [f"{count:,} unless {name}" for name, count in body["unless"].items() if count]
    lines = wrapped(body["why"])
    lines += wrapped(" · ".join(parts)) if parts else []
    if body.get("rows_about"):
        lines += wrapped(not_counted(body))
    return lines + [line for said in rule_facts(body) for line in wrapped(said)]


def _also(body: Body, key: str) -> list[str]:
    words = {"delete": "deleted", "anonymize": "masked", "detach": "detached"}
    parts = [
        f"{also.get(key, 0):,} {also['table']} {words[also['action']]}"
        for also in body["also"]
        if also.get(key)
    ]
    if count := body.get("files_with_rows"):
        parts.append(f"{count:,} {'file' if count == 1 else 'files'} named by rows")
    return wrapped(f"with them: {', '.join(parts)}") if parts else []


def wrapped(text: str, indent: str = _INDENT) -> list[str]:
    """Text broken into lines no wider than the screen."""
    return textwrap.wrap(
        text, width(), initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
    )


def local(moment: datetime, zone: ZoneInfo) -> str:
    """An instant in the policy's zone: `2026-11-22 02:30 Europe/Oslo`."""
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M} {zone.key}"


def schedule_text(
    policy: Policy, last: Mapping[str, datetime], found: Mapping[str, Decision]
) -> str:
    """What `schedule` prints before the lines to paste."""
    alike: dict[tuple[str, str], list[str]] = {}
    for name, decision in found.items():
        written = policy.schedule_of(policy.rules[name]) or "every run"
        ran = local(last[name], policy.timezone) if name in last else "never"
        runs = local(decision.next_run, policy.timezone) if decision.next_run else "next run"
        line = f"last run {ran} · next {runs} · {decision.reason}"
        alike.setdefault((written, line), []).append(name)
    lines = []
    for (written, line), names in alike.items():
        lines += [*wrapped(f"{written}: {', '.join(names)}", ""), *wrapped(line)]
    return "\n".join(lines) + "\n"


def runs_text(runs: Iterable[Body], zone: ZoneInfo) -> str:
    """What `report` prints without a run's name: one line a run."""
    lines = []
    for run in runs:
        started = local(datetime.fromisoformat(run["started"]), zone)
        files = f"files {run['files_removed']:,}  " if run["files_removed"] else ""
        lines.append(
            f"{run['run']}  {started}  erased {run['erased']:,}  anonymized {run['anonymized']:,}  "
            f"{files}{run['state']}"
        )
    return "\n".join(lines) or "no run yet"
