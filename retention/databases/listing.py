"""The databases behind `urls = { command | file | query | glob = … }`, by name."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import sqlalchemy as sa

from retention.connections import engine_for, sqlite_file
from retention.databases.database import Database
from retention.databases.faults import database_faults
from retention.errors import RetentionError, StorageError, UsageError
from retention.policies.policy import DatabaseSettings, Policy
from retention.policies.tenants import LABEL, DatabaseList, ListQuery

_PATIENCE = 60
"""Seconds that a command may take to list the databases."""
_BESIDE = ("-wal", "-shm", "-journal", ".retention-lock")
_UNDONE = "None of them was worked on"
Entry = tuple[str, str]
"""A label, or "" where one is made, and a URL."""


def with_members(policy: Policy, folder: Path) -> tuple[Policy, dict[str, RetentionError]]:
    """The policy with the databases of every list in the list's place, and what could not be listed.

    A list that cannot be read leaves its own databases out, not the others.
    """
    found: dict[str, DatabaseSettings] = {}
    errors: dict[str, RetentionError] = {}
    for name, settings in policy.databases.items():
        if settings.urls is None:
            found[name] = settings
            continue
        try:
            members = _members(policy, folder, name, settings.urls)
        except RetentionError as error:
            errors[name] = error
            continue
        found |= {member: DatabaseSettings(url=url) for member, url in members.items()}
    families = tuple(policy.databases)
    return policy.model_copy(update={"databases": found, "listed": families}), errors


def _members(policy: Policy, folder: Path, name: str, urls: DatabaseList) -> dict[str, str]:
    members: dict[str, str] = {}
    places: dict[str, int] = {}
    entries = list(_entries(policy, folder, name, urls))
    for number, (label, url) in enumerate(entries, 1):
        where = f"{name}: entry {number} of the list"
        if urls.query is not None and "${" in url:
            raise UsageError(
                f"{where} holds ${{…}}, which is not filled in from a table. {_UNDONE}"
            )
        try:
            place = _place(engine_for(url, name, folder), folder)
        except UsageError as error:
            raise UsageError(f"{where}: {error}. {_UNDONE}") from error
        member = f"{name}/{label or place}"
        if place in places or member in members:
            earlier = places.get(place, list(members).index(member) + 1 if member in members else 0)
            same = "database" if place in places else "label"
            raise UsageError(f"{where} has the same {same} as entry {earlier}. {_UNDONE}")
        places[place], members[member] = number, url
    if not members:
        raise UsageError(
            f"{name}: the list of databases is empty. Nothing is known to be left to do; see that "
            "the list is made, or take the rules and the database out of the policy"
        )
    return members


def _entries(policy: Policy, folder: Path, name: str, urls: DatabaseList) -> Iterator[Entry]:
    if urls.glob is not None:
        return _files(folder, name, urls.glob)
    if urls.query is not None:
        return _rows(policy, folder, name, urls.query)
    if urls.file is not None:
        try:
            text = (folder / urls.file).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as fault:
            raise StorageError(f"{name}: the list {urls.file} cannot be read. {_UNDONE}") from fault
        return _lines(name, text)
    return _lines(name, _printed(folder, name, urls.command or []))


def _printed(folder: Path, name: str, command: list[str]) -> str:
    """What the command prints; what it says on stderr may hold a password, and is left out."""
    try:
        done = subprocess.run(
            command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, timeout=_PATIENCE
        )
        if done.returncode == 0:
            return done.stdout.decode()
        how = f"ended with {done.returncode}"
    except subprocess.TimeoutExpired:
        how = f"took more than {_PATIENCE} seconds"
    except OSError:
        how = "cannot be run"
    except UnicodeDecodeError:
        how = "printed something that is not UTF-8"
    raise StorageError(
        f"{name}: the command {command[0]} that lists the databases {how}. {_UNDONE}"
    )


def _lines(name: str, text: str) -> Iterator[Entry]:
    """`URL`, or `LABEL URL`, a line; empty lines and lines that begin with # are passed over."""
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        yield _entry(f"{name}: line {number} of the list", words)


def _rows(policy: Policy, folder: Path, name: str, query: ListQuery) -> Iterator[Entry]:
    url = policy.databases[query.database].url
    database = Database(query.database, engine_for(url, query.database, folder))
    with (
        database.connected(read_only=True) as connection,
        database_faults(f"listing {name}", query.database),
        connection.begin(),
    ):
        rows = [tuple(row) for row in connection.exec_driver_sql(query.sql)]
    for number, row in enumerate(rows, 1):
        words = [str(value) for value in row if value is not None]
        if len(words) != len(row):
            raise UsageError(f"{name}: row {number} of the list has no value. {_UNDONE}")
        yield _entry(f"{name}: row {number} of the list", words)


def _entry(where: str, words: list[str]) -> Entry:
    if len(words) > 2:
        raise UsageError(f"{where} is neither a URL nor a label and a URL. {_UNDONE}")
    label, url = words if len(words) == 2 else ("", words[0])
    if label and not LABEL.fullmatch(label):
        raise UsageError(
            f"{where}: a label is up to 64 letters, digits, dots, dashes and underscores. {_UNDONE}"
        )
    return label, url


def _files(folder: Path, name: str, pattern: str) -> Iterator[Entry]:
    base, relative = (Path("/"), pattern[1:]) if pattern.startswith("/") else (folder, pattern)
    for path in sorted(base.glob(relative)):
        if path.is_file() and not path.name.endswith(_BESIDE):
            if "${" in str(path):
                raise UsageError(f"{name}: a file of the list has ${{ in its name. {_UNDONE}")
            url = sa.URL.create("sqlite", database=str(path))
            yield "", url.render_as_string()


def _place(engine: sa.Engine, folder: Path) -> str:
    """A short hash of where a database is, without user and password: the same after a rotation."""
    url, file = engine.url, sqlite_file(engine)
    if file is not None:
        path = file.resolve()
        beside = path.is_relative_to(folder)
        parts: Iterable[object] = ["sqlite", path.relative_to(folder) if beside else path]
    else:
        host = url.host or _socket(url.query)
        parts = [url.get_backend_name(), host, url.port, url.database]
    return hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()[:12]


def _socket(query: Mapping[str, object]) -> object:
    return query.get("host") or query.get("unix_socket")
