"""What grows with what: memory with rows, time with rules and databases, start-up, the dry run."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack

from benchmarks import product, rivals
from benchmarks.data import NIGHT, Shape, build
from benchmarks.engines import Engine
from benchmarks.scenarios import folder_of

Line = tuple[str, str, str]
_MINIMAL = """
import typer
app = typer.Typer(rich_markup_mode=None)
@app.command()
def one(number: int = 1): ...
@app.command()
def two(number: int = 1): ...
app()
"""


def start_up(rounds: int) -> Iterator[Line]:
    """`retention --help` beside the least that Typer can do, and beside SQLAlchemy's import."""
    ways = {
        "a minimal Typer program": ["-c", _MINIMAL, "--help"],
        "retention --help": ["-m", "retention.cli.app", "--help"],
        "import sqlalchemy": ["-c", "import sqlalchemy"],
    }
    taken: dict[str, list[float]] = {name: [] for name in ways}
    environment = product.as_installed()
    for _ in range(max(5, rounds * 3)):
        for name, words in ways.items():
            started = time.perf_counter()
            subprocess.run(
                [sys.executable, *words], check=True, capture_output=True, env=environment
            )
            taken[name].append(time.perf_counter() - started)
    least = statistics.median(taken["a minimal Typer program"])
    for name, times in taken.items():
        middle = statistics.median(times)
        yield name, f"{middle * 1000:.0f} ms", f"{middle / least:.2f}"


def memory(engine: Engine, rows: int) -> Iterator[Line]:
    """Peak memory of a night over a half, twice and eight times as many rows."""
    least = 0.0
    for count in (rows // 2, rows * 2, rows * 8):
        with engine.database() as url:
            build(engine, url, Shape(count))
            config = product.prepared(folder_of(engine, "memory"), [url], product.DELETE, "all")
            peak = product.night(config).peak_mb
        least = least or peak
        yield f"{engine.name}, {count:,} rows", f"{peak:.0f} MB", f"{peak / least:.2f}"


def dry_run(engine: Engine, rows: int) -> Iterator[Line]:
    """`retention plan` beside the count of what is due, with and without an index."""
    for index in (False, True):
        with engine.database() as url:
            build(engine, url, Shape(rows, index=index))
            folder = folder_of(engine, "plan")
            config = product.prepared(folder, [url], product.DELETE)
            started = time.perf_counter()
            engine.value(url, f"SELECT count(*) FROM events WHERE {rivals.due(engine)}")
            counted = time.perf_counter() - started
            fixed = product.timed(config, "check").seconds
            whole = product.timed(config, "plan", "--at", NIGHT).seconds
        told = "clock indexed" if index else "no index"
        yield (
            f"{engine.name}, {told}: count {counted:.2f} s, `check` {fixed:.2f} s",
            f"{whole:.2f} s",
            f"{(whole - fixed) / counted:.2f} times the count, without what `check` takes",
        )


def rules(engine: Engine, rows: int) -> Iterator[Line]:
    """A night with 1, 4 and 16 rules over one table, all but the first with nothing due."""
    least = 0.0
    for count in (1, 4, 16):
        text = "".join(
            product.DELETE.replace("[rules.events]", f"[rules.events-{number}]").replace(
                "365 days", "365 days" if number == 0 else f"{20 + number} years"
            )
            for number in range(count)
        )
        with engine.database() as url:
            build(engine, url, Shape(rows))
            config = product.prepared(folder_of(engine, "rules"), [url], text)
            seconds = product.night(config).seconds
        least = least or seconds
        yield f"{engine.name}, {count} rules", f"{seconds:.2f} s", f"{seconds / least:.2f}"


def databases(engine: Engine, rows: int) -> Iterator[Line]:
    """A night over 1, 2 and 8 databases of one shape, each with an eighth of the rows."""
    least = 0.0
    for count in (1, 2, 8):
        with ExitStack() as stack:
            urls = [stack.enter_context(engine.database()) for _ in range(count)]
            for url in urls:
                build(engine, url, Shape(max(1, rows // 8)))
            config = product.prepared(folder_of(engine, "many"), urls, product.DELETE)
            seconds = product.night(config).seconds
        least = least or seconds
        yield f"{engine.name}, {count} databases", f"{seconds:.2f} s", f"{seconds / least:.2f}"


def workers(engine: Engine, rows: int) -> Iterator[Line]:
    """A night over 8 databases of one shape by 1, 2 and 8 processes; each has an eighth of the rows."""
    least = 0.0
    for jobs in (1, 2, 8):
        with ExitStack() as stack:
            urls = [stack.enter_context(engine.database()) for _ in range(8)]
            for url in urls:
                build(engine, url, Shape(max(1, rows // 8)))
            config = product.prepared(folder_of(engine, "workers"), urls, product.DELETE)
            seconds = product.night(config, "--jobs", str(jobs)).seconds
        least = least or seconds
        yield f"{engine.name}, {jobs} workers", f"{seconds:.2f} s", f"{seconds / least:.2f}"
