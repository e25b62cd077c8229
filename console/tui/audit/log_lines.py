"""The loaded part of the audit log as it is shown: oldest first, all of one filter, growing at both ends."""

from __future__ import annotations

from collections.abc import Sequence

from security.audit.search import Filter, Page, Recorded

PAGE = 200  # events that are loaded at once
MOST = 5_000  # that are kept while new ones come; older ones are loaded again when they are wanted


class LogLines:
    """Holds events; it reads none itself."""

    def __init__(self) -> None:
        self.wanted = Filter()
        self.rows: list[Recorded] = []
        self.seen = -1  # the number of the newest event that was looked at, shown or not
        self._before: int | None = None

    def begin(self, wanted: Filter, size: int, page: Page) -> None:
        """Show the newest events of a log of `size` that pass `wanted`, as a search gives them."""
        self.wanted = wanted
        self.rows = list(reversed(page.events))
        self.seen = size - 1
        self._before = page.before

    @property
    def before(self) -> int | None:
        """What asks for the next older page; None where there is none."""
        return self._before

    def older(self, page: Page) -> int:
        """Put an older page before the rest; how many lines that are."""
        self.rows[:0] = reversed(page.events)
        self._before = page.before
        return len(page.events)

    def newer(self, events: Sequence[Recorded]) -> int:
        """Take what came since, as the tail gives it; how many lines were added."""
        fresh = [one for one in events if one.seq > self.seen]
        if fresh:
            self.seen = fresh[-1].seq
        shown = [one for one in fresh if self.wanted.fits(one.event)]
        self.rows += shown
        return len(shown)

    def trim(self) -> int:
        """Let the oldest lines go where there are too many; how many went."""
        gone = len(self.rows) - MOST
        if gone <= 0:
            return 0
        del self.rows[:gone]
        self._before = self.rows[0].seq
        return gone
