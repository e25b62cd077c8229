"""The line above the SQL editor: its tabs, which have changes that were not run, and the database of the one shown."""

from __future__ import annotations

from dataclasses import dataclass

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from console.tui.text import fitted, plain
from console.tui.theme import glyphs, tones

WIDEST_TITLE = 24
CHANGED = "•"


@dataclass(frozen=True, slots=True)
class Titles:
    """What the line shows: title and whether changed of each tab."""

    tabs: tuple[tuple[str, bool], ...]
    current: int
    database: str


class TabLine(Widget):
    """`── Query 1 │ Query 2 • ──────────────── warehouse ──`; posts what is clicked."""

    DEFAULT_CSS = "TabLine { height: 1; width: 100%; }"

    class Picked(Message):
        """A tab was clicked, or with `index` None the database."""

        def __init__(self, index: int | None) -> None:
            super().__init__()
            self.index = index

    def __init__(self, *, id: str) -> None:  # noqa: A002 – Textual's name for it
        super().__init__(id=id)
        self._titles = Titles((("Query 1", False),), 0, "warehouse")
        self._active = False
        self._spots: list[tuple[int, int, int | None]] = []

    def show(self, titles: Titles) -> None:
        if titles != self._titles:
            self._titles = titles
            self.refresh()

    def activate(self, active: bool) -> None:
        """The editor has the focus, or has it no longer."""
        if active != self._active:
            self._active = active
            self.refresh()

    def render_line(self, _y: int) -> Strip:
        styles, signs = tones(self.app.theme), glyphs(unicode=getattr(self.app, "unicode", True))
        line = styles["accent" if self._active else "faint"]
        database = f" {self._titles.database} "
        room = self.size.width - cell_len(database) - 5
        segments, self._spots, x = [Segment(signs.rule * 2, line)], [], 2
        first, last = self._shown(room)
        if first:
            segments.append(Segment(signs.ellipsis, line))
            x += 1
        for index in range(first, last):
            text = self._label(index)
            segments.append(Segment(text, self._style(index, styles["title"], styles["strong"], styles["muted"])))
            self._spots.append((x, x + cell_len(text), index))
            x += cell_len(text)
        if last < len(self._titles.tabs):
            segments.append(Segment(signs.ellipsis, line))
            x += 1
        space = max(self.size.width - x - cell_len(database) - 2, 0)
        self._spots.append((x + space, x + space + cell_len(database), None))
        segments += [
            Segment(signs.rule * space, line),
            Segment(database, styles["text"]),
            Segment(signs.rule * 2, line),
        ]
        return Strip(segments).adjust_cell_length(self.size.width, line)

    def _style(self, index: int, active: Style, shown: Style, other: Style) -> Style:
        if index != self._titles.current:
            return other
        if len(self._titles.tabs) == 1:
            return active if self._active else shown
        return (active if self._active else shown) + Style(reverse=False, underline=True)

    def _label(self, index: int) -> str:
        title, changed = self._titles.tabs[index]
        title = plain(title)
        if cell_len(title) > WIDEST_TITLE:
            title = fitted(title, WIDEST_TITLE, "left", "…")
        return f" {title}{' ' + CHANGED if changed else ''} "

    def _shown(self, room: int) -> tuple[int, int]:
        """The stretch of tabs, with the current one in it, that fits."""
        widths = [cell_len(self._label(index)) for index in range(len(self._titles.tabs))]
        first = last = self._titles.current
        used = 0
        while last < len(widths) and used + widths[last] <= room - 2:
            used += widths[last]
            last += 1
        while first > 0 and used + widths[first - 1] <= room - 2:
            first -= 1
            used += widths[first]
        return first, max(last, self._titles.current + 1)

    def on_click(self, event: events.Click) -> None:
        for start, end, index in self._spots:
            if start <= event.x < end:
                self.post_message(self.Picked(index))
                return
