"""A small pool of daemon threads: unlike the standard executor's, they never hold up the end of the process.

A run may be left at any instant, since its files and objects appear whole; waiting for a stalled network call would
only delay the operator.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue


class Workers:
    """Up to `most` threads, started as they are needed; `submit` hands over one call that must not raise."""

    def __init__(self, most: int, *, name: str) -> None:
        self._most = most
        self._name = name
        self._calls: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._threads = 0
        self.in_flight = 0

    @property
    def free(self) -> int:
        return self._most - self.in_flight

    def submit(self, call: Callable[[], None]) -> None:
        """Run `call` in a worker; the owner of the pool counts it out again with `done`."""
        self.in_flight += 1
        if self._threads < min(self.in_flight, self._most):
            self._threads += 1
            threading.Thread(target=self._work, name=f"{self._name}-{self._threads}", daemon=True).start()
        self._calls.put(call)

    def done(self) -> None:
        self.in_flight -= 1

    def close(self) -> None:
        """Let idle threads end; busy ones end after their call."""
        for _ in range(self._threads):
            self._calls.put(None)

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            call()
