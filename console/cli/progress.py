"""Long work of a command: its progress as one line on a terminal's stderr, and its end when a signal asks for it."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import TypeVar

from console.actions.practice_warehouse import PROGRESS

T = TypeVar("T")

WIDTH = 30
REDRAWN_AFTER_S = 0.1


class ProgressLine:
    """A bar on stderr, drawn only where stderr is a terminal that can move its cursor; gone when the work is done."""

    def __init__(self, what: str, environ: Mapping[str, str]) -> None:
        self._what = what
        self._shown = sys.stderr.isatty() and environ.get("TERM", "dumb") != "dumb"
        self._drawn_s = 0.0
        self._drawn = False

    def __call__(self, done: int, whole: int) -> None:
        """Show that `done` of `whole` is done."""
        now_s = time.monotonic()
        if not self._shown or now_s - self._drawn_s < REDRAWN_AFTER_S:
            return
        self._drawn_s, self._drawn = now_s, True
        share = min(1.0, done / whole) if whole else 1.0
        bar = "#" * int(WIDTH * share)
        end = "  summing up …" if share == 1.0 else ""
        sys.stderr.write(f"\r{self._what} [{bar:<{WIDTH}}] {share:4.0%}{end}")
        sys.stderr.flush()

    def close(self) -> None:
        """Leave an empty line behind."""
        if self._drawn:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def progress_lines() -> Callable[[int, int], None]:
    """Tells a parent process how far the work is, as lines `progress DONE ALL` on stderr; it may be gone meanwhile."""
    told = -1

    def tell(done: int, whole: int) -> None:
        nonlocal told
        if whole and done * 100 // whole != told:
            told = done * 100 // whole
            with contextlib.suppress(OSError, ValueError):
                print(f"{PROGRESS} {done} {whole}", file=sys.stderr, flush=True)

    return tell


def stoppable(work: Callable[[threading.Event], T]) -> T:
    """What `work` returns or raises. It runs in a thread, so that a signal is heeded while SQLite computes.

    `work` must end soon after the event it is given is set.
    """
    stop = threading.Event()
    results: list[T] = []
    errors: list[BaseException] = []

    def carry_out() -> None:
        try:
            results.append(work(stop))
        except BaseException as error:  # noqa: BLE001 - thread boundary: raised again below
            errors.append(error)
        finally:
            done.set()

    # Not `join`: interrupted, it takes the thread for ended, and the program would leave it in the midst of its work.
    done = threading.Event()
    thread = threading.Thread(target=carry_out, name="work")
    try:
        thread.start()  # within: a signal that comes while it starts must end the work too
        done.wait()
    except BaseException:
        stop.set()
        if thread in threading.enumerate():  # else it had not started when the signal came
            done.wait()
        raise
    if errors:
        raise errors[0]
    return results[0]
