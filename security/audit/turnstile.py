"""Processes that append take turns: SQLite alone lets one that writes without pause starve the others.

Whoever comes takes the lock `next`, then waits for the lock `now` and gives `next` back. One that is done with `now`
therefore cannot come again before the one that waits. The kernel frees both if the process dies.
"""

from __future__ import annotations

import os
from fcntl import LOCK_EX, LOCK_NB, LOCK_UN, flock
from pathlib import Path
from time import monotonic, sleep

from security.errors import AuditUnavailable

LOOK_AGAIN_S = 0.0005
_IF_FREE = LOCK_EX | LOCK_NB


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
        deadline_s = monotonic() + self._patience_s
        self._take(self._next, deadline_s)
        try:
            self._take(self._now, deadline_s)
        except BaseException:  # an interrupt, too, which may come once it is taken
            flock(self._now, LOCK_UN)
            raise
        finally:
            flock(self._next, LOCK_UN)

    def __exit__(self, *_: object) -> None:
        flock(self._now, LOCK_UN)

    def _take(self, handle: int, deadline_s: float) -> None:
        while True:
            try:
                flock(handle, _IF_FREE)
                return
            except BlockingIOError as error:
                if monotonic() > deadline_s:
                    raise AuditUnavailable(
                        "nothing can be recorded, so nothing is disclosed: another process has been writing the audit "
                        f"log for more than {self._patience_s:g} s; end it, or try again when it is done"
                    ) from error
                sleep(LOOK_AGAIN_S)


def _opened(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
