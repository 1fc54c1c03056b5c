"""Restrictions: at a person's own request (GDPR art. 18), and the lift of any of them."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

from retention.databases.database import Connection, Database
from retention.databases.faults import database_faults
from retention.databases.state import (
    Restricted,
    lift_entry,
    put_request,
    read_marker,
    stamp,
    stored_restrictions,
)
from retention.databases.statements.lifting import bring_back, is_set, set_back, view_ddl
from retention.databases.statements.row_keys import canonical_key
from retention.errors import UsageError
from retention.ledger.entry import JSON, Kind
from retention.ledger.holds import Hold
from retention.ledger.keys import KeyFolder
from retention.ledger.store import Ledger
from retention.planning.paths import PathFault, known_table
from retention.planning.schema import Schema, Table
from retention.policies.policy import Policy
from retention.policies.rule import Rule
from retention.protocol.opening import Clock, Opened
from retention.subjects.holds import enrolled_id

PREFIX = "R-"
"""Requests are kept in the ledger as holds are, sealed; their names begin so."""


def place_request(
    database: Database,
    connection: Connection,
    ledger: Ledger,
    keys: KeyFolder,
    table: str,
    key: tuple[str, ...],
    reason: str,
    now: Clock,
) -> str:
    """Restrict one row at the person's own request; its name. No later batch erases the row.

    Raises UsageError where there is no such table or row, IntegrityError before enrolment.
    """
    database_id = enrolled_id(database, connection, ledger)
    found = _table(database.schema(connection), table)
    with database_faults("looking up the row", database.name), connection.begin():
        row_key = canonical_key(connection, database.dialect, found, key)
    name = f"{PREFIX}{now():%Y%m%d}-{secrets.token_hex(3)}"
    ledger.place_hold(
        Hold(name, database_id, table, {"row_key": row_key}, reason), now(), keys.sealing_key()
    )
    with database_faults("restricting the row", database.name), connection.begin():
        # the marker's row is locked: a batch that has begun ends first
        read_marker(connection, ledger.ledger_id, lock=True)
        put_request(connection, name, table, row_key, stamp(now()))
    return name


def bring_requests_together(opened: Opened, keys: KeyFolder) -> None:
    """The ledger's requests are the ones that count: a restore rolled the database's copy back."""
    standing = [
        hold
        for hold in opened.ledger.holds(opened.database_id, keys.sealing_key())
        if hold.hold_id.startswith(PREFIX) and hold.released_at is None
    ]
    connection = opened.connection
    with database_faults("reading the restrictions", opened.database.name), connection.begin():
        known = {entry.rule for entry in stored_restrictions(connection) if entry.at_request}
        for hold in standing:
            if hold.hold_id not in known and hold.placed_at is not None:
                key = str(hold.key["row_key"])
                put_request(connection, hold.hold_id, hold.table, key, stamp(hold.placed_at))


def lift(
    database: Database,
    connection: Connection,
    ledger: Ledger,
    policy: Policy,
    table: str,
    key: tuple[str, ...],
    now: Clock,
) -> list[str]:
    """End every restriction of the row, rules' and requests'; their names.

    A rule that restricted it does not do so again. Raises UsageError where none stands.
    """
    database_id = enrolled_id(database, connection, ledger)
    schema = database.schema(connection)
    found = _table(schema, table)
    with database_faults("lifting the restriction", database.name), connection.begin():
        read_marker(connection, ledger.ledger_id, lock=True)
        row_key = canonical_key(connection, database.dialect, found, key)
        entries = [
            entry
            for entry in stored_restrictions(connection)
            if (entry.table, entry.key) == (table, row_key) and not entry.lifted
        ]
        names = [entry.rule for entry in entries]
        rules = [
            rule
            for rule in _restricting(policy, table)
            if _stands(connection, database, found, rule, row_key)
        ]
        names += [rule.name for rule in rules if rule.name not in names]
        if not names:
            raise UsageError(f'that row of "{table}" is not restricted; nothing was lifted')
        for name in names:
            lift_entry(connection, table, row_key, name, stamp(now()))
        for rule in rules:
            _undo(connection, database, schema, rule, row_key)
    for name in names:
        if name.startswith(PREFIX):
            ledger.release_hold(name, now())
    body: dict[str, JSON] = {"table": table, "rules": list[JSON](names)}
    ledger.append(Kind.RESTRICTION_LIFTED, now(), database_id=database_id, body=body)
    return names


def _restricting(policy: Policy, table: str) -> Iterator[Rule]:
    """Rules that set columns of rows of the table, or have moved rows to it."""
    for rule in policy.rules.values():
        if rule.restrict is not None and table == (rule.restrict.move_to or rule.table):
            yield rule


def _stands(
    connection: Connection, database: Database, table: Table, rule: Rule, row_key: str
) -> bool:
    if rule.restrict is None or rule.restrict.move_to:
        return True
    return is_set(connection, database.dialect, table, rule.restrict.set, row_key)


def _undo(
    connection: Connection, database: Database, schema: Schema, rule: Rule, row_key: str
) -> None:
    if rule.restrict is None:
        return
    home = _table(schema, rule.table)
    if rule.restrict.move_to:
        away = _table(schema, rule.restrict.move_to)
        bring_back(connection, database.dialect, away, home, row_key)
    else:
        set_back(connection, database.dialect, home, rule.restrict.set, row_key)


def restricted_view(database: Database, connection: Connection, table: str) -> str:
    """The DDL of a view of the rows of `table` that may be processed."""
    found = _table(database.schema(connection), table)
    if not found.key:
        raise UsageError(f'"{table}" has no key, so no entry can name its rows')
    return view_ddl(connection, database.dialect, found)


def _table(schema: Schema, name: str) -> Table:
    try:
        return known_table(schema, name)
    except PathFault as fault:
        raise UsageError(f"{fault}; nothing was done") from fault


def standing(database: Database, connection: Connection, ledger: Ledger) -> list[Restricted]:
    """The restrictions in force, of rules and requests; IntegrityError before enrolment."""
    enrolled_id(database, connection, ledger)
    with database_faults("reading the restrictions", database.name), connection.begin():
        return [entry for entry in stored_restrictions(connection) if not entry.lifted]
