"""Driver errors as ours: SQLSTATE and constraint, never the driver's text, which quotes values."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from retention.errors import DatabaseFailure

_TRANSIENT_STATES = {"40001", "40P01", "55P03"}
_TRANSIENT_NUMBERS = {1213, 1205, 1020}
_LOST_NUMBERS = {2006, 2013, 1927, 4031, 1053}


CONNECTING = "connecting"


class ConnectionLost(DatabaseFailure):
    """The connection is gone; whether an open COMMIT took place is not known."""


@contextmanager
def database_faults(what: str, database: str) -> Iterator[None]:
    """Turn driver errors inside into DatabaseFailure: `what` was not done, and in which database."""
    try:
        yield
    except DBAPIError as fault:
        raise failure(fault, what, database) from fault
    except SQLAlchemyError as fault:
        raise DatabaseFailure(
            f"{database}: {what} failed ({type(fault).__name__}); nothing was changed by it"
        ) from fault


def failure(fault: DBAPIError, what: str, database: str) -> DatabaseFailure:
    """The error a person may see for a driver's error."""
    state, transient = _state(fault)
    if what == CONNECTING:
        return DatabaseFailure(
            f"{database}: no connection ({state}); nothing was done. Is the server running, and may "
            "this account connect?",
            sqlstate=state,
        )
    detail = _constraint(fault) or _depth(fault)
    told = f"{database}: {what} failed ({state}{detail}); it was rolled back"
    if fault.connection_invalidated or _is_lost(fault):
        return ConnectionLost(f"{database}: the connection was lost ({state})", sqlstate=state)
    return DatabaseFailure(told, sqlstate=state, transient=transient)


def _state(fault: DBAPIError) -> tuple[str, bool]:
    original = fault.orig
    arguments = getattr(original, "args", ())
    if arguments and isinstance(arguments[0], int):
        return f"error {arguments[0]}", arguments[0] in _TRANSIENT_NUMBERS
    state = getattr(original, "sqlstate", None)
    if state:
        return f"SQLSTATE {state}", state in _TRANSIENT_STATES
    name = getattr(original, "sqlite_errorname", None)
    if name:
        return str(name), str(name).startswith(("SQLITE_BUSY", "SQLITE_LOCKED"))
    return type(original).__name__, False


def _constraint(fault: DBAPIError) -> str:
    diagnostics = getattr(fault.orig, "diag", None)
    name = getattr(diagnostics, "constraint_name", None)
    return f', constraint "{name}"' if name else ""


def _depth(fault: DBAPIError) -> str:
    deep = "parser stack overflow" in str(fault.orig)
    return ", a statement nests deeper than this SQLite can read" if deep else ""


def _is_lost(fault: DBAPIError) -> bool:
    original = fault.orig
    state = str(getattr(original, "sqlstate", "") or "")
    if state.startswith("08") or state in ("57P01", "57P02", "57P03"):
        return True
    arguments: tuple[object, ...] = getattr(original, "args", ())
    return bool(arguments) and arguments[0] in _LOST_NUMBERS
