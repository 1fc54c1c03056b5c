"""The command line in a process of its own, forked from a server that has imported it once.

A fresh interpreter spends most of a second on imports; a suite of a thousand commands is a thousand
of those. The child runs the program's own `main`, with its own streams, folder and environment.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(
    [
        "__main__",
        "pytest",
        "psycopg",
        "pymysql",
        "sqlalchemy.dialects.sqlite",
        "sqlalchemy.dialects.postgresql.psycopg",
        "sqlalchemy.dialects.mysql.pymysql",
        "sqlglot",
        "retention.cli.app",
        "retention.cli.catalogue",
        "retention.cli.shown",
        "retention.answers.explain",
        "retention.databases.erasing.erase_cte",
        "retention.databases.erasing.erase_sets",
        "retention.policies.parse",
        "retention.protocol.enrolling",
        "retention.reports.reading",
        "retention.scheduler.nightly",
        "retention.subjects.events",
    ]
)


def command(
    arguments: list[str],
    folder: Path,
    environment: Mapping[str, str] | None = None,
    timeout: float = 120,
) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of `retention ARGUMENTS` run in `folder`."""
    with tempfile.TemporaryDirectory() as streams:
        out, err = Path(streams, "out"), Path(streams, "err")
        child = FORKS.Process(
            target=work, args=(arguments, folder, out, err, dict(environment or {}))
        )
        child.start()
        child.join(timeout)
        if child.exitcode is None:
            child.kill()
            raise TimeoutError(f"retention {' '.join(arguments)} did not end in {timeout} s")
        return child.exitcode, _text(out), _text(err)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def work(
    arguments: list[str], folder: Path, out: Path, err: Path, environment: dict[str, str]
) -> None:
    """The command line in a child: its own streams, folder and environment."""
    for descriptor, path in ((1, out), (2, err)):
        target = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(target, descriptor)
        os.close(target)
    os.chdir(folder)
    os.environ.update(environment)
    # workers of the program import its main module anew; without this that were pytest
    sys.modules["__main__"] = ModuleType("__main__")
    sys.argv = ["retention", *arguments]
    from retention.cli.app import main

    main()
