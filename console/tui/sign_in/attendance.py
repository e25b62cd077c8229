"""Watches the session at this terminal: notes its uses, and tells when it ends or its last minutes run.

Rules:
1. Only a key or the mouse is a use. It is noted here, off the loop, and not more often than every few seconds.
2. To look at the session is no use of it: what the screens poll keeps nobody signed in.
3. A session that cannot be looked at is over when its time is.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime
from time import monotonic
from typing import TYPE_CHECKING

from console.tui.sign_in.words import MINUTE_S, left_words

if TYPE_CHECKING:  # the domain is loaded after the first paint
    from console.actions.sign_in import SignInActions, Who

log = logging.getLogger(__name__)

LOOK_S = 2.0
LAST_LOOK_S = 1.0  # in the last minute, whose seconds are told
TOUCH_S = 15.0
SHARE = 5  # of a short idle limit, that many looks


class Attendance:
    """`on_news` is called in its thread: with who is there, at each new minute and each second of the last, and with
    None when nobody is.
    """

    def __init__(
        self, *, idle_s: float, now: Callable[[], datetime], on_news: Callable[[object, Who | None], None]
    ) -> None:
        self._look_s = min(LOOK_S, idle_s / SHARE)
        self._touch_s = min(TOUCH_S, idle_s / SHARE)
        self._now = now
        self._on_news = on_news
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._sitting: object | None = None
        self._used = False

    def begin(self, who: Who, actions: SignInActions) -> object:
        """Somebody has signed in: watch until the session ends. What is returned stands for this sitting in news."""
        sitting = object()
        with self._lock:
            self._sitting = sitting
            self._wake.set()
            self._wake = threading.Event()
        threading.Thread(
            target=self._watch, args=(sitting, who, actions, self._wake), name="console-session", daemon=True
        ).start()
        return sitting

    def end(self) -> None:
        """Nobody is to be watched any more."""
        with self._lock:
            self._sitting = None
            self._wake.set()

    def used(self) -> None:
        """A person has pressed a key, or used the mouse."""
        self._used = True

    def look(self) -> None:
        """Look at once."""
        self._wake.set()

    def _watch(self, sitting: object, who: Who, actions: SignInActions, wake: threading.Event) -> None:
        touched = monotonic()
        told = left_words(who, self._now())
        while True:
            wake.wait(self._look_in_s(who))
            wake.clear()
            if self._sitting is not sitting:
                return
            touch = self._used and monotonic() - touched >= self._touch_s
            found = self._found(who, actions, touch=touch)
            if touch:
                touched, self._used = monotonic(), False
            if self._sitting is not sitting:
                return
            if found is None:
                self._on_news(sitting, None)
                return
            who = found
            left = left_words(who, self._now())
            if left != told:
                told = left
                self._on_news(sitting, who)

    def _look_in_s(self, who: Who) -> float:
        last = (who.expires - self._now()).total_seconds() <= MINUTE_S + LOOK_S
        return min(self._look_s, LAST_LOOK_S) if last else self._look_s

    def _found(self, known: Who, actions: SignInActions, *, touch: bool) -> Who | None:
        try:
            return actions.touch() if touch else actions.who()
        except Exception as error:  # noqa: BLE001 – the thread's boundary; rule 3
            log.warning("the session cannot be looked at: %s", error)
            return known if self._now() < known.expires else None
