"""`serve`: wakes when a rule is due, by the wall clock, and stops when it is told to."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from retention.cli.demo.shop import write_demo
from retention.connections import engine_for
from retention.errors import Interrupted, StorageError, UsageError
from retention.execution.executor import Watch
from retention.ledger.entry import Kind
from retention.ledger.store import Ledger, open_ledger
from retention.policies.parse import parse_policy
from retention.policies.policy import Policy
from retention.scheduler.service import LONGEST_SLEEP, Service

NOON = datetime(2026, 11, 22, 11, tzinfo=UTC)
HEAD = """
timezone = "Europe/Oslo"
{schedule}
[databases.main]
url = "sqlite:///main.db"
[ledger]
url = "sqlite:///ledger.db"
"""
RULE = """
[rules.{name}]
table = "t"
start = "at"
delete_after = "1 day"
{schedule}
"""


def policy(schedule: str | None, **rules: str | None) -> Policy:
    """A policy with this schedule at its top and a rule for each name, with a schedule or none."""
    top = f'schedule = "{schedule}"' if schedule else ""
    text = HEAD.format(schedule=top)
    for name, own in rules.items():
        text += RULE.format(name=name, schedule=f'schedule = "{own}"' if own else "")
    return parse_policy(text)


class World:
    """A clock that moves only while the service sleeps, and a ledger that nights write to."""

    def __init__(self, folder: Path, start: datetime) -> None:
        self.folder = folder
        self.now = start
        self.naps: list[float] = []
        self.nights: list[datetime] = []
        self.said: list[str] = []
        self.asleep_for: Callable[[float], float] = lambda seconds: seconds
        self.ledger: Ledger = open_ledger(
            engine_for("sqlite:///ledger.db", "ledger", folder), create=True, at=start
        )

    def ran(self, at: datetime, *rules: str) -> None:
        """The ledger says that a run at `at` served these rules."""
        self.ledger.append(
            Kind.RUN_STARTED, at, run_id=f"{at:%Y%m%dT%H%M%S}", body={"as_of": at.isoformat()}
        )
        self.ledger.append(
            Kind.RUN_FINISHED,
            at,
            run_id=f"{at:%Y%m%dT%H%M%S}",
            body={"as_of": at.isoformat(), "served": list(rules)},
        )

    def serve(
        self,
        found: Policy,
        *,
        nights: int,
        code: int = 0,
        night: Callable[[Watch], int] | None = None,
    ) -> None:
        """Run the service until it sleeps after this many nights."""

        def wait(seconds: float) -> bool:
            if len(self.nights) >= nights:
                return True
            self.naps.append(seconds)
            self.now += timedelta(seconds=self.asleep_for(seconds))
            return False

        def one(watch: Watch) -> int:
            self.nights.append(self.now)
            if night is not None:
                return night(watch)
            if code == 0:
                self.ran(self.now, *found.rules)
            return code

        Service(found, self.folder, one, self.said.append, now=lambda: self.now, wait=wait).run()


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Noon UTC on a Sunday in November, and a ledger without a run."""
    return World(tmp_path, NOON)


def test_it_works_at_once_where_no_run_was_ever_made(world: World) -> None:
    """A rule that has never run is overdue, so the first night begins without a nap."""
    world.serve(policy("30 2 * * *", logs=None), nights=1)
    assert world.nights == [NOON]


def test_it_waits_for_the_next_occurrence_in_local_time(world: World) -> None:
    """02:30 in Oslo in winter is 01:30 UTC."""
    world.ran(NOON, "logs")
    world.serve(policy("30 2 * * *", logs=None), nights=2)
    first = datetime(2026, 11, 23, 1, 30, tzinfo=UTC)
    assert world.nights == [first, first + timedelta(days=1)]


def test_an_occurrence_is_not_served_an_hour_early(world: World) -> None:
    """A run up to an hour early counts for an occurrence, but a service has time to wait."""
    world.ran(NOON - timedelta(days=1), "logs")
    world.now = datetime(2026, 11, 22, 0, 50, tzinfo=UTC)
    world.serve(policy("30 2 * * *", logs=None), nights=1)
    assert world.nights == [datetime(2026, 11, 22, 1, 30, tzinfo=UTC)]


