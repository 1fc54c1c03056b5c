"""One database of the user's: connections set up as the protocol needs them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import InvalidRequestError

from retention.connections import sqlite_file
from retention.databases.dialects.dialect import Dialect
from retention.databases.dialects.mariadb import MariaDB
from retention.databases.dialects.postgresql import PostgreSQL
from retention.databases.dialects.sqlite import SQLite
from retention.databases.dialects.sqlite_functions import register
from retention.databases.faults import CONNECTING, database_faults
from retention.databases.mask_trials import refused_masks, truncated_columns
from retention.databases.reading import may_write, reading, writes
from retention.databases.reflection import gaps, reflect, sample, without_place
from retention.databases.versions import require_supported, unknown_server
from retention.errors import Busy, SchemaError, UsageError
from retention.planning.clocks import TYPED
from retention.planning.paths import PathFault, resolve
from retention.planning.references import with_declared
from retention.planning.resolving import rules_of
from retention.planning.restricting import following, with_moved
from retention.planning.schema import Schema
from retention.policies.policy import Policy
from retention.policies.starting_point import ColumnStart, paths_of

_DIALECTS: dict[str, type[Dialect]] = {
    "sqlite": SQLite,
    "postgresql": PostgreSQL,
    "mysql": MariaDB,
    "mariadb": MariaDB,
}
_SETTINGS = {
    "sqlite": (
        "PRAGMA secure_delete = ON",
        "PRAGMA temp_store = MEMORY",
    ),
    "postgresql": (
        # keys are stored as text, which has to be the same whatever an account or a shell sets
        "SET TIME ZONE 'UTC'",
        "SET DateStyle = 'ISO, MDY'",
        "SET IntervalStyle = 'postgres'",
        "SET bytea_output = 'hex'",
        "SET extra_float_digits = 1",
        "SET standard_conforming_strings = on",
        # to compile a decision may take seconds, to ask it of a few rows does not
        "SET jit = off",
        "SET default_transaction_isolation = 'read committed'",
        "SET lock_timeout = '3s'",
        "SET synchronous_commit = on",
    ),
    "mysql": (
        "SET SESSION time_zone = '+00:00'",
        "SET SESSION sql_mode = 'STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,"
        "NO_ENGINE_SUBSTITUTION,SIMULTANEOUS_ASSIGNMENT'",
        "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
        "SET SESSION innodb_lock_wait_timeout = 3",
        # each would make a statement read, change or commit something else than it says
        "SET SESSION sql_select_limit = 18446744073709551615, sql_auto_is_null = 0,"
        " sql_safe_updates = 0, foreign_key_checks = 1, completion_type = 'NO_CHAIN'",
        # MariaDB 10.11 keeps the answers of sub-queries by text without its case: 'ab' got that of 'AB'
        "SET SESSION optimizer_switch = 'subquery_cache=off'",
        # a tree may be deeper than MariaDB's 1000 rounds, after which it answers with what it has
        "SET SESSION max_recursive_iterations = 4294967295",
    ),
}


Connection = sa.Connection


class Database:
    """A database named in the policy; `engine` comes from `connections`."""

    def __init__(self, name: str, engine: sa.Engine) -> None:
        self.name = name
        self.engine = engine
        backend = engine.dialect.name
        if backend not in _DIALECTS:
            raise UsageError(
                f"{name}: {backend} is not supported; use SQLite, PostgreSQL or MariaDB"
            )
        self.dialect = _DIALECTS[backend]()
        _listen(engine)

    @contextmanager
    def connected(self, *, read_only: bool = False) -> Iterator[sa.Connection]:
        """A connection with our settings; `read_only` refuses every write."""
        file = sqlite_file(self.engine)
        if file is not None and not file.exists():
            raise UsageError(
                f"{self.name}: there is no SQLite database at {file}; nothing was done"
            )
        with closing(self._connection()) as connection:
            self._require_supported()
            with database_faults("setting up the connection", self.name):
                for statement in _SETTINGS[self.dialect.name]:
                    connection.exec_driver_sql(statement)
                if read_only:
                    connection.exec_driver_sql(_READ_ONLY[self.dialect.name])
                self._require_utf8(connection)
                connection.commit()
            may_write(connection, writes=not read_only)
            yield connection

    def _connection(self) -> sa.Connection:
        with database_faults(CONNECTING, self.name):
            try:
                return self.engine.connect()
            except (AssertionError, InvalidRequestError) as fault:
                # so SQLAlchemy says that a server calls itself something else
                raise unknown_server(self.name) from fault

    def _require_supported(self) -> None:
        found = self.engine.dialect
        require_supported(
            self.name,
            found.name,
            tuple(part for part in found.server_version_info or () if isinstance(part, int)),
            is_mariadb=getattr(found, "is_mariadb", False),
        )

    def _require_utf8(self, connection: sa.Connection) -> None:
        if self.dialect.name != "sqlite":
            return
        if connection.exec_driver_sql("PRAGMA encoding").scalar_one() != "UTF-8":
            raise UsageError(
                f"{self.name}: this SQLite file keeps its text in UTF-16, which is not supported; "
                "nothing was done. `sqlite3 OLD .dump | sqlite3 NEW` writes it in UTF-8"
            )

    def schema(self, connection: sa.Connection, policy: Policy | None = None) -> Schema:
        """What stands in the database, with samples of the columns that the policy's clocks read."""
        with database_faults("reading the schema", self.name), reading(connection):
            found = reflect(connection)
            if policy is None:
                return found
            wanted = [
                *_clock_columns(policy, self.name, found),
                *truncated_columns(policy, self.name, found),
            ]
            samples = sample(connection, found, wanted)
            without_value = gaps(connection, found, wanted)
            refusals = refused_masks(connection, policy, self.name, found)
            full, _ = with_declared(policy, found)
            without = frozenset(without_place(connection, full))
        return replace(
            found, samples=samples, gaps=without_value, refusals=refusals, without_place=without
        )

    def identity(self, connection: sa.Connection) -> str:
        """What tells this database from a copy of it in another place."""
        with connection.begin():
            return _hashed(self._place(connection))

    def _place(self, connection: sa.Connection) -> str:
        if self.dialect.name == "sqlite":
            file = sqlite_file(self.engine)
            return f"sqlite {file.resolve() if file else ''}"
        if self.dialect.name == "postgresql":
            # a promoted copy of the files has another timeline, a restored dump another oid
            parts = [connection.exec_driver_sql(found).scalar_one() for found in _PLACE]
            return "postgresql " + " ".join(map(str, parts))
        query = "SELECT @@hostname, @@datadir, DATABASE()"
        return "mariadb " + " ".join(map(str, connection.exec_driver_sql(query).one()))

    def log_position(self, connection: sa.Connection) -> tuple[str, int, int] | None:
        """A place in the server's log after all that is committed: system, timeline, LSN in bytes.

        None where the engine has no log that a backup tool speaks of.
        """
        if self.dialect.name != "postgresql":
            return None
        query = (
            "SELECT system_identifier, pg_walfile_name(lsn), lsn - '0/0'::pg_lsn "
            "FROM pg_control_system(), pg_current_wal_insert_lsn() AS lsn"
        )
        with database_faults("reading the place in the log", self.name), connection.begin():
            system, segment, lsn = connection.exec_driver_sql(query).one()
        return str(system), int(segment[:8], 16), int(lsn)

    def require_primary(self, connection: sa.Connection) -> None:
        """Raises SchemaError on a standby: what is erased there would come back or never leave."""
        if self.dialect.name != "postgresql":
            return
        with connection.begin():
            standby = connection.exec_driver_sql("SELECT pg_is_in_recovery()").scalar_one()
        if standby:
            raise SchemaError(f"{self.name} is a standby; nothing was done. Name its primary")

    @contextmanager
    def run_lock(self, connection: sa.Connection) -> Iterator[None]:
        """One run at a time, while the connection lives; raises Busy where another has it."""
        if self.dialect.name == "sqlite":
            with self._file_lock():
                yield
            return
        if self.dialect.name == "postgresql":
            # of this database, whatever name or policy it is worked on under
            query = f"SELECT pg_try_advisory_lock({_RUN_LOCK})"
            release = f"SELECT pg_advisory_unlock({_RUN_LOCK})"
        else:
            query = "SELECT GET_LOCK(CONCAT('retention-', MD5(DATABASE())), 0)"
            release = "SELECT RELEASE_LOCK(CONCAT('retention-', MD5(DATABASE())))"
        with connection.begin():
            got = connection.exec_driver_sql(query).scalar_one()
        if not got:
            raise Busy(f"{self.name}: another run works on this database")
        try:
            yield
        finally:
            # a pooled connection would keep the lock; one that is lost has lost it
            with suppress(sa.exc.SQLAlchemyError):
                connection.rollback()
                with connection.begin():
                    connection.exec_driver_sql(release)

    @contextmanager
    def _file_lock(self) -> Iterator[None]:
        import fcntl

        file = sqlite_file(self.engine)
        assert file is not None
        path = file.with_name(file.name + ".retention-lock")
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(path, flags, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise Busy(f"{self.name}: another run works on this database") from None
            yield
        finally:
            os.close(descriptor)


_RUN_LOCK = int.from_bytes(hashlib.sha256(b"retention").digest()[:8], "big") - 2**63
_PLACE = (
    "SELECT system_identifier FROM pg_control_system()",
    "SELECT substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)",
    "SELECT oid FROM pg_database WHERE datname = current_database()",
)
_READ_ONLY = {
    "sqlite": "PRAGMA query_only = ON",
    "postgresql": "SET default_transaction_read_only = on",
    "mysql": "SET SESSION TRANSACTION READ ONLY",
}


def _listen(engine: sa.Engine) -> None:
    if engine.dialect.name != "sqlite":
        return

    @event.listens_for(engine, "connect")
    def _functions(connection: Any, _: Any) -> None:
        register(connection)

    @event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        # the write lock is taken at once: upgrading a read lock later can fail half-way
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes(connection) else "BEGIN")


def _hashed(place: str) -> str:
    return hashlib.sha256(place.encode()).hexdigest()[:32]


def _clock_columns(policy: Policy, database: str, found: Schema) -> Iterator[tuple[str, str]]:
    full, _ = with_declared(policy, found)
    full = with_moved(policy, full)
    rules = list(rules_of(policy, database))
    for rule in (*rules, *filter(None, map(following, rules))):
        if rule.start is None or rule.table not in full.tables:
            continue
        combined = not isinstance(rule.start, ColumnStart)
        written = (rule.remember_in,) if rule.remember_in else ()
        for text in (*paths_of(rule.start), *rule.requires, *written):
            try:
                path = resolve(full, rule.table, text, children=combined)
            except PathFault:
                continue
            column = full.tables[path.table].columns[path.column]
            if full.dialect == "sqlite" or column.kind not in TYPED:
                yield path.table, path.column
