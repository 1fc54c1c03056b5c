"""What tools print: read where it is whole and of a known form, and nothing made of it otherwise.

`listings/` has what three versions of each tool printed of the same two copies (record_listings.py).
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retention.backups import borg, command, pgbackrest, restic
from retention.backups.copy import BackupCopy, Position
from retention.backups.token import markers_in, token
from retention.backups.tools import ListingFailed, answer

LISTINGS = Path(__file__).parent / "listings"
SHOP = "11111111-0000-0000-0000-000000000000"
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
FIRST = datetime(2026, 3, 1, 1, tzinfo=UTC)
BEGUN = datetime(2026, 11, 22, 7, 51, tzinfo=UTC)
READERS: dict[str, Callable[[str], list[BackupCopy]]] = {
    "restic": lambda text: restic.parsed(text, HOUR),
    "borg": lambda text: borg.parsed(text, HOUR),
    "pgbackrest": lambda text: pgbackrest.parsed(text, "main"),
    "command": lambda text: command.parsed(text, {"shop": frozenset({SHOP})}),
}
ONE_A_LINE = (
    '{"id": "a", "start": "2026-11-22T08:51:00+01:00", "databases": ["shop"], '
    f'"marker": "{token(SHOP, 5)}"}}\n'
    '{"id": "b", "start": null, "depends_on": ["a"], "expires_at": "2026-12-22T00:00:00Z", '
    '"held_until": "2027-01-01T00:00:00Z", '
    '"position": {"system": "7", "timeline": 2, "lsn": "1/2"}}\n'
    '{"complete": true, "copies": 2}'
)


def recorded(tool: str) -> list[Path]:
    """What the versions of a tool printed."""
    found = sorted(LISTINGS.glob(f"{tool}-*.txt"))
    assert len(found) == 3
    return found


def texts() -> list[tuple[str, str]]:
    """Every recorded listing with the name of its tool."""
    files = [path for tool in ("restic", "borg", "pgbackrest") for path in recorded(tool)]
    found = [(path.name.partition("-")[0], path.read_text().strip()) for path in files]
    return [*found, ("command", ONE_A_LINE)]


@pytest.mark.parametrize(
    "path", [*recorded("restic"), *recorded("borg")], ids=lambda path: path.stem
)
def test_a_snapshot_has_its_start_its_end_and_its_marker(path: Path) -> None:
    """The day it was told to be of, whenever it was made; contents may be an hour older."""
    first, second = READERS[path.name.partition("-")[0]](path.read_text())
    assert (first.start, second.start) == (FIRST - HOUR, FIRST + DAY - HOUR)
    for copy, begun in ((first, FIRST), (second, FIRST + DAY)):
        assert copy.finished is not None
        assert begun <= copy.finished < begun + HOUR
        assert copy.readable
    assert (first.markers, second.markers) == ({SHOP: 5}, {})


@pytest.mark.parametrize("path", recorded("pgbackrest"), ids=lambda path: path.stem)
def test_pgbackrest_tells_chain_place_and_log(path: Path) -> None:
    """The increment needs the full backup, and the oldest backup needs the log."""
    text = path.read_text()
    full, incr, log = READERS["pgbackrest"](text)
    system = re.findall(r'"system-id":(\d+)', text)[-1]
    assert full.position == Position(system, 1, 0x2000028)
    assert (full.markers, incr.markers) == ({SHOP: 5}, {})
    assert incr.depends_on == (full.id,)
    assert full.depends_on == (log.id,)
    assert (log.kind, log.position) == ("log", Position(system, 1, 0x2000000))
    assert full.start is not None
    assert f"{full.start:%Y%m%d-%H%M%S}F" == full.id
    assert incr.start is not None
    assert incr.start > full.start


def test_a_time_that_was_told_moves_no_copy_into_the_future() -> None:
    """A snapshot that calls itself younger than its reading holds what was read then."""
    text = next(path for path in recorded("restic") if "0.19" in path.name).read_text()
    told = text.replace('"time":"2026-03-01', '"time":"2027-03-01')
    began = re.findall(r'"backup_start":"([^"]+)"', told)[0]
    assert READERS["restic"](told)[0].start == datetime.fromisoformat(began) - HOUR


def test_times_of_another_zone_are_read_as_instants() -> None:
    """restic writes the zone of the machine that made the snapshot."""
    text = recorded("restic")[0].read_text()
    oslo = text.replace("2026-03-01T01:00:00Z", "2026-03-01T02:00:00+01:00")
    assert oslo != text
    assert READERS["restic"](oslo)[0].start == FIRST - HOUR


def test_only_what_pgbackrest_warns_of_beforehand_is_passed_over() -> None:
    """A version that does not know an option says so on stdout; an error there is no listing."""
    text = next(path for path in recorded("pgbackrest") if "2.55" in path.name).read_text()
    assert text.startswith("P00   WARN: ")
    assert len(READERS["pgbackrest"](text)) == 3
    with pytest.raises(ListingFailed):
        READERS["pgbackrest"](text.replace("WARN", "ERROR"))


@pytest.mark.parametrize("code", [1, 3, 4, 99])
def test_pgbackrest_s_doubts_are_ours(code: int) -> None:
    """A stanza that is missing or differs between repositories is not an empty one."""
    found = json.loads(recorded("pgbackrest")[0].read_text())
    found[0]["status"]["code"] = code
    with pytest.raises(ListingFailed):
        READERS["pgbackrest"](json.dumps(found))


def test_the_log_begins_no_later_than_it_may() -> None:
    """Segments may have any size that fits; the smallest one makes the log the oldest."""
    found = json.loads(recorded("pgbackrest")[0].read_text())
    found[0]["backup"] = []
    (log,) = READERS["pgbackrest"](json.dumps(found))
    assert log.position is not None
    assert log.position.lsn == 2 << 20


@pytest.mark.parametrize(("tool", "text"), texts())
@settings(deadline=None)
@given(data=st.data())
def test_a_listing_that_was_cut_off_is_none(tool: str, text: str, data: st.DataObject) -> None:
    """Wherever the connection broke, the rest is not taken for the whole."""
    READERS[tool](text)
    cut = data.draw(st.integers(0, len(text) - 1))
    with pytest.raises(ListingFailed):
        READERS[tool](text[:cut])


@pytest.mark.parametrize(("tool", "text"), texts())
@pytest.mark.parametrize("key", ["id", "time", "start", "name", "lsn", "label", "complete"])
def test_a_listing_of_another_form_is_none(tool: str, text: str, key: str) -> None:
    """A key that was renamed by a new version is a doubt, not a guess."""
    needed = {
        "restic": {"id", "time"},
        "borg": {"name", "start"},
        "pgbackrest": {"lsn", "label", "name", "start"},
        "command": {"id", "complete"},
    }
    renamed = text.replace(f'"{key}"', '"other"')
    if key in needed[tool]:
        with pytest.raises(ListingFailed):
            READERS[tool](renamed)


@pytest.mark.parametrize("tool", READERS)
@pytest.mark.parametrize("text", ["", "null", "{}", "[1]", "Fatal: no", '{"archives": 1}', "[[]]"])
def test_what_is_no_listing_is_none(tool: str, text: str) -> None:
    """Whatever a tool printed instead."""
    with pytest.raises(ListingFailed):
        READERS[tool](text)


def test_a_program_of_the_user_s_tells_everything() -> None:
    """Chains, locks, places in a log and databases, by the names of the policy."""
    first, second = READERS["command"](ONE_A_LINE)
    assert (first.start, first.finished) == (BEGUN, BEGUN)
    assert first.databases == frozenset({SHOP})
    assert first.markers == {SHOP: 5}
    assert (second.start, second.depends_on) == (None, ("a",))
    assert second.position == Position("7", 2, (1 << 32) + 2)
    assert second.held_until == datetime(2027, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "line",
    [
        '{"id": "a", "start": "2026-11-22T08:51:00"}',
        '{"id": "a", "strat": "2026-11-22T08:51:00Z"}',
        '{"id": "a", "databases": ["shopp"]}',
        '{"id": 1}',
        '{"id": ""}',
        '{"id": "a", "depends_on": "b"}',
        '{"id": "a"}\n{"complete": true, "copies": 2}',
        '{"id": "a"}\n{"complete": false, "copies": 1}',
        '{"id": "a"}\n{"complete": true, "copies": 1}\n{"id": "b"}',
    ],
)
def test_a_program_that_slips_is_not_believed(line: str) -> None:
    """No zone, an unknown key, a database nobody knows, a wrong count, something after the end."""
    text = line if "complete" in line else f'{line}\n{{"complete": true, "copies": 1}}'
    with pytest.raises(ListingFailed):
        READERS["command"](text)


def test_a_token_is_one_word_that_is_found_again() -> None:
    """In a tag, a comment or an annotation; of two for one database the older counts."""
    word = token(SHOP, 42)
    assert "," not in word
    assert " " not in word
    assert markers_in([f"nightly {word}."]) == {SHOP: 42}
    assert markers_in([word, token(SHOP, 41)]) == {SHOP: 41}
    assert markers_in(["retention:x:1", f"retention:{SHOP}:", ""]) == {}


def test_a_tool_runs_in_a_clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """UTC, English, what the policy passes on, and no secret of ours."""
    monkeypatch.setenv("SHOP_DATABASE_URL", "postgresql://u:hunter2@host/db")
    program = "import os; print(sorted(os.environ))"
    told = answer([sys.executable, "-c", program], {"REPOSITORY": "x"})
    assert "REPOSITORY" in told
    assert "'TZ'" in told
    assert "SHOP_DATABASE_URL" not in told


@pytest.mark.parametrize(
    ("program", "why"),
    [
        ("raise SystemExit(3)", "exit code 3"),
        ("import time; time.sleep(60)", "took longer"),
        ("import os; os.write(1, b'\\xff')", "UTF-8"),
        ("import sys; sys.stderr.write('hunter2')", "something to say"),
    ],
)
def test_a_tool_that_fails_has_listed_nothing(program: str, why: str) -> None:
    """And what it said on stderr is not repeated."""
    patience = 0.2 if "sleep" in program else 60
    with pytest.raises(ListingFailed) as caught:
        answer([sys.executable, "-c", program], {}, timeout=patience, silent=True)
    assert why in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_tool_that_is_not_there_has_listed_nothing() -> None:
    """It may be installed on another machine only."""
    with pytest.raises(ListingFailed, match="there is no program no-such-tool"):
        answer(["no-such-tool"], {})
