"""A choice among a few words on one line: Left and Right choose, the chosen one stands in brackets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.binding import Binding, BindingType
from textual.strip import Strip
from textual.widget import Widget

from console.tui.records.keys import RESEARCH
from console.tui.text import fitted
from console.tui.theme import tones

LABEL = 10


class ChoiceLine(Widget, can_focus=True):
    """`By         [sex]  age_band  state `; `chosen` is the word."""

    help_name = "choice"
    DEFAULT_CSS = "ChoiceLine { height: 1; width: 100%; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "choose(-1)", "Before", show=False, id="choice.left", tooltip="The word before"),
        Binding("right,l,space", "choose(1)", "Choose", id="choice.right", tooltip="The next word"),
        *RESEARCH,
    ]

    def __init__(self, label: str, words: Sequence[str], *, id: str) -> None:  # noqa: A002 – Textual's name for it
        super().__init__(id=id)
        self._label, self._words, self._at = label, tuple(words), 0

    @property
    def chosen(self) -> str:
        return self._words[self._at]

    def choose(self, word: str) -> None:
        """Choose a word."""
        self._at = self._words.index(word)
        self.refresh()

    def action_choose(self, by: int) -> None:
        self._at = (self._at + by) % len(self._words)
        self.refresh()

    def render_line(self, y: int) -> Strip:
        styles, width = tones(self.app.theme), self.size.width
        if y:
            return Strip.blank(width, styles["text"])
        label = fitted(f" {self._label}", LABEL + 1)
        segments = [Segment(label, styles["title" if self.has_focus else "strong"])]
        for number, word in enumerate(self._words):
            chosen = number == self._at
            tone = styles["tab"] if chosen and self.has_focus else styles["strong" if chosen else "muted"]
            segments.append(Segment(f"[{word}]" if chosen else f" {word} ", tone))
        return Strip(segments).adjust_cell_length(width, styles["text"])

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        x = LABEL + 1
        for number, word in enumerate(self._words):
            if x <= event.x < x + len(word) + 2:
                self._at = number
                self.refresh()
                return
            x += len(word) + 2
