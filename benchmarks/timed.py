"""`python -m benchmarks.timed WORDS…`: the command line, telling on stderr's last line what it took.

The batches are timed at the protocol's own named points, from the lock to the commit; where a partition
goes whole on MariaDB, from the tables' lock to the unlocking.
"""

from __future__ import annotations

import time

STARTED = time.time()

import json  # noqa: E402
import os  # noqa: E402
import resource  # noqa: E402
import sys  # noqa: E402
from pathlib import Path  # noqa: E402


def _process_started() -> float:
    """When this process began (seconds since 1970), where the system tells; else now."""
    try:
        ticks = int(Path("/proc/self/stat").read_text().rsplit(")", 1)[1].split()[19])
        up = float(Path("/proc/uptime").read_text().split()[0])
        return time.time() - up + ticks / os.sysconf("SC_CLK_TCK")
    except OSError:
        return STARTED


def main() -> None:
    """Run the command, then print one JSON object."""
    began = _process_started()
    locks: list[float] = []
    open_since = [0.0]

    def reached(point: str) -> None:
        if point in (points.BEGUN, points.LOCKED):
            open_since[0] = time.perf_counter()
        elif point in (points.COMMITTED, points.UNLOCKED):
            if point == points.UNLOCKED:
                locks.pop()
            locks.append(round(time.perf_counter() - open_since[0], 6))

    if sys.argv[1] == "run":
        from retention.protocol import points

        points.reached = reached
    from retention.cli.app import main as retention

    sys.argv[0] = "retention"
    code = 0
    try:
        retention()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    used = resource.getrusage(resource.RUSAGE_SELF)
    told = {
        "seconds": round(time.time() - began, 4),
        "peak_mb": round(used.ru_maxrss / 1024, 1),
        "cpu": round(used.ru_utime + used.ru_stime, 3),
        "locks": locks,
    }
    sys.stderr.write("\n" + json.dumps(told) + "\n")
    sys.exit(code)


if __name__ == "__main__":
    main()
