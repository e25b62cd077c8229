"""The log of one task attempt, of any length: only the rows on the screen are made, and the newest can be followed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from console.tui.text import local_clock
from console.tui.theme import Tones, tones
from console.tui.widgets.log_rows import LogRows, Row
from console.tui.widgets.log_text import shown_lines
from etl.history.queries import LogLine

LEVELS = {
    "DEBUG": ("DEBUG", "faint"),
    "INFO": ("INFO", "muted"),
    "WARNING": ("WARN", "wait"),
    "ERROR": ("ERROR", "bad"),
    "CRITICAL": ("FATAL", "bad-strong"),
}
PREFIX = len(" 00:00:00 ERROR ")
LEAST_TEXT = 20


def _bind(keys: str, action: str, what: str, name: str, tooltip: str, *, show: bool = False) -> Binding:
    return Binding(keys, action, what, show=show, id=f"log.{name}", tooltip=tooltip)


class LogView(ScrollView, can_focus=True):
    """Shows log lines, wrapped, so that nothing is hidden to the right.

    `following` keeps the newest line in sight until the operator moves away from it; `cursor` is the selected line.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        _bind("n", "match(1)", "Next match", "next", "The next line that holds the text searched for"),
        _bind("N", "match(-1)", "Previous match", "previous", "The previous line that holds the text searched for"),
        _bind("c", "copy_line", "Copy line", "copy", "Copy the selected line of the log", show=True),
        _bind("up,k", "move(-1)", "Up", "up", "Select the line above"),
        _bind("down,j", "move(1)", "Down", "down", "Select the line below"),
        _bind("pageup", "page(-1)", "Page up", "page-up", "One screen up"),
        _bind("pagedown", "page(1)", "Page down", "page-down", "One screen down"),
        _bind("home,g", "first", "First line", "first", "Select the first line"),
        _bind("end,G", "follow", "Follow", "follow", "Go to the newest line and stay with it", show=True),
    ]
    DEFAULT_CSS = "LogView { scrollbar-size-vertical: 1; overflow-x: hidden; overflow-y: auto; }"

    class Changed(Message):
        """There is something else to say in `note`."""

    class CopyLine(Message):
        """The operator wants a line in the clipboard."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def __init__(self, *, id: str) -> None:  # noqa: A002 – Textual's name for it
        super().__init__(id=id)
        self.following = True
        self.cursor = 0
        self._empty_text = ""
        self._log = LogRows(LEAST_TEXT)

    # ---- what is shown --------------------------------------------------------------------------------------------

    def show(self, lines: Sequence[LogLine], *, empty_text: str = "") -> None:
        """Show these lines instead of what was shown; the search goes on in them."""
        sought = self._log.sought
        self._log = LogRows(self._text_width)
        self._log.search(sought)
        self.cursor, self.following, self._empty_text = 0, True, empty_text
        self._log.add(lines)
        self._settle()

    def append(self, lines: Sequence[LogLine]) -> None:
        """Add lines at the end."""
        if lines:
            self._log.add(lines)
            self._settle()

    @property
    def lines(self) -> Sequence[LogLine]:
        return self._log.lines

    @property
    def line(self) -> LogLine | None:
        """The selected line."""
        return self.lines[self.cursor] if self.cursor < len(self.lines) else None

    @property
    def note(self) -> str:
        """What there is to say about the view, in a few words."""
        count, matches = len(self.lines), len(self._log.matches)
        parts = []
        if self._log.sought:
            place = self._log.place_of(self.cursor)
            parts.append(f"match {place} of {matches}" if place else f"{matches} matches" if matches else "no match")
        if count:
            parts.append(f"{count:,} lines" if count > 1 else "1 line")
        if count and not self.following:
            parts.append("End follows")
        return ", ".join(parts)

    def _settle(self) -> None:
        """After lines came: stay with the newest if that is wanted, and repaint."""
        self.virtual_size = Size(self.size.width, len(self._log.rows))
        if self.following:
            self.cursor = max(len(self.lines) - 1, 0)
            self._scroll_to_end()
        self.refresh()
        self.post_message(self.Changed())

    @property
    def _text_width(self) -> int:
        return max(self.size.width - PREFIX, LEAST_TEXT)

    # ---- searching ------------------------------------------------------------------------------------------------

    def search(self, text: str) -> int:
        """Mark `text`, go to the first line that holds it from the selected one on; returns how many lines do.

        Capitals do not matter; an empty text ends the search.
        """
        self._log.search(text)
        self._select(self._log.match_from(self.cursor, 0))
        self.refresh()
        self.post_message(self.Changed())
        return len(self._log.matches)

    def action_match(self, by: int) -> None:
        """The next or the previous match, around the ends."""
        self._select(self._log.match_from(self.cursor, by))

    # ---- moving ---------------------------------------------------------------------------------------------------

    def action_move(self, by: int) -> None:
        self._select(self.cursor + by)

    def action_page(self, by: int) -> None:
        """A screen further, in rows, since lines differ in height."""
        if self.lines:
            row = self._log.rows_of(self.cursor)[0] + by * max(self.size.height - 1, 1)
            self._select(self._log.rows[max(0, min(row, len(self._log.rows) - 1))].index)

    def action_first(self) -> None:
        self._select(0)

    def action_follow(self) -> None:
        self._select(len(self.lines) - 1)
        self._scroll_to_end()

    def action_copy_line(self) -> None:
        if self.line is not None:
            self.post_message(self.CopyLine(self.line.text))

    def _select(self, index: int | None) -> None:
        """Select the line, scroll as little as needed, and follow only if it is the last."""
        if index is None or not self.lines:
            return
        self.cursor = max(0, min(index, len(self.lines) - 1))
        self.following = self.cursor == len(self.lines) - 1
        first, after = self._log.rows_of(self.cursor)
        top = int(self.scroll_offset.y)
        self._scroll(min(max(top, after - self.size.height), first))
        self.refresh()
        self.post_message(self.Changed())

    def _scroll_to_end(self) -> None:
        self._scroll(max(len(self._log.rows) - self.size.height, 0))

    def _scroll(self, row: int) -> None:
        if row != int(self.scroll_offset.y):
            self.scroll_to(y=row, animate=False, immediate=True, force=True)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Whoever scrolls away from the end, by wheel or bar, stays where the scrolling led."""
        super().watch_scroll_y(old_value, new_value)
        if self.following and round(new_value) < len(self._log.rows) - self.size.height:
            self.following = False
            self.post_message(self.Changed())

    def on_click(self, event: events.Click) -> None:
        row = int(self.scroll_offset.y) + event.y
        if row < len(self._log.rows):
            self._select(self._log.rows[row].index)

    def on_resize(self) -> None:
        self._log.wrap(self._text_width)
        self.virtual_size = Size(self.size.width, len(self._log.rows))
        if self.following:
            self._scroll_to_end()
        else:
            self._select(self.cursor)
        self.refresh()

    # ---- drawing --------------------------------------------------------------------------------------------------

    def on_mount(self) -> None:
        self.app.theme_changed_signal.subscribe(self, lambda _theme: self.refresh())

    def render_line(self, y: int) -> Strip:
        width, styles = self.size.width, tones(self.app.theme)
        at = int(self.scroll_offset.y) + y
        if at >= len(self._log.rows):
            text = f"  {self._empty_text}" if at == 0 else ""
            return Strip([Segment(text, styles["muted"])]).adjust_cell_length(width, styles["text"])
        row = self._log.rows[at]
        segments = self._prefix(row, styles) if self._log.rows_of(row.index)[0] == at else None
        segments = segments or [Segment(" " * PREFIX, styles["text"])]
        for text, marked in self._log.pieces(row):
            segments.append(Segment(text, styles["badge" if marked else "text"]))
        strip = Strip(segments).adjust_cell_length(width, styles["text"])
        if row.index != self.cursor or not self.has_focus:
            return strip
        return Strip([_under_cursor(segment, styles) for segment in strip], width)

    def _prefix(self, row: Row, styles: Tones) -> list[Segment]:
        line = self.lines[row.index]
        name, tone = LEVELS.get(line.level, (shown_lines(line.level)[0], "muted"))
        return [
            Segment(f" {local_clock(line.at, seconds=True)} ", styles["faint"]),
            Segment(f"{name:<5.5} ", styles[tone]),
        ]


def _under_cursor(segment: Segment, styles: Tones) -> Segment:
    style = segment.style or Style()
    return segment if style == styles["badge"] else Segment(segment.text, style + styles.cursor)
