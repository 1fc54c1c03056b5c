"""Copies and deferred purges in sentences, for screens and for the page. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from retention.backups.copy import Proof

Body = Mapping[str, Any]
_MOST = 5

NOT_THE_BYTES = (
    "Gone from the last copy means that no restore brings the rows back. It does not mean that every "
    "byte is overwritten, in the database or on the disks of the backups."
)


def headline(body: Body) -> str:
    """A set of backups and what its listing says."""
    name = f"copies in {body['backups']}"
    if body["listed"] and not body["complete"]:
        return f"{name}: NOT KNOWN: {body['why']}"
    if not body["listed"]:
        return f"{name}: nobody lists them"
    copies, dirty = body["copies"], body["dirty_copies"]
    if body.get("foreseen"):
        return f"{name}: {copies:,} of those listed now would be left, {dirty:,} with erased rows"
    if not dirty:
        return f"{name}: {copies:,} listed, none can bring erased rows back"
    return f"{name}: {copies:,} listed, {dirty:,} can bring erased rows back"


def told(body: Body, zone: ZoneInfo) -> list[str]:
    """What is to say of a set below its headline: alarms first, then what waits, then what ended."""
    lines = list(alarms_of(body, zone))
    waiting = [purge for purge in body["purges"] if purge["state"] == "waiting"]
    if waiting:
        lines.append(_waiting(waiting, zone))
    if body["dirty"]:
        lines.append(f"not to be restored without a reapply: {_names(body)}")
    expired = [purge for purge in body["purges"] if purge["state"] == "expired"]
    confirmed = [purge for purge in body["purges"] if purge["state"] == "confirmed"]
    lines += [sentence(purge, zone) for purge in expired[-_MOST:]]
    lines += [sentence(purge, zone) for purge in confirmed[-_MOST:]]
    if body.get("removed"):
        lines.append(f"removed, past their time: {', '.join(body['removed'])}")
    if body.get("removes"):
        lines.append(f"would be removed, past their time: {', '.join(body['removes'])}")
    return [*lines, *_tonight(body.get("tonight"), zone)]


def _tonight(body: Body | None, zone: ZoneInfo) -> list[str]:
    if not body or not body["rows"]:
        return []
    if body["gone_by"] is None:
        return ["what goes that night stays in copies, and nobody knows until when"]
    return [f"what goes that night is gone from the last copy on {day(body['gone_by'], zone)}"]


def alarms_of(body: Body, zone: ZoneInfo) -> Iterator[str]:
    """What a person has to act upon: purges that are overdue, or that never end."""
    for state, word in (("overdue", "OVERDUE"), ("never", "NEVER")):
        found = [purge for purge in body["purges"] if purge["state"] == state]
        yield from (f"{word}: {sentence(purge, zone)}" for purge in found[:_MOST])
        if len(found) > _MOST:
            yield f"{word}: and {len(found) - _MOST:,} more"


def sentence(purge: Body, zone: ZoneInfo) -> str:
    """One deferred purge: when its rows left the database, and when the last copy of them."""
    what = f"what left {purge['database']} by {minute(purge['erased_by'], zone)}"
    match purge["state"]:
        case "waiting":
            return f"{what} {_until(purge, zone)}"
        case "expired":
            since = day(purge["gone_at"], zone)
            return f"{what} is in no copy listed since {since}; a second listing confirms it"
        case "confirmed":
            since = f"{what} is gone from the last copy since {day(purge['gone_at'], zone)}"
            return f"{since}, {Proof(purge['proof']).told}" if purge["proof"] else since
        case "overdue":
            return (
                f"{what} should have left the last copy on {day(purge['forecast'], zone)}: "
                f"{purge['why']}"
            )
        case _:
            return f"{what}: {purge['why']}"


def _until(purge: Body, zone: ZoneInfo) -> str:
    if purge["forecast"] is None:
        return "is in copies, and nobody knows yet for how long"
    return f"is gone from the last copy on {day(purge['forecast'], zone)}"


def _waiting(found: list[Body], zone: ZoneInfo) -> str:
    ends = sorted(purge["forecast"] for purge in found if purge["forecast"])
    if len(found) == 1 or not ends:
        return sentence(found[0], zone)
    return (
        f"{len(found):,} purges wait: the first ends on {day(ends[0], zone)}, the last on "
        f"{day(ends[-1], zone)}"
    )


def _names(body: Body) -> str:
    names = [str(found["id"]) for found in body["dirty"][:_MOST]]
    more = body["dirty_copies"] - len(names)
    return ", ".join(names) + (f" and {more:,} more" if more > 0 else "")


def day(moment: str, zone: ZoneInfo) -> str:
    """The local day of an instant as JSON has it."""
    return f"{datetime.fromisoformat(moment).astimezone(zone):%Y-%m-%d}"


def minute(moment: str, zone: ZoneInfo) -> str:
    """The local day and time of an instant as JSON has it."""
    return f"{datetime.fromisoformat(moment).astimezone(zone):%Y-%m-%d %H:%M}"


def all_alarms(bodies: Iterable[Body], zone: ZoneInfo) -> list[str]:
    """Everything that a person has to act upon, listings that failed among them."""
    found = []
    for body in bodies:
        if body["listed"] and not body["complete"]:
            found.append(headline(body))
        found += alarms_of(body, zone)
    return found


def page(body: Body, zone: ZoneInfo) -> dict[str, Any]:
    """A set for the page: its headline, the purges that wait or ended, the copies to beware of."""
    return {
        "headline": headline(body),
        "purges": [
            {"told": sentence(found, zone), "state": found["state"]} for found in body["purges"]
        ],
        "dirty": [
            {
                "id": found["id"],
                "why": found["why"],
                "goes": day(found["goes_at"], zone) if found["goes_at"] else "not known",
            }
            for found in body["dirty"]
        ],
    }
