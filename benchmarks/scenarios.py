"""What is measured: a shape of data, a rule over it, and who takes part."""

from __future__ import annotations

import random
import shutil
import statistics
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks import product, rivals
from benchmarks.application import Application
from benchmarks.data import DAYS, Shape, build
from benchmarks.engines import Engine

BARE, OURS = "bare statement", "retention"


@dataclass(frozen=True, slots=True)
class Scenario:
    """One row of the table; `shape.rows` is set by the command line.

    `goals`: what the whole run is meant to cost at most, as a multiple of the bare statement.
    """

    name: str
    shape: Shape
    rule: str = product.DELETE
    tokens: str = "none"
    rivals: tuple[str, ...] = ()
    only: tuple[str, ...] = ("sqlite", "postgresql", "mariadb")
    goals: Mapping[str, float] = field(default_factory=dict)


@dataclass(slots=True)
class Found:
    """What the rounds of one scenario gave."""

    scenario: Scenario
    engine: str
    fixed: float = 0.0
    seconds: dict[str, list[float]] = field(default_factory=dict)
    cpu: dict[str, list[float]] = field(default_factory=dict)
    locks: list[float] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    quiet: list[float] = field(default_factory=list)
    logged: dict[str, list[float]] = field(default_factory=dict)

    def ratios(self, name: str, *, less: float = 0.0) -> list[float]:
        """Seconds as multiples of the bare statement's of the same round, round by round."""
        return [(mine - less) / bare for mine, bare in self._pairs(self.seconds, name)]

    def cpu_ratios(self, name: str) -> list[float]:
        """As `ratios`, of the processor time of client and server together."""
        return [mine / bare for mine, bare in self._pairs(self.cpu, name)]

    def _pairs(self, found: dict[str, list[float]], name: str) -> Iterable[tuple[float, float]]:
        return zip(found.get(name, []), found[BARE], strict=True)


_PLAIN = ("LIMIT loop", "pt-archiver --bulk-delete", "pt-archiver, row by row")
_COUNTS = {"postgresql": 1.3, "mariadb": 2.1}
_TOKENS = {"postgresql": 2.0, "sqlite": 2.1, "mariadb": 3.5}
SCENARIOS = (
    Scenario("delete, counts only", Shape(0), rivals=_PLAIN, goals=_COUNTS),
    Scenario("delete, row tokens", Shape(0), product.DELETE + product.GUARD, "all", goals=_TOKENS),
    Scenario("delete, counts only, clock indexed", Shape(0, index=True), goals=_COUNTS),
    Scenario(
        "delete, row tokens, clock indexed", Shape(0, index=True), tokens="all", goals=_TOKENS
    ),
    Scenario(
        "anonymize",
        Shape(0),
        product.ANONYMIZE,
        "auto",
        goals={"postgresql": 1.3, "sqlite": 1.3},
    ),
    Scenario("delete, random UUID keys", Shape(0, uuid=True), goals={"postgresql": 1.4}),
    Scenario("ordinary night, 0.3 % due", Shape(0, share=3), goals={"postgresql": 3.0}),
    Scenario(
        "ordinary night, clock indexed", Shape(0, share=3, index=True), goals={"postgresql": 2.0}
    ),
    Scenario(
        "delete with one level of children",
        Shape(0, children=1),
        product.DELETE + product.CHILDREN,
        goals=dict.fromkeys(("sqlite", "postgresql", "mariadb"), 1.9),
    ),
    Scenario(
        "delete with two levels of children",
        Shape(0, children=2),
        product.DELETE + product.GRANDCHILDREN,
    ),
    Scenario(
        "a wholly due partition",
        Shape(0, partitioned=True),
        rivals=("drop the partition",),
        only=("postgresql", "mariadb"),
        goals=dict.fromkeys(("postgresql", "mariadb"), 0.4),
    ),
)


def measure(engine: Engine, scenario: Scenario, rows: int, rounds: int, seed: int) -> Found:
    """Every contestant on a fresh copy of the same rows, in another order each round."""
    shape = replace(scenario.shape, rows=rows)
    found = Found(scenario, engine.name)
    found.fixed = _fixed(engine, scenario, rounds)
    chance = random.Random(seed)
    with engine.database() as template:
        build(engine, template, shape)
        for _ in range(rounds):
            contestants = _contestants(engine, scenario, shape, found)
            for name in chance.sample(sorted(contestants), len(contestants)):
                with engine.database(template) as url:
                    engine.settle(url)
                    before, logged = engine.cpu(), engine.logged(url)
                    found.seconds.setdefault(name, []).append(contestants[name](url))
                    found.cpu.setdefault(name, []).append(engine.cpu() - before)
                    found.logged.setdefault(name, []).append(engine.logged(url) - logged)
                    _check(engine, url, name)
        with engine.database(template) as url:
            _beside(engine, scenario, url, found)
    return found


def _contestants(
    engine: Engine, scenario: Scenario, shape: Shape, found: Found
) -> dict[str, Callable[[str], float]]:
    anonymize = scenario.rule == product.ANONYMIZE
    every: dict[str, Callable[[str], float]] = {
        BARE: lambda url: rivals.bare(engine, url, shape, anonymize=anonymize),
        OURS: lambda url: _ours(engine, scenario, url, found),
    }
    if "LIMIT loop" in scenario.rivals:
        every["LIMIT loop"] = lambda url: rivals.loop(engine, url)
    archives = bool({*_PLAIN[1:]} & {*scenario.rivals}) and engine.name == "mariadb"
    if archives and rivals.archiver_available():
        every["pt-archiver --bulk-delete"] = lambda url: rivals.archiver(engine, url, bulk=True)
        every["pt-archiver, row by row"] = lambda url: rivals.archiver(engine, url, bulk=False)
    if "drop the partition" in scenario.rivals:
        every["drop the partition"] = lambda url: rivals.drop(engine, url)
    return every


def _ours(engine: Engine, scenario: Scenario, url: str, found: Found) -> float:
    folder = folder_of(engine, "project")
    config = product.prepared(folder, [url], scenario.rule, scenario.tokens)
    ran = product.night(config)
    found.locks += ran.locks
    return ran.seconds


def _beside(engine: Engine, scenario: Scenario, url: str, found: Found) -> None:
    """One more night, with an application at work."""
    config = product.prepared(folder_of(engine, "beside"), [url], scenario.rule, scenario.tokens)
    with Application(engine, url) as alone:
        alone.work_for(1.0)
    with Application(engine, url) as beside:
        product.night(config)
    found.quiet, found.waits = alone.waits, beside.waits


def _fixed(engine: Engine, scenario: Scenario, rounds: int) -> float:
    """Seconds of a night over the same tables with one row: start, reflection, checks."""
    folder = folder_of(engine, "fixed")
    with engine.database() as url:
        build(engine, url, replace(scenario.shape, rows=1))
        config = product.prepared(folder, [url], scenario.rule, scenario.tokens)
        times = [product.night(config).seconds for _ in range(rounds)]
    return statistics.median(times)


def _check(engine: Engine, url: str, name: str) -> None:
    """No way may leave a due row as it was; pt-archiver keeps the last key, as documented."""
    if name == "drop the partition":
        return
    left = engine.value(
        url, f"SELECT count(*) FROM events WHERE {rivals.due(engine)} AND email IS NOT NULL"
    )
    if left > (1 if name.startswith("pt-archiver") else 0):
        raise RuntimeError(f"{engine.name}: {name} left {left} due rows ({DAYS} days)")


def folder_of(engine: Engine, name: str) -> Path:
    """A fresh folder of the benchmark's own."""
    path = engine.folder / name
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return path
