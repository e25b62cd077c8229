"""The drawing of the star or the snowflake on the screen: one table chosen, some marked, the chosen one's joins lit."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from console.tui.theme import tones
from warehouse.diagram import Drawing, Place
from warehouse.joins import Join

# Heavy lines, so that what is chosen does not stand out by its colour alone.
_HEAVY = str.maketrans("─│┌┐└┘├┤", "━┃┏┓┗┛┣┫")
_HEAVY_ASCII = str.maketrans("-|", "=#")
_LIGHT_ASCII = str.maketrans("─│┌┐└┘├┤…", "-|++++++~")


class DiagramView(ScrollView):
    """Shows a drawing; `Clicked` tells which table was clicked."""

    class Clicked(Message):
        """A table was clicked."""

        def __init__(self, table: str) -> None:
            super().__init__()
            self.table = table

    def __init__(self) -> None:
        super().__init__(id="diagram")
        self._drawing = Drawing((), {})
        self._chosen = ""
        self._marked: frozenset[str] = frozenset()
        self._strips: list[Strip] = []

    def show(self, drawing: Drawing, chosen: str, marked: Iterable[str]) -> None:
        """Show this; only lines that differ are painted again, and the chosen table is scrolled into sight."""
        self._drawing, self._chosen, self._marked = drawing, chosen, frozenset(marked)
        size = Size(max((len(line) for line in drawing.lines), default=0), len(drawing.lines))
        if size != self.virtual_size:
            self.virtual_size = size
        before, self._strips = self._strips, self._painted()
        top = int(self.scroll_offset.y)
        if len(before) != len(self._strips):
            self.refresh()
        else:
            for row, (old, new) in enumerate(zip(before, self._strips, strict=True)):
                if old != new:
                    self.refresh(Region(0, row - top, self.size.width, 1))
        self._show_place(drawing.places[chosen])

    def restyle(self) -> None:
        """Repaint in the colours of another theme."""
        self._strips = self._painted()
        self.refresh()

    def on_resize(self) -> None:
        if self._chosen:
            self._show_place(self._drawing.places[self._chosen])

    def _show_place(self, place: Place) -> None:
        if self.size:
            self.scroll_to_region(Region(place.x, place.y, place.width, place.height), animate=False, force=True)

    def on_click(self, event: events.Click) -> None:
        x, y = event.x + int(self.scroll_offset.x), event.y + int(self.scroll_offset.y)
        table = self._drawing.table_at(x, y)
        if table is not None:
            self.post_message(self.Clicked(table))

    # ---- drawing --------------------------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        width, paper = self.size.width, tones(self.app.theme)["text"]
        row, left = y + int(self.scroll_offset.y), int(self.scroll_offset.x)
        strip = self._strips[row] if row < len(self._strips) else Strip([])
        return strip.crop(left, left + width).adjust_cell_length(width, paper)

    def _painted(self) -> list[Strip]:
        width = max((len(line) for line in self._drawing.lines), default=0)
        chars = [list(line.ljust(width)) for line in self._drawing.lines]
        below = max((place.y + place.height for place in self._drawing.places.values()), default=0)
        names = [["faint" if y < below else "muted"] * width for y in range(len(chars))]
        lit = [line.join for line in self._drawing.joins if self._chosen in (line.join.many, line.join.one)]
        for table, place in self._drawing.places.items():
            self._paint_table(chars, names, table, place, lit)
        for line in self._drawing.joins:
            if line.join in lit:
                for x, y in line.cells:
                    chars[y][x], names[y][x] = self._heavy(chars[y][x]), "title"
        if not getattr(self.app, "unicode", True):
            chars = [list("".join(row).translate(_LIGHT_ASCII)) for row in chars]
        return [self._strip(row, tones_of) for row, tones_of in zip(chars, names, strict=True)]

    def _paint_table(
        self, chars: list[list[str]], names: list[list[str]], table: str, place: Place, lit: list[Join]
    ) -> None:
        chosen = table == self._chosen
        linked = chosen or any(table in (join.many, join.one) for join in lit)
        right, bottom = place.x + place.width, place.y + place.height
        for y in range(place.y, bottom):
            for x in range(place.x, right):
                edge = y in (place.y, bottom - 1) or x in (place.x, right - 1)
                names[y][x] = ("title" if chosen else "muted") if edge else ("text" if linked else "muted")
                if edge and chosen:
                    chars[y][x] = self._heavy(chars[y][x])
        for x in range(place.x + 2, place.x + 2 + len(table)):
            names[place.y][x] = "tab" if chosen else "strong" if linked else "text"
        for column in place.columns:
            if any(column == join.key and table in (join.many, join.one) for join in lit):
                for x in range(place.x + 1, right - 1):
                    names[place.row_of(column)][x] = "title"
        if table in self._marked:
            sign = " ✔ " if getattr(self.app, "unicode", True) else " x "
            for x, char in enumerate(sign, place.x + 1):
                chars[bottom - 1][x], names[bottom - 1][x] = char, "good"

    def _heavy(self, char: str) -> str:
        if getattr(self.app, "unicode", True):
            return char.translate(_HEAVY)
        return char.translate(_LIGHT_ASCII).translate(_HEAVY_ASCII)

    def _strip(self, chars: list[str], names: list[str]) -> Strip:
        styles = tones(self.app.theme)
        segments = []
        start = 0
        for name, run in groupby(names):
            length = sum(1 for _ in run)
            style: Style = styles[name]
            segments.append(Segment("".join(chars[start : start + length]), style))
            start += length
        return Strip(segments)
