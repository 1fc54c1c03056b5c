"""Rows of a lake table for the recount: read in one scan, numbered as they come, held a page long."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from retention.databases.statements.lake_texts import Asked
from retention.databases.statements.recounting import PlainRows, RowKey, Texts
from retention.planning.conditions import Condition
from retention.planning.paths import ColumnPath
from retention.planning.plan import Floor, Plan, Step
from retention.planning.schema import HeldRows
from retention.policies.masking import Template

Line = tuple[object, ...]
Keys = set[RowKey]


class LakeRows(PlainRows):
    """The page in hand, asked as `Judge` asks a database; nothing is asked of the table again."""

    def __init__(
        self,
        columns: Sequence[str],
        asked: Sequence[tuple[Asked, Condition]],
        holds: Sequence[HeldRows] = (),
    ) -> None:
        self.columns = tuple(columns)
        self.holds: dict[tuple[str, ...], set[tuple[str | None, ...]]] = {}
        for found in holds:
            names, values = zip(*found.values, strict=True)
            self.holds.setdefault(names, set()).add(tuple(map(str, values)))
        self.asked_for = tuple(asked)
        self.values: Mapping[str, Mapping[RowKey, str | None]] = {}
        self.answers: Mapping[tuple[Asked, Condition], Keys] = {}

    def take(self, first: int, lines: Sequence[Line]) -> dict[RowKey, Texts]:
        """Hold these rows, numbered from `first`; their columns as texts."""
        keys: list[RowKey] = [(first + at,) for at in range(len(lines))]
        texts = [tuple(_text(value) for value in line[: len(self.columns)]) for line in lines]
        self.values = {
            name: {key: line[at] for key, line in zip(keys, texts, strict=True)}
            for at, name in enumerate(self.columns)
        }
        self.answers = {
            item: {
                key for key, line in zip(keys, lines, strict=True) if line[at + len(self.columns)]
            }
            for at, item in enumerate(self.asked_for)
        }
        return dict(zip(keys, texts, strict=True))

    def texts(
        self, table: str, keys: Iterable[RowKey], columns: Sequence[str]
    ) -> dict[RowKey, Texts]:
        return {key: tuple(self.values[name][key] for name in columns) for key in keys}

    def along(
        self, table: str, keys: Iterable[RowKey], path: ColumnPath
    ) -> list[tuple[RowKey, str | None]]:
        return [(key, self.values[path.column][key]) for key in keys]

    def held(self, table: str, keys: Sequence[RowKey]) -> Keys:
        return {
            key
            for key in keys
            if any(
                tuple(self.values[name][key] for name in names) in held
                for names, held in self.holds.items()
            )
        }

    def choices(
        self, table: str, keys: Iterable[RowKey], path: ColumnPath, names: Sequence[str]
    ) -> dict[RowKey, list[bool]]:
        values = self.values[path.column]
        return {key: [values[key] == name for name in names] for key in keys}

    def selected(self, table: str, keys: Iterable[RowKey], condition: Condition | None) -> Keys:
        return set(keys) if condition is None else self._answered(Asked.SELECTS, keys, condition)

    def excepted(self, table: str, keys: Iterable[RowKey], condition: Condition) -> Keys:
        return self._answered(Asked.STOPS, keys, condition)

    def due_when(self, table: str, keys: Iterable[RowKey], condition: Condition) -> Keys:
        return self._answered(Asked.HOLDS, keys, condition)

    def _answered(self, way: Asked, keys: Iterable[RowKey], condition: Condition) -> Keys:
        return set(keys) & self.answers[(way, condition)]


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def needed(plan: Plan) -> LakeRows:
    """What the recount of a plan over a lake table has to read."""
    columns = dict.fromkeys(_columns(plan))
    held = plan.schema.held
    columns |= dict.fromkeys(name for found in held for name, _ in found.values)
    return LakeRows(tuple(columns), tuple(dict.fromkeys(_conditions(plan))), held)


def _columns(plan: Plan) -> Iterator[str]:
    rules: list[Step | Floor] = [*plan.steps, *plan.floors]
    for rule in rules:
        if rule.clock is not None:
            yield from (it.path.column for it in (*rule.clock.columns, *rule.clock.requires))
        if rule.younger is not None:
            yield rule.younger.born.path.column
        if rule.deadline is not None and rule.deadline.by is not None:
            yield rule.deadline.by.column
    for step in plan.steps:
        if step.early is not None and step.early.by is not None:
            yield step.early.by.column
        for mask in step.masks:
            yield mask.column
            if isinstance(mask.mask, Template):
                yield from mask.mask.columns


def _conditions(plan: Plan) -> Iterator[tuple[Asked, Condition]]:
    rules: list[Step | Floor] = [*plan.steps, *plan.floors]
    for rule in rules:
        if rule.where is not None:
            yield Asked.SELECTS, rule.where
        for _, began in rule.clock.purposes if rule.clock else ():
            if began is not None:
                yield Asked.SELECTS, began
    for step in plan.steps:
        yield from ((Asked.STOPS, condition) for _, condition in step.unless)
        yield from (
            (Asked.HOLDS, condition) for condition in (step.when, step.early_when) if condition
        )
