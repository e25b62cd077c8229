"""The real clock; tests bring their own."""

from __future__ import annotations

import time
from datetime import UTC, datetime

# Counts on while the machine sleeps, where the system has such a clock.
_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class SystemClock:
    """The machine's wall clock, and the seconds since it started."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def steady_s(self) -> float:
        return time.clock_gettime(_STEADY)
