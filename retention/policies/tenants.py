"""Many databases of one shape under one name: `urls` says where the list of them is. Pure.

A member is called `tenants/LABEL`. The label stands in the ledger and on screens, so it is never a
part of a URL: it is written in the list, or made from the place of the database by a hash.
"""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BaseModel, Field, model_validator

from retention.policies.rule import STRICT

LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_MEMBER = re.compile(rf"[^/]+/{LABEL.pattern}", re.ASCII)
_SHORT = Annotated[str, Field(min_length=1)]
_FORMS = ("command", "file", "query", "glob")


class ListQuery(BaseModel):
    """A list in a table of another database of the policy: rows of a URL, or of a label and a URL."""

    model_config = STRICT

    database: _SHORT
    sql: _SHORT


class DatabaseList(BaseModel):
    """Where the URLs of the databases are listed: in one of four ways."""

    model_config = STRICT

    command: Annotated[list[_SHORT], Field(min_length=1)] | None = None
    file: _SHORT | None = None
    query: ListQuery | None = None
    glob: _SHORT | None = None

    @model_validator(mode="after")
    def _one_form(self) -> DatabaseList:
        if len(self.model_fields_set) != 1:
            raise ValueError(f"urls says one of {', '.join(_FORMS)}")
        return self


def family_of(name: str) -> str:
    """The name under [databases] that a database belongs to: `tenants` for `tenants/4f1c`."""
    return name.partition("/")[0] if is_member(name) else name


def is_member(name: str) -> bool:
    """TRUE for one of many databases under one name."""
    return _MEMBER.fullmatch(name) is not None
