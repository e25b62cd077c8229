"""The first line of a screen of details: product, whether it is practice, what is shown, who looks, the way back."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len

from console.tui.text import fitted, plain
from console.tui.widgets.bars import NAME, AttendedLine

BACK = "Esc back "
WHO = 18  # cells of who looks


class DetailHeader(AttendedLine):
    """` Lakewarden  PRACTICE   Run details      operator · 14 min  Esc back`."""

    def __init__(self, title: str) -> None:
        super().__init__(id="header")
        self._title = title
        self._practice: bool | None = None

    def say(self, *, practice: bool) -> None:
        """Tell where the data shown comes from, once that is known."""
        if practice != self._practice:
            self._practice = practice
            self.refresh()

    def parts(self) -> Sequence[tuple[str, str, str]]:
        """The product's name goes where what is shown needs the room."""
        mode = " PRACTICE " if self._practice else ""
        title = f"  {plain(self._title)}"
        who = f" {self.who_words(WHO)}  "
        product = f" {NAME} "
        room = self.size.width - cell_len(mode + who + BACK)
        if cell_len(product + title) > room:
            product = ""
        room -= len(product)
        return (
            (product, "strong", ""),
            (mode, "badge", ""),
            (fitted(title, room), "heading", ""),
            (who, "title", ""),
            (BACK, "heading", "screen.back"),
        )
