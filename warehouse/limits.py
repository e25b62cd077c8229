"""What one query may use, and stopping it when it has used it up or the operator wants it to end."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from warehouse.errors import QueryStopped
from warehouse.sql_text import MAX_CHARACTERS

STEPS_BETWEEN_LOOKS = 10_000  # about 0.2 ms of SQLite's virtual machine
CACHE_KIB = 8_192  # also what a sort may hold in memory; beyond it, SQLite sorts in unlinked files
MAX_TEMP_PAGES = 262_144  # of 4 KiB: what one spooled result may take on the disk, or in memory where cells are clear

SQLITE_LIMITS = {
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,  # mode=ro alone would still let ATTACH write another file
    sqlite3.SQLITE_LIMIT_LENGTH: 1_000_000,  # bytes of one cell or row: nothing stored here is near it
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: MAX_CHARACTERS * 4,
    sqlite3.SQLITE_LIMIT_COLUMN: 500,
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 200,
    sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 100,
    sqlite3.SQLITE_LIMIT_VDBE_OP: 250_000,
    sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 1_000,
    sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER: 1_000,
    sqlite3.SQLITE_LIMIT_WORKER_THREADS: 0,
}


@dataclass(frozen=True, slots=True)
class QueryLimits:
    """Seconds that one query may take, and rows that are shown of it; 0 rows: all that there are."""

    timeout_s: float = 30.0
    rows: int = 10_000


def apply_limits(connection: sqlite3.Connection) -> None:
    """Set SQLite's own limits on a connection that will see statements of users."""
    for category, value in SQLITE_LIMITS.items():
        connection.setlimit(category, value)
    connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    limit_temp(connection)


def limit_temp(connection: sqlite3.Connection) -> None:
    """Limit what the TEMP tables of a connection may take, on the disk or in memory."""
    connection.execute(f"PRAGMA temp.max_page_count = {MAX_TEMP_PAGES}")


class Deadline:
    """Watches one query: asked from within SQLite, it says whether to go on. May be cancelled from any thread."""

    def __init__(self, timeout_s: float, stop: threading.Event | None = None) -> None:
        self.timeout_s = timeout_s
        self._ends_at = time.monotonic() + timeout_s
        self._stop = stop or threading.Event()
        self._ended: Callable[[], bool] | None = None
        self._because = ""

    def also_ends(self, ended: Callable[[], bool], because: str) -> None:
        """End the query too when `ended` says so, which is asked often; `because` is then its error."""
        self._ended = ended
        self._because = because

    def cancel(self) -> None:
        """End the query at its next look."""
        self._stop.set()

    @property
    def cancelled(self) -> bool:
        return self._stop.is_set()

    def is_over(self) -> bool:
        """Whether the query has to end now."""
        if self._stop.is_set() or time.monotonic() >= self._ends_at:
            return True
        return self._ended is not None and self._ended()

    def left_s(self) -> float:
        """Seconds until the limit, at least 0."""
        return max(0.0, self._ends_at - time.monotonic())

    def watch(self, connection: sqlite3.Connection) -> None:
        """Let `connection` ask regularly."""
        connection.set_progress_handler(self.is_over, STEPS_BETWEEN_LOOKS)

    def error(self) -> QueryStopped:
        """Why the query was ended."""
        if self.cancelled:
            return QueryStopped("the query was cancelled; nothing was changed")
        if self._ended is not None and time.monotonic() < self._ends_at:
            return QueryStopped(self._because)
        return QueryStopped(
            f"the query took longer than {self.timeout_s:g} s and was stopped; narrow it, or raise the limit"
        )
