"""A batch of files: announced in the ledger, removed one by one, written down. No transaction helps.

A run that is killed in between leaves an announcement; the next run looks which of its files are
gone and writes that down. Removing what is gone already is no error, so nothing is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from retention.errors import RetentionError
from retention.files.found import Found, Place
from retention.files.removing import Fate, Removal, make_durable, remove
from retention.ledger.entry import JSON, stamp
from retention.ledger.files import FileLedger, opened, seal
from retention.ledger.keys import KeyFolder
from retention.planning.files import FileOutcome, FileStep
from retention.protocol import points
from retention.protocol.opening import Clock


@dataclass(frozen=True, slots=True)
class FileWork:
    """What a batch of files needs: the step, where they lie, who runs it, the keys."""

    step: FileStep
    place: Place
    run_id: str
    as_of: datetime
    keys: KeyFolder
    now: Clock


@dataclass(slots=True)
class FilesDone:
    """What became of announced files; `failed` counts them by the system's code."""

    removed: int = 0
    absent: int = 0
    changed: int = 0
    bytes: int = 0
    linked: int = 0
    failed: dict[str, int] = field(default_factory=dict)

    def note(self, removal: Removal) -> None:
        """Count one file."""
        match removal.fate:
            case Fate.REMOVED:
                self.removed += 1
                self.bytes += removal.size
                self.linked += removal.names > 1
            case Fate.ABSENT:
                self.absent += 1
            case Fate.CHANGED:
                self.changed += 1
            case Fate.FAILED:
                self.failed[removal.code] = self.failed.get(removal.code, 0) + 1

    def body(self) -> dict[str, JSON]:
        """As the ledger keeps it."""
        counts = {"removed": self.removed, "absent": self.absent, "changed": self.changed}
        return {**counts, "bytes": self.bytes, "failed": dict(self.failed)}


def run_file_batch(files: FileLedger, work: FileWork, batch: Sequence[Found]) -> FilesDone:
    """Remove these files, in the ledger before the first is gone."""
    step, at = work.step, work.now()
    sealed = seal([found.path for found in batch], work.keys, at, None)
    body: dict[str, JSON] = {
        "rule": step.step.rule,
        "pattern": step.pattern.text,
        "files": len(batch),
        "bytes": sum(found.size for found in batch),
        "as_of": stamp(work.as_of),
    }
    entry = files.announce(body, sealed, at, work.run_id)
    points.reached(points.ANNOUNCED)
    done = FilesDone()
    for found in batch:
        done.note(remove(work.place, found.path, _still_due(step)))
        points.reached(points.REMOVED)
    make_durable(work.place, (found.path for found in batch))
    body = {"rule": step.step.rule, **done.body()}
    files.close(entry, body, work.now(), work.run_id, settled=True)
    points.reached(points.FILES_CLOSED)
    return done


def _still_due(step: FileStep) -> Callable[[Found], bool]:
    return lambda found: step.outcome(found.name, found.modified) is FileOutcome.DUE


def settle_files(
    files: FileLedger, keys: KeyFolder, run_id: str, now: Clock, place_of: Callable[[str], Place]
) -> list[str]:
    """Write down what became of files that a killed run had announced: gone, or still there.

    What is still there is no longer spoken of: its rule finds it again. `place_of` opens the place
    of a pattern. Returns a note for each announcement, without any path.
    """
    notes = []
    for waiting in files.waiting(None):
        rule = str(waiting.entry.body.get("rule"))
        try:
            paths = opened(waiting, keys)
            assert isinstance(paths, list)
            place = place_of(str(waiting.entry.body.get("pattern")))
            gone = sum(place.look(str(path)) is None for path in paths)
        except (RetentionError, ValueError) as error:
            notes.append(f"{rule}: what a killed run did to its files is not known yet: {error}")
            continue
        body: dict[str, JSON] = {"rule": rule, "gone": gone, "still_there": len(paths) - gone}
        files.close(waiting.entry, body, now(), run_id, settled=True)
        notes.append(
            f"{rule}: a run ended while it removed files; of {len(paths)} announced {gone} are gone"
        )
    return notes
