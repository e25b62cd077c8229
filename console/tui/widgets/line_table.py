"""A table of any number of lines of which only those on the screen are made, and only changed cells repainted.

Textual's DataTable keeps every cell; a thousand cities or a year of runs need a window instead. The first line is the
heading and stays in place. Subclasses say how many lines there are and what stands in each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from console.tui.text import fitted
from console.tui.theme import Glyphs, Tones, glyphs, tones

HEADING = 1


@dataclass(frozen=True, slots=True)
class Column:
    """A column of `width` cells, one cell apart from the next."""

    title: str
    width: int
    align: str = "left"


Part = tuple[str, str]  # text, tone


@dataclass(frozen=True, slots=True)
class Cell:
    """What stands in a column, or runs over `span` of them."""

    parts: tuple[Part, ...]
    span: int = 1


def cell(text: str, tone: str = "text", *, span: int = 1) -> Cell:
    """A cell of one tone."""
    return Cell(((text, tone),), span)


class LineTable(ScrollView, can_focus=True):
    """The base of the run grid and the city list."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False, id="table.up", tooltip="Select the line above"),
        Binding("down,j", "move(1)", "Down", show=False, id="table.down", tooltip="Select the line below"),
        Binding("pageup", "page(-1)", "Page up", show=False, id="table.page-up", tooltip="One screen up"),
        Binding("pagedown", "page(1)", "Page down", show=False, id="table.page-down", tooltip="One screen down"),
        Binding("home,g", "first", "First", show=False, id="table.first", tooltip="Select the first line"),
        Binding("end,G", "last", "Last", show=False, id="table.last", tooltip="Select the last line"),
    ]

    class Selected(Message):
        """Another line was selected."""

        def __init__(self, table: LineTable) -> None:
            super().__init__()
            self.table = table

        @property
        def control(self) -> LineTable:
            return self.table

    class Opened(Message):
        """A line was double-clicked, or clicked again."""

        def __init__(self, table: LineTable) -> None:
            super().__init__()
            self.table = table

        @property
        def control(self) -> LineTable:
            return self.table

    cursor: reactive[int] = reactive(0, repaint=False)

    def __init__(self, *, id: str) -> None:  # noqa: A002 – Textual's name for it
        super().__init__(id=id)
        self.columns: tuple[Column, ...] = ()
        self._painted: dict[int, tuple[bool, tuple[Cell, ...]]] = {}

    # ---- for subclasses -------------------------------------------------------------------------------------------

    def line_count(self) -> int:
        """How many lines there are."""
        raise NotImplementedError

    def cells(self, index: int) -> Sequence[Cell]:
        """What stands in each column of a line."""
        raise NotImplementedError

    def layout_columns(self, width: int) -> tuple[Column, ...]:
        """The columns for so many cells."""
        raise NotImplementedError

    def empty_lines(self) -> Sequence[Part]:
        """What is said where there are no lines."""
        return ()

    @property
    def line_width(self) -> int:
        """Cells of a line, without the scrollbar."""
        return self.scrollable_content_region.width

    # ---- what changed ---------------------------------------------------------------------------------------------

    @property
    def glyphs(self) -> Glyphs:
        return glyphs(unicode=getattr(self.app, "unicode", True))

    @property
    def tones(self) -> Tones:
        return tones(self.app.theme)

    @property
    def window(self) -> int:
        """How many lines fit below the heading."""
        return max(self.size.height - HEADING, 1)

    def lines_changed(self, cursor: int) -> None:
        """The lines are others than before: repaint the cells that differ, and select line `cursor`."""
        size = Size(self.line_width, self.line_count() + HEADING)
        if size != self.virtual_size:
            self.virtual_size = size
        self.set_reactive(LineTable.cursor, max(0, min(cursor, self.line_count() - 1)))
        self.repaint_changed()

    def repaint_changed(self) -> None:
        """Repaint the cells on the screen that differ from what was painted last."""
        top = int(self.scroll_offset.y)
        for y in range(HEADING, self.size.height):
            index = top + y - HEADING
            now = self._line(index)
            before = self._painted.get(y)
            if now == before:
                continue
            if before is None or now[0] != before[0] or len(now[1]) != len(before[1]):
                self.refresh(Region(0, y, self.size.width, 1))
                continue
            for (x, column), old, new in zip(self._placed(now[1]), before[1], now[1], strict=False):
                if old.span != new.span:
                    self.refresh(Region(0, y, self.size.width, 1))
                    break
                if old != new:
                    self.refresh(Region(x, y, column.width, 1))
        if not self.line_count():
            self.refresh()

    def restyle(self) -> None:
        """Columns or colours are others: everything is repainted."""
        self.columns = self.layout_columns(self.line_width)
        self._painted.clear()
        self.refresh()

    def _placed(self, cells: Sequence[Cell]) -> list[tuple[int, Column]]:
        """Where each cell stands, and the column that it fills: of several, where it spans them."""
        placed: list[tuple[int, Column]] = []
        x = first = 0
        for found in cells:
            columns = self.columns[first : first + found.span]
            if not columns:
                break
            width = sum(column.width + 1 for column in columns) - 1
            align = columns[0].align if found.span == 1 else "left"
            placed.append((x, Column("", width, align)))
            x += width + 1
            first += found.span
        return placed

    def _line(self, index: int) -> tuple[bool, tuple[Cell, ...]]:
        if not self.columns or not 0 <= index < self.line_count():  # without columns: not laid out yet
            return False, ()
        return index == self.cursor, tuple(self.cells(index))

    # ---- drawing --------------------------------------------------------------------------------------------------

    def on_resize(self) -> None:
        self.columns = self.layout_columns(self.line_width)
        self._painted.clear()
        self.virtual_size = Size(self.line_width, self.line_count() + HEADING)
        self.show_cursor()
        self.refresh()  # it may have been painted without columns before this was told

    def on_focus(self) -> None:
        self._repaint_line(self.cursor)

    def on_blur(self) -> None:
        self._repaint_line(self.cursor)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        self._painted.clear()
        super().watch_scroll_y(old_value, new_value)

    def render_line(self, y: int) -> Strip:
        width = self.line_width
        if y < HEADING:
            return self._heading(width)
        index = int(self.scroll_offset.y) + y - HEADING
        line = self._line(index)
        self._painted[y] = line
        if line[1]:
            return self._strip(line[1], width, self._cursor_style() if line[0] else None)
        if not self.line_count() and y - HEADING - 1 in range(len(self.empty_lines())):
            text, tone = self.empty_lines()[y - HEADING - 1]
            return self._strip((cell("  " + text, tone),), width, None, whole=True)
        return Strip([Segment(" " * width, self.tones["text"])], width)

    def _heading(self, width: int) -> Strip:
        text = " ".join(fitted(c.title, c.width, c.align, self.glyphs.ellipsis) for c in self.columns)
        return Strip([Segment(fitted(text, width, "left", " "), self.tones.heading)], width)

    def _cursor_style(self) -> Style:
        return self.tones.cursor if self.has_focus else self.tones.cursor_idle

    def _strip(self, cells: Sequence[Cell], width: int, over: Style | None, *, whole: bool = False) -> Strip:
        paper = self.tones["text"]
        segments: list[Segment] = []
        columns = [(0, Column("", width))] if whole else self._placed(cells)
        for (_x, column), found in zip(columns, cells, strict=False):
            segments += self._fitted_parts(column, found.parts)
            segments.append(Segment(" ", paper))
        strip = Strip(segments).adjust_cell_length(width, paper)
        return strip if over is None else Strip([Segment(s.text, (s.style or paper) + over) for s in strip], width)

    def _fitted_parts(self, column: Column, parts: tuple[Part, ...]) -> list[Segment]:
        if len(parts) == 1:
            text, tone = parts[0]
            return [Segment(fitted(text, column.width, column.align, self.glyphs.ellipsis), self.tones[tone])]
        segments = [Segment(text, self.tones[tone]) for text, tone in parts]
        space = column.width - sum(segment.cell_length for segment in segments)
        if space < 0:
            ellipsis = Segment(self.glyphs.ellipsis, segments[-1].style)
            return [*Strip(segments).crop(0, max(column.width - 1, 0)), ellipsis][-max(column.width, 0) :]
        filling = Segment(" " * space, self.tones["text"])
        return [filling, *segments] if column.align == "right" else [*segments, filling]

    def _repaint_line(self, index: int) -> None:
        self.refresh(Region(0, index - int(self.scroll_offset.y) + HEADING, self.size.width, 1))

    # ---- selecting ------------------------------------------------------------------------------------------------

    def watch_cursor(self, old: int, new: int) -> None:
        if not self.is_attached:
            return
        self._repaint_line(old)
        self._repaint_line(new)
        self.show_cursor()
        self.post_message(self.Selected(self))

    def show_cursor(self) -> None:
        """Scroll as little as needed for the selected line to be on the screen."""
        top = int(self.scroll_offset.y)
        wanted = min(max(top, self.cursor - self.window + 1), self.cursor)
        if wanted != top:
            self.scroll_to(y=wanted, animate=False, force=True)

    def move_to(self, index: int) -> None:
        """Select a line, the nearest if there is none of that number."""
        self.cursor = max(0, min(index, self.line_count() - 1))

    def action_move(self, by: int) -> None:
        self.move_to(self.cursor + by)

    def action_page(self, by: int) -> None:
        self.move_to(self.cursor + by * max(self.window - 1, 1))

    def action_first(self) -> None:
        self.move_to(0)

    def action_last(self) -> None:
        self.move_to(self.line_count() - 1)

    def on_click(self, event: events.Click) -> None:
        index = event.y - HEADING + int(self.scroll_offset.y)
        if event.y < HEADING or not 0 <= index < self.line_count():
            return
        self.move_to(index)
        if not self.clicked(event.x, index) and event.chain == 2:
            self.post_message(self.Opened(self))

    def clicked(self, _x: int, _index: int) -> bool:
        """A line was clicked at a column; True if that meant more than selecting it."""
        return False
