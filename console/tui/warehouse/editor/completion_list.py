"""The small list beside the cursor of what may be typed next. It takes no focus: the editor passes its keys on."""

from __future__ import annotations

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Offset
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from console.tui.text import fitted, plain
from console.tui.theme import glyphs, tones
from warehouse.completion import Completion, Completions

MOST_LINES = 8
WIDEST = 60
KIND_WORDS = {
    "table": "table", "column": "column", "function": "func", "keyword": "word", "alias": "alias", "join": "join",
}  # fmt: skip
KIND_TONES = {
    "table": "good",
    "column": "good",
    "function": "busy",
    "keyword": "accent",
    "alias": "text",
    "join": "text",
}
KIND_WIDTH = 6


class CompletionList(Widget):
    """Shows `Completions`; hidden while there are none."""

    DEFAULT_CSS = """
    CompletionList { display: none; overlay: screen; constrain: inside inside; height: 1; width: 10; }
    """

    class Picked(Message):
        """An offer was clicked."""

    def __init__(self, *, id: str) -> None:  # noqa: A002 – Textual's name for it
        super().__init__(id=id)
        self._found = Completions(0, ())
        self._cursor = 0

    @property
    def start(self) -> int:
        """From where on the chosen text replaces what is typed."""
        return self._found.start

    @property
    def chosen(self) -> Completion | None:
        """The offer under the cursor."""
        return self._found.items[self._cursor] if self.display and self._found.items else None

    def show(self, found: Completions, anchor: Offset) -> None:
        """Offer these below `anchor`, the screen's cell where the word begins, or above it where there is more room."""
        if not found.items:
            self.close()
            return
        self._found, self._cursor = found, 0
        screen = self.screen.size
        below, above = screen.height - anchor.y - 2, anchor.y
        height = min(len(found.items), MOST_LINES, max(below, above))
        width = min(self._wanted_width(), screen.width)
        y = anchor.y + 1 if height <= below else anchor.y - height
        self.styles.width, self.styles.height = width, height
        self.absolute_offset = Offset(max(0, min(anchor.x - 1, screen.width - width)), y)
        self.display = True
        self.refresh(layout=True)

    def close(self) -> None:
        """Offer nothing."""
        if self.display:
            self.display = False
            self._found = Completions(0, ())

    def move(self, by: int) -> None:
        """Another offer; behind the last comes the first."""
        if self._found.items:
            self._cursor = (self._cursor + by) % len(self._found.items)
            self.refresh()

    def page(self, by: int) -> None:
        """As many offers on as are shown, up to the ends."""
        self._cursor = max(0, min(self._cursor + by * max(self.size.height - 1, 1), len(self._found.items) - 1))
        self.refresh()

    def render_line(self, y: int) -> Strip:
        index, width = self._top() + y, self.size.width
        paper = tones(self.app.theme).heading
        if index >= len(self._found.items):
            return Strip.blank(width, paper)
        styles, signs = tones(self.app.theme), glyphs(unicode=getattr(self.app, "unicode", True))
        item = self._found.items[index]
        over = Style(bgcolor=styles.cursor.bgcolor if index == self._cursor else paper.bgcolor)
        room = width - KIND_WIDTH - 3 - self._scrolls()
        text = fitted(plain(item.text), min(cell_len(plain(item.text)), room), "left", signs.ellipsis)
        rest = room - cell_len(text)
        detail = " " + fitted(plain(item.detail), rest - 1, "right", signs.ellipsis) if rest else ""
        strong = Style(bold=index == self._cursor)
        segments = [
            Segment(">" if index == self._cursor else " ", styles["accent"] + over),
            Segment(fitted(KIND_WORDS[item.kind], KIND_WIDTH) + " ", styles["muted"] + over),
            Segment(text, styles[KIND_TONES[item.kind]] + over + strong),
            Segment(detail + " ", styles["muted"] + over),
        ]
        if self._scrolls():
            segments.append(Segment(self._bar(y), styles["muted"] + over))
        return Strip(segments).adjust_cell_length(width, paper + over)

    def _wanted_width(self) -> int:
        widest = max(cell_len(plain(one.text)) + cell_len(plain(one.detail)) for one in self._found.items)
        return min(widest + KIND_WIDTH + 7, WIDEST)

    def _scrolls(self) -> bool:
        return len(self._found.items) > self.size.height

    def _top(self) -> int:
        """The first offer shown: as far down as needed for the chosen one to be among them."""
        return max(0, min(self._cursor - self.size.height // 2, len(self._found.items) - self.size.height))

    def _bar(self, y: int) -> str:
        """Where in the list the lines shown are."""
        place = self._top() * (self.size.height - 1) // max(len(self._found.items) - self.size.height, 1)
        return "┃" if y == place else "│"

    def on_click(self, event: events.Click) -> None:
        event.stop()
        index = self._top() + event.y
        if index < len(self._found.items):
            self._cursor = index
            self.post_message(self.Picked())

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self._cursor = min(self._cursor + 1, len(self._found.items) - 1)
        self.refresh()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self._cursor = max(self._cursor - 1, 0)
        self.refresh()
