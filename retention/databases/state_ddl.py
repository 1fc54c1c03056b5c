"""The statements that make our tables, and what the runner's role needs on them."""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa

from retention.databases.state import metadata


def ddl(engine: sa.Engine) -> Iterator[str]:
    """The statements that make our tables, for someone who may run them."""
    from sqlalchemy.schema import CreateIndex, CreateTable

    for table in metadata.sorted_tables:
        yield str(CreateTable(table).compile(engine)).strip() + ";"
        for index in sorted(table.indexes, key=lambda found: str(found.name)):
            yield str(CreateIndex(index).compile(engine)).strip() + ";"


def grants(engine: sa.Engine) -> Iterator[str]:
    """What the runner's role needs on our tables; SQLite knows no roles."""
    if engine.dialect.name == "sqlite":
        return
    for table in metadata.sorted_tables:
        yield f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table.name} TO retention_runner;"
