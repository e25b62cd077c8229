"""The short time for which identifiers are shown: they go after it, and at once when anything else is wanted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import monotonic

from textual.timer import Timer
from textual.widget import Widget

SHOWN_S = 30.0
TICK_S = 1.0


class Identifiers:
    """Holds the values while they are shown. `show` is called with them and the seconds left, or with None."""

    def __init__(
        self, owner: Widget, show: Callable[[Mapping[str, str] | None, int], None], *, shown_s: float = SHOWN_S
    ) -> None:
        self._owner, self._show, self._shown_s = owner, show, shown_s
        self._values: Mapping[str, str] | None = None
        self._until = 0.0
        self._timer: Timer | None = None
        self.wanted = 0  # which request is the newest: an answer to an older one is dropped

    @property
    def shown(self) -> bool:
        """Whether they stand on the screen."""
        return self._values is not None

    def ask(self) -> int:
        """A new request for them is under way; its number."""
        self.wanted += 1
        return self.wanted

    def take(self, values: Mapping[str, str]) -> None:
        """Show these for the time there is."""
        self._stop()
        self._values = dict(values)
        self._until = monotonic() + self._shown_s
        self._timer = self._owner.set_interval(min(TICK_S, self._shown_s / 4), self._tick)
        self._tick()

    def hide(self) -> None:
        """Keep and show them no longer; a request that is under way shows nothing when it is answered."""
        shown = self.shown
        self.forget()
        if shown:
            self._show(None, 0)

    def forget(self) -> None:
        """Keep them no longer; there is nothing left on which they are shown."""
        self.wanted += 1
        self._stop()
        self._values = None

    def _tick(self) -> None:
        left = self._until - monotonic()
        if left <= 0:
            self.hide()
        else:
            self._show(self._values, int(-(-left // 1)))

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
