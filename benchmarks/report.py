"""The results as Markdown: machine, versions, sizes, seeds, median and spread."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from benchmarks.growth import Line
from benchmarks.scenarios import BARE, OURS, Found

_LIBRARIES = ("SQLAlchemy", "psycopg", "PyMySQL", "typer", "cryptography")


def machine() -> Iterator[str]:
    """Where this was measured."""
    yield f"- {os.cpu_count()} cores ({_processor()}), {_memory()} of memory, {platform.platform()}"
    libraries = ", ".join(f"{name} {version(name)}" for name in _LIBRARIES)
    yield f"- Python {platform.python_version()}, {libraries}"


def scenarios(found: Sequence[Found]) -> Iterator[str]:
    """One line a scenario and engine."""
    yield (
        "| engine | work | bare statement | retention, whole run | ratio | goal | fixed cost | ratio"
        " without it | ratio of processor time | batches held locks, p50 / p99"
        " | application p99, alone / beside | log written, bare / ours | others |"
    )
    yield "|" + "---|" * 13
    for one in found:
        ours = one.seconds[OURS]
        cells = (
            one.engine,
            one.scenario.name,
            _seconds(one.seconds[BARE]),
            _seconds(ours),
            f"**{_spread(one.ratios(OURS))}**",
            str(one.scenario.goals.get(one.engine, "-")),
            f"{one.fixed:.2f} s",
            _spread(one.ratios(OURS, less=one.fixed)),
            _spread(one.cpu_ratios(OURS)),
            f"{_milliseconds(one.locks, 50)} / {_milliseconds(one.locks, 99)}",
            f"{_milliseconds(one.quiet, 99)} / {_milliseconds(one.waits, 99)}",
            f"{_megabytes(one.logged, BARE)} / {_megabytes(one.logged, OURS)}",
            "; ".join(
                f"{name} {_spread(one.ratios(name))}"
                for name in one.seconds
                if name not in (BARE, OURS)
            ),
        )
        yield "| " + " | ".join(cells) + " |"


def lines(title: str, heads: Line, found: Iterable[Line]) -> Iterator[str]:
    """A small table of three columns."""
    yield f"\n## {title}\n"
    yield "| " + " | ".join(heads) + " |"
    yield "|---|---|---|"
    for line in found:
        yield "| " + " | ".join(line) + " |"


def _seconds(times: Sequence[float]) -> str:
    return f"{statistics.median(times):.2f} s"


def _spread(numbers: Sequence[float]) -> str:
    if not numbers:
        return "-"
    middle = f"{statistics.median(numbers):.2f}"
    return f"{middle} [{min(numbers):.2f}-{max(numbers):.2f}]" if len(numbers) > 1 else middle


def _milliseconds(times: Sequence[float], percent: int) -> str:
    if not times:
        return "-"
    place = min(len(times) - 1, len(times) * percent // 100)
    return f"{sorted(times)[place] * 1000:.0f} ms"


def _megabytes(logged: Mapping[str, Sequence[float]], name: str) -> str:
    found = statistics.median(logged.get(name) or [0.0])
    return f"{found:.1f} MB" if found else "-"


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor()
    names = [line.split(":", 1)[1].strip() for line in text.splitlines() if "model name" in line]
    return names[0] if names else platform.machine()


def _memory() -> str:
    pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    return f"{pages * size / 2**30:.0f} GiB"
