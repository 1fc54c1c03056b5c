"""Full-text indexes and materialized views that go on holding what a step takes from a table. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from retention.planning.plan import Plan
from retention.planning.references import Fault
from retention.planning.schema import Derived, Table
from retention.planning.triggers import events_of


def derived_warnings(plan: Plan) -> Iterator[Fault]:
    """What nothing keeps in step with a table that a step takes rows or values from."""
    for step in plan.steps:
        masked = {(mask.table, mask.column) for mask in (*step.masks, *step.above)}
        for name, event in dict.fromkeys(events_of(plan, step)):
            table = plan.schema.tables[name]
            for derived in table.derived if event != "INSERT" else ():
                if not derived.module:
                    yield ("rules", step.rule), _stale(table, derived)
                elif not _in_step(table, derived, event) and (
                    event == "DELETE" or any((name, it) in masked for it in derived.columns)
                ):
                    yield ("rules", step.rule), _kept_words(table, derived, event)


def _in_step(table: Table, derived: Derived, event: str) -> bool:
    return any(
        event in trigger.events and derived.name in trigger.writes for trigger in table.triggers
    )


def _stale(table: Table, derived: Derived) -> str:
    return (
        f'"{derived.name}" is a materialized view over "{table.name}": what is taken from the table '
        f"stays in it until it is refreshed (REFRESH MATERIALIZED VIEW {derived.name})"
    )


def _kept_words(table: Table, derived: Derived, event: str) -> str:
    return (
        f'"{derived.name}" is a full-text index over "{table.name}", and no trigger takes out of it '
        f"what {'is deleted' if event == 'DELETE' else 'is masked'}: its words are still found there; "
        f"add {_trigger(table, derived, event)}"
    )


def _trigger(table: Table, derived: Derived, event: str) -> str:
    """What SQLite's documentation of external content tables has for the event."""
    index, source = _quoted(derived.name), _quoted(table.name)
    name = _quoted(f"{derived.name}_{event.lower()}")
    if derived.module != "fts5":
        body = f"DELETE FROM {index} WHERE docid = old.rowid;"
        return f"CREATE TRIGGER {name} BEFORE {event} ON {source} BEGIN {body} END"
    columns = [_quoted(it) for it in derived.columns]
    rowid = _quoted(derived.rowid or "rowid")
    old, new = (", ".join(f"{row}.{it}" for it in (rowid, *columns)) for row in ("old", "new"))
    listed = ", ".join(("rowid", *columns))
    body = f"INSERT INTO {index} ({index}, {listed}) VALUES ('delete', {old});"
    if event == "UPDATE":
        body += f" INSERT INTO {index} ({listed}) VALUES ({new});"
    return f"CREATE TRIGGER {name} AFTER {event} ON {source} BEGIN {body} END"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
