"""Lines of text of any number, of which only those on the screen are drawn: long values, drawn charts."""

from __future__ import annotations

from collections.abc import Sequence

from rich.segment import Segment
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from console.tui.theme import tones

Line = tuple[tuple[str, str], ...]  # pieces: text, tone


class LinePanel(ScrollView, can_focus=True):
    """Shows lines of pieces, each a text and its tone; whoever shows them has made them fit the width."""

    DEFAULT_CSS = """
    LinePanel { background: $lw-background; scrollbar-size-vertical: 1; overflow-x: hidden; overflow-y: auto; }
    """

    def __init__(self, *, id: str) -> None:  # noqa: A002 – Textual's name for it
        super().__init__(id=id)
        self._lines: Sequence[Line] = ()

    def show(self, lines: Sequence[Line], *, stay: bool = False) -> None:
        """Show these, from the first one unless the view is to `stay` where it is."""
        self._lines = lines
        self.virtual_size = Size(self.size.width, len(lines))
        if not stay:
            self.scroll_to(y=0, animate=False, immediate=True, force=True)
        self.refresh()

    @property
    def lines(self) -> Sequence[Line]:
        return self._lines

    @property
    def line_width(self) -> int:
        """How many cells a line has; room for a scrollbar is left out already."""
        return max(self.size.width - 1, 1)

    def on_mount(self) -> None:
        self.app.theme_changed_signal.subscribe(self, lambda _theme: self.refresh())

    def render_line(self, y: int) -> Strip:
        width, styles = self.size.width, tones(self.app.theme)
        at = int(self.scroll_offset.y) + y
        pieces = self._lines[at] if at < len(self._lines) else ()
        return Strip([Segment(text, styles[tone]) for text, tone in pieces]).adjust_cell_length(width, styles["text"])
