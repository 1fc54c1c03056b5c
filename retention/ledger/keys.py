"""One master key a month, each a file of 32 random bytes; destroying it makes tokens anonymous."""

from __future__ import annotations

import os
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from retention.errors import Busy, StorageError

KEY_BYTES = 32

_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])", re.ASCII)
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC

_SEALING = "holds"
_PSEUDONYMS = "pseudonyms"
_PROOF = "proof of the key"


class KeyLost(StorageError):
    """The key of a month is gone or is another one: its tokens can no longer be read."""


def key_proof(keys: KeyFolder, month: str) -> str:
    """What tells a month's key from another one and nothing about it: the month, and 16 hex digits."""
    return f"{month} {derive(keys.key(month), month, '', _PROOF).hex()[:16]}"


def same_key(keys: KeyFolder, proof: str) -> None:
    """StorageError unless the folder has the key that `proof` is of."""
    if key_proof(keys, proof.partition(" ")[0]) != proof:
        raise StorageError(
            f"The keys in {keys.path} are not those of the other hosts at work under this ledger. "
            "Nothing was done: what is erased here could not be told after a restore. Give every "
            "host one folder of keys, as `[ledger] keys` names it."
        )


def derive(master: bytes, month: str, database_id: str, table: str) -> bytes:
    """The 32-byte key for one month, database and table (HKDF-SHA256)."""
    # Lengths go in front, so that no two triples give the same info.
    parts = (part.encode() for part in ("retention tokens", month, database_id, table))
    info = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=info).derive(master)


class KeyFolder:
    """Master keys in a folder (0700) of files (0600), named by month (`2026-11`).

    Every method raises StorageError where the folder or a file is readable by others, belongs to
    somebody else, is a link, or cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def key(self, month: str, create: bool = True) -> bytes:
        """The month's 32 bytes, made on first use; KeyLost if there are none and not `create`."""
        _check_month(month)
        with self._folder(create) as folder:
            try:
                return self._read(folder, month)
            except FileNotFoundError:
                if not create:
                    raise _lost(month) from None
            self._make(folder, month)
            return self._read(folder, month)

    def sealing_key(self) -> bytes:
        """The 32 bytes that seal holds; they outlive the months, as a hold may outlast years."""
        return self._lasting(_SEALING)

    def pseudonym_key(self) -> bytes:
        """The 32 bytes behind every pseudonym; one key, so that equal values stay equal for ever."""
        return self._lasting(_PSEUDONYMS)

    def _lasting(self, name: str) -> bytes:
        with self._folder(create=True) as folder:
            try:
                return self._read(folder, name)
            except FileNotFoundError:
                self._make(folder, name)
            return self._read(folder, name)

    @contextmanager
    def locked(self, name: str) -> Iterator[None]:
        """One run at a time for what has no database to lock; Busy where another has it."""
        import fcntl

        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        with self._folder(create=True) as folder:
            descriptor = os.open(f".{name}-lock", flags, 0o600, dir_fd=folder)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Busy(f"another run works on the {name}. Nothing was done to them") from None
            yield
        finally:
            os.close(descriptor)

    def months(self) -> list[str]:
        """The months that have a key, oldest first; empty where the folder does not exist."""
        if not self.path.exists():
            return []
        with self._folder(create=False) as folder:
            return sorted(name for name in os.listdir(folder) if _MONTH.fullmatch(name))

    def destroy(self, month: str) -> None:
        """Overwrite the key, then delete it, both flushed to the disk; KeyLost if there is none.

        A file system that copies on write, a flash disk or a file backup may keep the old bytes.
        """
        _check_month(month)
        with self._folder(create=False) as folder:
            try:
                self._overwrite(folder, month)
            except FileNotFoundError:
                raise _lost(month) from None
            os.unlink(month, dir_fd=folder)
            os.fsync(folder)

    @contextmanager
    def _folder(self, create: bool) -> Iterator[int]:
        try:
            if create and not self.path.exists():
                _make_folders(self.path)
            descriptor = os.open(self.path, _READ | os.O_DIRECTORY)
            try:
                _check_private(os.fstat(descriptor), self.path, "700")
                yield descriptor
            finally:
                os.close(descriptor)
        except FileNotFoundError as error:
            raise KeyLost(f"The folder of keys {self.path} does not exist.") from error
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else "unknown error"
            raise StorageError(
                f"The keys in {self.path} could not be read or written: {reason}. "
                "No token was made or opened."
            ) from error

    def _read(self, folder: int, month: str) -> bytes:
        descriptor = os.open(month, _READ, dir_fd=folder)
        with os.fdopen(descriptor, "rb") as file:
            self._check_file(file.fileno(), month)
            return file.read()

    def _make(self, folder: int, month: str) -> None:
        # A link appears with its whole content or not at all, and never replaces another key.
        draft = f".{month}.{secrets.token_hex(8)}"
        descriptor = os.open(draft, _CREATE, 0o600, dir_fd=folder)
        try:
            with os.fdopen(descriptor, "wb") as file:
                _flush(file.fileno(), secrets.token_bytes(KEY_BYTES))
            with suppress(FileExistsError):
                os.link(draft, month, src_dir_fd=folder, dst_dir_fd=folder)
        finally:
            os.unlink(draft, dir_fd=folder)
        os.fsync(folder)

    def _overwrite(self, folder: int, month: str) -> None:
        flags = os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(month, flags, dir_fd=folder)
        with os.fdopen(descriptor, "wb") as file:
            self._check_file(file.fileno(), month)
            _flush(file.fileno(), secrets.token_bytes(KEY_BYTES))

    def _check_file(self, descriptor: int, month: str) -> None:
        status = os.fstat(descriptor)
        path = self.path / month
        if not stat.S_ISREG(status.st_mode) or status.st_size != KEY_BYTES:
            raise StorageError(f"The key {path} is not a file of {KEY_BYTES} bytes; not used.")
        _check_private(status, path, "600")


def _flush(descriptor: int, content: bytes) -> None:
    written = os.write(descriptor, content)
    if written != len(content):
        raise OSError(28, "short write")
    os.fsync(descriptor)


def _make_folders(path: Path) -> None:
    # `mkdir -p -m 700` gives the mode to the last folder only.
    for missing in reversed([folder for folder in (path, *path.parents) if not folder.exists()]):
        missing.mkdir(mode=0o700, exist_ok=True)


def _check_private(status: os.stat_result, path: Path, mode: str) -> None:
    if status.st_uid != os.geteuid():
        raise StorageError(f"{path} belongs to another user; the keys in it were not used.")
    if status.st_mode & 0o077:
        raise StorageError(
            f"{path} can be read by others; the keys in it were not used. "
            f"Close it with `chmod {mode} {path}`."
        )


def _check_month(month: str) -> None:
    if not _MONTH.fullmatch(month):
        raise ValueError(f"not a month: {month!r}")


def _lost(month: str) -> KeyLost:
    return KeyLost(
        f"The key of {month} is gone: what was erased in that month can no longer be told by row."
    )
