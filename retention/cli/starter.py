"""The text of a first policies.toml: everything that would delete is commented out."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator

from retention.connections import holds_no_secret
from retention.planning.guards import guard_for
from retention.planning.personal import is_kept, meanings, personal_columns
from retention.planning.schema import Column, ColumnKind, Reference, Schema, Table
from retention.planning.vocabulary import Meaning, Vocabulary

_HEADER = """\
# What we keep about people, why, and for how long. Written by `retention init` from the schema.
# Lines that begin with # and no space are settings: take the # away to switch them on.
# Nothing is deleted as long as every rule is commented out. Then: `retention check`, `retention plan`.

timezone = "UTC"             # decide: where your days end at midnight, such as "Europe/Oslo"
schedule = "30 2 * * *"      # every night at half past two

[databases.main]
{url}

# The proof of what was done; it holds no personal data. Keep it away from the database's backups.
[ledger]
url           = "sqlite:///retention-ledger.db"
keep_at_least = "3 years"

# A slip of the pen must not empty a table.
[limits]
rows_per_run   = 100_000
share_of_table = "50%"
whole_table    = "refuse"
"""
_HIDDEN_URL = """\
# The URL came with a password, which does not belong into a file:
# put the whole URL into the environment variable DATABASE_URL.
url = "${DATABASE_URL}\""""
_HARMLESS = {
    "host",
    "port",
    "unix_socket",
    "charset",
    "sslmode",
    "sslrootcert",
    "ssl_disabled",
    "application_name",
}
_CLOCKS = (
    r"clos|ended|end_|cancel|terminat|withdr|unsubscri|deleted|archived|avslutt|avslut|beend|kapan",
    r"complet|finish|resolved|settled|deliver|shipped|paid",
    r"last_|lastl|latest|seen|activ|login",
    r"updat|modif|chang|endret|andrad|guncel|geander",
    r"request|sent|issued|placed|posted|logged|occur|received",
    r"creat|insert|regist|signed_up|joined|opened|opprett|skapad|olustur|erstellt",
)
_NEVER_A_CLOCK = re.compile(r"birth|born|dob|fod|dogum|geburt|expir|valid_until|due", re.IGNORECASE)
_DATES = (ColumnKind.DATE, ColumnKind.TIMESTAMP, ColumnKind.TIMESTAMPTZ)
_NUMBERS = (ColumnKind.INTEGER, ColumnKind.DECIMAL, ColumnKind.FLOAT)
_TIME_NAME = re.compile(r"(_at|_on|_date|_time|_ts|^date|^time|timestamp)$", re.IGNORECASE)
_PLAIN = re.compile(r"\w+", re.ASCII)


def starter_policy(schema: Schema, url: str, vocabulary: Vocabulary) -> str:
    """A policy for `schema` with every rule commented out; a password in `url` is never written."""
    tables = [table for table in schema.tables.values() if is_kept(table)]
    found = personal_columns(schema, vocabulary)
    personal = {name: meanings(columns) for name, columns in found.items()}
    parts = [_HEADER.format(url=_url_lines(url))]
    parts += ["\n# Tables that look personal, by the names of their columns. Decide each.\n"]
    names: set[str] = set()
    for name, columns in personal.items():
        parts.append("\n" + "\n".join(_rule(schema.tables[name], columns, names)) + "\n")
    if not personal:
        parts.append("\n# None was found; write rules for the tables that you know to be.\n")
    parts += _references(schema, set(personal))
    parts += _coverage(schema, tables, set(personal))
    return "".join(parts)


def _quoted(text: str) -> str:
    """A TOML string; what JSON escapes, TOML reads."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _key(name: str) -> str:
    """A key of a TOML table, in quotes only where it needs them."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _quoted(name)


def _url_lines(url: str) -> str:
    return f"url = {_quoted(url)}" if _harmless(url) else _HIDDEN_URL


def _harmless(url: str) -> bool:
    """TRUE where nothing in the URL can be a secret: doubt hides it."""
    if ":-" in url:
        return False
    return holds_no_secret(re.sub(r"\$\{[^}]*\}", "", url), _HARMLESS)


def _rule(table: Table, columns: dict[str, Meaning], names: set[str]) -> Iterator[str]:
    yield f"# {_quoted(table.name)}: {', '.join(map(_quoted, columns))}"
    if not table.key:
        yield "# It has no primary key, so its rows cannot be told apart: add one first."
    if table.obstacle:
        yield f"# It {table.obstacle}."
    name = _rule_name(table.name, names)
    starts = _starts(table)
    masks = list(_masks(table, columns))
    yield f"#[rules.{name}]"
    yield f"#table           = {_quoted(table.name)}"
    yield '#purpose         = ""            # decide: what these rows are for'
    if starts:
        others = f"; or {', '.join(starts[1:4])}" if starts[1:] else ""
        yield f"#start           = {_quoted(starts[0])}   # decide: the clock starts here{others}"
    else:
        yield '#start           = "created_at"   # decide: no date was found; add one, or name a path'
    if any(mask for _, mask, _ in masks):
        yield '#anonymize_after = "1 year"      # decide, or leave it out'
    yield '#delete_after    = "3 years"     # decide'
    if guard := guard_for(table, starts):
        yield f"#guard           = {_quoted(guard)}   # set once, when the row is made"
    if any(mask for _, mask, _ in masks):
        yield f"#[rules.{name}.anonymize]"
    for column, mask, why in masks:
        remark = f"   # {why}" if why else ""
        yield f"#{_key(column)} = {mask}{remark}" if mask else f"# {_quoted(column)}: {why}"


