"""Record what the restic, borg and pgBackRest on PATH print, into listings/ (see README.md there).

python tests/backups/record_listings.py [restic | borg | pgbackrest ...]
"""

from __future__ import annotations

import getpass
import re
import socket
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from house import tool
from stores import Store, cluster_in

from retention.backups.token import token

LISTINGS = Path(__file__).parent / "listings"
SHOP = "11111111-0000-0000-0000-000000000000"
FIRST = datetime(2026, 3, 1, 1, tzinfo=UTC)
"""When the first of the two copies says it was begun; the second comes a day later."""


def recorded(kind: str, folder: Path) -> tuple[str, str]:
    """The version of a tool, and what it lists of two copies: the first with a marker's token."""
    if kind == "pgbackrest":
        with cluster_in(folder) as cluster:
            cluster.backup("full", f"--annotation=retention={token(SHOP, 5)}")
            cluster.backup("incr")
            config = f"--config={cluster.config}"
            words = [config, "--stanza=main", "--output=json", "--log-level-console=off", "info"]
            # 2.60 runs as root only with this; versions that do not know it print a warning
            return _version(kind), tool(kind, *words, PGBACKREST_ALLOW_ROOT="y")
    store = Store(kind, folder / "store")
    store.make()
    file = folder / "shop.db"
    for day, word in enumerate((token(SHOP, 5), "")):
        file.write_text(f"day {day}")
        store.put(file, FIRST + day * timedelta(days=1), word)
    asked = {
        "restic": "restic snapshots --json --no-lock --no-cache",
        "borg": "borg list --json --consider-checkpoints --format {comment}{end}",
    }
    return _version(kind), tool(*asked[kind].split(), **store.environment)


def _version(kind: str) -> str:
    told = tool(kind, "--version" if kind == "borg" else "version")
    found = re.search(r"\d+(\.\w+)+", told)
    assert found is not None, told
    return found.group()


def scrubbed(text: str, folder: Path) -> str:
    """What was printed, without the names of this machine, its account and its folders."""
    names = {"hostname": socket.gethostname(), "username": getpass.getuser()}
    for key, name in names.items():
        text = text.replace(f'"{key}":"{name}"', f'"{key}":"shop"')
    return text.replace(str(folder), "/var/tmp").strip() + "\n"


if __name__ == "__main__":
    for program in sys.argv[1:] or ("restic", "borg", "pgbackrest"):
        with tempfile.TemporaryDirectory() as made:
            version, listing = recorded(program, Path(made))
            target = LISTINGS / f"{program}-{version}.txt"
            target.write_text(scrubbed(listing, Path(made)), encoding="utf-8")
            sys.stdout.write(f"{target.name}\n")
