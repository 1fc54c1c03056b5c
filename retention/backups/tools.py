"""Backup tools as programs: an argument list, no shell, a clean environment, one answer or none."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from retention.errors import StorageError

LISTING = 600.0
"""Seconds after which a listing is given up."""

CLEARING = 6 * 3600.0
"""Seconds after which the removal of copies is given up."""

_PASSED_ON = (
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "TMPDIR",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "SSH_AUTH_SOCK",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
)


class ListingFailed(StorageError):
    """What a tool told is not a whole listing; nothing follows from it."""


def answer(
    words: Sequence[str],
    environment: Mapping[str, str],
    *,
    timeout: float = LISTING,
    silent: bool = False,
) -> str:
    """What a program printed. ListingFailed for any exit code but 0, or where it takes too long.

    `silent`: a word on stderr counts as a failure, too. What a program says on stderr may quote
    secrets, so it is never repeated.
    """
    name = os.path.basename(words[0])
    hint = f"run `{name}` by hand to see why"
    try:
        process = subprocess.Popen(
            list(words),
            env=_clean(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except FileNotFoundError:
        raise ListingFailed(f"there is no program {name} here") from None
    except (OSError, ValueError) as fault:
        raise ListingFailed(f"{name} could not be started; {hint}") from fault
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        raise ListingFailed(f"{name} took longer than {timeout / 60:.0f} minutes; {hint}") from None
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    if process.returncode != 0:
        raise ListingFailed(f"{name} ended with exit code {process.returncode}; {hint}")
    if silent and err.strip():
        raise ListingFailed(f"{name} had something to say besides its listing; {hint}")
    try:
        return out.decode()
    except UnicodeDecodeError:
        raise ListingFailed(f"{name} printed what is not UTF-8; {hint}") from None


def _clean(environment: Mapping[str, str]) -> dict[str, str]:
    """Only what a tool needs; times in UTC, words in English."""
    passed = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return {**passed, **environment, "TZ": "UTC", "LC_ALL": "C"}


def instant(value: object, *, naive_is_utc: bool = False) -> datetime:
    """An ISO instant in UTC, of any number of decimals; ValueError without a zone."""
    if not isinstance(value, str):
        raise ValueError("not a time")
    found = datetime.fromisoformat(value)
    if found.tzinfo is None:
        if not naive_is_utc:
            raise ValueError("a time without a zone")
        found = found.replace(tzinfo=UTC)
    return found.astimezone(UTC)


def evidence(line: object) -> str:
    """The hash that stands for a line of a listing in the ledger."""
    return hashlib.sha256(repr(line).encode()).hexdigest()