def test_missed_nights_are_caught_up_by_one_run(world: World) -> None:
    """Three nights off make one run at once, then the next night as usual."""
    world.ran(NOON - timedelta(days=3), "logs")
    world.serve(policy("30 2 * * *", logs=None), nights=2)
    assert world.nights == [NOON, datetime(2026, 11, 23, 1, 30, tzinfo=UTC)]


def test_the_hour_that_spring_skips_is_served_after_the_gap(world: World) -> None:
    """02:30 does not exist on 29 March 2026 in Oslo; 03:00 CEST is 01:00 UTC."""
    world.now = datetime(2026, 3, 28, 12, tzinfo=UTC)
    world.ran(world.now, "logs")
    world.serve(policy("30 2 * * *", logs=None), nights=2)
    assert world.nights == [
        datetime(2026, 3, 29, 1, 0, tzinfo=UTC),
        datetime(2026, 3, 30, 0, 30, tzinfo=UTC),
    ]


def test_the_hour_that_autumn_repeats_is_served_once(world: World) -> None:
    """02:30 comes twice on 25 October 2026 in Oslo; the first is 00:30 UTC."""
    world.now = datetime(2026, 10, 24, 12, tzinfo=UTC)
    world.ran(world.now, "logs")
    world.serve(policy("30 2 * * *", logs=None), nights=2)
    assert world.nights == [
        datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
        datetime(2026, 10, 26, 1, 30, tzinfo=UTC),
    ]


def test_it_looks_at_the_wall_clock_at_least_every_minute(world: World) -> None:
    """A nap is never longer than a minute, so a clock that was set is noticed."""
    world.ran(NOON, "logs")
    world.serve(policy("5 12 * * *", logs=None), nights=1)
    assert max(world.naps) <= LONGEST_SLEEP == 60


def test_a_laptop_that_slept_through_the_night_works_when_it_wakes(world: World) -> None:
    """One nap of ten hours ends after the occurrence, and the night begins at once."""
    world.ran(NOON, "logs")
    world.asleep_for = lambda seconds: 36_000
    world.serve(policy("30 2 * * *", logs=None), nights=1)
    assert world.nights == [NOON + timedelta(hours=20)]


def test_rules_without_a_schedule_wait_for_the_others(world: World) -> None:
    """A rule that runs every time does not make every moment a night."""
    found = policy(None, always=None, weekly="0 4 * * 1")
    world.ran(NOON, "always", "weekly")
    world.serve(found, nights=1)
    assert world.nights == [datetime(2026, 11, 23, 3, 0, tzinfo=UTC)]


def test_the_earliest_schedule_decides(world: World) -> None:
    """Two rules with schedules of their own are served each in its time."""
    found = policy("30 2 * * *", logs=None, often="0 */4 * * *")
    world.ran(NOON, "logs", "often")

    def night(_: Watch) -> int:
        world.ran(world.now, "often")
        return 0

    world.serve(found, nights=2, night=night)
    assert world.nights == [NOON + timedelta(hours=4), NOON + timedelta(hours=8)]


def test_without_any_schedule_it_says_to_write_one(world: World) -> None:
    """There is nothing to wait for, and the error names the key and an example."""
    with pytest.raises(UsageError, match=r'schedule = "30 2 \* \* \*"'):
        world.serve(policy(None, logs=None), nights=1)
    assert world.nights == []


def test_without_a_ledger_it_does_not_start(tmp_path: Path) -> None:
    """A service over a database that was never enrolled ends at once, with the ledger's own word."""
    found = policy("30 2 * * *", logs=None)
    service = Service(found, tmp_path, lambda watch: 0, print, now=lambda: NOON)
    with pytest.raises(StorageError):
        service.run()


def test_a_good_night_is_silent(world: World) -> None:
    """Nobody reads a journal full of successes."""
    world.serve(policy("30 2 * * *", logs=None), nights=3)
    assert world.said == []


def test_a_bad_night_is_one_line_and_is_tried_again_the_next_night(world: World) -> None:
    """A refused rule stays due, but does not make the service spin."""
    world.serve(policy("30 2 * * *", logs=None), nights=2, code=3)
    assert world.nights == [NOON, datetime(2026, 11, 23, 1, 30, tzinfo=UTC)]
    assert world.said[0] == (
        "2026-11-22 12:00 Europe/Oslo: the run ended with exit code 3: `retention report last`; "
        "next try 2026-11-23 02:30 Europe/Oslo"
    )
    assert len(world.said) == 2


