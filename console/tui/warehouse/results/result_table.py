"""The rows of a result of any size: a window that is fetched off the loop, and a cursor that walks over its cells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message

from console.tui.messages import Delivered
from console.tui.off_loop import off_loop
from console.tui.warehouse.results.result_cells import look_of
from console.tui.warehouse.results.result_grid import CellGrid
from console.tui.warehouse.results.result_pages import PAGE, Pages, Row
from console.tui.widgets.line_table import HEADING, Cell, cell
from warehouse import models
from warehouse.opened import Opened
from warehouse.shaping import Order, Shape

LEAVING = {  # what sums up or carries away, which nobody may do with what is in clear
    f"ask('{what}')" for what in ("facets", "chart", "export", "copy_cell", "copy_row", "copy_json", "summary")
}
TAIL = 2 * PAGE  # rows at the end that are shown while nobody knows how many there are


def _bind(keys: str, what: str, name: str, tooltip: str, *, show: bool = False) -> Binding:
    return Binding(keys, f"ask('{name}')", what, show=show, id=f"results.{name.replace('_', '-')}", tooltip=tooltip)


class ResultTable(CellGrid):
    """Shows one `Opened`; `Asked` tells what a key wants done with the cell under the cursor."""

    BINDINGS: ClassVar[list[BindingType]] = [
        _bind("s", "Sort", "sort", "Sort by this column; again: descending; again: as it came", show=True),
        _bind("S", "Sort also", "sort_also", "Sort by this column within the columns sorted by already"),
        _bind("slash", "Filter", "filter", "Show only rows by this column: text, =x, !=x, >100, empty", show=True),
        _bind("f", "Facets", "facets", "The values of this column and how often each occurs", show=True),
        _bind("c", "Chart", "chart", "Draw the result as a chart", show=True),
        _bind("e", "Export", "export", "Write the whole result to exports/: CSV, JSON or Parquet", show=True),
        _bind("y", "Copy", "copy_cell", "Copy the cell", show=True),
        _bind("Y", "Copy row", "copy_row", "Copy the row with its column names, for a spreadsheet"),
        _bind("J", "Copy JSON", "copy_json", "Copy the row as JSON"),
        _bind("l", "Limits", "limits", "Seconds and rows that a query may take", show=True),
        _bind("enter", "Cell", "cell", "The whole cell, and its row as a list", show=True),
        _bind("i", "Column", "summary", "Least, greatest, mean, nulls and spread of this column", show=True),
        _bind("escape", "Show all", "show_all", "Leave all filters of the result"),
    ]  # fmt: skip
    DEFAULT_CSS = """
    ResultTable { background: $lw-background; scrollbar-size-vertical: 1; overflow-x: hidden; overflow-y: auto; }
    """

    class Asked(Message):
        """A key wants something done: `what` is the name of its binding."""

        def __init__(self, what: str) -> None:
            super().__init__()
            self.what = what

    class Changed(Message):
        """There is something else to say about the result or the place of the cursor."""

    def __init__(self, *, id: str = "result") -> None:  # noqa: A002 – Textual's name for it
        super().__init__(id=id)
        self.problem = ""
        self.busy = False  # another shape of the result is on its way
        self.outdated = False  # the data is not that of the first rows any more
        self._opened: Opened | None = None
        self._pages = Pages((), complete=True)
        self.fetching = self._upwards = self._seeking_end = False

    # ---- what is shown --------------------------------------------------------------------------------------------

    def show(self, opened: Opened, *, same_columns: bool = False) -> None:
        """Show a result from its start; `same_columns` keeps the column, the widths and what is pinned."""
        first = opened.result.first
        self._opened = opened
        self._pages = Pages(first, complete=opened.result.complete)
        self.fetching = self._upwards = self._seeking_end = False
        self.problem, self.outdated = "", False
        if same_columns:
            self._widths.learn(first)
        else:
            named = zip(opened.columns, opened.kinds, strict=True)
            looks = [look_of(name, kind, [row[n] for row in first]) for n, (name, kind) in enumerate(named)]
            self.show_columns(opened.columns, looks, first)
        self.scroll_to(y=0, animate=False, immediate=True, force=True)
        self.place_columns()
        self.lines_changed(0)
        self._await_count(opened)
        self.want()

    def clear(self) -> None:
        """Show nothing."""
        self._opened, self._pages = None, Pages((), complete=True)
        self.show_columns((), (), ())
        self.place_columns()
        self.lines_changed(0)

    @property
    def row_count(self) -> int | None:
        """How many rows the result has; None while they are not counted."""
        return self._pages.count

    @property
    def rows_at_hand(self) -> int:
        """How many rows are known to be there."""
        return len(self._pages)

    @property
    def row_number(self) -> int | None:
        """The number of the selected row, from 1; None where it is not known."""
        return None if self._pages.tail is not None or not len(self._pages) else self.cursor + 1

    @property
    def seeking_end(self) -> bool:
        """Whether the last row was asked for and is not there yet."""
        return self._seeking_end

    @property
    def row(self) -> Row | None:
        """The selected row; None if it is still on its way."""
        return self._pages.row(self.cursor) if 0 <= self.cursor < len(self._pages) else None

    @property
    def value(self) -> models.Cell:
        """The value under the cursor."""
        row = self.row
        return row[self.column] if row is not None else None

    def visible_rows(self) -> list[Row]:
        """The rows on the screen that are at hand."""
        end = min(self._top_line + self.window, len(self._pages))
        found = [self._pages.row(index) for index in range(self._top_line, end)]
        return [row for row in found if row is not None]

    # ---- fetching -------------------------------------------------------------------------------------------------

    @property
    def _top_line(self) -> int:
        return int(self.scroll_offset.y)

    def want(self) -> None:
        """Fetch the next page that is missing around the window, unless one is on its way."""
        opened, pages = self._opened, self._pages
        if opened is None or self.fetching:
            return
        top = self._top_line
        number = pages.wanted(top, top + self.window, upwards=self._upwards)
        if number is None:
            return
        self.fetching = True
        result = opened.result
        off_loop(
            self,
            lambda: (result.window(number * PAGE, PAGE), result.has_changed()),
            lambda found: self._take(pages, number, *found),
            lambda error: self._miss(pages, number, error),
        )

    def _take(self, pages: Pages, number: int, rows: Sequence[Row], changed: bool) -> None:
        if pages is not self._pages:
            return  # of a result that is no longer shown
        self.fetching = False
        self.outdated = changed
        pages.put(number, rows)
        if self._widths.learn_numbers(rows):
            self._replace()
        self._lines_came(self.cursor)

    def _miss(self, pages: Pages, number: int, error: Exception) -> None:
        if pages is not self._pages:
            return
        self.fetching = False
        pages.fail(number)
        self.problem = str(error)
        self._lines_came(self.cursor)

    def _await_count(self, opened: Opened) -> None:
        pages = self._pages
        if pages.count is None:
            off_loop(self, opened.result.wait, lambda _ended: self._count(pages, opened), self._ignore)

    def _count(self, pages: Pages, opened: Opened) -> None:
        if pages is not self._pages:
            return
        count = opened.result.row_count()
        if count is None:
            self.problem = f"the rows could not be counted: {opened.result.problem}"
            self.post_message(self.Changed())
            return
        self.problem = ""  # pages that could not be had are asked for again
        moved = pages.counted(count)
        top = self._top_line + moved
        seeking, self._seeking_end = self._seeking_end, False
        cursor = count - 1 if seeking else self.cursor + moved
        self._lines_came(cursor)
        if moved:
            self.scroll_to(y=top, animate=False, immediate=True, force=True)
        self.show_cursor()

    def _lines_came(self, cursor: int) -> None:
        self.lines_changed(cursor)
        self.want()
        self.post_message(self.Changed())

    def _ignore(self, _error: Exception) -> None:
        """The result was closed meanwhile."""

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        self._upwards = new_value < old_value
        self.want()

    def on_delivered(self, event: Delivered) -> None:
        event.receive(event.result)

    # ---- moving ---------------------------------------------------------------------------------------------------

    def watch_cursor(self, old: int, new: int) -> None:
        super().watch_cursor(old, new)
        self.post_message(self.Changed())

    def action_first(self) -> None:
        if self._pages.tail is not None:
            self._pages.leave_tail()
            self.lines_changed(0)
            self.scroll_to(y=0, animate=False, immediate=True, force=True)
        super().action_first()

    def action_last(self) -> None:
        """The last row: at once where it is known, else as soon as it is found."""
        opened, pages = self._opened, self._pages
        if pages.count is not None or pages.tail is not None or opened is None:
            super().action_last()
        elif not self._seeking_end:
            self._seeking_end = True
            off_loop(
                self,
                lambda: opened.result.last(TAIL),
                lambda rows: self._take_tail(pages, rows),
                lambda error: self._miss_tail(pages, error),
            )
            self.post_message(self.Changed())

    def _take_tail(self, pages: Pages, rows: Sequence[Row]) -> None:
        if pages is not self._pages or not self._seeking_end:
            return
        self._seeking_end = False
        if pages.count is None:
            pages.put_tail(rows)
            self._lines_came(len(rows) - 1)
            self.show_cursor()
        else:
            self.action_last()

    def _miss_tail(self, pages: Pages, error: Exception) -> None:
        if pages is self._pages and self._seeking_end:
            self._seeking_end = False
            self.problem = str(error)
            self.post_message(self.Changed())

    def column_changed(self) -> None:
        self.post_message(self.Changed())

    def on_click(self, event: events.Click) -> None:
        if event.y < HEADING:
            self.action_ask("sort")

    def on_resize(self) -> None:
        self.want()

    # ---- asking ---------------------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "ask" and parameters == ("show_all",):
            return self.busy or bool(self._shape.conditions)
        return super().check_action(action, parameters)

    @property
    def hints(self) -> list[Binding]:
        """The keys that matter most now."""
        found = [binding for binding in self.BINDINGS if isinstance(binding, Binding)]
        all_again = [b for b in found if b.action == "ask('show_all')" and self._shape.conditions]
        masked = self._opened is None or not self._opened.unmasked
        kept = [b for b in found if b.show and b.action != "ask('show_all')" and (masked or b.action not in LEAVING)]
        return [*all_again, *kept]

    def action_ask(self, what: str) -> None:
        if self.looks:
            self.post_message(self.Asked(what))

    @property
    def _shape(self) -> Shape:
        return self._opened.shape if self._opened else Shape()

    # ---- drawing --------------------------------------------------------------------------------------------------

    def line_count(self) -> int:
        return len(self._pages)

    def empty_lines(self) -> Sequence[tuple[str, str]]:
        if self._opened is None:
            return ()
        if self._shape.conditions:
            return (("No row passes the filter. Esc shows all rows.", "muted"),)
        return (("The query was carried out; it has no rows.", "muted"),)

    def cells(self, index: int) -> Sequence[Cell]:
        row = self._pages.row(index)
        if row is None:
            sign, tone = ("?", "bad") if self._pages.failed(index) else (self.glyphs.ellipsis, "faint")
            return [cell(sign, tone) for _place in self._places]
        return [self._cell(row[place.column], place) for place in self._places]

    def mark(self, column: int) -> str:
        """The signs of a column that the result is filtered or sorted by; of several orders, with its place."""
        return ("/" if any(c.column == column for c in self._shape.conditions) else "") + self._sort_mark(column)

    def _sort_mark(self, column: int) -> str:
        orders = self._shape.order
        at = next((n for n, order in enumerate(orders) if order.column == column), None)
        if at is None:
            return ""
        return self.arrow(orders[at]) + (str(at + 1) if len(orders) > 1 else "")

    def arrow(self, order: Order) -> str:
        """Up for ascending, down for descending."""
        signs = "▲▼" if getattr(self.app, "unicode", True) else "^v"
        return signs[order.descending]
