"""What stands in place of a result: nothing yet, a query that runs, or why it was not answered."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

MOST_LINES = 200
Part = tuple[str, str]  # a line, and its tone


class ResultMessage(VerticalScroll, can_focus=True):
    """Lines of text with room to scroll; `Asked` tells what a key wants done."""

    help_name = "result"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "ask('stop')", "Cancel", id="message.stop", tooltip="Stop the query"),
        Binding("escape", "ask('before')", "Result before", id="message.before", tooltip="Back to the result before"),
        Binding("enter", "ask('place')", "Go there", id="message.place",
                tooltip="To the place in the query that the message points at"),
        Binding("l", "ask('limits')", "Limits", id="message.limits", tooltip="Seconds and rows that a query may take"),
    ]  # fmt: skip
    DEFAULT_CSS = """
    ResultMessage { background: $lw-background; scrollbar-size-vertical: 1; overflow-x: hidden; padding: 1 2 0 2; }
    ResultMessage Static { height: auto; }
    """

    class Asked(Message):
        """A key wants something done: `stop`, `before`, `place` or `limits`."""

        def __init__(self, what: str) -> None:
            super().__init__()
            self.what = what

    def __init__(self) -> None:
        super().__init__(id="result-message")
        self.possible: frozenset[str] = frozenset()

    def compose(self) -> ComposeResult:
        yield Static("", id="result-words", markup=False)

    def say(self, lines: Sequence[Part], *, possible: Collection[str] = ()) -> None:
        """Show these lines; only the keys for what is `possible` work."""
        self.possible = frozenset(possible)
        parts = [Content.styled(text + "\n", f"$lw-{tone}") for text, tone in lines[:MOST_LINES]]
        if len(lines) > MOST_LINES:
            parts.append(Content.styled(f"and {len(lines) - MOST_LINES:,} lines more", "$lw-muted"))
        self.query_one(Static).update(Content.assemble(*parts))
        self.scroll_home(animate=False)

    @property
    def hints(self) -> list[Binding]:
        """The keys that do something now."""
        found = [binding for binding in self.BINDINGS if isinstance(binding, Binding)]
        return [b for b in found if b.action == "ask('limits')" or b.action[5:-2] in self.possible]

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "ask":
            return bool(parameters) and parameters[0] in (*self.possible, "limits")
        return super().check_action(action, parameters)

    def action_ask(self, what: str) -> None:
        self.post_message(self.Asked(what))
