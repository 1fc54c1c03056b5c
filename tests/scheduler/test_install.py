"""The texts for cron and systemd say what the schedule says."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from croniter import croniter
from hypothesis import given, settings
from hypothesis import strategies as st

from retention.scheduler.due import next_due
from retention.scheduler.install import crontab_line, on_calendar, systemd_units

OSLO = ZoneInfo("Europe/Oslo")
COMMAND = "/usr/bin/retention run"
CONFIG = "/etc/retention/policies.toml"
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
CONVERSIONS = {
    "30 2 * * *": ["*-*-* 02:30:00"],
    "*/15 * * * *": ["*-*-* *:00..45/15:00"],
    "0 */6 * * *": ["*-*-* 00..18/6:00:00"],
    "5 1,2,3,9 * * *": ["*-*-* 01..03,09:05:00"],
    "0 3 1,15 * *": ["*-*-01,15 03:00:00"],
    "0 3 29 2 *": ["*-02-29 03:00:00"],
    "0 3 * jan-mar,dec *": ["*-01..03,12-* 03:00:00"],
    "0 3 * * mon-fri": ["Mon..Fri *-*-* 03:00:00"],
    "0 3 * * 0": ["Sun *-*-* 03:00:00"],
    "0 3 * * 5-7": ["Fri..Sun *-*-* 03:00:00"],
    "0 3 * * 6-1": ["Mon,Sat..Sun *-*-* 03:00:00"],
    "0 3 ? * *": ["*-*-* 03:00:00"],
    "0 3 1 * mon": ["*-*-01 03:00:00", "Mon *-*-* 03:00:00"],
}


def field(low: int, high: int) -> st.SearchStrategy[str]:
    """A field of a schedule: a star, a step, a range with a step, or a list."""
    number = st.integers(low, high)
    width = high - low + 1
    return st.one_of(
        st.just("*"),
        st.integers(1, width).map("*/{}".format),
        st.tuples(number, number, st.integers(1, width))
        .filter(lambda span: span[0] < span[1])
        .map(lambda span: "{}-{}/{}".format(*span)),
        st.lists(number, min_size=1, max_size=5).map(lambda found: ",".join(map(str, found))),
    )


# The 29th and later could miss every month that is drawn.
SCHEDULES = st.tuples(field(0, 59), field(0, 23), field(1, 28), field(1, 12), field(0, 6)).map(
    " ".join
)


def part_matches(part: str, value: int) -> bool:
    """Whether one part of a calendar expression has a value."""
    if part == "*":
        return True
    for item in part.split(","):
        span, _, step = item.partition("/")
        low, _, high = span.partition("..")
        if value in range(int(low), int(high or low) + 1, int(step or 1)):
            return True
    return False


def calendar_matches(entry: str, wall: datetime) -> bool:
    """Whether a calendar expression of systemd names a wall time; all of its parts must."""
    found = re.fullmatch(r"(?:(\S+) )?\*-(\S+)-(\S+) (\S+):(\S+):00 Europe/Oslo", entry)
    assert found
    weekdays, *parts = found.groups()
    if weekdays:
        numbers = re.sub(r"[A-Z]\w+", lambda name: str(WEEKDAYS.index(name[0])), weekdays)
        if not part_matches(numbers, wall.weekday()):
            return False
    wanted = (wall.month, wall.day, wall.hour, wall.minute)
    return all(part_matches(part, value) for part, value in zip(parts, wanted, strict=True))


@pytest.mark.parametrize("schedule", CONVERSIONS)
def test_a_schedule_reads_as_calendar_expressions(schedule: str) -> None:
    """Lists, ranges, steps, names and both spellings of Sunday have their form in systemd."""
    expected = [f"{entry} Europe/Oslo" for entry in CONVERSIONS[schedule]]
    assert on_calendar(schedule, OSLO) == expected


@settings(deadline=None)
@given(SCHEDULES, st.datetimes(datetime(2026, 1, 1), datetime(2030, 1, 1)), st.integers(0, 9))
def test_calendar_expressions_name_the_times_that_cron_names(
    schedule: str, start: datetime, skipped: int
) -> None:
    """At occurrences and at any other minute, the two notations agree."""
    entries = on_calendar(schedule, OSLO)
    times = croniter(schedule, start)
    for _ in range(skipped):
        times.get_next()
    occurrence = times.get_next(datetime)
    other = start.replace(second=0, microsecond=0)
    assert any(calendar_matches(entry, occurrence) for entry in entries)
    named = any(calendar_matches(entry, other) for entry in entries)
    assert named == croniter.match(schedule, other)


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")
@pytest.mark.parametrize("schedule", CONVERSIONS)
def test_systemd_computes_the_same_next_time(schedule: str) -> None:
    """systemd itself reads the calendar expressions as we mean them."""
    start = datetime(2026, 11, 21, 13)
    answer = subprocess.run(
        ["systemd-analyze", "calendar", f"--base-time={start} UTC", *on_calendar(schedule, OSLO)],
        capture_output=True,
        text=True,
        check=True,
        env={"TZ": "UTC", "LC_ALL": "C", "PATH": "/usr/bin:/bin"},
    )
    found = re.findall(r"Next elapse: \w+ (\S+ \S+) UTC", answer.stdout)
    first = min(datetime.fromisoformat(when).replace(tzinfo=UTC) for when in found)
    assert first == next_due(schedule, OSLO, start.replace(tzinfo=UTC))


def test_the_crontab_lines_name_zone_time_and_command() -> None:
    """What is printed can be pasted at the end of a crontab, comments included."""
    assert crontab_line("30 2 * * *", OSLO, COMMAND, CONFIG) == (
        "# CRON_TZ holds for every line below it: keep these lines at the end of the crontab.\n"
        "# The cron of Debian and Ubuntu ignores CRON_TZ and reads the line in the machine's own"
        " zone.\n"
        "# cron does not make up for times at which the machine was off; the next run catches up.\n"
        "CRON_TZ=Europe/Oslo\n"
        "30 2 * * * /usr/bin/retention run --config /etc/retention/policies.toml\n"
    )


def test_both_days_restricted_stay_either_or_in_a_crontab() -> None:
    """cron asks for both days where a day field begins with a star, so none begins with one."""
    last = crontab_line("0 3 */2 * mon", OSLO, COMMAND, CONFIG).splitlines()[-1]
    assert last.startswith("0 3 1-31/2 * 1 ")


@settings(deadline=None)
@given(SCHEDULES)
def test_a_crontab_line_keeps_the_schedule(schedule: str) -> None:
    """However the fields are rewritten, they expand to the same values."""
    last = crontab_line(schedule, OSLO, COMMAND, CONFIG).splitlines()[-1]
    times = " ".join(last.split()[:5])
    assert croniter.expand(times) == croniter.expand(schedule)


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=["C", "Z"]) | st.just(" "), min_size=1))
def test_any_path_survives_the_crontab(name: str) -> None:
    """Spaces, quotes and percent signs in a path arrive at the command as they were."""
    config = "/etc/" + name.replace("\\", "")
    last = crontab_line("30 2 * * *", OSLO, COMMAND, config).splitlines()[-1]
    unescaped = last.replace(r"\%", "%")
    assert shlex.split(unescaped)[5:] == ["/usr/bin/retention", "run", "--config", config]
    assert re.search(r"(?<!\\)%", last) is None


def test_the_service_runs_once_as_its_user() -> None:
    """One run per start, hardened, and every exit code but 0 stays a failure."""
    service = systemd_units("30 2 * * *", OSLO, COMMAND, CONFIG, "retention")["retention.service"]
    lines = service.splitlines()
    for wanted in (
        "Type=oneshot",
        "User=retention",
        "ExecStart=/usr/bin/retention run --config /etc/retention/policies.toml",
        "NoNewPrivileges=true",
        "ProtectSystem=full",
    ):
        assert wanted in lines
    assert "SuccessExitStatus" not in service


def test_the_timer_catches_up_and_names_every_calendar_expression() -> None:
    """A timer with two kinds of days has two lines, and makes up for a machine that was off."""
    timer = systemd_units("0 3 1 * mon", OSLO, COMMAND, CONFIG, "retention")["retention.timer"]
    assert "OnCalendar=*-*-01 03:00:00 Europe/Oslo\nOnCalendar=Mon *-*-* 03:00:00" in timer
    assert "Persistent=true" in timer.splitlines()


def test_a_path_in_a_unit_file_is_quoted_for_systemd() -> None:
    """Spaces and quotes are quoted, percent and dollar signs doubled."""
    units = systemd_units("30 2 * * *", OSLO, COMMAND, '/srv/a "b" 5%/$x.toml', "retention")
    assert r'--config "/srv/a \"b\" 5%%/$$x.toml"' in units["retention.service"]


@pytest.mark.parametrize("schedule", ["0 3 L * *", "0 3 15W * *", "0 3 * * 5#2", "0 3 * * L5"])
def test_what_cannot_be_converted_is_refused(schedule: str) -> None:
    """Days counted from the end, nearest working days and nth weekdays have no common form."""
    with pytest.raises(ValueError, match="neither cron nor systemd knows"):
        on_calendar(schedule, OSLO)
    with pytest.raises(ValueError, match="neither cron nor systemd knows"):
        crontab_line(schedule, OSLO, COMMAND, CONFIG)


@pytest.mark.parametrize(
    ("schedule", "command", "config", "sentence"),
    [
        ("0 24 * * *", COMMAND, CONFIG, "midnight is hour 0"),
        ("30 2 * * *", "retention run", CONFIG, "not a full path"),
        ("30 2 * * *", COMMAND, "policies.toml", "not a full path"),
        ("30 2 * * *", COMMAND, "/etc/a\nUser=root", "control character"),
        ("30 2 * * *", COMMAND, "/etc/a\\b", "backslash"),
    ],
)
def test_what_would_break_the_text_is_refused(
    schedule: str, command: str, config: str, sentence: str
) -> None:
    """A faulty schedule, a relative path or a line break is refused for cron and systemd alike."""
    with pytest.raises(ValueError, match=sentence):
        crontab_line(schedule, OSLO, command, config)
    with pytest.raises(ValueError, match=sentence):
        systemd_units(schedule, OSLO, command, config, "retention")


def test_a_user_that_is_no_name_is_refused() -> None:
    """A line break in the user's name would add settings to the unit."""
    with pytest.raises(ValueError, match="not the name of a user"):
        systemd_units("30 2 * * *", OSLO, COMMAND, CONFIG, "root\nNice=-20")
