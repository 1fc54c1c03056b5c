"""Schemas as large as those of grown products, made by dice that always fall the same way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

ACTIONS = ("CASCADE", "CASCADE", "SET NULL", "RESTRICT", "NO ACTION")
OLD, NEW = "'2020-03-01'", "'2026-05-20'"


@dataclass
class Key:
    """`table.column` refers to `parent.id`; `action` None: the database declares nothing."""

    table: str
    column: str
    parent: str
    action: str | None


@dataclass
class Built:
    """Tables, keys, pairs of columns that refer to two tables, and the rows of each table."""

    tables: list[str]
    keys: list[Key] = field(default_factory=list)
    pairs: list[tuple[str, str, str]] = field(default_factory=list)
    rows: dict[str, int] = field(default_factory=dict)

    def of(self, table: str) -> list[Key]:
        """The keys that the table holds."""
        return [key for key in self.keys if key.table == table]

    def ddl(self) -> Iterator[str]:
        """Tables that others refer to come first."""
        for table in self.tables:
            columns = ["id INTEGER PRIMARY KEY", "day DATE", "body VARCHAR(20)"]
            columns += [f"{key.column} INTEGER" for key in self.of(table)]
            if table in {name for name, _, _ in self.pairs}:
                columns += ["owner_kind VARCHAR(8)", "owner_id INTEGER"]
            columns += [
                f"FOREIGN KEY ({key.column}) REFERENCES {key.parent} (id) ON DELETE {key.action}"
                for key in self.of(table)
                if key.action
            ]
            yield f"CREATE TABLE {table} ({', '.join(columns)})"
            for key in self.of(table):
                yield f"CREATE INDEX {table}_{key.column} ON {table} ({key.column})"

    def inserts(self, dice: Random) -> Iterator[str]:
        """Rows that refer to rows that are there; the younger half of each table is not due."""
        pairs = {name: (one, other) for name, one, other in self.pairs}
        for table in self.tables:
            lines = []
            for number in range(1, self.rows[table] + 1):
                day = dice.choice((OLD, OLD, NEW, "NULL"))
                values = [str(number), day, f"'r{number}'"]
                values += [
                    dice.choice(("NULL", str(dice.randint(1, self.rows[key.parent]))))
                    if key.parent != table
                    else ("NULL" if number < 3 else str(dice.randint(1, number - 1)))
                    for key in self.of(table)
                ]
                if table in pairs:
                    kind = dice.choice((0, 1))
                    parent = pairs[table][kind]
                    values += [f"'{'ab'[kind]}'", str(dice.randint(1, self.rows[parent]))]
                lines.append(f"({', '.join(values)})")
            yield f"INSERT INTO {table} VALUES {', '.join(lines)}"

    def references(self) -> Iterator[tuple[str, str, str, str]]:
        """Table, column, parent, and the condition under which a row refers at all."""
        for key in self.keys:
            yield key.table, key.column, key.parent, ""
        for table, one, other in self.pairs:
            yield table, "owner_id", one, "owner_kind = 'a'"
            yield table, "owner_id", other, "owner_kind = 'b'"


def mixed(tables: int = 116, keys: int = 156, rows: int = 12) -> Built:
    """Few tables that many refer to, chains below them, trees, and rows of anything (`owner_kind`)."""
    dice = Random(116)
    names = [f"t{number}" for number in range(tables)]
    built = Built(names, rows={name: dice.randint(3, rows) for name in names})
    for number in range(1, tables):
        built.keys.append(_key(dice, names, number, 0))
    more = 0
    while len(built.keys) < keys:
        number = dice.randrange(5, tables)
        own = len(built.of(names[number]))
        more += 1
        found = _key(dice, names, number, own)
        if more % 15 == 0:
            found = Key(names[number], f"ref{own}", names[number], "CASCADE")
        built.keys.append(found)
    built.pairs = [(names[number], names[0], names[1]) for number in (20, 40, 60, 80)]
    return built


def _key(dice: Random, names: list[str], number: int, own: int) -> Key:
    far = dice.random() < 0.4
    parent = names[dice.randrange(min(number, 6))] if far else names[dice.randrange(number)]
    return Key(names[number], f"ref{own}", parent, dice.choice(ACTIONS))


def undeclared(tables: int = 200, rows: int = 8) -> Built:
    """Each table below another, five deep, and nothing of that known to the database."""
    names = [f"t{number}" for number in range(tables)]
    built = Built(names, rows=dict.fromkeys(names, rows))
    for number in range(4, tables):
        built.keys.append(Key(names[number], "ref0", names[(number - 4) // 3], None))
    return built
