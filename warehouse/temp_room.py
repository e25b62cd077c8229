"""The room that one query may take where SQLite keeps what does not fit into memory: large sorts have no limit there.

Their files have no names, so that the free space of the disk is what tells how much has been taken.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from warehouse.limits import Deadline

MAX_TAKEN_BYTES = 4 * 2**30
LEFT_FREE_BYTES = 256 * 2**20
LOOK_EVERY_S = 0.25


def temp_folder() -> Path | None:
    """Where SQLite puts unnamed files (https://www.sqlite.org/tempfiles.html, section 5)."""
    places = (os.environ.get("SQLITE_TMPDIR"), os.environ.get("TMPDIR"), "/var/tmp", "/usr/tmp", "/tmp", ".")  # noqa: S108
    return next((Path(place) for place in places if place and os.access(place, os.W_OK | os.X_OK)), None)


def free_bytes(folder: Path) -> int:
    """What an ordinary account may still write on the disk of `folder`."""
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


@contextmanager
def room_for_one(deadline: Deadline) -> Iterator[None]:
    """Within it, `deadline` also ends the query when it has taken too much, or too little is left."""
    folder = temp_folder()
    if folder is None:
        yield
        return
    before, next_look = free_bytes(folder), 0.0

    def is_full() -> bool:
        nonlocal next_look
        if (now := time.monotonic()) < next_look:
            return False
        next_look = now + LOOK_EVERY_S
        free = free_bytes(folder)
        return before - free > MAX_TAKEN_BYTES or free < min(LEFT_FREE_BYTES, before // 2)

    deadline.also_ends(is_full, "the result needs more room on the disk than there is for one; narrow the query")
    yield
