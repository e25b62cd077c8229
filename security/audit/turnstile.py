"""Processes that append take turns: SQLite alone lets one that writes without pause starve the others.

Whoever comes takes the lock `next`, then waits for the lock `now` and gives `next` back. One that is done with `now`
therefore cannot come again before the one that waits. The kernel frees both if the process dies.
"""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

from security.errors import AuditUnavailable

LOOK_AGAIN_S = 0.0005


class Turnstile:
    """Turns between processes, by the lock files `path` with `.next` and `.now`, mode 0600. Raises OSError."""

    def __init__(self, path: Path, *, patience_s: float) -> None:
        self._patience_s = patience_s
        self._next, self._now = (_opened(path.with_name(f"{path.name}.{which}")) for which in ("next", "now"))

    def close(self) -> None:
        os.close(self._next)
        os.close(self._now)
        self._next = self._now = -1  # so that a late caller fails, and never meets another file's number

    def __enter__(self) -> None:
        """Take the turn, once at a time. Raises AuditUnavailable if it does not come in time."""
        deadline_s = time.monotonic() + self._patience_s
        self._take(self._next, deadline_s)
        try:
            self._take(self._now, deadline_s)
        finally:
            fcntl.flock(self._next, fcntl.LOCK_UN)

    def __exit__(self, *_: object) -> None:
        fcntl.flock(self._now, fcntl.LOCK_UN)

    def _take(self, handle: int, deadline_s: float) -> None:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                if time.monotonic() > deadline_s:
                    raise AuditUnavailable(
                        "nothing can be recorded, so nothing is disclosed: another process has been writing the audit "
                        f"log for more than {self._patience_s:g} s; end it, or try again when it is done"
                    ) from error
                time.sleep(LOOK_AGAIN_S)
            else:
                return


def _opened(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
