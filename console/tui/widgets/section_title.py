"""The line above a panel: its name, and on the right what is special about it now."""

from __future__ import annotations

from rich.cells import cell_len
from rich.segment import Segment
from textual.strip import Strip
from textual.widget import Widget

from console.tui.text import fitted, plain
from console.tui.theme import glyphs, tones

AROUND = 6  # cells of the line at both ends, and of the spaces beside the note


class SectionTitle(Widget):
    """`── Runs ──────────────── failed only ──`; `active` while its panel has the focus."""

    DEFAULT_CSS = "SectionTitle { height: 1; width: 100%; }"

    def __init__(self, title: str, *, id: str) -> None:  # noqa: A002 – Textual's name for it
        super().__init__(id=id)
        self._title = title
        self._note = ""
        self._active = False

    def say(self, note: str) -> None:
        """Show `note` at the right end."""
        if note != self._note:
            self._note = note
            self.refresh()

    def activate(self, active: bool) -> None:
        if active != self._active:
            self._active = active
            self.refresh()

    def render_line(self, _y: int) -> Strip:
        width, styles = self.size.width, tones(self.app.theme)
        signs = glyphs(unicode=getattr(self.app, "unicode", True))
        head, told = f" {self._title} ", plain(self._note)
        room = width - cell_len(head) - AROUND
        note = fitted(told, min(cell_len(told), max(room, 0)), "left", signs.ellipsis)
        tail = f" {note} " if note else ""
        line = styles["accent" if self._active else "faint"]
        space = max(width - cell_len(head) - cell_len(tail) - 2 * (1 + bool(note)), 0)
        return Strip(
            [
                Segment(signs.rule * 2, line),
                Segment(head, styles["title" if self._active else "strong"]),
                Segment(signs.rule * space, line),
                Segment(tail, styles["muted"]),
                Segment(signs.rule * 2 if note else "", line),
            ]
        ).adjust_cell_length(width, line)
