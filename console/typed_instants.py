"""An instant as people type it, the same for the console and the command line. Pure."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

EXPECTED = "in UTC 2026-11-28, 2026-11-28T14:30, 14:30 of today, or 30m, 2h or 3d ago"
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


def read_instant(typed: str, now: datetime) -> datetime:
    """The instant in UTC of a date, a date and time, a time of today, or how long ago (`2h`, `2h ago`).

    Raises ValueError, which says what was expected.
    """
    text = typed.strip()
    now = now.astimezone(UTC)
    ago = text.removesuffix("ago").rstrip()
    try:
        if ago[:-1].isascii() and ago[:-1].isdigit() and ago[-1] in _UNITS:
            return now - int(ago[:-1]) * _UNITS[ago[-1]]
        if len(text) <= 8 and ":" in text:
            return datetime.combine(now.date(), time.fromisoformat(text), UTC)
        if len(text) <= 10:
            return datetime.combine(date.fromisoformat(text), time(), UTC)
        found = datetime.fromisoformat(text)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"expected an instant ({EXPECTED}), found {typed[:40]!r}") from None
