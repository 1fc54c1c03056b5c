"""From what a policy says of files to the place they lie in."""

from __future__ import annotations

from pathlib import Path

from retention.files.found import Place
from retention.files.local import LocalFiles
from retention.files.remote import check_scheme, remote_files

LOCAL = ("file", "local")


def open_place(scheme: str, root: str, folder: Path) -> Place:
    """The place below `scheme://root`; a relative folder lies beside the policy.

    Raises UsageError where the address is not known, FileFailure where it cannot be opened.
    """
    if scheme in LOCAL:
        return LocalFiles(folder / root)
    return remote_files(scheme, root)


def check_address(scheme: str) -> None:
    """Raises UsageError for an address that nothing here reads."""
    if scheme not in LOCAL:
        check_scheme(scheme)
