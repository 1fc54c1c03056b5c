"""Repositories of the real restic, borg and pgBackRest, to be filled by tests."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest
from house import tool

HINT = "apt-get install restic borgbackup pgbackrest postgresql"
PROGRAMS = Path("/usr/lib/postgresql/15/bin")


def require(found: object) -> None:
    """Without its tool a test fails where all have to be there, and is left out elsewhere."""
    if not found and os.environ.get("RETENTION_REQUIRE_ENGINES"):
        pytest.fail(HINT)
    if not found:
        pytest.skip(HINT)


@dataclass
class Store:
    """A repository of restic or borg, and how a copy is put into it as if at another time."""

    kind: str
    place: Path

    @property
    def environment(self) -> dict[str, str]:
        """What the tool needs, as the test itself calls it."""
        home = {"HOME": str(self.place.parent), "TZ": "UTC"}
        if self.kind == "restic":
            return {**home, "RESTIC_REPOSITORY": str(self.place), "RESTIC_PASSWORD": "x"}
        return {**home, "BORG_REPO": str(self.place), "BORG_PASSPHRASE": "x"}

    @property
    def policy(self) -> str:
        """The set of backups in policies.toml."""
        secret = "RESTIC_PASSWORD" if self.kind == "restic" else "BORG_PASSPHRASE"
        return (
            f'\n[backups.store]\ndatabase = "main"\nkind = "{self.kind}"\n'
            f'repository = "{self.place}"\nkeep = "10 days"\n'
            f'environment = {{ {secret} = "${{STORE_PASSWORD}}" }}\n'
        )

    def make(self) -> None:
        """An empty repository."""
        words = ("restic", "init") if self.kind == "restic" else ("borg", "init", "-e", "repokey")
        tool(*words, **self.environment)

    def put(self, file: Path, at: datetime, token: str = "") -> None:
        """A copy of a file, begun at that time, with the marker's token where there is one."""
        if self.kind == "restic":
            words = ["restic", "backup", "--time", f"{at:%Y-%m-%d %H:%M:%S}", str(file)]
            tool(*words, *(["--tag", token] if token else []), **self.environment)
            return
        words = ["borg", "create", "--timestamp", f"{at:%Y-%m-%dT%H:%M:%S}"]
        words += ["--comment", f"nightly {token}"] if token else []
        tool(*words, f"::{at:%Y%m%dT%H%M%S}", str(file), **self.environment)

    def chunks(self) -> int:
        """How many pieces of data the repository holds, needed or not."""
        if self.kind == "restic":
            return len(tool("restic", "list", "blobs", "-q", **self.environment).splitlines())
        data = self.place / "data"
        return sum(file.stat().st_size for file in data.rglob("*") if file.is_file())


@dataclass
class Cluster:
    """A PostgreSQL whose log is archived by pgBackRest."""

    folder: Path
    config: Path

    @property
    def url(self) -> str:
        """The URL of its database."""
        return f"postgresql+psycopg://postgres@/postgres?host={self.folder / 's'}&port=54399"

    @property
    def environment(self) -> str:
        """The tool's variables in policies.toml; from 2.60 on it runs as root only where told to."""
        config = f'PGBACKREST_CONFIG = "{self.config}"'
        return f'environment = {{ {config}, PGBACKREST_ALLOW_ROOT = "y" }}\n'

    def run(self, *words: str) -> None:
        """A program as the server's own account; a failure fails the test."""
        as_owner = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        before = as_owner if os.geteuid() == 0 else []
        log = self.folder / "log"
        with log.open("ab") as out:
            found = subprocess.run(
                [*before, *words], stdout=out, stderr=out, check=False, timeout=60, cwd="/"
            )
        assert found.returncode == 0, f"{words}: {log.read_text()}"

    def backup(self, kind: str, *more: str) -> None:
        """A full, differential or incremental backup."""
        config = f"--config={self.config}"
        self.run("pgbackrest", config, "--stanza=main", f"--type={kind}", *more, "backup")


@contextmanager
def cluster_in(folder: Path) -> Iterator[Cluster]:
    """A running server in an empty folder, its stanza `main` made."""
    for above in (folder, *folder.parents):
        if above.stat().st_uid == os.geteuid() and above != Path("/"):
            above.chmod(above.stat().st_mode | 0o711)
    for name in ("data", "repo", "s", "spool", "lock"):
        (folder / name).mkdir(mode=0o700)
    (folder / "log").touch()
    found = Cluster(folder, folder / "pgbackrest.conf")
    found.config.write_text(
        f"[global]\nrepo1-path={folder}/repo\nrepo1-retention-full=1\nlog-level-file=off\n"
        f"lock-path={folder}/lock\nspool-path={folder}/spool\nstart-fast=y\n"
        f"compress-type=none\n[main]\npg1-path={folder}/data\npg1-socket-path={folder}/s\n"
        "pg1-port=54399\n"
    )
    if os.geteuid() == 0:
        for path in (folder, *folder.iterdir()):
            shutil.chown(path, "postgres", "postgres")
    found.run(
        str(PROGRAMS / "initdb"), "-D", f"{folder}/data", "-A", "trust", "-N", "-U", "postgres"
    )
    push = f"pgbackrest --config={found.config} --stanza=main archive-push %p"
    with (folder / "data" / "postgresql.conf").open("a") as file:
        file.write(
            f"port=54399\nlisten_addresses=''\nunix_socket_directories='{folder}/s'\nfsync=off\n"
            f"archive_mode=on\narchive_command='{push}'\n"
        )
    control = [str(PROGRAMS / "pg_ctl"), "-D", f"{folder}/data", "-w"]
    found.run(*control, "-l", f"{folder}/server.log", "start")
    try:
        found.run("pgbackrest", f"--config={found.config}", "--stanza=main", "stanza-create")
        yield found
    finally:
        found.run(*control, "-m", "immediate", "stop")
