"""What the copies of checkpoints outside say when a log is opened: how far they reach, or that they are another's.

The newest copies are looked at first, and as far back as it takes to find one that this log signed: whatever was
appended behind it must not hide it. Copies of another log alone are no copies of this one, and one in their midst
would spoil them.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice

from security.audit.checkpoint import Checkpoint, open_checkpoint
from security.audit.note import NoteVerifier
from security.errors import CheckpointRefused
from security.ports import CheckpointKeeper

ENOUGH = 32  # copies looked at from the first that this log signed: several processes may bring them out of order
_COPY = re.compile(r"(lakewarden/audit/[0-9a-f]{16})\n(?:.+\n){2,}\n— \1 .+\n")


@dataclass(frozen=True, slots=True)
class Outside:
    """What a keeper holds: the largest of the newest checkpoints of this log, or the name of another's log.

    Both are None where it holds no copy, or does not say so in time.
    """

    newest: Checkpoint | None = None
    stranger: str | None = None


def look_outside(keeper: CheckpointKeeper, verifier: NoteVerifier, patience_s: float) -> Outside:
    """What `keeper` holds of the log that `verifier` signs."""
    found: list[Outside] = []

    def ask() -> None:
        with suppress(OSError):  # what is wrong with it, its courier tells
            found.append(_outside(iter(keeper.newest()), verifier))

    asking = threading.Thread(target=ask, name=f"audit-newest-{keeper.name}", daemon=True)
    asking.start()
    asking.join(patience_s)
    return found[0] if found else Outside()


def _outside(notes: Iterator[str], verifier: NoteVerifier) -> Outside:
    stranger = None
    for note in notes:
        if (first := _signed(note, verifier)) is not None:
            more = (_signed(other, verifier) for other in islice(notes, ENOUGH))
            return Outside(max([first, *filter(None, more)], key=lambda checkpoint: checkpoint.size))
        stranger = stranger or _stranger(note, verifier)
    return Outside(stranger=stranger)


def _signed(note: str, verifier: NoteVerifier) -> Checkpoint | None:
    """The checkpoint in a note of this log; None for another's, one cut off, or what is none: verifying says which."""
    if not note.startswith(f"{verifier.name}\n"):
        return None
    with suppress(CheckpointRefused):
        return open_checkpoint(note, verifier)
    return None


def _stranger(note: str, verifier: NoteVerifier) -> str | None:
    """The name of the other log whose checkpoint this is; None if it is none, or of this log.

    A note behind one that was cut off reads as one text with it: it is of the log that signed it.
    """
    copy = _COPY.fullmatch(note)
    return copy[1] if copy is not None and copy[1] != verifier.name else None
