"""Makes any text safe and fit for one line of a terminal: city names and API messages are hostile input."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from rich.cells import cell_len, set_cell_size

UNSHOWABLE = "\N{REPLACEMENT CHARACTER}"
MOST_MARKS = 2  # combining marks on one letter; more would pile up over other lines


@lru_cache(maxsize=4096)
def plain(text: str) -> str:
    """`text` on one line without anything that a terminal would act upon: controls, escapes, direction marks."""
    if text.isascii() and text.isprintable():
        return text
    shown: list[str] = []
    marks = 0
    for char in text:
        category = unicodedata.category(char)
        marks = marks + 1 if category in ("Mn", "Me") else 0
        if category in ("Zs", "Zl", "Zp") or char in "\t\r\n":
            shown.append(" ")
        elif category == "Cf" or 0xFE00 <= ord(char) <= 0xFE0F or marks > MOST_MARKS:
            continue  # invisible: direction marks, joiners, variation selectors
        elif category[0] == "C":
            shown.append(UNSHOWABLE)
        else:
            shown.append(char)
    return "".join(shown)


@lru_cache(maxsize=8192)
def fitted(text: str, width: int, align: str = "left", ellipsis: str = "…") -> str:
    """`text` in exactly `width` cells: cut with an ellipsis, or filled with spaces."""
    size = cell_len(text)
    if size > width:
        return set_cell_size(text, max(width - 1, 0)) + ellipsis if width > 0 else ""
    space = " " * (width - size)
    return space + text if align == "right" else text + space


def duration_words(seconds: float) -> str:
    """A duration in at most five characters."""
    if seconds < 9.95:
        return f"{seconds:.1f}s"
    if seconds < 59.5:
        return f"{seconds:.0f}s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 10:
        return f"{minutes}m{rest:02d}s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02d}m"[:6] if hours else f"{minutes}m"


def local_clock(instant: datetime, *, seconds: bool = False) -> str:
    """The local time of day."""
    return instant.astimezone().strftime("%H:%M:%S" if seconds else "%H:%M")


def age_words(instant: datetime, now: datetime) -> str:
    """How old something is: its local time of day within the hour, then whole hours, days, years."""
    age = now - instant
    if age < timedelta(hours=1):
        return local_clock(instant)
    hours = int(age.total_seconds() // 3600)
    if hours < 48:
        return f"{hours} h ago"
    days = hours // 24
    return f"{days} d ago" if days < 731 else f"{days // 365} y ago"


def utc_hour(instant: datetime, now: datetime, *, width: int) -> str:
    """A logical time in UTC, with as much of it as `width` (14 or 19) permits; seconds only where it has some."""
    at = instant.astimezone(UTC)
    seconds = at.strftime(":%S") if at.second else ""
    if width >= 19:
        return at.strftime("%Y-%m-%d %H:%M") + seconds
    if at.year == now.astimezone(UTC).year:
        return at.strftime("%m-%d %H:%M") + seconds
    return at.strftime("%y-%m-%d %H:%M")
