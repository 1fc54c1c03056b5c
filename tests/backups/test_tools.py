"""End to end with the real restic, borg and pgBackRest: what left is followed to its last copy."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from house import DAY, MONDAY, House, tool
from project import Project
from stores import PROGRAMS, Cluster, Store, cluster_in, require

from retention.backups.copy import Proof


@pytest.fixture(params=["restic", "borg"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """An empty repository of each tool in turn."""
    require(shutil.which(request.param))
    monkeypatch.setenv("STORE_PASSWORD", "x")
    monkeypatch.setenv("HOME", str(tmp_path))
    found = Store(request.param, tmp_path / "store")
    found.make()
    return found


def house_with(store: Store, tmp_path: Path, more: str = "") -> House:
    """A shop in SQLite, copied to the store an hour before its first night."""
    (tmp_path / "data.db").touch()
    house = House(Project(tmp_path, f"sqlite:///{tmp_path / 'data.db'}"), store.policy + more)
    store.put(tmp_path / "data.db", MONDAY - timedelta(hours=1))
    return house


def token(house: House) -> str:
    """What `retention marker` prints."""
    found = house.project.run("marker")
    assert found.code == 0, found.err
    return found.out.strip()


def test_a_purge_waits_for_the_old_copy_and_is_proved_by_tag_or_clock(
    store: Store, tmp_path: Path
) -> None:
    """One young copy carries a tag, one only its time; the old one decides until it is removed."""
    house = house_with(store, tmp_path, "expire = true\n")
    house.night(MONDAY)
    data = tmp_path / "data.db"
    store.put(data, MONDAY + timedelta(minutes=1), token(house))
    house.night(MONDAY + DAY)
    (duty,) = house.duties
    assert (house.states, duty.forecast) == (["waiting"], datetime(2026, 3, 13, tzinfo=UTC))
    store.put(data, MONDAY + 2 * DAY)
    before = store.chunks()
    assert house.night(MONDAY + 10 * DAY).exit_code == 0
    assert house.states == ["waiting"]
    assert store.chunks() == before
    assert house.night(MONDAY + 11 * DAY).exit_code == 0
    assert house.states == ["expired"]
    assert store.chunks() < before
    house.night(MONDAY + 12 * DAY)
    (duty,) = house.duties
    assert (house.states, duty.first_clean) == (["confirmed"], MONDAY + 11 * DAY)
    assert duty.proof is Proof.CLOCK


def test_a_tag_alone_proves_by_content(store: Store, tmp_path: Path) -> None:
    """A copy made a minute after the erasure is clean by what its tag says."""
    house = house_with(store, tmp_path, "expire = true\n")
    house.night(MONDAY)
    store.put(tmp_path / "data.db", MONDAY + timedelta(minutes=1), token(house))
    house.night(MONDAY + 11 * DAY)
    house.night(MONDAY + 12 * DAY)
    (duty,) = house.duties
    assert (house.states, duty.proof) == (["confirmed"], Proof.CONTENT)


def test_a_store_that_cannot_be_asked_closes_nothing(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong password, a missing repository, a damaged listing, an empty one: exit code 74."""
    house = house_with(store, tmp_path)
    assert house.night(MONDAY).exit_code == 0
    monkeypatch.setenv("STORE_PASSWORD", "hunter2")
    night = house.night(MONDAY + DAY)
    assert night.exit_code == 74
    assert "hunter2" not in night.copies[0].failed
    monkeypatch.setenv("STORE_PASSWORD", "x")
    store.place.rename(store.place.with_name("away"))
    assert house.night(MONDAY + 2 * DAY).exit_code == 74
    store.make()
    assert house.night(MONDAY + 3 * DAY).exit_code == 74
    assert house.states == ["waiting"]


