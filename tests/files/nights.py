"""Files with a time of change, and one night over them in this process."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from project import Project

from retention.cli.requests import silent_watch
from retention.policies.parse import parse_policy
from retention.reports.reading import run_body
from retention.scheduler.nightly import Request, ledger_of, nightly

AS_OF = datetime(2026, 6, 1, 12, tzinfo=UTC)
OLD, YOUNG = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 5, 30, tzinfo=UTC)


def put(path: Path, changed: datetime = OLD, text: str = "x") -> Path:
    """A file of that text, last changed then."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    os.utime(path, (changed.timestamp(), changed.timestamp()))
    return path


def there(root: Path) -> set[str]:
    """All that is not a folder below `root`."""
    return {
        path.relative_to(root).as_posix()
        for path in root.rglob("*")
        if path.is_symlink() or not path.is_dir()
    }


def request(project: Project, at: datetime = AS_OF, **more: Any) -> Request:
    """What `run --all` asks for."""
    policy = parse_policy(project.config.read_text(encoding="utf-8"))
    watch = silent_watch()
    return Request(
        policy, project.folder, "policies.toml", at, lambda: at, watch, everything=True, **more
    )


def night(project: Project, at: datetime = AS_OF, **more: Any) -> dict[str, Any]:
    """One run in this process; what the report of it says."""
    asked = request(project, at, **more)
    made = nightly(asked)
    body = run_body(ledger_of(asked.policy, asked.folder), made.run_id)
    assert body["exit_code"] == made.exit_code
    return body


def rule_of(body: dict[str, Any], name: str) -> dict[str, Any]:
    """What the report says of one rule."""
    (found,) = [rule for rule in body["rules"] if rule["rule"] == name]
    return found
