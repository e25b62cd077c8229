"""Where the ticks of a chart stand: round numbers for values, local hours and days for times. Pure arithmetic."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta

_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
_HOURS = (1, 2, 3, 4, 6, 12)
_DAYS = (1, 2, 5, 7, 10, 15)
_LOOK = timedelta(minutes=15)  # every offset from UTC is a multiple of it


def value_ticks(low: float, high: float, count: int) -> list[float]:
    """At least two and about `count` round numbers from at most `low` to at least `high`, evenly spaced."""
    if high <= low:
        low, high = low - 1, high + 1
    rough = (high - low) / max(count - 1, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(found * power for found in _STEPS if found * power >= rough * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [index * step for index in range(first, last + 1)]


def value_labels(ticks: Sequence[float]) -> list[str]:
    """The ticks as text, all with as many decimals as their step needs."""
    step = ticks[1] - ticks[0]
    decimals = next((n for n in range(6) if abs(round(step, n) - step) < step / 1000), 6)
    return [f"{tick + 0.0:.{decimals}f}" for tick in (round(tick, decimals) for tick in ticks)]


def time_ticks(since: datetime, until: datetime, count: int) -> list[tuple[datetime, str]]:
    """At most `count` instants between two aware ones, on local full hours or midnights, and what to call them."""
    hours = (until - since) / timedelta(hours=1)
    for step in _HOURS:
        if hours / step <= count:
            return [(at, f"{at:%H:%M}") for at in _local_hours(since, until) if at.hour % step == 0]
    midnights = [at for at in _local_hours(since, until) if at.hour == 0]
    for step in _DAYS:
        if hours / 24 / step <= count:
            return [(at, _day(at, hours)) for at in midnights if at.toordinal() % step == 0]
    return []


def _day(at: datetime, hours: float) -> str:
    return f"{at:%a} {at.day}" if hours <= 8 * 24 else f"{at:%b} {at.day}"


def _local_hours(since: datetime, until: datetime) -> list[datetime]:
    """Every full local hour, also where local time is not a whole number of hours from UTC or is changed."""
    at = since.replace(minute=0, second=0, microsecond=0)
    found = []
    while at <= until:
        local = at.astimezone()
        if at >= since and local.minute == 0:
            found.append(local)
        at += _LOOK
    return found
