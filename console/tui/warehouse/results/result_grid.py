"""A grid of cells with a cursor that walks over rows and columns: which columns are seen, and how wide they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region
from textual.strip import Strip

from console.tui.text import fitted
from console.tui.warehouse.catalogue.lines import cut_within
from console.tui.warehouse.results.result_cells import Look, shown
from console.tui.warehouse.results.result_columns import LEAST, ColumnWidths, Place, first_for, places
from console.tui.warehouse.results.result_pages import Row
from console.tui.widgets.line_table import HEADING, Cell, Column, LineTable, cell
from warehouse import models


class CellGrid(LineTable):
    """The base of the result's table: it knows columns, `ResultTable` the rows. `column` is that of the cursor."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "column(-1)", "Left", show=False, id="table.left", tooltip="The column to the left"),
        Binding("right", "column(1)", "Right", show=False, id="table.right", tooltip="The column to the right"),
        Binding("ctrl+left,0", "first_column", "First column", show=False, id="table.first-column",
                tooltip="The first column"),
        Binding("ctrl+right,dollar_sign", "last_column", "Last column", show=False, id="table.last-column",
                tooltip="The last column"),
        Binding("less_than_sign", "widen(-1)", "Narrow", show=False, id="results.narrow", tooltip="Narrow the column"),
        Binding("greater_than_sign", "widen(1)", "Widen", show=False, id="results.widen", tooltip="Widen the column"),
        Binding("equals_sign", "fit", "Fit", show=False, id="results.fit",
                tooltip="As wide as what the column holds; again: as before"),
        Binding("p", "pin", "Pin", show=False, id="results.pin",
                tooltip="Keep the columns up to this one in sight; again: let them go"),
    ]  # fmt: skip

    def __init__(self, *, id: str) -> None:  # noqa: A002 – Textual's name for it
        super().__init__(id=id)
        self.column = 0
        self.looks: list[Look] = []
        self._widths = ColumnWidths((), (), ())
        self._first = self._pinned = 0
        self._places: list[Place] = []

    # ---- for the subclass -------------------------------------------------------------------------------------------

    def visible_rows(self) -> list[Row]:
        """The rows on the screen that are at hand."""
        raise NotImplementedError

    def mark(self, column: int) -> str:
        """The signs behind the title of a column."""
        raise NotImplementedError

    def column_changed(self) -> None:
        """The cursor is in another column."""
        raise NotImplementedError

    def show_columns(self, names: Sequence[str], looks: Sequence[Look], rows: Sequence[Row]) -> None:
        """Other columns, with their first rows; the cursor is in the first of them."""
        self.column = self._first = self._pinned = 0
        self.looks = list(looks)
        self._widths = ColumnWidths(names, looks, rows)

    def place_columns(self) -> None:
        """Make room for the signs behind the titles, and choose the columns that are seen."""
        marks = {column: self.mark(column) for column in range(len(self.looks))}
        self._widths.marks = {column: cell_len(mark) + 1 for column, mark in marks.items() if mark}
        self._replace()

    # ---- moving ---------------------------------------------------------------------------------------------------

    def action_column(self, by: int) -> None:
        """The cursor one column to the left or right."""
        self.select_column(self.column + by)

    def action_first_column(self) -> None:
        self.select_column(0)

    def action_last_column(self) -> None:
        self.select_column(len(self.looks) - 1)

    def select_column(self, column: int) -> None:
        """Move the cursor to a column, the nearest if there is none of that number."""
        column = max(0, min(column, len(self.looks) - 1))
        if column == self.column:
            return
        self.column = column
        before = self._places
        self._placing()
        if self._places != before:
            self.restyle()
        else:
            self._repaint_heading()
            self._repaint_line(self.cursor)
        self.column_changed()

    def on_mouse_scroll_right(self, event: events.MouseScrollRight) -> None:
        event.stop()
        self.action_column(1)

    def on_mouse_scroll_left(self, event: events.MouseScrollLeft) -> None:
        event.stop()
        self.action_column(-1)

    def on_click(self, event: events.Click) -> None:
        place = next((p for p in self._places if p.x <= event.x <= p.x + p.width), None)
        if place is not None:
            self.select_column(place.column)

    # ---- widths ---------------------------------------------------------------------------------------------------

    def _placing(self) -> None:
        """Choose the columns that are seen, so that the one under the cursor is."""
        space = self.line_width
        widths = self._widths.widths(space)
        pinned = self._pinned if sum(widths[: self._pinned]) + self._pinned < space * 2 // 3 else 0
        self._first = first_for(self.column, widths, pinned, self._first, space)
        seen = places(widths, pinned, self._first, space)
        # A number is never cut: what is left of it would be another number.
        cut = len(seen) > 1 and seen[-1].width < widths[seen[-1].column]
        if cut and (self.looks[seen[-1].column].align == "right" or seen[-1].width < LEAST):
            seen.pop()
        self._places = seen
        self.columns = self.layout_columns(space)

    def _replace(self) -> None:
        self._placing()
        self.restyle()

    def action_widen(self, by: int) -> None:
        if self.looks:
            self._widths.adjust(self.column, by, self.line_width)
            self._replace()

    def action_fit(self) -> None:
        if self.looks:
            self._widths.fit(self.column, self.visible_rows(), self.line_width)
            self._replace()

    def action_pin(self) -> None:
        self._pinned = 0 if self._pinned == self.column + 1 else self.column + 1
        self._replace()

    # ---- drawing --------------------------------------------------------------------------------------------------

    def layout_columns(self, width: int) -> tuple[Column, ...]:
        del width  # the places are made for it already
        return tuple(Column("", place.width, self.looks[place.column].align) for place in self._places)

    def on_resize(self) -> None:
        self._placing()

    def on_focus(self) -> None:
        self._repaint_heading()

    def on_blur(self) -> None:
        self._repaint_heading()

    def _repaint_heading(self) -> None:
        self.refresh(Region(0, 0, self.size.width, HEADING))

    def _cell(self, value: models.Cell, place: Place) -> Cell:
        text, tone = shown(value, self.looks[place.column])
        if isinstance(value, int | float) and cell_len(text) > place.width:
            return cell(self.glyphs.ellipsis, "wait")
        return cell(text, tone)

    def _heading(self, width: int) -> Strip:
        heading, current = self.tones.heading, self.tones["tab" if self.has_focus else "strong"]
        segments: list[Segment] = []
        for place in self._places:
            here = place.column == self.column
            segments.append(Segment(self._title(place), current if here else heading))
            segments.append(Segment(" ", heading))
        strip = Strip(segments).adjust_cell_length(width, heading)
        if self._hidden_left:
            strip = Strip([Segment("<", self.tones["title"]), *strip.crop(1, width)], width)
        if self._hidden_right:
            strip = Strip([*strip.crop(0, width - 1), Segment(">", self.tones["title"])], width)
        return strip

    @property
    def _hidden_left(self) -> bool:
        return bool(self._places) and self._places[0].column > 0

    @property
    def _hidden_right(self) -> bool:
        if not self._places:
            return False
        last = self._places[-1]
        return last.column < len(self.looks) - 1 or last.x + last.width > self.line_width

    def _title(self, place: Place) -> str:
        """The title with its marks; at the edges, room is left for the signs of more columns."""
        left = int(self._hidden_left and place is self._places[0])
        right = int(self._hidden_right and place.x + place.width >= self.line_width)
        mark = self.mark(place.column)
        room = max(place.width - left - right, 0)
        title, align = self._widths.titles[place.column], self.looks[place.column].align
        if mark and room > len(mark) + 1:
            size = min(cell_len(title), room - len(mark) - 1)
            title = fitted(cut_within(title, size, self.glyphs.ellipsis), size, "left", self.glyphs.ellipsis)
            title = f"{title} {mark}"
        else:
            title = cut_within(title, room, self.glyphs.ellipsis)
        return " " * left + fitted(title, room, align, self.glyphs.ellipsis) + " " * right

    def _strip(self, cells: Sequence[Cell], width: int, over: Style | None, *, whole: bool = False) -> Strip:
        strip = super()._strip(cells, width, over, whole=whole)
        place = next((place for place in self._places if place.column == self.column), None)
        if over is None or whole or place is None:
            return strip
        left, here, right = strip.crop(0, place.x), strip.crop(place.x, place.x + place.width), place.x + place.width
        style = self.tones["tab"] if self.has_focus else self.tones["strong"] + self.tones.cursor_idle
        marked = [Segment(segment.text, (segment.style or style) + style) for segment in here]
        return Strip([*left, *marked, *strip.crop(right, width)], width)

    def _cursor_style(self) -> Style:
        return self.tones.cursor_idle
