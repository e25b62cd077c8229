"""Keeps a screen of details up to date: asks off the loop whether anything changed, and reads only if it did."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from textual.screen import Screen

from console.tui.off_loop import off_loop

T = TypeVar("T")
LOOK_S = 0.7


class Live(Generic[T]):
    """From its making on until the screen is gone: `read` off the loop, `take` or `fail` on it.

    `version` is the cheap question, also asked off the loop. One question at a time, so that a slow disk piles up
    nothing; while the screen is covered by another, none is asked.
    """

    def __init__(
        self,
        screen: Screen[Any],
        version: Callable[[], int],
        read: Callable[[], T],
        take: Callable[[T], None],
        fail: Callable[[Exception], None],
    ) -> None:
        self._screen = screen
        self._version = version
        self._read = read
        self._take = take
        self._fail = fail
        self._seen: int | None = None
        self._asking = False
        self._wanted = False
        screen.set_interval(LOOK_S, self._look)
        self._look()

    def again(self) -> None:
        """Read as soon as possible, changed or not."""
        self._seen = None
        self._wanted = True
        self._look()

    def _look(self) -> None:
        if self._asking or (not self._screen.is_current and self._seen is not None):
            return
        self._asking, self._wanted = True, False
        seen = self._seen

        def ask() -> tuple[int, T | None]:
            version = self._version()
            return version, None if version == seen else self._read()

        off_loop(self._screen, ask, self._answered, self._failed)

    def _answered(self, answer: tuple[int, T | None]) -> None:
        version, found = answer
        self._asking = False
        if not self._wanted:
            self._seen = version
        if found is not None:
            self._take(found)
        if self._wanted:
            self._look()

    def _failed(self, error: Exception) -> None:
        self._asking, self._seen = False, None
        self._fail(error)
