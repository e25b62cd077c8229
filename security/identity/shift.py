"""A working shift: two times of day in an IANA time zone. It may cross midnight; its end is not part of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, time
from zoneinfo import ZoneInfo

from security.errors import AccountRefused

_TIMES = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")
_ZONE = re.compile(r"[A-Za-z0-9][A-Za-z0-9+_/-]{0,63}")


@dataclass(frozen=True, slots=True)
class Shift:
    """`start` and `end` are wall-clock times in `timezone`. Raises AccountRefused for a shift that cannot be."""

    start: time
    end: time
    timezone: str

    def __post_init__(self) -> None:
        if self.start == self.end:
            raise AccountRefused(
                f"expected a shift that ends at another time than it starts, found {self.start:%H:%M} for both; the "
                "longest ends a minute before it starts, and an account without a shift is never on shift"
            )
        _zone(self.timezone)

    @classmethod
    def parse(cls, times: str, timezone: str) -> Shift:
        """The shift of `HH:MM-HH:MM` and an IANA time zone. Raises AccountRefused."""
        match = _TIMES.fullmatch(times)
        if match is None:
            raise AccountRefused(f"expected a shift such as 08:00-20:00, found {times[:40]!r}")
        start_h, start_m, end_h, end_m = map(int, match.groups())
        return cls(time(start_h, start_m), time(end_h, end_m), timezone)

    def covers(self, instant: datetime) -> bool:
        """Whether an aware instant lies in the shift, by the wall clock of its zone."""
        if instant.utcoffset() is None:
            raise ValueError("expected an instant with its offset from UTC")
        local = instant.astimezone(_zone(self.timezone)).time()
        if self.start < self.end:
            return self.start <= local < self.end
        return local >= self.start or local < self.end

    def __str__(self) -> str:
        return f"{self.start:%H:%M}-{self.end:%H:%M} {self.timezone}"


def _zone(name: str) -> ZoneInfo:
    try:
        if not _ZONE.fullmatch(name):
            raise ValueError(name)
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError) as error:  # ZoneInfoNotFoundError is a KeyError
        raise AccountRefused(f"expected an IANA time zone such as Europe/London, found {name[:40]!r}") from error
