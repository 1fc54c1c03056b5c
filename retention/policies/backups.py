"""Where copies of the databases lie, as `[backups.NAME]` says it, and how long they are kept."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, Field, WithJsonSchema

from retention.policies.lake_tables import is_lake
from retention.policies.period import Period, parse_period
from retention.policies.rule import STRICT

BackupKind = Literal["files", "restic", "borg", "pgbackrest", "command", "lake", "declared"]

_NEEDS: dict[str, str] = {
    "files": "path",
    "restic": "repository",
    "borg": "repository",
    "pgbackrest": "stanza",
    "command": "command",
    "lake": "database",
    "declared": "keep",
}
_ALSO: dict[str, frozenset[str]] = {
    "files": frozenset({"takes", "one_snapshot", "expire"}),
    "restic": frozenset({"only", "takes", "environment", "expire"}),
    "borg": frozenset({"only", "takes", "environment", "expire"}),
    "pgbackrest": frozenset({"environment", "expire"}),
    "command": frozenset({"environment"}),
    "lake": frozenset({"expire"}),
    "declared": frozenset(),
}
_SPECIAL = (
    "path",
    "repository",
    "stanza",
    "command",
    "only",
    "takes",
    "one_snapshot",
    "environment",
    "expire",
)


def _names(form: object) -> object:
    return (form,) if isinstance(form, str) else tuple(form) if isinstance(form, list) else form


def _period(form: object) -> Period:
    if not isinstance(form, str):
        raise ValueError('write a period such as "35 days"')
    return parse_period(form)


def _span(form: object) -> timedelta:
    period = _period(form)
    if period.forever or period.months:
        raise ValueError("write it in hours, days or weeks")
    return timedelta(hours=period.hours or 0, days=period.days)


_TEXT = {"type": "string", "minLength": 1}
_SHORT = Annotated[str, Field(min_length=1)]
Names = Annotated[
    tuple[_SHORT, ...],
    BeforeValidator(_names),
    Field(min_length=1),
    WithJsonSchema({"anyOf": [_TEXT, {"type": "array", "items": _TEXT, "minItems": 1}]}),
]
Keep = Annotated[Period, BeforeValidator(_period), WithJsonSchema(_TEXT)]
Span = Annotated[
    timedelta,
    BeforeValidator(_span),
    WithJsonSchema(_TEXT),
]


class BackupSettings(BaseModel):
    """One set of backup copies: of which databases, where, kept how long, and who removes them."""

    model_config = STRICT

    database: Names
    kind: BackupKind
    path: _SHORT | None = None
    repository: _SHORT | None = None
    only: _SHORT | None = None
    stanza: _SHORT | None = None
    command: Annotated[list[_SHORT], Field(min_length=1)] | None = None
    environment: dict[str, str] = {}
    keep: Keep | None = None
    takes: Span | None = None
    one_snapshot: bool | None = None
    expire: bool = False
    keep_last: Annotated[int, Field(ge=1)] = 1

    @property
    def lag(self) -> timedelta:
        """How much older than the time of a copy its contents may be; an hour unless said."""
        return timedelta(hours=1) if self.takes is None else self.takes


def backup_faults(
    settings: BackupSettings, databases: Collection[str]
) -> Iterator[tuple[str, str]]:
    """What a set of backups gets wrong by itself: (key, sentence)."""
    kind, written = settings.kind, settings.model_fields_set
    if kind == "lake":
        yield from _lake_faults(settings)
    for name in settings.database:
        if name in databases:
            continue
        known = ", ".join(sorted(databases))
        if is_lake(name):
            yield "database", f"no rule is about the table {name}; known: {known}"
        else:
            yield "database", f"there is no [databases.{name}]; known: {known}"
    needed = _NEEDS[kind]
    if needed not in written:
        yield "kind", f'kind = "{kind}" needs {needed}'
    for key in _SPECIAL:
        if key in written and key != needed and key not in _ALSO[kind]:
            yield key, f'kind = "{kind}" has no use for {key}'
    if kind != "lake" and settings.expire and (settings.keep is None or settings.keep.forever):
        yield "expire", 'expire removes what is past `keep`: write keep, such as "35 days"'
    if "keep_last" in written and not settings.expire:
        yield "keep_last", "keep_last says what expire must leave; write expire = true, or neither"


def _lake_faults(settings: BackupSettings) -> Iterator[tuple[str, str]]:
    if len(settings.database) != 1 or not is_lake(settings.database[0]):
        yield "database", 'kind = "lake" is about one lake table: write its address, delta://…'
    for key in ("keep", "keep_last"):
        if key in settings.model_fields_set:
            yield (
                key,
                "a lake table says itself how long it keeps old versions: set its properties "
                "delta.deletedFileRetentionDuration and delta.logRetentionDuration",
            )


def with_versions(
    backups: Mapping[str, BackupSettings], tables: Collection[str]
) -> dict[str, BackupSettings]:
    """The sets of the file, and one for the old versions of each lake table.

    Such a set is called by the address of its table, whatever its section is called: what is owed
    to it stays the same when somebody writes a section for it, or takes it out.
    """
    written = {it.database[0]: it for it in backups.values() if it.kind == "lake"}
    versions = {
        address: written.get(address, BackupSettings(database=(address,), kind="lake"))
        for address in tables
    }
    return {name: it for name, it in backups.items() if it.kind != "lake"} | versions
