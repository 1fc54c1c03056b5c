"""Files that belong to rows: where they lie, told by columns of the row. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from retention.policies.file_patterns import FilePattern, check_place, parse_pattern

_FIELD = re.compile(r"\{([^{}]*)\}")
_NOT_IN_PLACES = re.compile(r"[*?\[]")


class UnsafeName(ValueError):
    """A value of a row that could lead out of the template's folder."""


@dataclass(frozen=True, slots=True)
class FileTemplate:
    """`s3://bucket/avatars/{avatar_path}`: a folder, and below it a path with columns in it.

    `root` is the folder or prefix that no value can leave; `path` is what follows, with fields.
    """

    text: str
    scheme: str
    root: str
    path: str

    @property
    def fields(self) -> tuple[str, ...]:
        """The columns it reads, each once."""
        return tuple(dict.fromkeys(_FIELD.findall(self.path)))

    def filled(self, values: Mapping[str, str | None]) -> str:
        """The path below the root; raises UnsafeName where a value is missing or not one to trust."""
        for name in self.fields:
            if not is_plain(values.get(name)):
                raise UnsafeName("a value of the row is no plain name")
        path = _FIELD.sub(lambda found: str(values[found.group(1)]), self.path)
        # fields beside other letters may make ".." together
        if not is_plain(path):
            raise UnsafeName("the values of the row make no plain name")
        return path

    def is_safe(self, values: Mapping[str, str | None]) -> bool:
        """TRUE where the values lead to a file below the root."""
        try:
            self.filled(values)
        except UnsafeName:
            return False
        return True


def is_plain(value: str | None) -> bool:
    """TRUE for a relative path whose every part is a name: no `..`, no `//`, no backslash."""
    if not value or "\\" in value or "\0" in value:
        return False
    return not {"", ".", ".."} & set(value.split("/"))


def parse_template(text: object) -> FileTemplate:
    """The template written as `text`; ValueError with a sentence where it cannot be one."""
    if not isinstance(text, str) or not _FIELD.search(text):
        raise ValueError('write where the file lies, such as "uploads/{avatar_path}"')
    scheme, colon, rest = text.partition("://")
    if not colon:
        scheme, rest = "file", text
    first = _FIELD.search(rest)
    assert first is not None
    fixed, slash, _ = rest[: first.start()].rpartition("/")
    if not slash or not fixed.strip("/"):
        raise ValueError("a folder comes before the first column: no value may leave it")
    path = rest[len(fixed) + 1 :]
    _check_parts(text, fixed, path)
    return FileTemplate(text, scheme, fixed, path)


def _check_parts(text: str, fixed: str, path: str) -> None:
    check_place(text, fixed)
    plain = _FIELD.sub("", path)
    if "{" in plain or "}" in plain or "" in _FIELD.findall(path):
        raise ValueError("a column stands between two braces, such as {avatar_path}")
    if _NOT_IN_PLACES.search(fixed + plain):
        raise ValueError("wildcards are not read here: a row names each of its files")
    if not is_plain(_FIELD.sub("a", path)) or (fixed and not is_plain(fixed.removeprefix("/"))):
        raise ValueError("a template has a name between every two slashes, and at its end")


Files = FilePattern | dict[str, FileTemplate]


def parse_files(form: object) -> Files:
    """`files`: a pattern of a rule over files, or the files of a table's rows by column."""
    if isinstance(form, str):
        return parse_pattern(form)
    if not isinstance(form, Mapping) or not form:
        raise ValueError(
            'files takes a pattern ("var/crash/**/*.dmp"), or a table of columns and where their '
            'files lie: avatar_path = "uploads/{avatar_path}"'
        )
    found = {}
    for name, text in form.items():
        try:
            found[str(name)] = parse_template(text)
        except ValueError as fault:
            raise ValueError(f'"{name}": {fault}') from fault
        if name not in found[str(name)].fields:
            raise ValueError(f'"{name}": its template does not name the column, {{{name}}}')
    return found
