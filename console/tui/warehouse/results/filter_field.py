"""The field in which a filter for one column of a result is typed, or for another one by its name."""

from __future__ import annotations

import re
from collections.abc import Sequence
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

HELP = "text, =x, !=x, >1, <=1, empty, not empty"
LONGEST = 1_000
TITLE = 24
_NAMED = re.compile(r"""\s*(?:"(?P<quoted>(?:[^"]|"")+)"|(?P<name>[^"=!<>]*[^"=!<>\s]))\s*(?=[=!<>])""")


class FilterField(Horizontal):
    """`region: west`; Enter applies what was typed, Esc leaves the filter of that column.

    `city = Boise` is about the column of that name, whichever was asked for.
    """

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
        self._column = 0
        self._columns: Sequence[str] = ()
        self._numbers: Sequence[bool] = ()
        self._now: tuple[str, Condition | None] = "", None  # as it was offered

    def compose(self) -> ComposeResult:
        yield Static("", markup=False)
        field = Input(placeholder=HELP, max_length=LONGEST, select_on_focus=False, id="result-condition")
        field.cursor_blink = False
        yield field

    def ask(self, column: int, columns: Sequence[str], now: Condition | None, *, numbers: Sequence[bool]) -> None:
        """Ask for the condition on a column that has the condition `now`; `numbers` says which hold these alone."""
        self._column, self._columns, self._numbers = column, columns, numbers
        self._now = condition_text(now) if now else "", now
        title = plain(columns[column]) or '""'
        self.query_one(Static).update(f"{fitted(title, TITLE).rstrip()}:")
        field = self.query_one(Input)
        field.value = self._now[0]
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
        offered, now = self._now
        if not text.strip():
            self.post_message(self.Wanted(self._column, None))
        elif text == offered:
            self.post_message(self.Wanted(self._column, now))
        else:
            self._apply(*named_column(text, self._columns, self._column))

    def _apply(self, column: int, text: str) -> None:
        try:
            condition = parse_condition(column, text, numbers=self._numbers[column])
        except QueryRefused as error:
            self.post_message(self.Refused(str(error)))
            return
        self.post_message(self.Wanted(column, condition))

    def action_leave(self) -> None:
        self.post_message(self.Wanted(self._column, None))


def named_column(text: str, columns: Sequence[str], column: int) -> tuple[int, str]:
    """The column that `text` names before a sign, and what follows the name; else `column`, and all of it."""
    found = _NAMED.match(text)
    if found is None:
        return column, text
    name = (found["name"] or found["quoted"].replace('""', '"')).casefold()
    named = [number for number, one in enumerate(columns) if one.casefold() == name]
    if not named:
        return column, text
    return column if column in named else named[0], text[found.end() :]
