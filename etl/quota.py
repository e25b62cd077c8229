"""The API quota: an exact sliding log of calls that every process of the workspace shares, and the pause after a 429.

Exact, since a token bucket lets twice the quota through around a refill. The log is timed by the machine's own
uptime, so that a stepping wall clock neither blocks nor floods the API.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from etl.history.database import Database, parse_stamp, stamp
from etl.ports import Clock

WINDOW_S = 60.0
HOLD_S = WINDOW_S + 1.0  # how long a call counts here: the API counts from its arrival, which is a little later
BOOT_ID_FILE = Path("/proc/sys/kernel/random/boot_id")


def boot_id() -> str:
    """What tells this start of the machine from every other (Linux); '' where the system does not say."""
    try:
        return BOOT_ID_FILE.read_text().strip()
    except OSError:
        return ""


class Quota:
    """At most `calls_per_minute` calls in any 60 seconds, over all processes; 0 is no limit."""

    def __init__(self, database: Database, *, source: str, calls_per_minute: int, clock: Clock) -> None:
        self._database = database
        self._source = source
        self._limit = calls_per_minute
        self._clock = clock
        self._boot = boot_id()
        self._pause_until_s = 0.0
        self._pause_read_s = float("-inf")

    def take(self) -> float:
        """Take one call now and return 0.0, or take none and return the seconds until one may be free."""
        pause = self.pause_left_s()
        if pause > 0:
            return pause
        if not self._limit:
            return 0.0
        now_s = self._clock.steady_s()
        with self._database.transaction() as sql:
            sql.execute(
                "DELETE FROM api_call WHERE source = ? AND (boot <> ? OR steady_s <= ?)",
                (self._source, self._boot, now_s - HOLD_S),
            )
            used, oldest_s = sql.execute(
                "SELECT count(*), min(steady_s) FROM api_call WHERE source = ?", (self._source,)
            ).fetchone()
            if used >= self._limit:
                return max(float(oldest_s) + HOLD_S - now_s, 0.001)
            sql.execute("INSERT INTO api_call VALUES (?, ?, ?)", (self._source, self._boot, now_s))
        return 0.0

    def pause(self, seconds: float) -> datetime:
        """The API answered 429: nobody calls it for `seconds`. Returns when the pause ends."""
        until = self._clock.now() + timedelta(seconds=seconds)
        until_steady_s = self._clock.steady_s() + seconds
        with self._database.transaction() as sql:
            sql.execute(
                "INSERT OR REPLACE INTO api_pause VALUES (?, ?, ?, ?)",
                (self._source, self._boot, until_steady_s, stamp(until)),
            )
        self._pause_read_s = float("-inf")
        return until

    def pause_left_s(self) -> float:
        """Seconds until the pause after a 429 ends, 0 without one. Read from the workspace at most once a second."""
        now_s = self._clock.steady_s()
        if now_s - self._pause_read_s >= 1.0:
            self._pause_until_s = self._read_pause(now_s)
            self._pause_read_s = now_s
        return max(self._pause_until_s - now_s, 0.0)

    def _read_pause(self, now_s: float) -> float:
        rows = self._database.query(
            "SELECT boot, until_steady_s, until FROM api_pause WHERE source = ?", (self._source,)
        )
        if not rows:
            return 0.0
        boot, until_s, until = rows[0]
        if boot == self._boot:
            return float(until_s)
        return now_s + (parse_stamp(until) - self._clock.now()).total_seconds()  # the machine was restarted since


def calls_in_window(database: Database, *, source: str, clock: Clock) -> int:
    """Calls to the source in the last 60 seconds, for the console."""
    rows = database.query(
        "SELECT count(*) FROM api_call WHERE source = ? AND boot = ? AND steady_s > ?",
        (source, boot_id(), clock.steady_s() - WINDOW_S),
    )
    return int(rows[0][0])
