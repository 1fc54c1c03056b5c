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
from retention.execution.preview import MOST_COUNTED

Line = tuple[str, str, str]
_LOOKS = 3
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
    """`retention plan` beside statements that count by hand what it shows, with and without an index.

    Of tables above a million rows it counts what is due, and the others too with `--full`. Less what a
    plan over one row takes.
    """
    for index in (False, True):
        with engine.database() as url:
            build(engine, url, Shape(1, index=index))
            fixed = _plan(engine, url)
        with engine.database() as url:
            build(engine, url, Shape(rows, index=index))
            engine.settle(url)
            told = "clock indexed" if index else "no index"
            for words, query in _shown(engine, rows):
                counted = statistics.median(_counted(engine, url, query) for _ in range(_LOOKS))
                whole = _plan(engine, url, *words)
                yield (
                    f"{engine.name}, {told}: {' '.join(('plan', *words))}, by hand {counted:.2f} s,"
                    f" over one row {fixed:.2f} s",
                    f"{whole:.2f} s",
                    f"{(whole - fixed) / counted:.2f}",
                )


def _shown(engine: Engine, rows: int) -> Iterator[tuple[tuple[str, ...], str]]:
    """Words of a plan, and the query that a person would write for the numbers that it shows."""
    if rows > MOST_COUNTED:
        yield (), f"SELECT count(*) FROM events WHERE {rivals.due(engine)}"
    yield ("--full",) if rows > MOST_COUNTED else (), rivals.outcomes(engine)


def _plan(engine: Engine, url: str, *words: str) -> float:
    config = product.prepared(folder_of(engine, "plan"), [url], product.DELETE)
    ways = (product.timed(config, "plan", "--at", NIGHT, *words).seconds for _ in range(_LOOKS))
    return statistics.median(ways)


def _counted(engine: Engine, url: str, query: str) -> float:
    started = time.perf_counter()
    engine.value(url, query)
    return time.perf_counter() - started


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
