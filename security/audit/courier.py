"""Carrying checkpoints to a keeper outside, in a thread of its own: a slow or broken one never holds up an append.

Only the newest checkpoint matters, since it covers all before: it replaces one that still waits. After a failure it
is tried again, after a pause that doubles to at most `LONGEST_PAUSE_S`, or as soon as a newer one comes.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

from security.ports import CheckpointKeeper

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0


@dataclass(frozen=True, slots=True)
class KeeperStatus:
    """What a keeper holds. `error` is what its last attempt met, None if it went well or none was made."""

    name: str
    kept: str | None  # the newest note it took from this process
    waiting: bool
    error: str | None


class Courier:
    """Brings notes to one keeper."""

    def __init__(self, keeper: CheckpointKeeper) -> None:
        self._keeper = keeper
        self._changed = threading.Condition()
        self._note: str | None = None
        self._kept: str | None = None
        self._error: str | None = None
        self._closing = False
        self._thread = threading.Thread(target=self._run, name=f"audit-keeper-{keeper.name}", daemon=True)
        self._thread.start()

    def offer(self, note: str) -> None:
        """Bring `note` as soon as it goes; returns at once."""
        with self._changed:
            self._note = note
            self._changed.notify_all()

    def status(self) -> KeeperStatus:
        with self._changed:
            return KeeperStatus(self._keeper.name, self._kept, self._note is not None, self._error)

    def close(self, patience_s: float) -> None:
        """End after what waits was tried once more; wait at most `patience_s` for it."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join(patience_s)

    def _run(self) -> None:
        pause_s = FIRST_PAUSE_S
        while (note := self._next()) is not None:
            error = self._bring(note)
            with self._changed:
                self._error = error
                if error is None:
                    self._kept, pause_s = note, FIRST_PAUSE_S
                    self._note = None if self._note == note else self._note
                elif self._closing:
                    return
                elif self._note == note:
                    self._changed.wait(pause_s)
                    pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    def _next(self) -> str | None:
        """The note to bring; None when there is none and no more will come."""
        with self._changed:
            while self._note is None and not self._closing:
                self._changed.wait()
            return self._note

    def _bring(self, note: str) -> str | None:
        try:
            self._keeper.keep(note)
        except OSError as error:
            return str(error)
        except Exception as error:  # noqa: BLE001 – the boundary of a thread; the status shows it
            return f"{type(error).__name__}: {error}"
        return None
