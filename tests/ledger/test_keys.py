"""Master keys: one a month, readable by their owner only, gone when destroyed."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from retention.errors import StorageError
from retention.ledger.keys import KEY_BYTES, KeyFolder, KeyLost, derive


@pytest.fixture
def folder(tmp_path: Path) -> KeyFolder:
    """A folder of keys that does not exist yet, two levels down."""
    return KeyFolder(tmp_path / "state" / "keys")


def _mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_key_is_made_once_and_stays(folder: KeyFolder) -> None:
    """The same month gives the same 32 random bytes, another month others."""
    first = folder.key("2026-11")
    assert len(first) == KEY_BYTES
    assert folder.key("2026-11") == first == KeyFolder(folder.path).key("2026-11", create=False)
    assert folder.key("2026-12") != first
    assert folder.months() == ["2026-11", "2026-12"]


def test_keys_are_private_from_the_start(folder: KeyFolder) -> None:
    """Folders are made 0700 and files 0600, whatever the umask."""
    before = os.umask(0)
    try:
        folder.key("2026-11")
    finally:
        os.umask(before)
    assert _mode(folder.path) == _mode(folder.path.parent) == 0o700
    assert _mode(folder.path / "2026-11") == 0o600
    assert os.listdir(folder.path) == ["2026-11"]


def test_a_missing_key_is_lost_where_none_may_be_made(folder: KeyFolder) -> None:
    """Reading never makes a key: a key made anew would match nothing, in silence."""
    with pytest.raises(KeyLost):
        folder.key("2026-11", create=False)
    folder.key("2026-11")
    with pytest.raises(KeyLost, match="2026-10"):
        folder.key("2026-10", create=False)
    assert folder.months() == ["2026-11"]


def test_a_folder_that_does_not_exist_has_no_months(folder: KeyFolder) -> None:
    """Listing makes nothing."""
    assert folder.months() == []
    assert not folder.path.exists()


def test_a_destroyed_key_is_overwritten_and_gone(folder: KeyFolder) -> None:
    """Even a second name of the same file no longer has the bytes."""
    key = folder.key("2026-11")
    os.link(folder.path / "2026-11", folder.path / "copy")
    folder.destroy("2026-11")
    assert (folder.path / "copy").read_bytes() != key
    assert folder.months() == []
    with pytest.raises(KeyLost):
        folder.key("2026-11", create=False)
    with pytest.raises(KeyLost):
        folder.destroy("2026-11")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_a_key_others_can_read_is_refused(folder: KeyFolder, mode: int) -> None:
    """A file open to group or world is not used, and the sentence says how to close it."""
    folder.key("2026-11")
    (folder.path / "2026-11").chmod(mode)
    with pytest.raises(StorageError, match="chmod 600"):
        folder.key("2026-11")
    with pytest.raises(StorageError, match="chmod 600"):
        folder.destroy("2026-11")


@pytest.mark.parametrize("mode", [0o750, 0o705, 0o711])
def test_a_folder_others_can_enter_is_refused(folder: KeyFolder, mode: int) -> None:
    """A folder open to group or world is not used."""
    folder.key("2026-11")
    folder.path.chmod(mode)
    with pytest.raises(StorageError, match="chmod 700"):
        folder.key("2026-11")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
@pytest.mark.parametrize("name", [".", "2026-11"])
def test_a_key_of_another_user_is_refused(folder: KeyFolder, name: str) -> None:
    """A folder or file somebody else owns is not used."""
    folder.key("2026-11")
    os.chown(folder.path / name, 65534, 65534)
    with pytest.raises(StorageError, match="another user"):
        folder.key("2026-11")


def test_a_link_is_not_followed(folder: KeyFolder, tmp_path: Path) -> None:
    """Neither a link for a key nor a link for the folder is followed."""
    folder.key("2026-11")
    (folder.path / "2026-12").symlink_to(folder.path / "2026-11")
    with pytest.raises(StorageError):
        folder.key("2026-12")
    (tmp_path / "link").symlink_to(folder.path)
    with pytest.raises(StorageError):
        KeyFolder(tmp_path / "link").key("2026-11")


@pytest.mark.parametrize("content", [b"", b"short", b"x" * 33])
def test_a_file_that_is_no_key_is_refused(folder: KeyFolder, content: bytes) -> None:
    """A truncated or overlong file is never used as a key."""
    folder.key("2026-11")
    (folder.path / "2026-11").write_bytes(content)
    with pytest.raises(StorageError, match="32 bytes"):
        folder.key("2026-11")


@pytest.mark.parametrize("month", ["2026-13", "2026-1", "../2026-11", "", "2026-11\n", "٢٠٢٦-11"])
def test_only_a_month_names_a_key(folder: KeyFolder, month: str) -> None:
    """Nothing but YYYY-MM reaches the file system."""
    with pytest.raises(ValueError, match="not a month"):
        folder.key(month)


def test_keys_made_at_once_are_one_key(folder: KeyFolder) -> None:
    """Eight threads that ask first at the same time all get the same key."""
    folder.key("2026-10")
    found: list[bytes] = []
    start = threading.Barrier(8)

    def ask() -> None:
        start.wait()
        found.append(folder.key("2026-11"))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1
    assert folder.months() == ["2026-10", "2026-11"]


def test_derived_keys_differ_by_month_database_and_table() -> None:
    """No two of month, database and table share a key, even if their letters run together."""
    master = bytes(32)
    triples = [
        ("2026-11", "shop", "orders"),
        ("2026-12", "shop", "orders"),
        ("2026-11", "shopo", "rders"),
        ("2026-11", "sho", "porders"),
        ("2026-11", "shop", "Orders"),
    ]
    keys = {derive(master, *triple) for triple in triples}
    assert len(keys) == len(triples)
    assert {len(key) for key in keys} == {32}
    assert derive(b"\1" * 32, *triples[0]) not in keys


def test_the_derivation_is_pinned() -> None:
    """The derived key never changes: old tokens must open as long as their key lives."""
    assert derive(bytes(32), "2026-11", "shop", "orders").hex() == (
        "e4f62c0fd8ae8c95dad765baa25e3d71f31be6e64cf537ab0706e9a2d7e10122"
    )
