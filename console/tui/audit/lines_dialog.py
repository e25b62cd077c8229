"""A dialog of lines to read: names with values that wrap, and sentences. The base of event and proof."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from textwrap import wrap
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Static

from console.tui.screens.dialogs import Dialog
from console.tui.text import fitted, plain
from console.tui.widgets.line_panel import Line, LinePanel

NAME = 12  # cells of a name
FRAME = 7  # lines of the dialog around what it shows


class LinesDialog(Dialog):
    """Grows with what it shows, up to the screen, and scrolls beyond."""

    CSS_PATH: ClassVar[list[str]] = ["../screens/dialogs.tcss", "dialogs.tcss"]  # type: ignore[assignment] # a list too
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,q", "close", "Close", show=False, id="lines.close", tooltip="Close"),
    ]

    def __init__(self, title: str) -> None:
        super().__init__()
        self._title = title

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(plain(self._title), classes="dialog-title", markup=False)
            yield LinePanel(id="lines")
            yield Static("", classes="dialog-hint", markup=False)

    def lines(self, width: int) -> Sequence[Line]:
        """What is shown, for so many cells."""
        raise NotImplementedError

    def hint(self) -> str:
        """The keys, in words."""
        raise NotImplementedError

    def on_mount(self) -> None:
        self.set_focus(self.query_one(LinePanel))
        self.call_after_refresh(self.show)

    def on_resize(self) -> None:
        self.call_after_refresh(lambda: self.show(at_end=self.ends_with_answer))

    @property
    def ends_with_answer(self) -> bool:
        """Whether the last lines are what was asked for, which stay in sight in a window of another size."""
        return False

    def show(self, *, at_end: bool = False, stay: bool = False) -> None:
        """Show the lines as they are now: from the first one, down to the last, or from where the reader is."""
        if not self.is_attached:
            return
        panel = self.query_one(LinePanel)
        lines = self.lines(panel.line_width)
        panel.styles.height = max(min(len(lines), self.app.size.height - FRAME), 1)
        self.query_one(".dialog-title", Static).update(plain(self._title))
        self.query_one(".dialog-hint", Static).update(self.hint())
        panel.show(lines, stay=stay)
        if at_end:
            self.call_after_refresh(panel.scroll_end, animate=False)

    def retitle(self, title: str) -> None:
        self._title = title


def named_lines(fields: Iterable[tuple[str, str, str]], width: int) -> list[Line]:
    """A name and its value a line, each value in its tone and wrapped below itself."""
    found: list[Line] = []
    for name, value, tone in fields:
        first, *more = wrap(value, max(width - NAME, 16)) or [""]
        found.append(((fitted(name, NAME), "muted"), (first, tone)))
        found += [((" " * NAME, "muted"), (line, tone)) for line in more]
    return found


def sentence(text: str, tone: str, width: int) -> list[Line]:
    """A sentence, wrapped."""
    return [((line, tone),) for line in wrap(text, max(width, 16))] or [()]