def test_a_snapshot_that_restic_cannot_read_makes_the_listing_partial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """restic ends with 0 and leaves it out of its listing; a word on stderr is all there is."""
    require(shutil.which("restic"))
    monkeypatch.setenv("STORE_PASSWORD", "x")
    store = Store("restic", tmp_path / "store")
    store.make()
    house = house_with(store, tmp_path)
    house.night(MONDAY)
    (old,) = (store.place / "snapshots").iterdir()
    store.put(tmp_path / "data.db", MONDAY + DAY)
    old.chmod(0o600)
    old.write_bytes(old.read_bytes()[:20])
    assert house.night(MONDAY + 2 * DAY).exit_code == 74
    assert house.states == ["waiting"]


def test_an_interrupted_borg_archive_is_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A checkpoint holds people like any other archive; borg hides it unless asked."""
    require(shutil.which("borg"))
    monkeypatch.setenv("STORE_PASSWORD", "x")
    monkeypatch.setenv("HOME", str(tmp_path))
    store = Store("borg", tmp_path / "store")
    store.make()
    house = house_with(store, tmp_path)
    name = f"::{MONDAY - timedelta(hours=1):%Y%m%dT%H%M%S}"
    tool("borg", "rename", name, "nightly.checkpoint", **store.environment)
    house.night(MONDAY)
    assert house.states == ["waiting"]
    assert [found.why for found in house.duties] == ["1 copy may bring rows back"]


@pytest.fixture
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A server of its own: its log has to be archived from the beginning."""
    require(shutil.which("pgbackrest") and PROGRAMS.exists())
    with cluster_in(tmp_path_factory.mktemp("pg")) as found:
        yield found


def test_a_dirty_full_backup_lives_as_long_as_its_clean_increments(
    cluster: Cluster, tmp_path: Path
) -> None:
    """Clean by position, and yet it waits: until a new full backup lets the old chain go."""
    now = datetime.now(UTC).replace(microsecond=0)
    sets = (
        '\n[backups.pg]\ndatabase = "main"\nkind = "pgbackrest"\nstanza = "main"\n'
        f'keep = "10 days"\n{cluster.environment}'
    )
    house = House(Project(tmp_path, cluster.url), sets, now)
    cluster.backup("full")
    assert house.night(now).exit_code == 0
    assert house.states == ["waiting"]
    cluster.backup("incr", f"--annotation=retention={token(house)}")
    cluster.backup("diff")
    house.night(now + DAY)
    (duty,) = house.duties
    assert house.states == ["waiting"]
    assert duty.why == "2 copies may bring rows back", "the full backup and the log"
    assert duty.forecast is not None
    assert duty.forecast > now + 10 * DAY
    assert house.night(now + 20 * DAY).exit_code == 5
    assert house.states == ["overdue"]
    cluster.backup("full")
    assert house.night(now + 21 * DAY).exit_code == 0
    assert house.states == ["expired"]
    house.night(now + 22 * DAY)
    (duty,) = house.duties
    assert (house.states, duty.first_clean) == (["confirmed"], now + 21 * DAY)
    assert duty.proof is Proof.POSITION


def test_pgbackrest_expires_a_whole_chain_and_leaves_the_newest(
    cluster: Cluster, tmp_path: Path
) -> None:
    """`expire = true` takes the full backup with its increments and their log, in one night."""
    with cluster.config.open("a") as file:
        file.write("[global:backup]\nexpire-auto=n\n")
    now = datetime.now(UTC).replace(microsecond=0)
    sets = (
        '\n[backups.pg]\ndatabase = "main"\nkind = "pgbackrest"\nstanza = "main"\n'
        f'keep = "10 days"\nexpire = true\n'
        f"{cluster.environment}"
    )
    house = House(Project(tmp_path, cluster.url), sets, now)
    cluster.backup("full")
    cluster.backup("incr")
    house.night(now)
    assert house.night(now + 30 * DAY).exit_code == 5, "the chain needed by the newest copy stays"
    cluster.backup("full")
    house.night(now + 31 * DAY)
    assert house.states == ["expired"]
