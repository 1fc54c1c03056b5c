"""A schedule as the text that cron or systemd needs; nothing is installed here.

`command` is the program and its arguments as one would type them, the program with its full path;
`config` is the full path of the policy, passed on as `--config`.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Sequence
from zoneinfo import ZoneInfo

from croniter import croniter

from retention.policies.schedules import check_schedule

_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

_CRONTAB = """\
# CRON_TZ holds for every line below it: keep these lines at the end of the crontab.
# The cron of Debian and Ubuntu ignores CRON_TZ and reads the line in the machine's own zone.
# cron does not make up for times at which the machine was off; the next run catches up.
CRON_TZ={zone}
{times} {command}
"""

_SERVICE = """\
[Unit]
Description=Retention of personal data, one run
Wants=network-online.target
After=network-online.target postgresql.service mariadb.service

[Service]
Type=oneshot
User={user}
ExecStart={command}
# Values for ${{NAME}} in the policy, one NAME=value per line, readable by root only.
EnvironmentFile=-/etc/retention/environment
UMask=0077
Nice=10
NoNewPrivileges=true
ProtectSystem=full
ProtectClock=true
ProtectControlGroups=true
ProtectKernelModules=true
ProtectKernelTunables=true
RestrictNamespaces=true
RestrictRealtime=true
RestrictSUIDSGID=true
LockPersonality=true
# ProtectHome and PrivateTmp stay off: they would hide files and sockets that the policy may name.
"""

_TIMER = """\
[Unit]
Description=Retention of personal data, on schedule

[Timer]
{calendar}
Persistent=true

[Install]
WantedBy=timers.target
"""


def crontab_line(schedule: str, zone: ZoneInfo, command: str, config: str) -> str:
    """The lines to add to a crontab, with comments on what cron does not support.

    Raises ValueError, with a sentence, for what a crontab cannot say.
    """
    times = " ".join(
        _joined(values, "-", "{}".format, stepped=True) for values in _fields(schedule)
    )
    # cron reads an unescaped percent sign as the end of the command.
    line = shlex.join(_words(command, config)).replace("%", r"\%")
    return _CRONTAB.format(zone=_key(zone), times=times, command=line)


def systemd_units(
    schedule: str, zone: ZoneInfo, command: str, config: str, user: str
) -> dict[str, str]:
    """The text of `retention.service` and `retention.timer`, by file name.

    Raises ValueError, with a sentence, for what systemd cannot say.
    """
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*\$?", user):
        raise ValueError(f"{user!r} is not the name of a user; name the account that runs the job")
    program, *arguments = _words(command, config)
    # systemd replaces $NAME in arguments, not in the program's path.
    line = " ".join([_quoted(program), *(_quoted(word.replace("$", "$$")) for word in arguments)])
    calendar = "\n".join(f"OnCalendar={entry}" for entry in on_calendar(schedule, zone))
    return {
        "retention.service": _SERVICE.format(user=user, command=line),
        "retention.timer": _TIMER.format(calendar=calendar),
    }


def on_calendar(schedule: str, zone: ZoneInfo) -> list[str]:
    """The calendar expressions of systemd that together mean the schedule, in its zone.

    There are two where day of month and day of week are both restricted: cron takes either,
    systemd would ask for both. Raises ValueError, with a sentence, for what systemd cannot say.
    """
    minutes, hours, days, months, weekdays = _fields(schedule)
    clock = f"{_two_digits(hours)}:{_two_digits(minutes)}:00 {_key(zone)}"
    month = _two_digits(months)
    by_date = f"*-{month}-{_two_digits(days)} {clock}"
    if weekdays is None:
        return [by_date]
    from_monday = sorted((day - 1) % 7 for day in weekdays)
    names = _joined(from_monday, "..", _WEEKDAYS.__getitem__, stepped=False)
    by_weekday = f"{names} *-{month}-* {clock}"
    return [by_weekday] if days is None else [by_date, by_weekday]


def _fields(schedule: str) -> list[list[int] | None]:
    """The values of each of the five fields; None for a field that is not restricted."""
    if problem := check_schedule(schedule):
        raise ValueError(problem)
    values, nth_weekdays = croniter.expand(schedule)
    # croniter leaves the W of "15W" (the nearest working day) out of what it returns.
    nearest_working_day = "w" in schedule.lower().split()[2]
    if nth_weekdays or nearest_working_day or "l" in values[2]:
        raise ValueError(
            f'"{schedule}" counts days in a way (L, W or #) that neither cron nor systemd knows; '
            "run every day and leave the schedule to the policy"
        )
    return [
        None if field == ["*"] else sorted(value for value in field if isinstance(value, int))
        for field in values
    ]


def _two_digits(values: Sequence[int] | None) -> str:
    """One part of a calendar expression of systemd."""
    return _joined(values, "..", "{:02}".format, stepped=True)


def _joined(
    values: Sequence[int] | None, to: str, say: Callable[[int], str], *, stepped: bool
) -> str:
    """Sorted values as a star, a range (with a step, where those are known) or a list of both."""
    if values is None:
        return "*"
    first, last = values[0], values[-1]
    step = values[1] - first if len(values) > 2 else 1
    if stepped and step > 1 and list(values) == list(range(first, last + 1, step)):
        return f"{say(first)}{to}{say(last)}/{step}"
    return ",".join(
        say(low) if low == high else f"{say(low)}{to}{say(high)}" for low, high in _runs(values)
    )


def _runs(values: Sequence[int]) -> list[tuple[int, int]]:
    """The first and last of each run of consecutive values."""
    runs: list[tuple[int, int]] = []
    for value in values:
        if runs and value == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], value)
        else:
            runs.append((value, value))
    return runs


def _key(zone: ZoneInfo) -> str:
    """The zone's name in the time zone database."""
    if not zone.key:
        raise ValueError('the time zone has no name; use one such as "Europe/Oslo"')
    return zone.key


def _words(command: str, config: str) -> list[str]:
    """Program and arguments, each safe to write on one line."""
    words = [*shlex.split(command), "--config", config]
    for path in (words[0], config):
        if not path.startswith("/"):
            raise ValueError(f"{path!r} is not a full path; cron and systemd start elsewhere")
    for word in words:
        if "\\" in word or not word.isprintable():
            raise ValueError(
                f"{word!r} has a backslash or a control character, which a crontab or unit file "
                "cannot carry; choose another path"
            )
    return words


def _quoted(word: str) -> str:
    """A word for a unit file: percent signs doubled, in quotes where it needs them."""
    escaped = word.replace("%", "%%").replace('"', '\\"')
    return escaped if re.fullmatch(r"[\w@%+=:,./$-]+", word) else f'"{escaped}"'
