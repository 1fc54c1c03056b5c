"""One night simulated row by row, from the words of the policy language alone.

Nothing here is shared with the planner or with the statements it is compared to: rows are
dictionaries, references are loops, and every decision is made for one row at a time. Only the
calendar is borrowed, which has worked cases of its own.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from typing import Any
from zoneinfo import ZoneInfo

from retention.policies.calendar import Term

Value = str | int | None
Row = dict[str, Any]
Place = tuple[str, int]
Tables = dict[str, dict[int, Row]]
FAR_FUTURE = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
KINDS = ("held", "kept", "blocked", "unless", "waits")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS = {"epoch s": 1_000_000, "epoch ms": 1_000, "epoch us": 1}
_ISO = re.compile(
    r"(?P<day>\d{4}-\d{2}-\d{2})"
    r"(?:[ T](?P<clock>\d{2}:\d{2})(?P<seconds>:\d{2})?(?P<fraction>[.,]\d{1,9})?"
    r"(?: ?(?P<offset>Z|[+-]\d{2}(?::?\d{2})?))?)?"
)


class Mark(Enum):
    """What a stored value says where it is no time."""

    MISSING = "missing"
    UNDECIDABLE = "undecidable"


Start = Mark | date | datetime


# -- how a value is read ------------------------------------------------------------------------


@dataclass(frozen=True)
class Stored:
    """How a column stores its times: "time" (typed or ISO text) or an epoch; zone of naive ones."""

    form: str = "time"
    zone: str = "UTC"
    earliest: date = date(1990, 1, 1)


def read(value: Value, stored: Stored) -> Start:
    """The start a stored value stands for."""
    if value is None:
        return Mark.MISSING
    if stored.form in _UNITS:
        return _implausible(_read_epoch(value, _UNITS[stored.form]), stored)
    text = str(value)
    if not text.strip() or text.startswith("0000-00-00"):
        return Mark.MISSING
    if text == "infinity":
        return FAR_FUTURE
    return _implausible(_read_iso(text, stored), stored)


def _implausible(start: Start, stored: Stored) -> Start:
    if isinstance(start, Mark):
        return start
    day = start.date() if isinstance(start, datetime) else start
    return Mark.UNDECIDABLE if day < stored.earliest else start


def _read_epoch(value: Value, microseconds: int) -> Start:
    text = str(value).strip()
    if not text or text.startswith("0000-00-00"):
        return Mark.MISSING
    if not re.fullmatch(r"-?\d+", text):
        return Mark.UNDECIDABLE
    if int(text) <= 0:
        return Mark.MISSING
    try:
        return _EPOCH + timedelta(microseconds=int(text) * microseconds)
    except OverflowError:
        return FAR_FUTURE


def _read_iso(text: str, stored: Stored) -> Start:
    found = _ISO.fullmatch(text)
    if found is None:
        return Mark.UNDECIDABLE
    try:
        if found["clock"] is None:
            return date.fromisoformat(found["day"])
        wall = datetime.fromisoformat(f"{found['day']}T{found['clock']}{found['seconds'] or ':00'}")
    except ValueError:
        return Mark.UNDECIDABLE
    digits = (found["fraction"] or ".0")[1:7].ljust(6, "0")
    return _placed(wall.replace(microsecond=int(digits)), found["offset"], stored.zone)


def _placed(wall: datetime, offset: str | None, zone: str) -> Start:
    try:
        if offset is None:
            return _later_reading(wall, ZoneInfo(zone))
        return wall.replace(tzinfo=UTC) - _shift(offset)
    except OverflowError:
        return FAR_FUTURE if wall.year > 5000 else Mark.UNDECIDABLE


def _shift(offset: str) -> timedelta:
    if offset == "Z":
        return timedelta(0)
    digits = offset[1:].replace(":", "").ljust(4, "0")
    size = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return -size if offset[0] == "-" else size


def _later_reading(wall: datetime, zone: ZoneInfo) -> datetime:
    """A local time that came twice, or never, is read as the later instant: doubt keeps."""
    readings = [wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)]
    return _when_doubt_ends(max(readings), zone)


def _when_doubt_ends(moment: datetime, zone: ZoneInfo) -> datetime:
    """Skipped times may mean those right after: until these are over, none of them is sure to be."""
    offset = moment.astimezone(zone).utcoffset()
    for minutes in range(1, 181):
        before = (moment - timedelta(minutes=minutes)).astimezone(zone).utcoffset()
        if offset is not None and before is not None and before < offset:
            changed = moment.replace(second=0, microsecond=0) - timedelta(minutes=minutes - 1)
            return max(moment, changed + (offset - before))
    return moment


# -- the world and the rules --------------------------------------------------------------------


@dataclass(frozen=True)
class Reference:
    """`table.column` refers to `parent.id`; `decision` and `when_unused` as the policy has them."""

    table: str
    column: str
    parent: str
    decision: str
    when_unused: str = ""


@dataclass(frozen=True)
class Path:
    """A column, reached by hops (reference, down) from the rule's table."""

    hops: tuple[tuple[Reference, bool], ...]
    column: str


