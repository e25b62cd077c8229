"""The small warehouse that a new practice workspace gets by itself, built behind a front end in a process of its own.

A process, because SQLite and Python would otherwise share the interpreter with the screen. What it does is one
transaction into an empty warehouse under the store's own lock:
1. Two consoles at once may both start one; the second finds the data of the first and leaves it.
2. A build that is stopped, killed or failed leaves nothing behind, and the next start of a front end begins anew.
3. `stop` ends it. If the console is killed before that, the build goes on to its end: seconds, and complete.
"""

from __future__ import annotations

import logging
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from warehouse.errors import StoreError

PRACTICE_ROWS = 50_000  # built in about two seconds; enough for months, stores and categories to differ
PROGRESS = "progress"  # begins the lines by which the process tells how far it is
STOP_WITHIN_S = 3.0
log = logging.getLogger(__name__)


class BuildState(StrEnum):
    """How far the practice warehouse is."""

    IDLE = "idle"  # nothing is to be done, or nothing was started yet
    BUILDING = "building"
    DONE = "done"  # it was built here, or by another process meanwhile
    FAILED = "failed"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class BuildNews:
    """What is to be shown of the build. `share` is that of the sales, 0 to 1; `problem` is why it failed."""

    state: BuildState = BuildState.IDLE
    share: float = 0.0
    problem: str = ""

    @property
    def words(self) -> str:
        """One line for people; empty where there is nothing to say."""
        if self.state is BuildState.BUILDING:
            rest = "summing up" if self.share >= 1 else f"{self.share * 100:.0f} %"
            return f"building the practice warehouse: {rest}"
        if self.state is BuildState.FAILED:
            return f"the practice warehouse was not built: {self.problem}"
        return ""


class PracticeWarehouse:
    """The build of one workspace; `news` is how far it is."""

    def __init__(
        self,
        *,
        missing: Callable[[], bool],
        command: Sequence[str],
        environ: Mapping[str, str],
    ) -> None:
        self._missing = missing
        self._command = list(command)
        self._environ = dict(environ)
        self._on_change: Callable[[BuildNews], None] = lambda _news: None
        self._process: subprocess.Popen[str] | None = None
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._stopped = threading.Event()
        self.news = BuildNews()

    def start(self, on_change: Callable[[BuildNews], None] | None = None) -> bool:
        """Begin if there is no warehouse with data yet, once; whether it did. Reads the store, so it may wait.

        Any thread may call. `on_change` is called with all news from now on, most of them in a thread of the build.
        """
        if on_change is not None:
            self._on_change = on_change
        with self._starting:
            return self._start()

    def _start(self) -> bool:
        if self._process is not None or self._stopped.is_set():
            return False
        try:
            if not self._missing():
                return False
            self._process = subprocess.Popen(  # noqa: S603 - the command is the wiring's, this program itself
                self._command,
                env=self._environ,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                start_new_session=True,  # what the terminal tells the console's process group is not meant for it
            )
        except (OSError, StoreError) as error:
            self._tell(BuildNews(BuildState.FAILED, problem=str(error)))
            return False
        if self._stopped.is_set():  # meanwhile: `stop` may not have seen the process
            self._process.terminate()
        self._tell(BuildNews(BuildState.BUILDING))
        self._thread = threading.Thread(target=self._follow, name="practice-warehouse", daemon=True)
        self._thread.start()
        return True

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait for the end of what was started; False if it goes on."""
        if self._thread is not None:
            self._thread.join(timeout_s)
        return self._thread is None or not self._thread.is_alive()

    def stop(self) -> None:
        """End the build, if one is at work: the warehouse is then as it was. Takes a moment at most."""
        self._stopped.set()
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.terminate()
        try:
            process.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self.wait(STOP_WITHIN_S)

    def _follow(self) -> None:
        process = self._process
        assert process is not None
        assert process.stderr is not None
        last = ""
        with process.stderr as lines:
            for line in lines:
                share = _share(line)
                if share is None:
                    last = line.strip().removeprefix("lakewarden: ") or last
                else:
                    self._tell(BuildNews(BuildState.BUILDING, share))
        code = process.wait()
        self._tell(self._end(code, last))

    def _end(self, code: int, last: str) -> BuildNews:
        if code == 0:
            return BuildNews(BuildState.DONE, 1.0)
        if self._stopped.is_set():
            return BuildNews(BuildState.STOPPED)
        log.warning("building the practice warehouse ended with %d: %s", code, last)
        return BuildNews(BuildState.FAILED, problem=last or f"its process ended with {code}")

    def _tell(self, news: BuildNews) -> None:
        if news != self.news:
            self.news = news
            self._on_change(news)


def _share(line: str) -> float | None:
    """The share that a line of progress tells of; None for any other line."""
    words = line.split()
    if len(words) != 3 or words[0] != PROGRESS or not (words[1].isdecimal() and words[2].isdecimal()):
        return None
    return min(int(words[1]) / max(int(words[2]), 1), 1.0)
