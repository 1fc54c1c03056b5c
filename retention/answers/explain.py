"""One row's whole story: why it is still here, when it goes, what goes with it, who decided.

`explain` asks the database about the row (`one_row`) and the ledger about what is gone; every
instant comes from the calendar. No value of the row is told but the times that clocks read.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime

from retention.answers.row_copies import CopyFate, copy_fates, kept_copies
from retention.answers.row_proof import Untold, Wanted, search
from retention.answers.row_rules import Asked, RuleTeller
from retention.answers.row_story import ON_REQUEST, Story
from retention.databases.database import Connection, Database
from retention.databases.faults import database_faults
from retention.databases.keys import Key, key_of
from retention.databases.state import has_marker_table, read_marker
from retention.databases.statements.one_lake_row import OneLakeRow, named_values
from retention.databases.statements.one_row import OneRow
from retention.databases.statements.row_keys import typed_key
from retention.errors import DatabaseFailure, StorageError, UsageError
from retention.execution.lake import lake_schema_of
from retention.lake.table import LakeTable
from retention.ledger.entry import Kind
from retention.ledger.keys import KeyFolder
from retention.ledger.store import Ledger
from retention.planning.lake import lake_plan
from retention.planning.make import make_plan
from retention.planning.paths import PathFault, known_table
from retention.planning.plan import Plan
from retention.subjects.lake_holds import held_in

_NOT_KEPT = "there is no row with that key now"


@dataclass(frozen=True, slots=True)
class Books:
    """Where the proof is: the ledger with its keys, or why there is none."""

    ledger: Ledger | None
    keys: KeyFolder
    missing: str = ""


def explain(asked: Asked, database: Database, connection: Connection, books: Books) -> Story:
    """The story of one row; UsageError where it is neither in the database nor in the ledger."""
    schema = database.schema(connection, asked.policy)
    try:
        table = known_table(schema, asked.table)
    except PathFault as fault:
        raise UsageError(f"{fault}. Nothing was looked up") from fault
    key = typed_key(table, asked.key)
    plan = make_plan(asked.policy, database.name, schema, asked.as_of)
    ids = _database_ids(database, connection, books.ledger)
    row = OneRow(connection, database.dialect, plan, table, key)
    with database_faults("explaining the row", database.name), connection.begin():
        found = _find(row)
        here = _here(asked, database.name, row, found is not None, books)
    guarded = plan.guard_of(table.name) is not None
    wanted = Wanted(
        ids, table.name, found[0] if found else key_of(table, key), bool(found), None, guarded
    )
    return _told(asked, here, books, replace(wanted, guard=found[1]) if found else wanted)


def explain_lake_row(asked: Asked, table: LakeTable, books: Books) -> Story:
    """The story of one row of a lake table, which `asked.key` names as COLUMN=VALUE.

    Raises UsageError where several rows have these values, or none, and the ledger knows of none.
    """
    held = held_in(table, books.ledger, books.keys)
    schema = lake_schema_of(table, asked.policy, held)
    plan = lake_plan(asked.policy, schema, asked.as_of)
    columns = schema.tables[table.address]
    row = OneLakeRow(table.rows, plan, columns, named_values(columns, asked.key))
    there = row.find() is not None
    here = _here(asked, table.address, row, there, books)
    return _told(asked, here, books, Wanted(frozenset({table.id}), table.address, (), there))


def _here(asked: Asked, place: str, row: OneRow, there: bool, books: Books) -> Story:
    """What the place says of the row; the ledger has not been asked yet."""
    teller = RuleTeller(asked, row.plan, row, _reviews(books.ledger))
    rules, others = teller.rules() if there else ((), ())
    notes = _along_notes(row.plan, row) if there else ()
    return Story(
        place,
        row.table.name,
        asked.as_of,
        asked.policy.sha256,
        "here" if there else "gone",
        rules,
        others,
        (),
        (),
        (*notes, *([books.missing] if books.missing else [])),
        tuple(row.statements),
    )


def _told(asked: Asked, here: Story, books: Books, wanted: Wanted) -> Story:
    """The whole story: what the ledger proves, and what the copies hold."""
    told = _with_proof(here, books, wanted)
    return replace(told, copies=_copies(asked, books, told, wanted.databases))


def _copies(asked: Asked, books: Books, told: Story, ids: frozenset[str]) -> tuple[CopyFate, ...]:
    """What the copies still hold of a row that is gone, or will for how long of one that is not."""
    last = max(
        (*(proof.number for proof in told.proofs), *(doubt.last for doubt in told.untold)),
        default=None,
    )
    if books.ledger is None or last is None or not told.gone:
        return kept_copies(asked.policy, told.database)
    return copy_fates(asked.policy, books.ledger, told.database, ids, last)


def _along_notes(plan: Plan, row: OneRow) -> tuple[str, ...]:
    """That the row goes with its last user, and how many it has; or with an owner once masked."""
    name, found = row.table.name, []
    if name in plan.unused:
        done = "goes" if plan.unused[name] == "delete" else "is masked"
        users = f"rows that use it now: {row.users():,}"
        found.append(f"it {done} with the last row that uses it; {users}")
    found += [
        f"it goes when the row of {step.table} it belongs to is masked (rules.{step.rule})"
        for step in plan.steps
        if any(reference.table == name for reference in step.removals)
    ]
    return tuple(found)


def _find(row: OneRow) -> tuple[Key, datetime | None] | None:
    try:
        with database_faults("looking up the row", row.table.name):
            return row.find()
    except DatabaseFailure as failure:
        if not failure.sqlstate.startswith("22"):
            raise
        names = ", ".join(row.table.key)
        raise UsageError(
            f"what was given cannot be a value of {names}; nothing was found"
        ) from failure


def _with_proof(story: Story, books: Books, wanted: Wanted) -> Story:
    """The story with what the ledger proves; UsageError where nobody ever knew of the row."""
    gone = story.state == "gone"
    if books.ledger is None:
        if gone:
            raise StorageError(f"{_NOT_KEPT}, and no ledger to look in. {books.missing}")
        return story
    proofs, untold = search(books.ledger, books.keys, wanted)
    done = "erased" if gone else "anonymized"
    if not gone:
        masked = any(found.outcome == "anonymized" for found in story.rules)
        restricted = any(found.outcome in ("restricted", ON_REQUEST) for found in story.rules)
        state = "anonymized" if masked else "restricted" if restricted else "here"
        known = any(proof.done == "anonymized" for proof in proofs)
        doubts = () if known or not masked else _only(untold, done)
        return replace(story, state=state, proofs=proofs, untold=doubts)
    if any(proof.done == "erased" for proof in proofs):
        return replace(story, state="erased", proofs=proofs)
    doubts = _only(untold, done)
    if not proofs and not doubts:
        raise UsageError(
            f'{story.database}: "{story.table}" has no row with that key, and no entry of the '
            "ledger erased one. Nothing else is known of it"
        )
    state = "erased in counts" if doubts else "gone"
    return replace(story, state=state, proofs=proofs, untold=doubts)


def _only(untold: tuple[Untold, ...], done: str) -> tuple[Untold, ...]:
    return tuple(found for found in untold if found.done == done)


def _database_ids(
    database: Database, connection: Connection, ledger: Ledger | None
) -> frozenset[str]:
    """The database's id in the ledger: by its marker, else every id it was enrolled under."""
    if ledger is None:
        return frozenset()
    if has_marker_table(connection):
        with database_faults("reading the marker", database.name), connection.begin():
            marker = read_marker(connection, ledger.ledger_id)
        if marker is not None:
            return frozenset({marker.database_id})
    return frozenset(own for own, name in ledger.databases().items() if name == database.name)


def _reviews(ledger: Ledger | None) -> dict[str, tuple[datetime, date | None]]:
    """For every hold since when it is in force and when it is to be looked at again."""
    found: dict[str, tuple[datetime, date | None]] = {}
    for entry in ledger.entries(kinds={Kind.HOLD_PLACED}) if ledger else ():
        review = entry.body.get("review_on")
        day = date.fromisoformat(review) if isinstance(review, str) else None
        found[str(entry.body.get("hold_id"))] = (entry.at, day)
    return found
