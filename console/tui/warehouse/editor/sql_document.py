"""The text of an editor's tab, kept so that a key costs little in a long one, and free of what no terminal shows."""

from __future__ import annotations

import re
from bisect import bisect_right
from itertools import accumulate

from rich.cells import cell_len
from textual.document._document import Document, EditResult, Location
from textual.document._wrapped_document import WrappedDocument
from textual.geometry import Offset, Size

from console.tui.text import UNSHOWABLE, plain
from warehouse.highlighting import Highlighter

TAB = "    "
WIDTH_STEP = 40  # the width to scroll over grows in such steps: each makes the screen be laid out anew

COLOURED = 20_000  # characters of a line that are looked at for colours: a pasted one may have a million

_NOT_PLAIN = re.compile(r"[^\n\x20-\x7e]")


def clean(text: str) -> tuple[str, int]:
    """`text` as an editor may hold it, and how many of its characters were left out or replaced.

    Tabs become spaces. Controls, escapes and direction marks would make the text look other than what runs.
    """
    if _NOT_PLAIN.search(text) is None:
        return text, 0
    lines = text.replace("\t", TAB).splitlines() + ([""] if text.endswith(("\n", "\r")) else [])
    shown = [plain(line) for line in lines]
    lost = sum(len(line) - len(kept) for line, kept in zip(lines, shown, strict=True))
    replaced = sum(kept.count(UNSHOWABLE) - line.count(UNSHOWABLE) for line, kept in zip(lines, shown, strict=True))
    return "\n".join(shown), lost + replaced


class SqlDocument(Document):
    """`revision` differs after every edit. The text must be clean. `highlighter` follows the edits."""

    def __init__(self, text: str = "") -> None:
        super().__init__(text)
        self.highlighter = Highlighter()
        self.highlighter.set_lines([line[:COLOURED] for line in self._lines])
        self.revision = 0
        self._newline = "\n"
        self._widest = max(map(cell_len, self._lines), default=0)
        self._text: tuple[int, str] = (-1, "")
        self._starts: tuple[int, list[int]] = (-1, [])

    @property
    def text(self) -> str:
        revision, text = self._text
        if revision != self.revision:
            text = super().text
            self._text = (self.revision, text)
        return text

    def replace_range(self, start: Location, end: Location, text: str) -> EditResult:
        first, last = min(start, end)[0], min(max(start, end)[0], len(self._lines) - 1)
        result = super().replace_range(start, end, text)
        self.revision += 1
        lines = self._lines[first : result.end_location[0] + 1]
        self._widest = max(self._widest, *map(cell_len, lines))
        self.highlighter.change(first, last - first + 1, [line[:COLOURED] for line in lines])
        return result

    def get_size(self, _tab_width: int) -> Size:
        """As wide as the widest line so far, rounded up."""
        return Size(-(-self._widest // WIDTH_STEP) * WIDTH_STEP, len(self._lines))

    def offset_of(self, location: Location) -> int:
        """The place in the text of a line and column."""
        row, column = location
        return self._line_starts()[row] + column

    def location_of(self, offset: int) -> Location:
        """The line and column of a place in the text, or the nearest there is."""
        starts = self._line_starts()
        row = max(bisect_right(starts, offset) - 1, 0)
        return row, max(0, min(offset - starts[row], len(self._lines[row])))

    def _line_starts(self) -> list[int]:
        revision, starts = self._starts
        if revision != self.revision:
            starts = [0, *accumulate(map((1).__add__, map(len, self._lines[:-1])))]
            self._starts = (self.revision, starts)
        return starts


class UnwrappedDocument(WrappedDocument):
    """The view of a document that is never wrapped and has no tabs: a line of it is a line of the screen."""

    document: SqlDocument

    def wrap(self, width: int, tab_width: int | None = None) -> None:
        del width, tab_width
        lines = range(self.document.line_count)
        self._width = 0
        self._wrap_offsets = [[] for _ in lines]
        self._tab_width_cache = [[] for _ in lines]
        self._offset_to_line_info = [(line, 0) for line in lines]
        self._line_index_to_offsets = [[line] for line in lines]

    def wrap_range(self, start: Location, old_end: Location, new_end: Location) -> None:
        del start, old_end, new_end
        if len(self._wrap_offsets) != self.document.line_count:
            self.wrap(0)

    @property
    def height(self) -> int:
        return len(self._wrap_offsets)

    def location_to_offset(self, location: Location) -> Offset:
        row, column = location
        row = max(0, min(row, self.document.line_count - 1))
        before = self.document[row][:column]
        return Offset(len(before) if before.isascii() else cell_len(before), row)
