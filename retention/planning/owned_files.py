"""Files that belong to rows of a table: which step takes them, and what cannot work. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from retention.planning.masked_columns import ColumnMask
from retention.planning.paths import did_you_mean
from retention.planning.references import Fault
from retention.planning.schema import ColumnKind, Table
from retention.policies.file_templates import FileTemplate
from retention.policies.masking.forms import Empty, Null
from retention.policies.rule import Rule

_KINDS = (ColumnKind.TEXT, ColumnKind.INTEGER, ColumnKind.UUID, ColumnKind.OTHER)


@dataclass(frozen=True, slots=True)
class OwnedFile:
    """Each row of `table` whose `column` has a value owns the file that `template` leads to."""

    rule: str
    table: str
    column: str
    template: FileTemplate

    @property
    def stop(self) -> str:
        """How counts call rows whose file cannot be told."""
        return f"unsafe file name in {self.column}"


def owned_files(rule: Rule, table: Table) -> Iterator[OwnedFile]:
    """The files that the rule says rows of its table own."""
    for column, template in rule.owned.items():
        yield OwnedFile(rule.name, table.name, column, template)


def owned_faults(rule: Rule, table: Table) -> Iterator[str]:
    """Columns that are not there, or hold no name; rows that nothing tells apart."""
    if rule.owned and not table.key:
        yield f'"{table.name}" has no primary key, so nothing tells whose file it is; add one'
    for column, template in rule.owned.items():
        for name in template.fields:
            if name not in table.columns:
                cure = did_you_mean(name, table.columns)
                yield f'"{column}": table "{table.name}" has no column "{name}"{cure}'
            elif table.columns[name].kind not in _KINDS:
                kind = table.columns[name].type_text
                yield f'"{column}": "{name}" is {kind}; names come from text, whole numbers, UUIDs'


def mask_faults_of_files(
    owned: Iterable[OwnedFile], masks: Iterable[tuple[str, ColumnMask]]
) -> Iterator[Fault]:
    """Masks of (rule, mask) that would leave a name of another file, or reach files from afar."""
    named = {(found.table, found.column) for found in owned}
    read = {(found.table, name) for found in owned for name in found.template.fields}
    for rule, mask in masks:
        here = (mask.table, mask.column)
        place = ("rules", rule, "anonymize")
        if here in named and mask.hops:
            yield (
                place,
                f'"{mask.table}.{mask.column}" names a file: mask it in a rule of its own table, so '
                "that the file goes with it",
            )
        elif here in named and not isinstance(mask.mask, Null | Empty):
            yield (
                place,
                f'"{mask.column}" names a file, so its mask is "null" or "empty": any other value '
                "would name another file",
            )
        elif here in read - named:
            yield (
                place,
                f'"{mask.column}" is a part of the name of a file: masked, it would lead to another '
                "one; mask the column that names the file instead",
            )


def twice_named(owned: Iterable[OwnedFile]) -> Iterator[Fault]:
    """One column, two places: which one the file lies in is not for us to guess."""
    first: dict[tuple[str, str], OwnedFile] = {}
    for found in owned:
        other = first.setdefault((found.table, found.column), found)
        if other.template != found.template:
            yield (
                ("rules", found.rule, "files"),
                f'rules.{other.rule} says of "{found.column}" that its files lie elsewhere; write '
                "it once",
            )
