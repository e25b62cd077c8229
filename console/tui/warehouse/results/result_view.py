"""The results pane: a result with its title and its cells, a query that runs, or why there is no answer.

Owns the open result: it is closed when another takes its place, when it is taken away, and when the pane goes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.widget import Widget

from console.actions.warehouse_queries import WarehouseQueries
from console.tui.messages import Delivered
from console.tui.off_loop import off_loop
from console.tui.warehouse.results.filter_field import FilterField
from console.tui.warehouse.results.result_actions import ResultActions
from console.tui.warehouse.results.result_cells import visible
from console.tui.warehouse.results.result_message import Part as Line
from console.tui.warehouse.results.result_message import ResultMessage
from console.tui.warehouse.results.result_table import ResultTable
from console.tui.warehouse.results.result_title import Part, ResultFoot, ResultTitle
from console.tui.warehouse.results.result_words import (
    filter_words,
    limits_words,
    origin_words,
    short_origin_words,
    took_words,
)
from console.tui.widgets.log_text import shown_lines
from warehouse.browse import CANCELLED
from warehouse.errors import QueryStopped
from warehouse.limits import QueryLimits
from warehouse.models import MASK
from warehouse.opened import BROWSING, Kind, Opened
from warehouse.shaping import PLAIN, Condition, Order, Shape
from warehouse.words import rows_words

MOST_TEXT = 4_000  # characters of a running query that are shown
NAMES = (20, 16, 14, 12)  # characters of the name of a table in the title, the most that fit
NUMBERS = (Kind.INTEGER, Kind.NUMBER, Kind.MONEY)
NOTHING: tuple[Line, ...] = (
    ("No result yet", "text"),
    ("F5 runs the statement in the editor; Enter on a table of the catalogue shows its rows.", "muted"),
)


class ResultView(Vertical):
    """`queries` gives the actions; `limits` are what the operator allows a query to take."""

    BINDINGS: ClassVar[list[BindingType]] = []
    DEFAULT_CSS = """
    ResultView { background: $lw-background; }
    ResultView ResultTable, ResultView ResultMessage { height: 1fr; }
    """

    class Cancelled(Message):
        """The operator wants the running query to stop."""

    class Changed(Message):
        """Another result is shown, or the same one in another shape."""

        def __init__(self, opened: Opened) -> None:
            super().__init__()
            self.opened = opened

    class ToPlace(Message):
        """The operator wants to see the place of the query that the problem points at."""

        def __init__(self, position: int) -> None:
            super().__init__()
            self.position = position

    def __init__(self, queries: Callable[[], WarehouseQueries], *, id: str = "results") -> None:  # noqa: A002
        super().__init__(id=id)
        self.limits = BROWSING
        self.opened: Opened | None = None
        self._clear_s = 0
        self._queries = queries
        self._at_work = False
        self._position: int | None = None
        self._problem: list[Line] = []  # what is said of it, without the keys
        self._shaping: threading.Event | None = None
        self._wanted: Shape | None = None  # the shape that is on its way
        self._actions = ResultActions(self, queries)

    def compose(self) -> ComposeResult:
        yield ResultTitle()
        yield ResultTable()
        yield ResultMessage()
        yield FilterField()
        yield ResultFoot()

    def on_mount(self) -> None:
        self._title, self._foot = self.query_one(ResultTitle), self.query_one(ResultFoot)
        self.table, self._words = self.query_one(ResultTable), self.query_one(ResultMessage)
        self._field = self.query_one(FilterField)
        self._say(NOTHING)

    def on_unmount(self) -> None:
        self._stop_shaping()
        self._close(self.opened)

    def on_delivered(self, event: Delivered) -> None:
        event.receive(event.result)

    def on_resize(self) -> None:
        self.tell()

    # ---- what the screen calls --------------------------------------------------------------------------------------

    def show(self, opened: Opened) -> None:
        """Show this result instead of what was shown; it belongs to the pane from now on."""
        self._stop_shaping()
        self._show(opened, same_columns=False)

    def show_running(self, text: str) -> None:
        """A query is at work; Esc posts `Cancelled`."""
        self._stop_shaping()
        self._at_work, self._position = True, None
        started = datetime.now().astimezone()
        lines: list[Line] = [(f"Running since {started:%H:%M:%S}. Esc stops it.", "text"), ("", "muted")]
        lines += [(line, "muted") for line in shown_lines(text.strip()[:MOST_TEXT])]
        self._say(lines, possible=("stop",))
        self._title.say((f"running since {started:%H:%M:%S}", "busy"), ("Esc stops it", "muted"))

    def show_problem(
        self, message: str, position: int | None = None, *, heading: str = "The query was not answered"
    ) -> None:
        """A query was not answered: why, where its result would be. The result before stays within reach."""
        self._at_work, self._position = False, position
        problem: list[Line] = [(heading, "bad"), ("", "text")]
        problem += [(line, "text") for line in shown_lines(message[:1].upper() + message[1:])]
        possible = [*(["place"] if position is not None else []), *(["before"] if self.opened else [])]
        self._say([*problem, *self._keys_of_problem()], possible=possible)
        self._problem = problem
        self._title.say(("not answered", "bad"))

    def _keys_of_problem(self) -> list[Line]:
        """What can be done about it, with the keys that work where the focus is."""
        here = self._holds_focus()
        hints = []
        if self._position is not None:
            hints.append(
                "Enter goes to the place in the query." if here else "In the editor the cursor is at the place."
            )
        if self.opened is not None:
            hints.append("Esc shows the result before." if here else "F6 leads here; Esc then shows the result before.")
        return [("", "muted"), (" ".join(hints), "muted")] if hints else []

    def close_result(self) -> None:
        """Show nothing, and give the result back."""
        self._stop_shaping()
        self._at_work = False
        closed, self.opened = self.opened, None
        self.table.clear()
        self._close(closed)
        self._say(NOTHING)

    def use_limits(self, limits: QueryLimits) -> None:
        """Queries may take so much from now on."""
        self.limits = limits
        if self.table.display:
            self.tell()
        else:
            self._foot.say(right=[limits_words(limits)])

    def tell_clear(self, seconds: int) -> None:
        """What is in clear is so for these seconds more."""
        self._clear_s = seconds
        self.tell()

    @property
    def masks(self) -> bool:
        """Whether the result that is shown has customers' values which are masked."""
        opened = self.opened
        return opened is not None and self.table.display and not opened.unmasked and _has_masks(opened)

    @property
    def content(self) -> Widget:
        """What takes the focus: the table, or the message in its place."""
        return self.table if self.table.display else self._words

    def focus_content(self) -> None:
        """Give the pane the focus, at once: the message must not take it once the table has come."""
        self.screen.set_focus(self.content)

    # ---- showing ----------------------------------------------------------------------------------------------------

    def _show(self, opened: Opened, *, same_columns: bool) -> None:
        before, self.opened = self.opened, opened
        self._at_work, self._problem = False, []
        self._field.close()
        self._switch(self.table)
        self.table.show(opened, same_columns=same_columns)
        if before is not opened:
            self._close(before)
        self.tell()
        self.post_message(self.Changed(opened))

    def _say(self, lines: tuple[Line, ...] | list[Line], *, possible: tuple[str, ...] | list[str] = ()) -> None:
        self._problem = []
        self._words.say(lines, possible=possible)
        self._field.close()
        self._switch(self._words)
        self._title.say()
        self._foot.say(right=[limits_words(self.limits)])

    def _switch(self, shown: Widget) -> None:
        """Show the table or the message; the focus goes along."""
        within = self._holds_focus()
        self.table.display, self._words.display = shown is self.table, shown is self._words
        if within and self.screen.focused is not shown:
            self.screen.set_focus(shown)

    def _close(self, opened: Opened | None) -> None:
        """Give a result back: that waits for what is at work for it, so never on the loop."""
        if opened is not None:
            off_loop(self, opened.result.close, lambda _none: None, lambda _error: None)

    def tell(self) -> None:
        """Say in title and foot what there is to say now."""
        opened = self.opened
        if opened is None or not self.table.display:
            return
        parts: list[Part] = [self._rows_part(opened)]
        if self._shaping is not None:
            parts.insert(0, ("at work, Esc stops", "busy"))
        if opened.unmasked:
            parts.insert(0, (f"IN CLEAR, {self._clear_s} s left" if self._clear_s else "IN CLEAR", "bad-strong"))
        if self.table.outdated:
            parts.append(("the data has changed since", "wait"))
        short, took = short_origin_words(opened), took_words(opened.elapsed_ms)
        forms = (origin_words(opened), [*short, took], short, *(short_origin_words(opened, name=n) for n in NAMES))
        told = [[*parts, *((words, "muted") for words in form)] for form in forms]
        chosen = next((n for n, form in enumerate(told) if self._title.has_room(*form)), len(told) - 1)
        self._title.say(*told[chosen])
        self._tell_place(opened, took=took if chosen > 1 else "")

    def _rows_part(self, opened: Opened) -> Part:
        """How many rows there are, as far as that is known."""
        count = self.table.row_count
        if count is None:
            state = "counting" if not self.table.problem else "not counted"
            return f"over {self.table.rows_at_hand:,} rows, {state}", "text"
        if opened.result.truncated:
            return f"the first {rows_words(count)} (limit)", "wait"
        return rows_words(count), "text"

    def _tell_place(self, opened: Opened, *, took: str = "") -> None:
        """Where the cursor is; and how long the query took, if the title has no room for that."""
        table, shape = self.table, opened.shape
        parts: list[Part] = []
        if table.problem:
            parts.append((table.problem, "bad"))
        if table.seeking_end:
            parts.append(("looking for the last row", "busy"))
        if shape.conditions:
            parts.append((f"only {filter_words(opened.columns, shape)}", "wait"))
        number = table.row_number
        if table.line_count():
            parts.append((f"row {number:,}" if number else "the last rows", "text"))
        if opened.columns:
            parts.append((opened.columns[table.column] or '""', "text"))
        if shape.order:
            order = [f"{opened.columns[o.column]} {table.arrow(o)}" for o in shape.order]
            parts.append((f"sorted by {', '.join(order)}", "muted"))
        key = "Esc: all rows" if shape.conditions and not self.table.busy else ""
        limits = limits_words(self.limits)
        if self.limits != opened.limits:  # what was just changed is told before what the title has no room for
            limits = f"next query: {limits}"
            shorter = [limits, took]
        else:
            shorter = [took or limits]
        self._foot.say(*parts, right=[*([f"{took}, {limits}"] if took else []), *shorter], key=key)

    # ---- messages of the parts --------------------------------------------------------------------------------------

    def on_descendant_focus(self, _event: events.DescendantFocus) -> None:
        self._focus_moved()

    def on_descendant_blur(self, _event: events.DescendantBlur) -> None:
        self._focus_moved()

    def _focus_moved(self) -> None:
        self._title.activate(self._holds_focus())
        if self._problem:
            self._words.say([*self._problem, *self._keys_of_problem()], possible=self._words.possible)

    def _holds_focus(self) -> bool:
        focused = self.screen.focused
        return focused is not None and self in focused.ancestors

    def on_result_table_changed(self, event: ResultTable.Changed) -> None:
        event.stop()
        self.tell()

    def on_result_table_asked(self, event: ResultTable.Asked) -> None:
        event.stop()
        match event.what:
            case "sort":
                self._sort(also=False)
            case "sort_also":
                self._sort(also=True)
            case "filter":
                self._ask_filter()
            case "show_all":
                self._show_all()
            case _ if self._shaping is not None:  # what is shown goes away under it
                self.notify("The result is being sorted or filtered: once more when it is there, or Esc.", markup=False)
            case what:
                self._actions.do(what)

    def on_result_message_asked(self, event: ResultMessage.Asked) -> None:
        event.stop()
        if event.what == "limits":
            self._actions.do("limits")
        elif event.what == "place" and self._position is not None:
            self.post_message(self.ToPlace(self._position))
        elif event.what == "stop" and self._at_work:
            self.post_message(self.Cancelled())
        elif event.what == "before" and self.opened is not None:
            self._switch(self.table)
            self.tell()

    def on_filter_field_wanted(self, event: FilterField.Wanted) -> None:
        event.stop()
        self._field.close()
        self.screen.set_focus(self.table)
        self.table.select_column(event.column)
        self.filter_by(event.column, event.condition)

    def on_filter_field_refused(self, event: FilterField.Refused) -> None:
        event.stop()
        self._foot.say((event.why, "bad"))

    # ---- sort and filter --------------------------------------------------------------------------------------------

    def _ask_filter(self) -> None:
        if self.opened is not None:
            column = self.table.column
            now = next((c for c in self._shape.conditions if c.column == column), None)
            numbers = [kind in NUMBERS for kind in self.opened.kinds]
            self._field.ask(column, self.opened.columns, now, numbers=numbers)

    def filter_by(self, column: int, condition: Condition | None) -> None:
        """Filter by this condition instead of those that the column had."""
        if self.opened is None:
            return
        shape = self._shape
        kept = tuple(c for c in shape.conditions if c.column != column)
        self._reshape(replace(shape, conditions=kept if condition is None else (*kept, condition)))

    def _show_all(self) -> None:
        """Stop what is at work, else leave all filters."""
        if self._shaping is not None:
            self._stop_shaping()
            self.tell()
        elif self.opened is not None:
            self._reshape(replace(self.opened.shape, conditions=()))

    def _sort(self, *, also: bool) -> None:
        if self.opened is not None:
            order = next_order(self._shape.order, self.table.column, also=also)
            self._reshape(replace(self._shape, order=order))

    @property
    def _shape(self) -> Shape:
        """How the result is to be sorted and filtered: as last asked for."""
        if self._wanted is not None:
            return self._wanted
        return self.opened.shape if self.opened is not None else PLAIN

    def _reshape(self, shape: Shape) -> None:
        """Open the same query in another shape; what is shown stays until its rows are there."""
        opened = self.opened
        self._stop_shaping()
        if opened is None or shape == opened.shape:
            self.tell()
            return
        stop = self._shaping = threading.Event()
        self._wanted = shape
        queries = self._queries()
        self.table.busy = True

        def work() -> Opened:
            found = queries.reshape(opened, shape, stop=stop)
            if stop.is_set():  # just before its end: there may be no pane left that would close it
                found.result.close()
                raise QueryStopped(CANCELLED)
            return found

        off_loop(
            self,
            work,
            lambda found: self._reshaped(stop, found),
            lambda error: self._not_reshaped(stop, error),
        )
        self.tell()

    def _reshaped(self, stop: threading.Event, opened: Opened) -> None:
        if stop is not self._shaping:
            self._close(opened)
            return
        self._shaping, self._wanted, self.table.busy = None, None, False
        self._show(opened, same_columns=True)

    def _not_reshaped(self, stop: threading.Event, error: Exception) -> None:
        if stop is self._shaping:
            self._shaping, self._wanted, self.table.busy = None, None, False
            self.table.problem = "" if isinstance(error, QueryStopped) and stop.is_set() else visible(str(error), 400)
            self.tell()

    def _stop_shaping(self) -> None:
        if self._shaping is not None:
            self._shaping.set()
            self._shaping, self._wanted, self.table.busy = None, None, False


def next_order(order: tuple[Order, ...], column: int, *, also: bool) -> tuple[Order, ...]:
    """The order after one more wish to sort by a column: ascending, then descending, then not by it.

    `also` keeps the other columns, which come before a new one.
    """
    now = next((term for term in order if term.column == column), None)
    if not also and len(order) > 1:
        now = None
    wanted = (Order(column),) if now is None else () if now.descending else (Order(column, descending=True),)
    if not also:
        return wanted
    if now is None:
        return (*order, *wanted)
    return tuple(new for term in order for new in (wanted if term.column == column else (term,)))


def _has_masks(opened: Opened) -> bool:
    """Of the first rows: a masked column is the same in all of them."""
    return opened.database == "warehouse" and any(MASK in row for row in opened.result.first)
