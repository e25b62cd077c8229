"""How the SQL editor's text is drawn: only the lines on the screen, and of those only the ones that changed.

Textual's `TextArea` brings the editing, but its own drawing walks the whole text at every key.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.document._document import Location
from textual.document._document_navigator import DocumentNavigator
from textual.geometry import Offset, Region
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widgets import TextArea

from console.tui.theme import Glyphs, glyphs
from console.tui.warehouse.editor.sql_document import SqlDocument, UnwrappedDocument, clean
from console.tui.warehouse.editor.sql_tones import SqlTones, sql_tones
from etl.models import RunState
from warehouse import statements
from warehouse.statements import Statement

MARKED_UP_TO = 200_000  # characters in which statements and brackets are looked for at every key
NUMBERED_FROM = 40  # cells of width
BAR = "▎"
AROUND, AROUND_ASCII = ("◂", "▸"), ("<", ">")  # where a line goes on beyond the edges

_BRACKET = re.compile(r"--[^\n]*|/\*(?s:.*?)(?:\*/|\Z)|'[^']*(?:'|\Z)|\"[^\"]*(?:\"|\Z)|`[^`]*(?:`|\Z)|[()]")
_WORD_OR_SIGN = re.compile(r"[\w$]+|\S")


@dataclass(slots=True)
class _Seen:
    """What was found in a revision of a document, and the statement under the cursor where that was looked for last."""

    document: SqlDocument
    revision: int
    statements: tuple[Statement, ...]
    brackets: dict[int, int]
    cursor: int = -1
    current: Statement | None = None


class SqlPaper(TextArea):
    """A text area for SQL, with `placeholder_lines` where there is none."""

    document: SqlDocument
    placeholder_lines: tuple[str, ...] = ()

    def __init__(self, *, id: str) -> None:  # noqa: A002 – Textual's name for it
        self._painted: dict[int, Strip] = {}
        self._repaint_asked = False
        self._seen: _Seen | None = None
        self._brackets: tuple[int, int] | None = None
        self._error: tuple[SqlDocument, int, int, int] | None = None  # document, revision, start, end
        super().__init__(id=id, soft_wrap=False, highlight_cursor_line=False)
        self.cursor_blink = False

    # ---- what is known of the text ----------------------------------------------------------------------------------

    @property
    def cursor_offset(self) -> int:
        """Where the cursor is in the text."""
        return self.document.offset_of(self.cursor_location)

    @property
    def statements(self) -> tuple[Statement, ...]:
        """The statements of the text; none are looked for in a very long one."""
        return self._look().statements

    def current_statement(self) -> Statement | None:
        """The statement under the cursor."""
        seen, cursor = self._look(), self.cursor_offset
        if seen.cursor != cursor:
            seen.cursor, seen.current = cursor, statements.at(self.text, cursor)
        return seen.current

    def mark_error(self, offset: int) -> None:
        """Move the cursor to a place and mark what stands there, until the next edit."""
        text = self.text
        start = max(0, min(offset, len(text)))
        if not text[start:].strip() and text.strip():  # behind the end: what comes last is marked
            start = len(text.rstrip()) - 1
        found = _WORD_OR_SIGN.match(text, start)
        self._error = (self.document, self.document.revision, start, found.end() if found else start + 1)
        self.move_cursor(self.document.location_of(start))
        self.refresh()

    def find_matching_bracket(self, _bracket: str, search_from: Location) -> Location | None:
        """The partner of the bracket at the cursor, or just before it."""
        offset, pairs = self.document.offset_of(search_from), self._look().brackets
        at = next((place for place in (offset, offset - 1) if place in pairs), None)
        self._brackets = None if at is None else (at, pairs[at])
        return None if at is None else self.document.location_of(pairs[at])

    def scroll_cursor_visible(self, center: bool = False, animate: bool = False) -> Offset:  # noqa: ARG002 – `TextArea` has it
        """As little as needed; but wherever it can, a line is shown from its beginning."""
        self._recompute_cursor_offset()  # type: ignore[no-untyped-call] # of TextArea
        x, y = self._cursor_offset
        room, lines = self.scrollable_content_region.width - self.gutter_width, self.scrollable_content_region.height
        left, top = int(self.scroll_offset.x), int(self.scroll_offset.y)
        if x + 2 <= room:
            left = 0
        elif not left + 1 <= x <= left + room - 2:
            left = x - (room - 2 if x > left else room // 3)
        if center:
            top = y - lines // 2
        elif not top <= y < top + lines:
            top = y if y < top else y - lines + 1
        self.scroll_to(max(left, 0), max(top, 0), animate=False, force=True)
        return Offset(left, top)

    def show_document(self, document: SqlDocument) -> None:
        """Draw another text; the caller places the cursor."""
        self.document = document
        self.wrapped_document = UnwrappedDocument(document)
        self.navigator = DocumentNavigator(self.wrapped_document)
        self._refresh_size()
        self.refresh()

    def _set_document(self, text: str, _language: str | None) -> None:
        self.show_document(SqlDocument(clean(text)[0]))
        self.move_cursor((0, 0))

    def _build_highlight_map(self) -> None:
        """There is none: each line is told apart as it is drawn."""

    def _look(self) -> _Seen:
        seen, document = self._seen, self.document
        if seen is None or seen.document is not document or seen.revision != document.revision:
            text = document.text if len(document.text) <= MARKED_UP_TO else ""
            seen = self._seen = _Seen(document, document.revision, tuple(statements.split(text)), bracket_pairs(text))
        return seen

    # ---- drawing --------------------------------------------------------------------------------------------------

    @property
    def glyphs(self) -> Glyphs:
        return glyphs(unicode=getattr(self.app, "unicode", True))

    @property
    def numbered(self) -> bool:
        """Whether there is room for line numbers."""
        return self.size.width >= NUMBERED_FROM

    @property
    def gutter_width(self) -> int:
        """The line number, the mark of the statement, and a space."""
        return (max(len(str(self.document.line_count)), 2) if self.numbered else 0) + 2

    def refresh(self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False) -> Self:
        """Where the whole is to be repainted, only the lines that differ are, once all of a change is done."""
        if regions or layout or recompose or not repaint or not self.is_mounted:
            return super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)
        if not self._repaint_asked:
            self._repaint_asked = True
            self.call_next(self._repaint_changed)
        return self

    def _repaint_changed(self) -> None:
        self._repaint_asked = False
        for y in range(self.size.height):
            if self._strip(y) != self._painted.get(y):
                super().refresh(Region(0, y, self.size.width, 1))

    def notify_style_update(self) -> None:
        self._painted.clear()
        super().notify_style_update()

    def render_lines(self, crop: Region) -> list[Strip]:
        """As every scrolling widget does: the colours do not come from a theme of `TextArea`."""
        return ScrollView.render_lines(self, crop)

    def render_line(self, y: int) -> Strip:
        strip = self._painted[y] = self._strip(y)
        return strip

    def _strip(self, y: int) -> Strip:
        styles, width = sql_tones(self.app.theme), self.scrollable_content_region.width
        row = y + int(self.scroll_offset.y)
        if row >= self.document.line_count:
            return self._beyond(y, width, styles)
        here = self.has_focus and row == self.cursor_location[0]
        base = styles.text + styles.line if here else styles.text
        room = max(width - self.gutter_width, 1)
        line = self._line_segments(row, base, styles, int(self.scroll_offset.x), room)
        return Strip([*self._gutter(row, here, base, styles), *line]).adjust_cell_length(width, base)

    def _beyond(self, y: int, width: int, styles: SqlTones) -> Strip:
        text = ""
        if not self.document.text and 1 <= y <= len(self.placeholder_lines):
            text = " " * self.gutter_width + self.placeholder_lines[y - 1]
        return Strip([Segment(text, styles.muted)]).adjust_cell_length(width, styles.text)

    def _gutter(self, row: int, here: bool, base: Style, styles: SqlTones) -> list[Segment]:
        number = f"{row + 1:>{self.gutter_width - 2}}" if self.numbered else ""
        mark, style = self._row_mark(row, styles)
        paper = Style(bgcolor=base.bgcolor)
        return [
            Segment(number, (styles.number_here if here else styles.number) + paper),
            Segment(mark, style + paper),
            Segment(" ", base),
        ]

    def _row_mark(self, row: int, styles: SqlTones) -> tuple[str, Style]:
        """A bar at the lines of the current one of several statements; a cross at the line with the error."""
        error, found = self._shown_error(), self.statements
        if error and self.document.location_of(error[0])[0] == row:
            return self.glyphs.run[RunState.FAILED], styles.error
        if len(found) > 1:
            current = self.current_statement() or found[0]
            first, last = (self.document.location_of(place)[0] for place in (current.start, current.end))
            if first <= row <= last:
                return BAR, styles.mark
        return " ", styles.text

    def _shown_error(self) -> tuple[int, int] | None:
        if self._error is None or self._error[:2] != (self.document, self.document.revision):
            return None
        return self._error[2:]

    def _line_segments(self, row: int, base: Style, styles: SqlTones, left: int, room: int) -> list[Segment]:
        text = self.document[row]
        first = left if text.isascii() else 0
        part = text[first : left + room + 1]
        cells = self._styles_of(row, first, len(part) + 1, base, styles)
        segments, begin, shown = [], 0, part + " "
        for at in range(1, len(shown) + 1):
            if at == len(shown) or cells[at] is not cells[begin]:
                segments.append(Segment(shown[begin:at], cells[begin]))
                begin = at
        strip = Strip(segments)
        if first != left:
            strip = strip.crop(left, left + room)
        before, behind = AROUND if self.glyphs.ellipsis == "…" else AROUND_ASCII
        style = styles.mark + base.background_style
        if left and text:
            strip = Strip([Segment(before, style), *strip.crop(1, room)])
        if cell_len(text) - left > room:
            strip = Strip([*strip.crop(0, room - 1), Segment(behind, style)])
        return list(strip.adjust_cell_length(room, base))

    def _styles_of(self, row: int, first: int, count: int, base: Style, styles: SqlTones) -> list[Style]:
        """The style of each character of a line from `first` on."""
        cells = [base] * count

        def lay(start: int, end: int, style: Style) -> None:
            for at in range(max(start - first, 0), min(end - first, count)):
                cells[at] = cells[at] + style

        for span in self.document.highlighter.line(row):
            if span.end > first and span.start < first + count:
                lay(span.start, span.end, styles.spans[span.kind])
        begin = self.document.offset_of((row, 0))
        if (error := self._shown_error()) is not None:
            lay(error[0] - begin, error[1] - begin, styles.error)
        start, end = sorted(self.selection)
        if start != end and start[0] <= row <= end[0]:
            lay(start[1] if row == start[0] else 0, end[1] if row == end[0] else first + count, styles.selection)
        elif self._brackets is not None and self.has_focus:
            for place in self._brackets:
                lay(place - begin, place - begin + 1, styles.bracket)
        if self.has_focus and row == self.cursor_location[0]:
            lay(self.cursor_location[1], self.cursor_location[1] + 1, styles.cursor)
        return cells


def bracket_pairs(text: str) -> dict[int, int]:
    """The place of each round bracket's partner, both ways; those in comments and quotations are none."""
    pairs: dict[int, int] = {}
    opened: list[int] = []
    for match in _BRACKET.finditer(text):
        if match.group() == "(":
            opened.append(match.start())
        elif match.group() == ")" and opened:
            start = opened.pop()
            pairs[start], pairs[match.start()] = match.start(), start
    return pairs
