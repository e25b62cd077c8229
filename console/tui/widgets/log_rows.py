"""Log lines laid out in rows of a width, and what is searched for in them: plain values without any widget."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from console.tui.widgets.log_text import shown_lines, wrapped
from etl.history.queries import LogLine


@dataclass(frozen=True, slots=True)
class Row:
    """One row: line `index`, the part of its text (a text of several lines has several), and where in that part."""

    index: int
    part: int
    start: int
    end: int


class LogRows:
    """The lines of a log, wrapped to `width` cells; `matches` are the indices of the lines found."""

    def __init__(self, width: int) -> None:
        self.lines: list[LogLine] = []
        self.rows: list[Row] = []
        self.matches: list[int] = []
        self.sought = ""
        self._texts: list[list[str]] = []
        self._first_row: list[int] = []
        self._pattern: re.Pattern[str] | None = None
        self._width = width

    def add(self, lines: Iterable[LogLine]) -> None:
        """Add lines at the end."""
        for line in lines:
            index = len(self.lines)
            self.lines.append(line)
            self._texts.append(shown_lines(line.text))
            self._lay_out(index)
            if self.is_match(index):
                self.matches.append(index)

    def wrap(self, width: int) -> None:
        """Lay everything out anew, if the width is another."""
        if width == self._width:
            return
        self._width = width
        self.rows, self._first_row = [], []
        for index in range(len(self.lines)):
            self._lay_out(index)

    def search(self, text: str) -> None:
        """Look for `text` in any case; an empty one ends the search."""
        self.sought = text
        self._pattern = re.compile(re.escape(text), re.IGNORECASE) if text else None
        self.matches = [index for index in range(len(self.lines)) if self.is_match(index)]

    def is_match(self, index: int) -> bool:
        pattern = self._pattern
        return pattern is not None and index < len(self._texts) and any(map(pattern.search, self._texts[index]))

    def match_from(self, index: int, by: int) -> int | None:
        """The next match after `index` (`by` 1), from it on (0) or before it (-1), around the ends; None if none is."""
        if not self.matches:
            return None
        at = bisect_left(self.matches, index + (by > 0)) - (by < 0)
        return self.matches[at % len(self.matches)]

    def place_of(self, index: int) -> int:
        """How many matches there are up to line `index`, 0 if it is none."""
        return bisect_left(self.matches, index) + 1 if self.is_match(index) else 0

    def rows_of(self, index: int) -> tuple[int, int]:
        """First row of a line and the row after its last."""
        after = self._first_row[index + 1] if index + 1 < len(self._first_row) else len(self.rows)
        return self._first_row[index], after

    def pieces(self, row: Row) -> Iterator[tuple[str, bool]]:
        """The row's text in pieces, and whether each is what is searched for."""
        text, at = self._texts[row.index][row.part], row.start
        for match in self._pattern.finditer(text) if self._pattern else ():
            first, last = max(match.start(), row.start), min(match.end(), row.end)
            if first < last:
                yield text[at:first], False
                yield text[first:last], True
                at = last
        yield text[at : row.end], False

    def _lay_out(self, index: int) -> None:
        self._first_row.append(len(self.rows))
        for part, text in enumerate(self._texts[index]):
            self.rows += [Row(index, part, start, end) for start, end in wrapped(text, self._width)]
