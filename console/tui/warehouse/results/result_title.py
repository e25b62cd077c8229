"""The lines above and below a result: what it is and where it came from, where the cursor stands, sort and filter."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from rich.segment import Segment
from textual.strip import Strip
from textual.widget import Widget

from console.tui.text import fitted, plain
from console.tui.theme import glyphs, tones

Part = tuple[str, str]  # text, tone
BETWEEN = " · "
HEAD = " Result "


def fitting(parts: Sequence[Part], room: int, ellipsis: str) -> list[Part]:
    """The parts that fit, the first ones first; the first that does not fit is cut if much of it is left."""
    found: list[Part] = []
    for text, tone in parts:
        between = cell_len(BETWEEN) if found else 0
        left = room - between
        if left < min(cell_len(text), 10):
            break
        cut = fitted(text, min(cell_len(text), left), "left", ellipsis)
        if found:
            found.append((BETWEEN, "faint"))
        found.append((cut, tone))
        room = left - cell_len(cut)
    return found


class ResultTitle(Widget):
    """`── Result ──────── 1,000,000 rows · 12 ms · from Monthly_Sales_Aggregate_Table ──`.

    Where what is told needs the room, it stands without the word.
    """

    DEFAULT_CSS = "ResultTitle { height: 1; width: 100%; }"

    def __init__(self) -> None:
        super().__init__(id="result-title")
        self._parts: tuple[Part, ...] = ()
        self._active = False

    def say(self, *parts: Part) -> None:
        """Show these at the right end, the most important first."""
        found = tuple((plain(text), tone) for text, tone in parts if text)
        if found != self._parts:
            self._parts = found
            self.refresh()

    def has_room(self, *parts: Part) -> bool:
        """Whether all of these can be shown in full."""
        told = sum(cell_len(plain(text)) for text, _tone in parts) + cell_len(BETWEEN) * (len(parts) - 1)
        return told <= self.size.width - 7

    def activate(self, active: bool) -> None:
        """Whether the panel below has the focus."""
        if active != self._active:
            self._active = active
            self.refresh()

    def on_mount(self) -> None:
        self.app.theme_changed_signal.subscribe(self, lambda _theme: self.refresh())

    def render_line(self, _y: int) -> Strip:
        width, styles = self.size.width, tones(self.app.theme)
        signs = glyphs(unicode=getattr(self.app, "unicode", True))
        line = styles["accent" if self._active else "faint"]
        told = fitting(self._parts, width - 7, signs.ellipsis)
        size = sum(cell_len(text) for text, _tone in told)
        head = HEAD if cell_len(HEAD) + size + 7 <= width else signs.rule
        space = width - 2 - cell_len(head) - size - (4 if told else 0)
        segments = [
            Segment(signs.rule * 2, line),
            Segment(head, styles["title" if self._active else "strong"]),
            Segment(signs.rule * max(space, 0), line),
        ]
        if told:
            segments += [Segment(" ", line), *(Segment(text, styles[tone]) for text, tone in told)]
            segments += [Segment(" ", line), Segment(signs.rule * 2, line)]
        return Strip(segments).adjust_cell_length(width, line)


class ResultFoot(Widget):
    """Where the cursor stands, sort and filter; on the right the limits, where there is room."""

    DEFAULT_CSS = "ResultFoot { height: 1; width: 100%; }"

    def __init__(self) -> None:
        super().__init__(id="result-foot")
        self._parts: tuple[Part, ...] = ()
        self._right: tuple[str, ...] = ()
        self._key = ""

    def say(self, *parts: Part, right: Sequence[str] = (), key: str = "") -> None:
        """Show these, the most important first; on the right what a `key` does, else the first of `right` that fits."""
        found = tuple((plain(text), tone) for text, tone in parts if text)
        if (found, tuple(right), key) != (self._parts, self._right, self._key):
            self._parts, self._right, self._key = found, tuple(right), key
            self.refresh()

    def on_mount(self) -> None:
        self.app.theme_changed_signal.subscribe(self, lambda _theme: self.refresh())

    def render_line(self, _y: int) -> Strip:
        width, styles = self.size.width, tones(self.app.theme)
        signs = glyphs(unicode=getattr(self.app, "unicode", True))
        key = f"  {self._key}" if self._key else ""
        told = fitting(self._parts, width - 2 - cell_len(key), signs.ellipsis)
        space = width - 1 - sum(cell_len(text) for text, _tone in told)
        right = key or next((words for words in self._right if cell_len(words) + 2 <= space), "")
        paper = styles.heading
        segments = [Segment(" ", paper)]
        segments += [Segment(text, styles[tone] + paper.background_style) for text, tone in told]
        segments += [Segment(" " * max(space - cell_len(right) - 1, 0), paper)]
        segments.append(Segment(right, styles["title"] + paper.background_style if key else paper))
        return Strip(segments).adjust_cell_length(width, paper)