def _rule_name(table: str, names: set[str]) -> str:
    plain = re.sub(r"[^\w-]+", "-", table, flags=re.ASCII).replace("_", "-").strip("-") or "rule"
    name, number = plain, 2
    while name in names:
        name, number = f"{plain}-{number}", number + 1
    names.add(name)
    return name


def _starts(table: Table) -> list[str]:
    """Columns that may start a clock, the best first."""
    found: list[tuple[int, str]] = []
    for name, column in table.columns.items():
        timely = column.kind in (ColumnKind.TEXT, ColumnKind.INTEGER) and _TIME_NAME.search(name)
        if not (column.kind in _DATES or timely) or _NEVER_A_CLOCK.search(name):
            continue
        if _PLAIN.fullmatch(name) is None:
            continue
        lowered = name.casefold()
        rank = next((i for i, words in enumerate(_CLOCKS) if re.search(words, lowered)), 9)
        found.append((rank, name))
    return [name for _, name in sorted(found, key=lambda item: item[0])]


def _masks(table: Table, columns: dict[str, Meaning]) -> Iterator[tuple[str, str, str]]:
    """(column, mask or nothing, remark) for each personal column."""
    for name in columns:
        column = table.columns[name]
        if name in table.key:
            yield name, "", "part of the key, which cannot be masked"
        elif column.generated:
            yield name, "", "generated; mask the columns it is made from"
        elif re.search(r"[,.{}()*]", name):
            yield name, "", "decide; its name cannot be written as a mask's key"
        else:
            yield name, *_mask(table, column, columns)


def _mask(table: Table, column: Column, masked: dict[str, Meaning]) -> tuple[str, str]:
    unique = any(column.name in columns for columns in table.unique)
    remarks = [
        word for word, holds in (("UNIQUE", unique), ("NOT NULL", not column.nullable)) if holds
    ]
    remark = ", ".join(remarks)
    kind, textual = masked[column.name], column.kind is ColumnKind.TEXT
    if textual and (unique or kind is Meaning.EMAIL) and not (unique and column.nullable):
        template = _template(table, column, masked, "@invalid" if kind is Meaning.EMAIL else "")
        if template:
            return template, remark
    if unique:
        if column.nullable:
            return '"null"', remark
        return "", f"decide: {remark}, and no template fits {column.type_text}"
    if kind is Meaning.NETWORK and (textual or column.kind is ColumnKind.INET):
        return "{ network = [24, 48] }", remark
    if kind is Meaning.BORN and column.kind in _DATES:
        return '{ truncate = "year" }', remark
    if kind is Meaning.POSTAL_CODE and textual:
        return "{ prefix = 2 }", remark
    if column.nullable:
        return '"null"', remark
    return _filled(column), remark


def _filled(column: Column) -> str:
    """A value for a column that may not be NULL; nothing where none is sure to fit."""
    if column.kind is ColumnKind.TEXT and "ENUM" not in column.type_text.upper():
        fits = column.length is None or column.length >= len("[erased]")
        return '{ text = "[erased]" }' if fits else '"empty"'
    if column.kind in _DATES:
        return '{ truncate = "year" }'
    return "{ value = 0 }" if column.kind in _NUMBERS else ""


def _template(table: Table, column: Column, masked: Collection[str], ending: str) -> str:
    """A template that keeps the column unique, where the key is readable and it fits."""
    key = table.key
    if not key or set(key) & set(masked) or any(not _PLAIN.fullmatch(name) for name in key):
        return ""
    text = "deleted-" + "-".join(f"{{{name}}}" for name in key) + ending
    longest = len("deleted-") + len(key) - 1 + len(ending)
    for name in key:
        part = table.columns[name]
        longest += 10 if part.kind is ColumnKind.INTEGER else part.length or 36
    if column.length is not None and longest > column.length:
        return ""
    return f"{{ template = {_quoted(text)} }}"


def _references(schema: Schema, personal: set[str]) -> Iterator[str]:
    found: dict[str, Reference] = {}
    for table in sorted(personal):
        for reference in schema.referring_to(table):
            found.setdefault(reference.label, reference)
    yield "\n# When one of these rows goes, what becomes of the rows that refer to it?\n"
    if not found:
        yield "# The database declares no reference to them; write those it does not know.\n"
        yield '# "orders.customer_id" = { to = "customers.id", then = "block" }\n'
        return
    yield '# "delete": they go with it. "detach": they stay, and forget it. "block": it waits.\n'
    yield "#[references]\n"
    for label, reference in found.items():
        declared = f"the database says {reference.on_delete}"
        yield f'#{_quoted(label)} = "block"   # decide: to {_quoted(reference.parent)}; {declared}\n'


def _coverage(schema: Schema, tables: list[Table], personal: set[str]) -> Iterator[str]:
    """Tables that belong to a person by a reference, and those that seem to hold nothing."""
    linked = set(personal)
    while more := {found.table for found in schema.references if found.parent in linked} - linked:
        linked |= more
    belonging = [table.name for table in tables if table.name in linked - personal]
    if belonging:
        yield "\n# These belong to a person through a reference, and may need rules of their own:\n"
        yield f"# {', '.join(map(_quoted, belonging))}\n"
    yield "\n# Tables, or columns, that hold nothing personal: what stands here needs no rule.\n"
    others = ", ".join(_quoted(table.name) for table in tables if table.name not in linked)
    yield f"#[coverage]\n#not_personal = [{others}]   # decide\n"
