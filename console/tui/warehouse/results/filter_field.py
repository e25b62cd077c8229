"""The field in which a filter for one column of a result is typed."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input, Static

from console.tui.text import fitted, plain
from console.tui.warehouse.results.result_words import condition_text
from warehouse.errors import QueryRefused
from warehouse.shaping import Condition, parse_condition

HELP = "text, =x, !=x, >100, <=100, empty, not empty"
LONGEST = 1_000
TITLE = 24


class FilterField(Horizontal):
    """`region: west`; Enter applies what was typed, Esc leaves the filter of that column."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "apply", "Apply", id="filter.apply", tooltip="Show only the rows that pass"),
        Binding("escape", "leave", "Clear", id="filter.clear", tooltip="Leave the filter of this column"),
    ]
    DEFAULT_CSS = """
    FilterField { height: 1; display: none; background: $lw-raised; }
    FilterField.-shown { display: block; }
    FilterField Static { width: auto; height: 1; padding: 0 0 0 1; color: $lw-accent; text-style: bold; }
    FilterField Input { height: 1; border: none; padding: 0 1; width: 1fr; background: $lw-raised; color: $lw-text; }
    FilterField Input:focus { border: none; background: $lw-cursor; }
    """

    class Wanted(Message):
        """The column is to be filtered by this; None for no filter."""

        def __init__(self, column: int, condition: Condition | None) -> None:
            super().__init__()
            self.column = column
            self.condition = condition

    class Refused(Message):
        """What was typed is no condition."""

        def __init__(self, why: str) -> None:
            super().__init__()
            self.why = why

    def __init__(self) -> None:
        super().__init__(id="result-filter")
        self._column, self._numbers = 0, False

    def compose(self) -> ComposeResult:
        yield Static("", markup=False)
        field = Input(placeholder=HELP, max_length=LONGEST, select_on_focus=False, id="result-condition")
        field.cursor_blink = False
        yield field

    def ask(self, column: int, name: str, now: Condition | None, *, numbers: bool) -> None:
        """Ask for the condition on a column that has the condition `now`; `numbers` says that it holds these alone."""
        self._column, self._numbers = column, numbers
        title = plain(name) or '""'
        self.query_one(Static).update(f"{fitted(title, TITLE).rstrip()}:")
        field = self.query_one(Input)
        field.value = condition_text(now) if now else ""
        field.action_select_all()
        self.add_class("-shown")
        self.screen.set_focus(field)  # at once: the next key is meant for it

    def close(self) -> None:
        """Take the field away."""
        self.remove_class("-shown")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_apply()

    def action_apply(self) -> None:
        text = self.query_one(Input).value
        if not text.strip():
            self.post_message(self.Wanted(self._column, None))
            return
        try:
            condition = parse_condition(self._column, text, numbers=self._numbers)
        except QueryRefused as error:
            self.post_message(self.Refused(str(error)))
            return
        self.post_message(self.Wanted(self._column, condition))

    def action_leave(self) -> None:
        self.post_message(self.Wanted(self._column, None))