def test_an_error_that_stops_a_night_does_not_stop_the_service(world: World) -> None:
    """A policy that cannot be read tonight may be mended tomorrow."""

    def night(_: Watch) -> int:
        raise StorageError("policies.toml cannot be read; nothing was done.")

    world.serve(policy("30 2 * * *", logs=None), nights=2, night=night)
    assert len(world.nights) == 2
    assert "policies.toml cannot be read; nothing was done; next try" in world.said[0]


def test_a_ledger_that_is_gone_after_the_first_night_is_asked_again(world: World) -> None:
    """The schedules alone decide until the ledger can be read again."""

    def night(_: Watch) -> int:
        (world.folder / "ledger.db").unlink(missing_ok=True)
        return 74

    world.serve(policy("30 2 * * *", logs=None), nights=2, night=night)
    assert world.nights == [NOON, datetime(2026, 11, 23, 1, 30, tzinfo=UTC)]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_between_two_batches_is_passed_on(world: World, number: signal.Signals) -> None:
    """The night sees that it shall stop, and the exit code tells which signal it was."""

    def night(watch: Watch) -> int:
        assert not watch.stopping()
        os.kill(os.getpid(), number)
        assert watch.stopping()
        return watch.interruption().exit_code

    with pytest.raises(Interrupted) as caught:
        world.serve(policy("30 2 * * *", logs=None), nights=9, night=night)
    assert caught.value.exit_code == 128 + number
    assert len(world.nights) == 1


def test_a_signal_after_the_last_batch_ends_a_whole_night(world: World) -> None:
    """Where the work was done before the signal was seen, the process ends with success."""

    def night(_: Watch) -> int:
        os.kill(os.getpid(), signal.SIGTERM)
        return 0

    world.serve(policy("* * * * *", logs=None), nights=9, night=night)
    assert len(world.nights) == 1


def test_the_handlers_of_others_are_put_back(world: World) -> None:
    """Whoever embeds the service finds its own signal handlers afterwards."""
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    world.serve(policy("30 2 * * *", logs=None), nights=1)
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


def _cli(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "retention.cli.app", *arguments]


@pytest.mark.parametrize(("number", "name"), [(signal.SIGTERM, "TERM"), (signal.SIGINT, "INT")])
def test_a_real_process_works_and_stops(tmp_path: Path, number: signal.Signals, name: str) -> None:
    """`retention serve` on a demo that is due does its night, says nothing, and ends with 0."""
    *_, config = write_demo(tmp_path, datetime.now(UTC))
    _schedule_passed_just_now(config)
    environment = dict(os.environ)
    environment.pop("SHOP_DATABASE_URL", None)
    subprocess.run(
        _cli("enroll", "--all", "--config", str(config)),
        check=True,
        capture_output=True,
        env=environment,
        cwd=tmp_path,
    )
    process = subprocess.Popen(
        _cli("serve", "--config", str(config)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        cwd=tmp_path,
    )
    try:
        _wait_for_a_run(tmp_path, config, environment)
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
    finally:
        process.kill()
    assert (process.returncode, out, err) == (0, "", ""), name


def _schedule_passed_just_now(config: Path) -> None:
    """At any hour: within an hour before its schedule, the service would wait for it."""
    written = config.read_text()
    passed = datetime.now(UTC) - timedelta(minutes=2)
    settings = tomllib.loads(written)
    local = passed.astimezone(ZoneInfo(settings["timezone"]))
    config.write_text(
        written.replace(settings["schedule"], f"{local.minute} {local.hour} * * *", 1)
    )


def _wait_for_a_run(folder: Path, config: Path, environment: dict[str, str]) -> None:
    for _ in range(100):
        found = subprocess.run(
            _cli("report", "--config", str(config)),
            capture_output=True,
            text=True,
            env=environment,
            cwd=folder,
            check=False,
        )
        if found.stdout.rstrip().endswith("done"):
            time.sleep(0.5)
            return
        time.sleep(0.2)
    raise AssertionError(f"no run was finished: {found.stdout}{found.stderr}")