@dataclass(frozen=True)
class Clock:
    """The columns of a start, how they combine, and those that must have a value as well."""

    choice: str
    columns: tuple[tuple[Path, Stored], ...]
    requires: tuple[tuple[Path, Stored], ...] = ()


@dataclass(frozen=True)
class Condition:
    """`path operator constant`; the operators are =, <>, "is null" and "is not null"."""

    path: Path
    operator: str
    constant: int = 0


@dataclass(frozen=True)
class ColumnMask:
    """What one column becomes: ("null",), ("text", …), ("template", …) or ("truncate", unit)."""

    path: Path
    mask: tuple[str, ...]


@dataclass(frozen=True)
class Rule:
    """One rule: periods are terms, None where there is none; `forever` is a floor without end.

    `together` joins rows with equal values there, or, with `along`, rows and those they refer to.
    """

    name: str
    table: str
    clock: Clock | None
    delete: Term | None = None
    anonymize: Term | None = None
    keep: Term | None = None
    forever: bool = False
    where: Condition | None = None
    unless: tuple[Condition, ...] = ()
    masks: tuple[ColumnMask, ...] = ()
    protects: tuple[Path, ...] = ()
    removals: tuple[Reference, ...] = ()
    together: str = ""
    along: Reference | None = None

    @property
    def is_floor(self) -> bool:
        """True where the rule keeps rows."""
        return self.keep is not None or self.forever


@dataclass
class Account:
    """The rows of one step by outcome, and what went along."""

    outcomes: dict[str, int] = field(default_factory=dict)
    also: dict[tuple[str, str], int] = field(default_factory=dict)
    due: set[int] = field(default_factory=set)

    def sort(self, found: dict[int, str | None]) -> None:
        """The rows by outcome; those that the rule does not speak of are left out."""
        for key, outcome in found.items():
            if outcome is not None:
                self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1
            if outcome == "due":
                self.due.add(key)

    def add(self, table: str, action: str, count: int) -> None:
        """Rows of another table that went along."""
        if count:
            self.also[(table, action)] = self.also.get((table, action), 0) + count


def masked(value: Value, mask: tuple[str, ...], row: Row) -> Value:
    """What the mask makes of a value; a NULL stays NULL."""
    if value is None or mask[0] == "null":
        return None
    if mask[0] == "text":
        return mask[1]
    if mask[0] == "template":
        return mask[1].format(**row)
    kept, rest = {"month": (7, "-01"), "year": (4, "-01-01"), "decade": (3, "0-01-01")}[mask[1]]
    return str(value)[:kept] + rest


