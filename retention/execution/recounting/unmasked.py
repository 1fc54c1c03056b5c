"""Columns that a step should have masked, read again."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from retention.databases.statements.open_rows import Masked, OpenRows
from retention.databases.statements.recounting import RowKey, Texts
from retention.execution.recounting.judge import Judge, Keys
from retention.execution.recounting.masks import (
    can_be_read,
    is_masked,
    leaves_few_texts,
    spellings,
)
from retention.execution.recounting.protected import protecting
from retention.execution.recounting.verdict import Fault, Finding, StepRecount
from retention.planning.masked_columns import ColumnMask
from retention.planning.paths import Hop, turned
from retention.planning.plan import Action, Step
from retention.policies.masking import Mask, Template

_MOST_SEEN = 50_000
_MOST_TEXTS = 900


class Masks:
    """The masks of one step; `was_there` leaves out rows that came while the run was at work."""

    def __init__(self, judge: Judge, step: Step, was_there: Callable[[str, RowKey], bool]) -> None:
        self.judge = judge
        self.plan = judge.plan
        self.step = step
        self.was_there = was_there
        self.read = [mask for mask in step.masks if self._can_be_read(mask)]
        self.unread = tuple(
            f"{mask.table}.{mask.column}" for mask in step.masks if mask not in self.read
        )
        self.left: dict[tuple[str, str], Keys] = {}
        self._seen: dict[ColumnMask, dict[str | None, bool]] = {mask: {} for mask in self.read}
        self._texts = {mask: spellings(mask.mask) for mask in self.read}

    def findings(self) -> Iterator[Finding]:
        """The columns that still hold what they held, and in how many rows."""
        for (table, column), keys in self.left.items():
            yield Finding(Fault.UNMASKED, table, len(keys), self.step.rule, column)

    def open_rows(self) -> tuple[OpenRows, ...]:
        """Ways to rows of which something may not be masked; none where these do not lead to all.

        What is shared with other rows is masked with the last that uses it, and told from no row alone.
        """
        ways = dict.fromkeys(((), *(mask.hops for mask in self.read)))
        if any(not hop.down for hops in ways for hop in hops):
            return ()
        return tuple(OpenRows(tuple(self._masked(hops)), hops) for hops in ways)

    def _masked(self, hops: tuple[Hop, ...]) -> Iterator[Masked]:
        for mask in self.read:
            if mask.hops == hops:
                column = self.plan.schema.tables[mask.table].columns[mask.column]
                yield Masked(mask, column.kind, tuple(sorted(self._texts[mask])))

    def look(self, account: StepRecount, freed: bool, due: Keys) -> int:
        """Rows that are due must be masked, stopped, or about to be deleted instead."""
        stopped = self.judge.stopped(self.step, due)
        for other in self.plan.steps:
            if other.table == self.step.table and other.action is Action.DELETE:
                going = self.judge.due(other, due - stopped)
                stopped |= going - self.judge.stopped(other, going)
        account.stopped += len(stopped)
        again: Keys = set()
        for hops in dict.fromkeys(mask.hops for mask in self.read):
            again |= self._look_along(hops, due - stopped, freed)
        account.freed += len(again)
        return 0

    def _look_along(self, hops: tuple[Hop, ...], owners: Keys, freed: bool) -> Keys:
        masks = [mask for mask in self.read if mask.hops == hops]
        table = masks[0].table
        pairs = self.judge.rows.ends(self.step.table, owners, hops) if hops else []
        keys = {key for _, key in pairs if self.was_there(table, key)} if hops else owners
        if hops and not hops[-1].down:
            keys &= self._used_by(owners, hops)
        unmasked = self._unmasked(table, masks, keys)
        if not freed:
            for mask in masks:
                if unmasked[mask]:
                    self.left.setdefault((table, mask.column), set()).update(unmasked[mask])
            return set()
        found = {key for keys in unmasked.values() for key in keys}
        return {owner for owner, key in pairs if key in found} if hops else found

    def _used_by(self, owners: Keys, hops: tuple[Hop, ...]) -> Keys:
        """The rows at the end of `hops` that nothing but `owners` uses, themselves or by others."""
        table, known = hops[-1].target, {self.step.table: owners}
        keys = {key for _, key in self.judge.rows.ends(self.step.table, owners, hops)}
        if any(hop.down and hop.reference.shared for hop in hops):
            pairs = self.judge.rows.ends(table, keys, turned(hops))
            keys -= {key for key, owner in pairs if owner not in owners}
        if hops[-1].down:
            return keys
        for size in range(1, len(hops)):
            between = self._used_by(owners, hops[:size])
            known[hops[size - 1].target] = known.get(hops[size - 1].target, set()) | between
        for reference in self.plan.users_of(table):
            users = self.judge.rows.ends(table, keys, (Hop(reference, down=True),))
            keys -= {key for key, user in users if user not in known.get(reference.table, set())}
        return keys - self.judge.standing_in(table, keys)

    def _unmasked(self, table: str, masks: list[ColumnMask], keys: Keys) -> dict[ColumnMask, Keys]:
        """For each mask the rows whose column is neither masked nor protected nor held."""
        columns = list(dict.fromkeys(_columns(masks)))
        texts = self.judge.rows.texts(table, keys, columns)
        held = self.judge.rows.held(table, list(keys)) if keys else set()
        found: dict[ColumnMask, Keys] = {}
        for mask in masks:
            open_ = self._open(mask, columns, texts) - held
            found[mask] = open_ - protecting(
                self.plan, self.judge.rows, self.judge.keeping, mask, open_
            )
        return found

    def _open(self, mask: ColumnMask, columns: list[str], texts: dict[RowKey, Texts]) -> Keys:
        """The rows whose column the mask has not reached."""
        at = columns.index(mask.column)
        if isinstance(mask.mask, Template):
            return {
                key
                for key, line in texts.items()
                if not is_masked(mask.mask, line[at], dict(zip(columns, line, strict=True)))
            }
        return {key for key, line in texts.items() if not self._is_done(mask, line[at])}

    def _is_done(self, mask: ColumnMask, text: str | None) -> bool:
        """As `is_masked`; what many rows have in common is looked at once."""
        seen = self._seen[mask]
        done = seen.get(text)
        if done is None:
            if len(seen) >= _MOST_SEEN:
                seen.clear()
            done = seen[text] = is_masked(mask.mask, text, {})
            texts = self._texts[mask]
            if done and text and leaves_few_texts(mask.mask) and len(texts) < _MOST_TEXTS:
                texts.add(text)
        return done

    def _can_be_read(self, mask: ColumnMask) -> bool:
        """False for what another step of the run may have made anew."""
        column = self.plan.schema.tables[mask.table].columns[mask.column]
        others = [other for step in self.plan.steps for other in step.masks if other != mask]
        clash = {other.column for other in others if other.table == mask.table}
        same = [
            other.mask
            for other in others
            if (other.table, other.column) == (mask.table, mask.column)
        ]
        return (
            can_be_read(mask.mask, column)
            and all(other == mask.mask for other in same)
            and not clash & set(_template_columns(mask.mask))
        )


def _template_columns(mask: Mask) -> tuple[str, ...]:
    return mask.columns if isinstance(mask, Template) else ()


def _columns(masks: list[ColumnMask]) -> Iterator[str]:
    for mask in masks:
        yield mask.column
        yield from _template_columns(mask.mask)
