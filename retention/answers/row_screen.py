"""A row's story as one screen of text. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from retention.answers.row_copies import copies_told
from retention.answers.row_files import BatchFiles
from retention.answers.row_proof import Proof, Untold
from retention.answers.row_story import ON_REQUEST, Member, RuleStory, Stop, Story, Waiting
from retention.answers.row_times import BEYOND, Instant, Read
from retention.policies.statutes import CAVEAT

_INDENT = "    "
_MEMBERS = 3
_ACTIONS = {"delete": "deleted", "detach": "detached", "anonymize": "masked"}
_DONE = {"anonymize": "masked", "restrict": "restricted"}
_INSTEAD = {"deleted": "deletes", "anonymized": "anonymizes"}
_ART_18 = "restricted at the person's own request (GDPR art. 18): not erased while it stands"
_NO_INSTANT = {
    "missing": "not started: the clock has no start",
    "undecidable": "undecidable: the start cannot be read as a time",
    "never": "never",
    "no period": "never: the rule has no period for this row",
    "unknown": "an instant that is not known",
}


@dataclass(frozen=True, slots=True)
class Screen:
    """How wide the text may be, and in which zone its times are."""

    width: int
    zone: ZoneInfo

    def explain(self, story: Story) -> str:
        """What `explain` prints."""
        where = f" in {story.database}" if story.database != story.table else ""
        lines = [
            f"one row of {story.table}{where}, as of {self._time(story.as_of)} {self.zone.key}",
            *self._wrapped(f"now: {self._state(story)}", ""),
            *self._wrapped(f"goes: {self._leaving(story)}", ""),
            *self._wrapped(f"last copy: {self._copies(story)}", ""),
        ]
        said: set[str] = set()
        for found in story.rules:
            lines += ["", *self._rule(found, first=found.rule.name not in said)]
            said.add(found.rule.name)
        if story.others:
            names = ", ".join(story.others)
            lines += ["", *self._wrapped(f"does not select this row: {names}", "")]
        for number, proof in enumerate(story.proofs):
            lines += ["", *self._proof(proof)] if not number else self._proof(proof)
        for doubt in story.untold:
            lines += ["", *self._wrapped(self._doubt(doubt), "")]
        if any(found.rule.statutes for found in story.rules):
            lines += ["", CAVEAT]
        return "\n".join([*lines, f"policy {story.policy_sha256}"])

    def _state(self, story: Story) -> str:
        if story.state == "erased":
            return "erased; the ledger proves it"
        if story.state == "erased in counts":
            return f"not there; rows of its table were erased in counts, {story.untold[0].why}"
        if story.state == "gone":
            return "not there; the ledger does not say who deleted it"
        if not story.rules:
            return "here; no rule speaks of it"
        first = story.leaving or next(story.deletions(), story.rules[0])
        return f"{story.state}; {first.rule.name}: {self._outcome(first)}"

    def _copies(self, story: Story) -> str:
        return copies_told(story.copies, gone=story.gone, zone=self.zone)

    def _leaving(self, story: Story) -> str:
        if story.gone:
            return "it is gone"
        leaving, due_at = story.leaving, story.due_at
        if leaving is None or due_at is None:
            first = next(story.deletions(), None)
            if first is None:
                return "no rule deletes it"
            return f"no instant as things are: {first.rule.name}: {self._outcome(first)}"
        word = "due since" if due_at <= story.as_of else "due"
        run = f"the run at {self._time(leaving.goes_at)}" if leaving.goes_at else "the next run"
        return f"{word} {self._time(due_at)} by {leaving.rule.name}; {run} takes it"

    def _rule(self, found: RuleStory, *, first: bool) -> Iterator[str]:
        with_whom = f" along with {found.table} ({found.through})" if found.through else ""
        yield from self._wrapped(f"{found.rule.name}: {found.action}{with_whom}", "")
        yield from self._wrapped(self._outcome(found))
        basis = f" · basis: {found.rule.basis}" if found.rule.basis and first else ""
        yield from self._wrapped(f"rule: {found.words}{basis}")
        for promise in found.rule.promise if first else ():
            yield from self._wrapped(f'promise: "{promise}"')
        for read in found.reads:
            yield from self._wrapped(self._read(read))
        yield from self._wrapped(self._due(found))
        for stop in found.stops:
            yield from self._wrapped(f"stopped: {self._stop(stop)}")
        if found.along:
            yield from self._wrapped(f"with it: {', '.join(map(_along, found.along))}")

    def _due(self, found: RuleStory) -> str:
        parts = []
        if found.due is not None and (found.due.at or found.due.state == "never"):
            word = "kept until" if found.action == "keep" else "due"
            parts.append(f"{word} {self._instant(found.due)}")
        run = found.next_run
        if run is not None and run.now:
            parts.append("due to run now")
        if run is not None:
            parts.append(f"next run {self._time(run.at)}" if run.at else "in every run")
        return " · ".join(parts)

    def _outcome(self, found: RuleStory) -> str:
        outcome = found.outcome
        if outcome == "not started" and found.due and found.due.at:
            return f"not started: its start lies in the future, due {self._instant(found.due)}"
        if outcome == "running" and found.due and found.due.at is None:
            return f"running: due {self._instant(found.due)}"
        if outcome in ("running", "keeps") and found.due:
            word = "running" if outcome == "running" else "keeps it"
            return f"{word} until {self._instant(found.due)}"
        if outcome in ("kept", "blocked", "held", "unless", "waits"):
            stops = [stop for stop in found.stops if stop.kind == outcome]
            named = next((stop for stop in stops if stop.name == found.by), None)
            return self._stop(named) if named else f"{outcome} {found.by}".strip()
        return {
            "not started": "not started: the clock has no start yet",
            "undecidable": "undecidable: the start cannot be read as a time",
            "due": "due: the next run of the rule takes it",
            "running": "running: its condition does not hold",
            "over": "no longer keeps it",
            "anonymized": "anonymized: nothing is left to mask",
            "taken": "taken by an earlier rule of the same night",
            "deleted instead": f"not {_DONE.get(found.action)}: {found.by} deletes it",
            "anonymized instead": f"not restricted: {found.by} anonymizes it",
            "restricted": "restricted: not processed any more",
            ON_REQUEST: _ART_18,
        }.get(outcome, outcome)

    def _stop(self, stop: Stop) -> str:
        if stop.kind == "held":
            holds = (
                hold.hold_id
                + (f" on {hold.table}" if hold.table else "")
                + (f", review on {hold.review_on}" if hold.review_on else "")
                for hold in stop.holds
            )
            return f"held by {'; '.join(holds) or 'a hold'}"
        if stop.kind == "kept":
            basis = f" ({stop.rule.basis})" if stop.rule and stop.rule.basis else ""
            until = f" until {self._instant(stop.until)}" if stop.until else ""
            if stop.until and stop.until.state in ("missing", "undecidable", "never"):
                reasons = {"never": "for ever"}
                until = (
                    f" {reasons.get(stop.until.state, f'while its start is {stop.until.state}')}"
                )
            return f"kept by {stop.name}{basis}{until}"
        if stop.kind == "blocked":
            rows = stop.rows or 0
            return f"blocked by {stop.name} ({rows:,} {'row' if rows == 1 else 'rows'})"
        if stop.kind == "waits" and stop.unit is not None:
            return self._unit(stop.unit, stop.until)
        if stop.kind == "restricted":
            return _ART_18
        if stop.kind in _INSTEAD:
            return f"{stop.name} {_INSTEAD[stop.kind]} it instead"
        return f"unless {stop.name}"

    def _unit(self, unit: Waiting, until: Instant | None) -> str:
        told = [self._member(member) for member in unit.members[:_MEMBERS]]
        more = unit.waiting - len(told)
        told += [f"{more:,} more"] if more else []
        until_then = f" until {self._instant(until)}" if until else ""
        return (
            f"waits{until_then} for its unit ({unit.rows:,} rows together by {unit.column}): "
            f"{'; '.join(told)}"
        )

    def _member(self, member: Member) -> str:
        due = member.due if member.outcome == "running" else None
        until = f" until {self._instant(due)}" if due and due.at else ""
        return f"{f'row {member.key}' if member.key else 'a row'} is {member.outcome}{until}"

    def _read(self, read: Read) -> str:
        told = self._time(read.at) if read.at is not None else read.state
        parts = [f"{read.purpose}: " if read.purpose else "", f"{read.column}: {told}"]
        if read.rows is not None:
            doubts = [f"{read.missing} missing"] * bool(read.missing)
            doubts += [f"{read.undecidable} undecidable"] * bool(read.undecidable)
            parts.append(f" of {', '.join([f'{read.rows:,} rows', *doubts])}")
        return "".join([*parts, " (required)" if read.required else ""])

    def _proof(self, proof: Proof) -> list[str]:
        open_ = "" if proof.settled else " · not settled yet: the next run settles it"
        told = (
            f"ledger entry {proof.number}: {proof.done} {self._time(proof.at)} by {proof.rule} "
            f"({proof.action}), run {proof.run_id}{open_}"
        )
        return [
            *self._wrapped(told, ""),
            *(self._wrapped(self._files(proof.files)) if proof.files else ()),
            f"{_INDENT}under policy {proof.policy_sha256}",
            f"{_INDENT}hash {proof.hash}",
        ]

    def _files(self, found: BatchFiles) -> str:
        named = f"its rows named {found.named:,} {'file' if found.named == 1 else 'files'}"
        if found.gone_at:
            return f"{named}: gone, or named by others, since {self._time(found.gone_at)}"
        codes = ", ".join(f"{code} {count:,}" for code, count in found.waiting.items())
        return f"{named}: {codes or 'not yet'} left; every run tries again"

    def _doubt(self, found: Untold) -> str:
        number = (
            f"entry {found.first}"
            if found.batches == 1
            else f"entries {found.first} to {found.last}"
        )
        return (
            f"{found.done} in counts: {found.rows:,} rows by {found.rule} ({number}); {found.why}, "
            "so nobody can say whether this row was among them"
        )

    def _instant(self, found: Instant) -> str:
        return self._time(found.at) if found.at else _NO_INSTANT[found.state]

    def _time(self, moment: date | datetime) -> str:
        if not isinstance(moment, datetime):
            return str(moment)
        if moment == BEYOND:
            return "after the year 9999"
        return f"{moment.astimezone(self.zone):%Y-%m-%d %H:%M}"

    def _wrapped(self, text: str, indent: str = _INDENT) -> list[str]:
        return textwrap.wrap(
            text,
            self.width,
            initial_indent=indent,
            subsequent_indent=indent or "  ",
            break_on_hyphens=False,
        )


def _along(item: tuple[str, str, int]) -> str:
    name, action, rows = item
    if action == "file":
        return f"{rows:,} {'file' if rows == 1 else 'files'} named in {name}"
    return f"{rows:,} {name} {_ACTIONS[action]}"
