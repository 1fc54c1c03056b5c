"""`python -m benchmarks`: measures, and writes a table. `--help` says what can be left out."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from benchmarks import growth, report
from benchmarks.engines import ENGINES, Engine, running
from benchmarks.scenarios import SCENARIOS, Found, measure

_GROWTH = ("memory", "dry run", "rules", "databases", "workers")


def main() -> None:
    """Run what is asked for; the table goes to a file or to stdout, progress to stderr."""
    asked = _asked()
    text = "\n".join(_measured(asked)) + "\n"
    if asked.output:
        Path(asked.output).write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)


def _measured(asked: argparse.Namespace) -> Iterator[str]:
    yield "# What a night costs\n"
    yield from report.machine()
    yield f"- {asked.rows:,} rows a table, half of them due unless said; {asked.rounds} rounds,"
    yield f"  contestants in an order drawn with seed {asked.seed}; median [least-most]\n"
    versions: list[str] = []
    found: list[Found] = []
    grown: dict[str, list[growth.Line]] = {name: [] for name in _GROWTH}
    for name in asked.engine or ENGINES:
        with ExitStack() as stack:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="retention-bench-"))
            engine = stack.enter_context(running(name, Path(folder)))
            versions.append(engine.version())
            found += _scenarios(asked, engine)
            for title, lines in grown.items():
                if _wanted(asked, title):
                    _tell(f"{name}: {title}")
                    lines += getattr(growth, title.replace(" ", "_"))(engine, asked.rows)
    yield f"Engines: {', '.join(versions)}.\n"
    yield from report.scenarios(found)
    if _wanted(asked, "start-up"):
        heads = ("process", "median", "ratio")
        yield from report.lines("Start-up", heads, growth.start_up(asked.rounds))
    for title, lines in grown.items():
        if lines:
            yield from report.lines(title.capitalize(), ("what", "found", "ratio"), lines)


def _scenarios(asked: argparse.Namespace, engine: Engine) -> Iterator[Found]:
    for scenario in SCENARIOS:
        if engine.name in scenario.only and _wanted(asked, scenario.name):
            _tell(f"{engine.name}: {scenario.name}")
            yield measure(engine, scenario, asked.rows, asked.rounds, asked.seed)


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rows", type=int, default=2_000_000, help="rows a table (2,000,000)")
    parser.add_argument("--rounds", type=int, default=5, help="how often each is measured (5)")
    parser.add_argument("--seed", type=int, default=1, help="for the order of the contestants")
    parser.add_argument("--engine", action="append", choices=ENGINES, help="only this engine")
    parser.add_argument("--only", action="append", help="only what has these letters in its name")
    parser.add_argument("--output", help="write here instead of to stdout")
    return parser.parse_args()


def _wanted(asked: argparse.Namespace, name: str) -> bool:
    return not asked.only or any(part in name for part in asked.only)


def _tell(text: str) -> None:
    sys.stderr.write(text + "\n")


if __name__ == "__main__":
    main()
