"""How long a statement of a dry run may take, so that a forgotten one does not hold a server back."""

from __future__ import annotations

import sqlalchemy as sa

TOOK_TOO_LONG = ("SQLSTATE 57014", "error 1969")
"""PostgreSQL's statement_timeout, MariaDB's max_statement_time."""
_LONGEST = sa.text(
    "SELECT set_config('statement_timeout', :longest, false)"
    " WHERE current_setting('statement_timeout') = '0'"
)
LONGEST = "10min"


def within_time(connection: sa.Connection) -> None:
    """On PostgreSQL give statements of the session LONGEST, unless server, account or URL say."""
    if connection.dialect.name == "postgresql":
        connection.execute(_LONGEST, {"longest": LONGEST})
