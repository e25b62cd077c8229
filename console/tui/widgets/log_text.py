"""How a log line becomes rows of a screen: made safe without hiding anything, and wrapped to a width in cells."""

from __future__ import annotations

import unicodedata

from rich.cells import cell_len

MOST_CHARACTERS = 10_000  # of one line; the rest is only counted
MOST_MARKS = 2  # combining marks on one letter; more would pile up over other rows
TAB = "    "
_ESCAPED = frozenset(["Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"])


def shown_lines(text: str) -> list[str]:
    """The lines of `text`, each without anything a terminal would act upon: that is shown escaped (`\\x1b`)."""
    left_out = len(text) - MOST_CHARACTERS
    if left_out > 0:
        text = f"{text[:MOST_CHARACTERS]} … and {left_out:,} characters more"
    if text.isascii() and text.isprintable():
        return [text]
    return [_shown(line.removesuffix("\r")) for line in text.split("\n")]


def wrapped(text: str, width: int) -> list[tuple[int, int]]:
    """Start and end of each row of `text`, at most `width` cells each, broken at spaces where it can be."""
    narrow = text.isascii()  # a cell a character
    if len(text) <= width and (narrow or cell_len(text) <= width):
        return [(0, len(text))]
    rows: list[tuple[int, int]] = []
    start = 0
    while start < len(text):
        end = start + width if narrow else _fitting(text, start, width)
        if end < len(text):
            space = text.rfind(" ", start + (end - start) // 2, end)
            end = space + 1 if space > 0 else end
        rows.append((start, min(end, len(text))))
        start = end
    return rows


def _fitting(text: str, start: int, width: int) -> int:
    """How far `text` goes from `start` in `width` cells; at least one character."""
    end, left = start, width
    while end < len(text) and (left := left - cell_len(text[end])) >= 0:
        end += 1
    return max(end, start + 1)


def _shown(line: str) -> str:
    shown: list[str] = []
    marks = 0
    for char in line:
        category = unicodedata.category(char)
        marks = marks + 1 if category in ("Mn", "Me") else 0
        if char == "\t":
            shown.append(TAB)
        elif category in _ESCAPED or marks > MOST_MARKS or 0xFE00 <= ord(char) <= 0xFE0F:
            shown.append(char.encode("unicode_escape").decode())
        else:
            shown.append(char)
    return "".join(shown)