class Night:
    """One run over tables that nobody else changes; `now` holds the rows as they become."""

    def __init__(
        self,
        tables: Tables,
        references: list[Reference],
        rules: list[Rule],
        holds: set[Place],
        as_of: datetime,
        zone: str,
    ) -> None:
        self.before = copy.deepcopy(tables)
        self.now = copy.deepcopy(tables)
        self.references = references
        self.rules = rules
        self.holds = holds
        self.as_of = as_of
        self.steps: list[tuple[str, str]] = []
        self.leaving: set[Place] = set()
        self.today = as_of.astimezone(ZoneInfo(zone)).date()

    def run(self, steps: list[tuple[str, str]]) -> list[Account]:
        """Every (rule, action) in this order."""
        accounts = []
        self.steps = steps
        for name, action in steps:
            rule = self._named(name)
            accounts.append(self._deletion(rule) if action == "delete" else self._masks(rule))
        return accounts

    def _named(self, name: str) -> Rule:
        return next(rule for rule in self.rules if rule.name == name)

    def _outcomes(self, rule: Rule, action: str, keys: list[int]) -> dict[int, str | None]:
        return {key: self.outcome(rule, action, key) for key in keys if key in self.now[rule.table]}

    def _deletion(self, rule: Rule) -> Account:
        """A block counts only rows that stay, so blocked rows are tried again until none is freed."""
        account = Account()
        found = self._outcomes(rule, "delete", list(self.now[rule.table]))
        fresh = found
        while "due" in fresh.values():
            self._erase(rule, [key for key, outcome in fresh.items() if outcome == "due"], account)
            blocked = [key for key, outcome in found.items() if outcome == "blocked"]
            fresh = self._outcomes(rule, "delete", blocked)
            found |= fresh
        account.sort(found)
        return account

    def _masks(self, rule: Rule) -> Account:
        account = Account()
        account.sort(self._outcomes(rule, "anonymize", list(self.now[rule.table])))
        self._mask(rule, account)
        return account

    def outcome(self, rule: Rule, action: str, key: int) -> str | None:
        """What becomes of one row, its unit considered; None where the rule does not speak of it."""
        found = self._alone(rule, action, key)
        if found != "due" or not rule.together:
            return found
        members = self._members(rule, key)
        return "due" if all(self._ready(rule, action, member) for member in members) else "waits"

    def _alone(self, rule: Rule, action: str, key: int) -> str | None:
        """What would become of one row if it had to wait for no other."""
        row = self.now[rule.table][key]
        if not self._selected(rule, row):
            return None
        assert rule.clock is not None
        state = self._state(rule, action, key)
        if state != "due":
            return state
        if action == "delete":
            stops = self._stops(rule.table, key, self._members(rule, key))
        else:
            stops = {"held"} if (rule.table, key) in self.holds else set()
            if "held" not in stops and self._taken_by_another(rule, key):
                return "deleted"
        if self._unless(rule, key):
            stops.add("unless")
        for kind in KINDS:
            if kind in stops:
                return kind
        return "due" if action == "delete" else self._masking(rule, key)

    # -- units: rows that go together -----------------------------------------------------------

    def _members(self, rule: Rule, key: int) -> set[int]:
        """The rows that the rule selects of the row's thread or case file, itself among them."""
        if not rule.together:
            return set()
        rows = self.now[rule.table]
        value = rows[key][rule.together]
        if rule.along is None:
            found = {key} if value in (None, "", 0) else set()
            found |= {other for other, row in rows.items() if row[rule.together] == value and value}
        else:
            found = {key}
            while True:
                more = {rows[other][rule.together] for other in found} & set(rows)
                more |= {other for other, row in rows.items() if row[rule.together] in found}
                if more <= found:
                    break
                found |= more
        return {other for other in found if self._selected(rule, rows[other])}

    def _ready(self, rule: Rule, action: str, key: int) -> bool:
        """Nothing more has to happen to this row before its unit may go."""
        found = self._alone(rule, action, key)
        if action == "delete":
            return found == "due"
        if found not in ("due", "done", "kept"):
            held = (rule.table, key) in self.holds
            return found == "deleted" or (not held and self._taken_by_another(rule, key))
        own = [mask.path.column for mask in rule.masks if not mask.path.hops]
        return not (own and all(self._protected(rule.table, key, column) for column in own))

    # -- clocks: read as the rows were before the run -------------------------------------------

    def _state(self, rule: Rule, action: str, key: int) -> str:
        assert rule.clock is not None
        starts = self._starts(rule.clock, rule.table, key)
        if isinstance(starts, str):
            return starts
        term = rule.delete if action == "delete" else rule.anonymize
        if term is not None and self._due(rule.clock, starts, term):
            return "due"
        early = action == "anonymize" and rule.delete is not None
        stopped = any(self._early(rule.table, one) for one in {key, *self._members(rule, key)})
        if early and self._due(rule.clock, starts, rule.delete) and stopped:
            return "due"
        return "running" if self._begun(rule.clock, starts) else "not started"

    def _starts(self, clock: Clock, table: str, key: int) -> str | list[date | datetime]:
        """The starts that count, or why there is none."""
        row = self.before[table][key]
        found = [self._read_all(row, path, stored) for path, stored in clock.columns]
        required = [self._read_all(row, path, stored) for path, stored in clock.requires]
        if clock.choice == "first_of":
            found = [next((item for item in found if _present(item)), [])]
        if any(start is Mark.UNDECIDABLE for item in (*found, *required) for start in item):
            return "undecidable"
        if not all(_present(item) for item in required):
            return "not started"
        starts = [start for item in found for start in item if not isinstance(start, Mark)]
        future = any(self._future(start) for item in required for start in _present(item))
        return "not started" if future or not starts else starts

    def _read_all(self, row: Row, path: Path, stored: Stored) -> list[Start]:
        return [read(found[path.column], stored) for found in self._reached(self.before, row, path)]

    def _due(self, clock: Clock, starts: list[date | datetime], term: Term | None) -> bool:
        assert term is not None
        ends = [term.due_at(start) for start in starts]
        over = [end is not None and end <= self.as_of for end in ends]
        return any(over) if clock.choice == "earliest_of" else all(over)

    def _begun(self, clock: Clock, starts: list[date | datetime]) -> bool:
        past = [not self._future(start) for start in starts]
        return any(past) if clock.choice == "earliest_of" else all(past)

    def _future(self, start: Start) -> bool:
        if isinstance(start, datetime):
            return start > self.as_of
        return isinstance(start, date) and start > self.today

    # -- other rows -----------------------------------------------------------------------------

    def _reached(self, tables: Tables, row: Row, path: Path) -> list[Row]:
        rows = [row]
        for reference, down in path.hops:
            rows = [found for here in rows for found in _next(tables, here, reference, down)]
        return rows

    def _referring(self, table: str, key: int, decision: str) -> Iterator[Place]:
        for reference in self.references:
            if reference.parent == table and reference.decision == decision:
                for row in list(self.now[reference.table].values()):
                    if row[reference.column] == key:
                        yield reference.table, row["id"]

    # -- conditions -----------------------------------------------------------------------------

    def _selected(self, rule: Rule, row: Row) -> bool:
        return rule.where is None or self._truths(rule.where, row) == [True]

    def _unless(self, rule: Rule, key: int) -> bool:
        row = self.now[rule.table][key]
        return any(
            truth is not False
            for condition in rule.unless
            for truth in self._truths(condition, row)
        )

    def _truths(self, condition: Condition, row: Row) -> list[bool | None]:
        """One truth a child row, or one for the row itself; a row that is not there is unknown."""
        rows: list[Row] = self._reached(self.now, row, condition.path)
        if any(down for _, down in condition.path.hops):
            child = condition.path.hops[0][0].table
            stay = [found for found in rows if (child, found["id"]) not in self.leaving]
            return [_truth(found[condition.path.column], condition) for found in stay]
        return [_truth(rows[0][condition.path.column] if rows else None, condition)]

    # -- what stops a deletion ------------------------------------------------------------------

    def _holding(self, floor: Rule, key: int) -> bool:
        if not self._selected(floor, self.now[floor.table][key]):
            return False
        if floor.clock is None or floor.forever:
            return True
        starts = self._starts(floor.clock, floor.table, key)
        return isinstance(starts, str) or not self._due(floor.clock, starts, floor.keep)

    def _floors(self, table: str, key: int) -> list[Rule]:
        return [
            rule
            for rule in self.rules
            if rule.is_floor and rule.table == table and self._holding(rule, key)
        ]

    def _stops(self, table: str, key: int, leaving: Collection[int] = ()) -> set[str]:
        """What keeps a row from leaving; rows of its own table that leave with it do not."""
        stops = {"held"} if (table, key) in self.holds else set()
        if self._floors(table, key):
            stops.add("kept")
        for child, child_key in self._referring(table, key, "delete"):
            stops |= self._stops(child, child_key) | self._own_unless(child, child_key)
        with_it = {(table, other) for other in leaving}
        if set(self._referring(table, key, "block")) - with_it:
            stops.add("blocked")
        return stops

    def _own_unless(self, table: str, key: int) -> set[str]:
        row = self.now[table][key]
        found = any(
            self._selected(rule, row) and self._unless(rule, key)
            for rule in self.rules
            if rule.table == table
        )
        return {"unless"} if found else set()

    def _early(self, table: str, key: int) -> bool:
        """A floor with named columns stops this row's deletion, its own or one below it."""
        if any(floor.protects for floor in self._floors(table, key)):
            return True
        below = [
            child
            for decision in ("delete", "block")
            for child in self._referring(table, key, decision)
        ]
        # a thread's own answers count one step down; its unit sees to the others
        if any(floor.protects for child in below for floor in self._floors(*child)):
            return True
        return any(self._early(*child) for child in below if child[0] != table)

    def _taken_by_another(self, rule: Rule, key: int) -> bool:
        """A deletion that comes after the rule's masking takes the row."""
        masking = self.steps.index((rule.name, "anonymize"))
        later = [self._named(name) for name, kind in self.steps[masking + 1 :] if kind == "delete"]
        return any(
            self.outcome(other, "delete", key) == "due"
            for other in later
            if other.table == rule.table
        )

    # -- effects --------------------------------------------------------------------------------

    def _erase(self, rule: Rule, keys: list[int], account: Account) -> None:
        own = {(rule.table, key) for key in keys}
        before = copy.deepcopy(self.now)
        self._take(own, own, account)
        self._mask_unused(rule, before, account)

    def _mask_unused(self, rule: Rule, before: Tables, account: Account) -> None:
        """Rows that lost a user, and that nothing but rows the rule anonymized uses now."""
        masks = [mask for mask in rule.masks if mask.path.hops and not mask.path.hops[-1][1]]
        lost = {
            (ref.parent, row[ref.column])
            for ref in self.references
            for key, row in before[ref.table].items()
            if key not in self.now[ref.table]
        }
        for table in dict.fromkeys(_end(mask.path.hops) for mask in masks):
            if not any(
                ref.when_unused == "anonymize" for ref in self.references if ref.parent == table
            ):
                continue
            hops = next(mask.path.hops for mask in masks if _end(mask.path.hops) == table)
            for key, row in self.now[table].items():
                if (table, key) in lost and self._only_anonymized(rule, table, key, set()):
                    found = self._work(rule, (table, row, hops))
                    row.update(found)
                    account.add(table, "anonymize", 1 if found else 0)

    def _take(self, places: set[Place], uncounted: set[Place], account: Account) -> None:
        """Rows, what goes with them, and what they were the last to use."""
        erased: set[Place] = set()
        waiting = list(places)
        while waiting:
            place = waiting.pop()
            if place not in erased:
                erased.add(place)
                waiting += self._referring(*place, "delete")
        unused = self._left_unused(erased)
        self._detach(erased | unused, account)
        for table, key in erased | unused:
            del self.now[table][key]
            if (table, key) not in uncounted:
                account.add(table, "delete", 1)

    def _left_unused(self, erased: set[Place]) -> set[Place]:
        """Rows that lost their last user with these, and what they in turn were the last to use."""
        tables = {ref.parent for ref in self.references if ref.when_unused == "delete"}
        self.leaving = set(erased)
        while True:
            found = {
                (ref.parent, self.now[table][key][ref.column])
                for table, key in self.leaving
                for ref in self.references
                if ref.table == table and ref.parent in tables
            }
            found = {place for place in found if place[1] is not None} - self.leaving
            found = {place for place in found if self._is_free(*place)}
            if not found:
                unused, self.leaving = self.leaving - erased, set()
                return unused
            self.leaving |= found

    def _is_free(self, table: str, key: int) -> bool:
        """No row that stays uses the row; no hold, floor or condition of its own rules keeps it."""
        if (table, key) in self.holds or self._floors(table, key) or self._own_unless(table, key):
            return False
        return all(
            row[ref.column] != key or (ref.table, row["id"]) in self.leaving
            for ref in self.references
            if ref.parent == table and ref.decision != "leave"
            for row in self.now[ref.table].values()
        )

    def _detach(self, erased: set[Place], account: Account) -> None:
        for reference in self.references:
            if reference.decision != "detach":
                continue
            for row in self.now[reference.table].values():
                gone = (reference.parent, row[reference.column]) in erased
                if gone and (reference.table, row["id"]) not in erased:
                    row[reference.column] = None
                    account.add(reference.table, "detach", 1)

    def _masking(self, rule: Rule, key: int) -> str:
        """Of a row whose masks are due: work to do, kept by a floor, or done before."""
        row = self.now[rule.table][key]
        for target in self._targets(rule, row):
            if self._work(rule, target) and self._answers_for(rule, key, target):
                return "due"
        if any(True for _ in self._removable(rule, key)):
            return "due"
        kept = any(
            masked(row[mask.path.column], mask.mask, row) != row[mask.path.column]
            for mask in rule.masks
            if not mask.path.hops
        )
        return "kept" if kept else "done"

    def _targets(self, rule: Rule, row: Row) -> list[tuple[str, Row, tuple[Any, ...]]]:
        """Rows that the rule's masks reach from this row: table, row, hops."""
        found = []
        for hops in dict.fromkeys(mask.path.hops for mask in rule.masks):
            table = _end(hops) if hops else rule.table
            rows = self._reached(self.now, row, Path(hops, ""))
            found += [(table, target, hops) for target in rows]
        return found

    def _removable(self, rule: Rule, key: int) -> Iterator[Place]:
        """Child rows that go once the row is masked, and that nothing keeps."""
        for reference in rule.removals:
            for row in self.now[reference.table].values():
                place = (reference.table, row["id"])
                free = not self._stops(*place) and not self._own_unless(*place)
                if row[reference.column] == key and free:
                    yield place

    def _answers_for(self, rule: Rule, key: int, target: tuple[str, Row, tuple[Any, ...]]) -> bool:
        """Own and child rows: yes. A row above: where only anonymized rows use it, the first does."""
        table, row, hops = target
        if not hops or hops[-1][1]:
            return True
        sharing = [
            other["id"]
            for other in self.now[rule.table].values()
            if any(
                found["id"] == row["id"] for found in self._reached(self.now, other, Path(hops, ""))
            )
        ]
        return key == min(sharing) and self._only_anonymized(rule, table, row["id"], set())

    def _only_anonymized(self, rule: Rule, table: str, key: int, due: set[int]) -> bool:
        """Every row that refers to the row was anonymized by the rule, or is `due` to be now."""
        return all(
            self._spent(rule, reference.table, user, due)
            for reference in self.references
            if reference.parent == table and reference.decision != "leave"
            for user in self.now[reference.table].values()
            if user[reference.column] == key
        )

    def _spent(self, rule: Rule, table: str, user: Row, due: set[int]) -> bool:
        if table == rule.table and (user["id"] in due or self._anonymized(rule, user["id"])):
            return True
        place = (table, user["id"])
        return any(
            place in self._removable(rule, owner)
            and (owner in due or self._anonymized(rule, owner))
            for owner in self.now[rule.table]
        )

    def _anonymized(self, rule: Rule, key: int) -> bool:
        """The rule takes the row and finds nothing left in its own columns; or the row is to go."""
        row = self.now[rule.table][key]
        if (rule.table, key) not in self.holds and self._taken_by_another(rule, key):
            return True
        if not self._selected(rule, row) or self._state(rule, "anonymize", key) != "due":
            return False
        if (rule.table, key) in self.holds or self._unless(rule, key):
            return False
        return not self._work(rule, (rule.table, row, ()))

    def _work(self, rule: Rule, target: tuple[str, Row, tuple[Any, ...]]) -> dict[str, Value]:
        """The columns of the target still to mask, with what they become."""
        table, row, hops = target
        if (table, row["id"]) in self.holds:
            return {}
        found = {}
        for mask in rule.masks:
            column = mask.path.column
            if mask.path.hops != hops or self._protected(table, row["id"], column):
                continue
            value = masked(row[column], mask.mask, row)
            if value != row[column]:
                found[column] = value
        return found

    def _protected(self, table: str, key: int, column: str) -> bool:
        for floor in self.rules:
            if not floor.is_floor:
                continue
            if not floor.protects and floor.table == table and self._holding(floor, key):
                return True
            for path in floor.protects:
                if path.column == column and self._protects(floor, path, table, key):
                    return True
        return False

    def _protects(self, floor: Rule, path: Path, table: str, key: int) -> bool:
        target = path.hops[-1][0].parent if path.hops else floor.table
        if target != table:
            return False
        return any(
            self._holding(floor, owner["id"])
            for owner in self.now[floor.table].values()
            if any(found["id"] == key for found in self._reached(self.now, owner, path))
        )

    def _may_mask(
        self, rule: Rule, target: tuple[str, Row, tuple[Any, ...]], due: set[int]
    ) -> bool:
        table, row, hops = target
        above = bool(hops) and not hops[-1][1]
        return not above or self._only_anonymized(rule, table, row["id"], due)

    def _mask(self, rule: Rule, account: Account) -> None:
        work: dict[tuple[str, int], dict[str, Value]] = {}
        for key in account.due:
            row = self.now[rule.table][key]
            for target in self._targets(rule, row):
                found = self._work(rule, target)
                if found and self._may_mask(rule, target, account.due):
                    work.setdefault((target[0], target[1]["id"]), {}).update(found)
        going = {place for key in account.due for place in self._removable(rule, key)}
        for (table, key), values in work.items():
            self.now[table][key].update(values)
            if table != rule.table:
                account.add(table, "anonymize", 1)
        self._take(going, set(), account)


def _next(tables: Tables, row: Row, reference: Reference, down: bool) -> list[Row]:
    if down:
        rows = tables[reference.table].values()
        return [found for found in rows if found[reference.column] == row["id"]]
    parent = tables[reference.parent].get(row[reference.column])
    return [] if parent is None else [parent]


def _end(hops: tuple[tuple[Reference, bool], ...]) -> str:
    reference, down = hops[-1]
    return reference.table if down else reference.parent


def _present(starts: list[Start]) -> list[Start]:
    return [start for start in starts if start is not Mark.MISSING]


def _truth(value: Value, condition: Condition) -> bool | None:
    if condition.operator == "is null":
        return value is None
    if condition.operator == "is not null":
        return value is not None
    if value is None:
        return None
    return (value == condition.constant) == (condition.operator == "=")
